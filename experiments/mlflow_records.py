"""What a run directory becomes in MLflow: params, tags, metric points, artifacts, final status. No MLflow import."""

import hashlib
import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeseg.events import Event
from pipeseg.run_directory import RunDirectory, read_json

PARAM_LENGTH = 6000
TAG_LENGTH = 8000
KEY_LENGTH = 250
EARLY_ARTIFACTS = ("config.yaml", "git.diff")

# keys in which runs of one recipe may differ: side and seed, what they learn from, and the machine
NOT_RECIPE = {
    *("stage", "seed", "train_dataset", "validation_dataset", "experiment_name", "track_experiment"),
    # how a hybrid dataset is read: hand masks have no boxes; and a final may begin where the baseline ended
    *("boxes", "start_from"),
    *("device", "num_workers", "visualization_samples", "checkpoint_minutes"),
}

_FORBIDDEN = re.compile(r"[^\w./ -]")


def key_of(name: Any) -> str:
    """Return `name` as a key that MLflow accepts: one bad key would make the store refuse its whole batch."""
    key = posixpath.normpath(_FORBIDDEN.sub("_", str(name))).lstrip("./ ")
    return key[:KEY_LENGTH] or "_"


def params(config: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Flatten a config to `model.args.encoder_name`-like params; return them and the keys whose value was cut."""
    flat = {key_of(key): text for key, text in _flatten(config)}
    cut = [key for key, text in flat.items() if len(text) > PARAM_LENGTH]
    return {key: text[:PARAM_LENGTH] for key, text in flat.items()}, cut


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            yield f"{prefix}{key}", text


def start_tags(directory: RunDirectory, config: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags that are known when the run starts."""
    info = directory.read_info()
    return _texts(
        {
            "run_id": directory.run_id,
            "stage": config.get("stage", info.get("stage")),
            "defect_class": config.get("defect_class") or _class_of(config),
            "defect_classes": ", ".join(config.get("defect_classes") or []) or None,
            "class_label": info.get("class_label"),
            "dataset": config.get("evaluation_dataset"),
            "seed": config.get("seed"),
            "recipe": recipe(config),
            "experiment": info.get("experiment"),
            "sweep": info.get("sweep"),
            "host": info.get("host"),
            "mlflow.user": info.get("user"),
            "mlflow.source.name": info.get("experiment"),
            "mlflow.source.git.commit": info.get("git_commit"),
            "git_dirty": info.get("git_dirty"),
        }
    )


def is_of_recipe(key: str, value: Any) -> bool:
    """Tell whether a dotted key says how a model was trained; several devices do: BatchNorm sees their parts."""
    # one device is what runs had before there was the key
    return key.partition(".")[0] not in NOT_RECIPE and (key, str(value)) != ("devices", "1")


def recipe(config: Mapping[str, Any]) -> str:
    """Return a hash (16 hex) of how a model was trained, whatever it learned from and with which seed.

    A baseline and a final of one recipe differ in their training data alone; within a stage they are repetitions.
    """
    done = {key: value for key, value in config.items() if is_of_recipe(key, value)}
    return hashlib.sha256(json.dumps(done, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _class_of(config: Mapping[str, Any]) -> str | None:
    """A dataset of a single class names it itself: `Deposition_EVAL`."""
    if config.get("defect_classes"):
        return None
    return str(config.get("evaluation_dataset") or "").removesuffix("_EVAL") or None


def end_tags(directory: RunDirectory, ended: str) -> dict[str, str]:
    """Return the tags that are known when the run has ended; `ended` says how."""
    summary = read_json(directory.results / "summary.json")
    # of a network of several classes: each was tested on a set of its own
    sets = ((directory.read_info().get("datasets") or {}).get("test") or {}).get("fingerprints") or {}
    return _texts(
        {
            "test_fingerprint": summary.get("test_fingerprint"),
            **{key_of(f"test_fingerprint/{name}"): print_ for name, print_ in sets.items()},
            "total_steps": summary.get("total_steps"),
            "start_steps": summary.get("start_steps"),
            "ended": ended,
        }
    )


def _texts(tags: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value)[:TAG_LENGTH] for key, value in tags.items() if value is not None}


def points(events: Iterable[Event]) -> list[tuple[str, float, int, int]]:
    """Return the (key, value, step, timestamp in ms) points of the `metrics` events; what is no number is left out.

    NaN and infinite values stay: the store marks the first and clips the second.
    """
    found = []
    for event in events:
        values, step, seconds = event.get("values"), event.get("step", 0), event.get("time", 0)
        if event.get("kind") != "metrics" or not isinstance(values, dict) or not _finite(seconds):
            continue
        for key, value in values.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                found.append((key_of(key), float(value), int(step) if _finite(step) else 0, int(seconds * 1000)))
    return found


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < 2**53


def last_status(events: Iterable[Event]) -> str | None:
    """Return the status that the last `status` event tells, None where there is none."""
    statuses = [event["status"] for event in events if event.get("kind") == "status" and "status" in event]
    return str(statuses[-1]) if statuses else None


def final_status(exit_info: Mapping[str, Any] | None, status: str | None) -> tuple[str, str]:
    """Return MLflow's status and, in words, how the run ended.

    The exit code is believed before the journal: a run that said `finished` and then crashed has failed.
    """
    if exit_info and exit_info.get("signal"):
        return "KILLED", f"signal {exit_info['signal']}"
    code = (exit_info or {}).get("code")
    if status == "stopped" or code == 130:
        return "KILLED", "stopped"
    if status == "failed" or code not in (None, 0):
        return "FAILED", "failed" if code in (None, 0) else f"exit code {code}"
    if status == "finished" or code == 0:
        return "FINISHED", "finished"
    return "KILLED", "lost: the process is gone without a last word"


def artifacts(directory: RunDirectory) -> list[tuple[Path, str | None]]:
    """Return (file, artifact folder) for everything of an ended run that MLflow keeps; the small ones first."""
    named = ["config.yaml", "git.diff", "train.log", "checkpoints/best.safetensors", "run.json"]
    results = (path for path in sorted(directory.results.rglob("*")) if not path.name.startswith("."))
    files = [*results, *(directory.path / name for name in named)]
    return [(path, artifact_folder(directory, path)) for path in files if path.is_file()]


def artifact_folder(directory: RunDirectory, path: Path) -> str | None:
    folder = path.parent.relative_to(directory.path).as_posix()
    return None if folder == "." else folder
