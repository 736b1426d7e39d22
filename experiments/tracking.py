"""Reading finished runs from MLflow, with nothing but its URI: works on any machine that reaches the store."""

import csv
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.mlflow_store import StoreUnreachable, open_client, reason, sqlite_file, store_call
from pipeseg.errors import BadInput, did_you_mean

PER_IMAGE = "results/per_image.csv"
STAGES = ("baseline", "final")
RUNS_PER_PAGE = 1000


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A finished run of stage `baseline` or `final`, as MLflow tells it.

    Attributes:
        dataset: the test set's name.
        test_fingerprint: content hash of the test set; runs are comparable where it is the same.
        total_steps: optimizer steps of the training.
        ended: unix seconds.
        recipe: hash of the config without stage, seed, training data and machine: how the model was trained.
        test: mean test metrics by name (`iou`, `dice`, ...), in [0, 1].
    """

    mlflow_run_id: str
    run_id: str
    stage: str
    defect_class: str
    dataset: str
    seed: int
    test_fingerprint: str | None
    total_steps: int | None
    ended: float
    class_label: str | None = None
    experiment: str | None = None
    recipe: str | None = None
    test: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageScore:
    """One test picture of one run; `value` is NaN where the metric is empty (no defect in the truth)."""

    file: str
    group: str
    value: float


class TrackingReader:
    """Reads one MLflow store; opens it once, on first use.

    Raises (every method):
        StoreUnreachable: the store does not answer.
    """

    def __init__(self, uri: str):
        self.uri = uri
        self._client: Any = None

    @property
    def client(self) -> Any:
        if self._client is None:
            self._client = open_client(self.uri)
        return self._client

    def finished_runs(self, experiment_name: str | None = None) -> list[TrackedRun]:
        """Return the finished baseline and final runs of one MLflow experiment or of all, newest first.

        Raises:
            BadInput: there is no experiment of that name.
        """
        database = sqlite_file(self.uri)
        if database is not None and not database.exists():
            # reading must not create a store
            return []
        with store_call(self.uri):
            experiments = {found.name: found.experiment_id for found in self._pages(self.client.search_experiments)}
            if experiment_name is not None:
                if experiment_name not in experiments:
                    hint = did_you_mean(experiment_name, list(experiments))
                    raise BadInput(f"--experiment-name: MLflow knows no experiment {experiment_name!r}{hint}")
                experiments = {experiment_name: experiments[experiment_name]}
            found = []
            for stage in STAGES:
                found += self._pages(
                    self.client.search_runs,
                    experiment_ids=list(experiments.values()),
                    filter_string=f"attributes.status = 'FINISHED' and tags.stage = '{stage}'",
                )
        runs = [run for run in map(_tracked, found) if run is not None]
        return sorted(runs, key=lambda run: run.ended, reverse=True)

    def _pages(self, search: Any, **arguments: Any) -> list[Any]:
        found, token = [], None
        while True:
            page = search(max_results=RUNS_PER_PAGE, page_token=token, **arguments)
            found += page
            token = page.token
            if not token:
                return found

    def per_image(self, run: TrackedRun, metric: str) -> list[ImageScore] | None:
        """Download the per-image table of a run and return one metric of it; None where the run has no such table."""
        from mlflow.exceptions import MlflowException

        with tempfile.TemporaryDirectory(prefix="pipeseg-") as folder:
            try:
                with store_call(self.uri):
                    try:
                        path = Path(self.client.download_artifacts(run.mlflow_run_id, PER_IMAGE, folder))
                    except (OSError, MlflowException) as error:
                        if _is_missing(error):
                            return None
                        raise
            except StoreUnreachable as error:
                raise StoreUnreachable(f"{run.run_id}: {PER_IMAGE} cannot be fetched: {error}") from error
            return read_scores(path, metric)


def _is_missing(error: Exception) -> bool:
    text = reason(error)
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status == 404 or isinstance(error, FileNotFoundError) or "No such" in text or "404" in text


def read_scores(path: Path, metric: str) -> list[ImageScore] | None:
    """Read one metric column of a per-image table; None where the table has no such column or is no table."""
    scores = []
    try:
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                # a picture without a group stands for itself
                scores.append(ImageScore(row["file"], row.get("group") or row["file"], float(row[metric] or "nan")))
    except (KeyError, ValueError, TypeError):
        return None
    return scores or None


def _tracked(run: Any) -> TrackedRun | None:
    tags = run.data.tags
    if not tags.get("defect_class"):
        return None
    metrics = run.data.metrics
    return TrackedRun(
        mlflow_run_id=run.info.run_id,
        run_id=tags.get("run_id", run.info.run_id),
        stage=tags["stage"],
        defect_class=tags["defect_class"],
        dataset=tags.get("dataset", ""),
        seed=_whole(tags.get("seed")) or 0,
        test_fingerprint=tags.get("test_fingerprint"),
        total_steps=_whole(tags.get("total_steps")),
        ended=(run.info.end_time or run.info.start_time or 0) / 1000,
        class_label=tags.get("class_label"),
        experiment=tags.get("experiment"),
        recipe=tags.get("recipe"),
        test={key.removeprefix("test/"): value for key, value in metrics.items() if key.startswith("test/")},
    )


def _whole(text: str | None) -> int | None:
    try:
        return int(text) if text else None
    except ValueError:
        return None
