"""Writing to MLflow: quiet, with short timeouts, every call repeatable. What goes wrong is one exception."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeseg.errors import BadInput, RunFailed

# The store refuses larger requests.
METRICS_PER_BATCH = 1000
PARAMS_PER_BATCH = 100
LOCK_SECONDS = 120
UPLOAD_BYTES_PER_SECOND = 1_000_000

ENVIRONMENT = {
    # MLflow's own defaults block for minutes on a dead server; here, the caller decides when to try again.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}

Metric = tuple[str, float, int, int]


class StoreUnreachable(RunFailed):
    """The tracking store does not answer, or not as it should; trying again later may help."""


class RunDeleted(RunFailed):
    """Somebody deleted the run in MLflow: that is a decision, not a fault."""


def import_mlflow() -> Any:
    """Import MLflow with our timeouts (variables that the user has set win) and without its log chatter."""
    import logging
    import warnings

    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="mlflow")
    import mlflow

    # MLflow configures its loggers while it is imported.
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


def sqlite_file(uri: str) -> Path | None:
    """Return the database file of an `sqlite:///` tracking URI, None for any other store."""
    return Path(uri.removeprefix("sqlite:///")).absolute() if uri.startswith("sqlite:///") else None


def artifacts_beside(database: Path) -> Path:
    """Return where an sqlite store keeps its artifacts."""
    return database.parent / "mlartifacts"


@contextmanager
def store_call(uri: str) -> Iterator[None]:
    """Turn whatever MLflow, requests or the database raise into `StoreUnreachable`: one sentence."""
    try:
        yield
    except (RunFailed, BadInput):
        raise
    except Exception as error:
        raise StoreUnreachable(f"the tracking store {uri} does not answer ({reason(error)})") from error


def reason(error: BaseException) -> str:
    """Return the first line of an error, short enough for one sentence."""
    text = str(error).strip()
    for mark, words in {
        "Connection refused": "connection refused",
        "timed out": "timed out",
        "Name or service not known": "unknown host",
        "Failed to resolve": "unknown host",
    }.items():
        if mark in text:
            return words
    line = text.splitlines()[0] if text else type(error).__name__
    return line if len(line) <= 160 else f"{line[:159]}…"


def open_client(uri: str) -> Any:
    """Return an `MlflowClient`; creates or migrates an sqlite store, one process at a time.

    Raises:
        StoreUnreachable: the store cannot be opened.
    """
    with store_call(uri):
        mlflow = import_mlflow()
        database = sqlite_file(uri)
        if database is None:
            return mlflow.MlflowClient(tracking_uri=uri)
        from filelock import FileLock

        database.parent.mkdir(parents=True, exist_ok=True)
        # Processes that migrate the same new database at once break each other.
        with FileLock(database.with_name(f"{database.name}.lock"), timeout=LOCK_SECONDS):
            client = mlflow.MlflowClient(tracking_uri=uri)
            client.get_experiment_by_name("Default")
            return client


class TrackingStore:
    """One run in one MLflow store. Every method may be called again after a crash and changes nothing then.

    Metrics are told apart by (key, value, step, timestamp): the store keeps a point that comes twice once.

    Raises (every method):
        StoreUnreachable: no answer in time; nothing is known about what was stored.
    """

    def __init__(self, uri: str):
        self.uri = uri
        self.client = open_client(uri)
        self.experiment_id = ""
        self.mlflow_run_id = ""

    def open_run(
        self, experiment: str, run_id: str, *, known_id: str | None, start_ms: int, tags: Mapping[str, str]
    ) -> tuple[str, str]:
        """Find the run by `known_id`, else by its tag `run_id`, else create it; return (experiment id, MLflow run id).

        Raises:
            RunDeleted: the run is there, but in MLflow's bin.
        """
        with store_call(self.uri):
            run = self._known(known_id, run_id)
            if run is None:
                self.experiment_id = self._experiment(experiment)
                query = f"tags.run_id = '{run_id}'"
                # 3 = ViewType.ALL: a run in the bin must be seen
                found = self.client.search_runs([self.experiment_id], query, run_view_type=3, max_results=1)
                run = found[0] if found else None
            if run is None:
                run = self.client.create_run(self.experiment_id, start_ms, dict(tags), run_name=run_id)
            if run.info.lifecycle_stage == "deleted":
                raise RunDeleted(f"{run_id} was deleted in MLflow; restore it there to upload it again")
            self.experiment_id, self.mlflow_run_id = run.info.experiment_id, run.info.run_id
            if run.info.status != "RUNNING":
                # it had ended, and goes on
                self.client.update_run(self.mlflow_run_id, status="RUNNING")
            self.set_tags(tags)
        return self.experiment_id, self.mlflow_run_id

    def _known(self, mlflow_run_id: str | None, run_id: str) -> Any | None:
        from mlflow.exceptions import MlflowException

        if not mlflow_run_id:
            return None
        try:
            run = self.client.get_run(mlflow_run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return run if run.data.tags.get("run_id") == run_id else None

    def _experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(name)
        if found is None:
            database = sqlite_file(self.uri)
            # A server keeps artifacts itself; those of the embedded store lie beside its database.
            location = artifacts_beside(database).as_uri() if database else None
            try:
                return self.client.create_experiment(name, location)
            except MlflowException:
                # another run may have created it just now
                found = self.client.get_experiment_by_name(name)
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":
            self.client.restore_experiment(found.experiment_id)
        return found.experiment_id

    def set_tags(self, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        self._batch([RunTag(key, value) for key, value in tags.items()], PARAMS_PER_BATCH, "tags")

    def log_params(self, params: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        self._batch([Param(key, value) for key, value in params.items()], PARAMS_PER_BATCH, "params")

    def log_metrics(self, metrics: Sequence[Metric], after_batch: Callable[[], None] = lambda: None) -> None:
        """Log (key, value, step, timestamp in ms) points."""
        from mlflow.entities import Metric

        points = [Metric(key, value, timestamp, step) for key, value, step, timestamp in metrics]
        self._batch(points, METRICS_PER_BATCH, "metrics", after_batch)

    def _batch(self, entities: list[Any], size: int, kind: str, after_batch: Callable[[], None] = lambda: None) -> None:
        for start in range(0, len(entities), size):
            with store_call(self.uri):
                self.client.log_batch(self.mlflow_run_id, **{kind: entities[start : start + size]})
            after_batch()

    def upload_file(self, path: Path, folder: str | None) -> None:
        """Store `path` as an artifact in `folder` ("a/b"; None = top); an older copy is replaced."""
        with store_call(self.uri), _patience(path.stat().st_size):
            self.client.log_artifact(self.mlflow_run_id, str(path), folder)

    def end(self, status: str, end_ms: int) -> None:
        """Close the run as FINISHED, FAILED or KILLED."""
        with store_call(self.uri):
            self.client.set_terminated(self.mlflow_run_id, status, end_ms)


@contextmanager
def _patience(size: int) -> Iterator[None]:
    """Let the server answer later to a large file (it passes it on to its own storage before it answers)."""
    key = "MLFLOW_HTTP_REQUEST_TIMEOUT"
    before = os.environ[key]
    if before == ENVIRONMENT[key]:
        os.environ[key] = str(int(before) + size // UPLOAD_BYTES_PER_SECOND)
    try:
        yield
    finally:
        os.environ[key] = before
