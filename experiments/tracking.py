"""Reading finished runs from MLflow, with nothing but its URI: works on any machine that reaches the store."""

import csv
import hashlib
import json
import math
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.mlflow_records import is_of_recipe, key_of
from experiments.mlflow_store import StoreUnreachable, open_client, sqlite_file, store_call
from pipeseg.errors import BadInput, did_you_mean

PER_IMAGE = "per_image.csv"
SUMMARY = "summary.json"
PICTURES = "test_pictures.zip"
STAGES = ("baseline", "final", "equal_budget", "full_masks")
RUNS_PER_PAGE = 1000
# how long a training was
STEPS = {"epochs", "steps_per_epoch", "scoring_per_epoch", "early_stop"}


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A finished training as MLflow tells it; one that learned several classes is told once for each.

    Attributes:
        dataset: the test set's name.
        test_fingerprint: content hash of the test set; runs are comparable where it is the same.
        total_steps: optimizer steps behind the weights, those of the run that it started from included.
        ended: unix seconds.
        recipe: hash of the config without stage, seed, training data and machine: how the model was trained.
        recipe_any_steps: the same without the number of steps.
        test: mean test metrics by name (`iou`, `dice`, ...), in [0, 1].
        test_last: the same of the last checkpoint, where the training scored that as well.
        last: the last validation's metrics by name; of several classes, the means over them.
        results: artifact folder of its test results.
        archived: put aside by a person: only taken where it is named.
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
    recipe_any_steps: str | None = None
    test: Mapping[str, float] = field(default_factory=dict)
    test_last: Mapping[str, float] = field(default_factory=dict)
    last: Mapping[str, float] = field(default_factory=dict)
    results: str = "results"
    archived: bool = False


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
        self._tables: dict[tuple[str, str], list[dict[str, str]] | None] = {}

    @property
    def client(self) -> Any:
        if self._client is None:
            self._client = open_client(self.uri)
        return self._client

    def finished_runs(self, experiment_name: str | None = None) -> list[TrackedRun]:
        """Return the finished runs of `STAGES` of one MLflow experiment or of all, newest first.

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
        runs = [run for each in found for run in tracked(each)]
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
        """Return one metric of a run's per-image table, which is downloaded once; None where there is no such table."""
        key = (run.mlflow_run_id, run.results)
        if key not in self._tables:
            with self.artifact(run, f"{run.results}/{PER_IMAGE}") as path:
                self._tables[key] = read_table(path) if path else None
        table = self._tables[key]
        return read_scores(table, metric) if table else None

    def summary(self, run: TrackedRun) -> dict[str, Any]:
        """Return the run's `results/summary.json`; empty where there is none."""
        with self.artifact(run, f"results/{SUMMARY}") as path:
            try:
                found = json.loads(path.read_text(encoding="utf-8")) if path else {}
            except ValueError:
                return {}
        return found if isinstance(found, dict) else {}

    @contextmanager
    def artifact(self, run: TrackedRun, name: str) -> Iterator[Path | None]:
        """Download one artifact for as long as the block lasts; None where the run has no such artifact."""
        with tempfile.TemporaryDirectory(prefix="pipeseg-") as folder:
            yield self._download(run, name, folder)

    def _download(self, run: TrackedRun, name: str, folder: str) -> Path | None:
        from mlflow.exceptions import MlflowException

        try:
            with store_call(self.uri):
                try:
                    return Path(self.client.download_artifacts(run.mlflow_run_id, name, folder))
                except (OSError, MlflowException):
                    # the stores say a missing file and a broken line in the same words: ask for the list
                    listed = self.client.list_artifacts(run.mlflow_run_id, name.rpartition("/")[0])
                    if name not in {found.path for found in listed}:
                        return None
                    raise
        except StoreUnreachable as error:
            raise StoreUnreachable(f"{run.run_id}: {name} cannot be fetched: {error}") from error


def read_table(path: Path) -> list[dict[str, str]] | None:
    """Read a per-image table; None where the file is no table."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except (ValueError, csv.Error):
        return None


def read_scores(table: list[dict[str, str]], metric: str) -> list[ImageScore] | None:
    """Return one metric of a per-image table; None where it has no such column, or a cell that is no number.

    `false_alarms` is 1 for a picture without the class on which some pixel is predicted, 0 where none is.
    """
    scores = []
    try:
        for row in table:
            if metric == "false_alarms":
                value = math.nan if float(row["has_defect"]) else float(row["alarm"])
            else:
                value = float(row[metric] or "nan")
            # a picture without a group stands for itself
            scores.append(ImageScore(row["file"], row.get("group") or row["file"], value))
    except (KeyError, ValueError, TypeError):
        return None
    return scores or None


def tracked(run: Any) -> Iterator[TrackedRun]:
    """Yield what an MLflow run has to say about each of its classes; nothing where it names none."""
    tags, metrics = run.data.tags, run.data.metrics
    several = [name.strip() for name in tags.get("defect_classes", "").split(",") if name.strip()]
    for name in several or [tags.get("defect_class")]:
        if not name:
            continue
        dataset = tags.get("dataset", "").replace("{defect_class}", name)
        print_tag = key_of(f"test_fingerprint/{dataset}") if several else "test_fingerprint"
        suffix = f"/{name}" if several else ""
        yield TrackedRun(
            mlflow_run_id=run.info.run_id,
            run_id=tags.get("run_id", run.info.run_id),
            stage=tags["stage"],
            defect_class=name,
            dataset=dataset,
            seed=_whole(tags.get("seed")) or 0,
            test_fingerprint=tags.get(print_tag),
            total_steps=_steps(tags),
            ended=(run.info.end_time or run.info.start_time or 0) / 1000,
            class_label=tags.get("class_label"),
            experiment=tags.get("experiment"),
            recipe=tags.get("recipe"),
            recipe_any_steps=_without_steps(run.data.params),
            test=_named(metrics, "test/", suffix),
            test_last=_named(metrics, "test_last/", suffix),
            last=_named(metrics, "val/", ""),
            results=f"results{suffix}",
            archived=tags.get("archived") == "true",
        )


def _named(metrics: Mapping[str, float], prefix: str, suffix: str) -> dict[str, float]:
    """Return the metrics `<prefix><name><suffix>` by name."""
    found = {}
    for key, value in metrics.items():
        name = key.removeprefix(prefix).removesuffix(suffix)
        if key == f"{prefix}{name}{suffix}" and "/" not in name:
            found[name] = value
    return found


def _without_steps(params: Mapping[str, str]) -> str | None:
    """Return a hash of the recipe but for its number of steps, from the flattened config; None without a config."""
    kept = {
        key: value for key, value in params.items() if is_of_recipe(key, value) and key.partition(".")[0] not in STEPS
    }
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16] if kept else None


def _steps(tags: Mapping[str, str]) -> int | None:
    own, before = _whole(tags.get("total_steps")), _whole(tags.get("start_steps"))
    return None if own is None else own + (before or 0)


def _whole(text: str | None) -> int | None:
    try:
        return int(text) if text else None
    except ValueError:
        return None
