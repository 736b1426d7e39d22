"""What can be asked of a run by name, in filters and sorting: `class`, `iou`, `started`, `config.batch_size`, …"""

import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.run_view import RunView
from pipeseg.errors import BadInput, did_you_mean

# short names of config keys
CONFIG_WORDS = {
    "lr": "learning_rate",
    "seed": "seed",
    "batch": "batch_size",
    "model": "model.name",
    "encoder": "model.args.encoder_name",
    "loss": "criterion.name",
}
CONFIG_PREFIXES = ("config.", "cfg.")
FLAGS: dict[str, Callable[[RunView], bool]] = {
    "active": lambda run: run.is_active,
    "archived": lambda run: run.archived,
    "mlflow": lambda run: run.elsewhere,
    "any": lambda run: True,
}
PARTS: dict[str, Callable[[RunView], bool]] = {
    "note": lambda run: bool(run.note),
    "tag": lambda run: bool(run.tags),
    "name": lambda run: bool(run.name),
    "val": lambda run: run.best_iou is not None,
    "test": lambda run: run.test.get("iou") is not None,
    "checkpoint": lambda run: run.checkpoints > 0,
    "error": lambda run: bool(run.error),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that every run has or lacks.

    Attributes:
        kind: `text`, `words` (a list of them), `number`, `seconds` (a length of time), `time` (unix seconds), or
            `config` (whatever a config holds).
        read: its value, None where the run has none; the second argument is the time now, unix seconds.
        config_key: of kind `config`, the dotted key; `read` is not used then.
    """

    name: str
    kind: str
    read: Callable[[RunView, float], Any] = lambda run, now: None
    config_key: str | None = None


def iou(run: RunView) -> float | None:
    """Return the test IoU, else the best on validation."""
    return run.best_iou if (test := run.test.get("iou")) is None else test


def took(run: RunView, now: float) -> float | None:
    """Return how long it has worked, in seconds."""
    if run.started is None or (run.ended is None and not run.is_active):
        return None
    return (now if run.ended is None else run.ended) - run.started


FIELDS = {
    field.name: field
    for field in (
        Field("class", "text", lambda run, now: run.defect_class),
        Field("experiment", "text", lambda run, now: run.experiment),
        Field("stage", "text", lambda run, now: run.stage),
        Field("status", "text", lambda run, now: run.status),
        Field("name", "text", lambda run, now: run.name),
        Field("id", "text", lambda run, now: run.run_id),
        Field("user", "text", lambda run, now: run.info.get("user")),
        Field("host", "text", lambda run, now: run.info.get("host")),
        Field("sweep", "text", lambda run, now: run.info.get("sweep")),
        Field("commit", "text", lambda run, now: run.info.get("git_commit")),
        Field("note", "words", lambda run, now: (run.note,) if run.note else ()),
        Field("tag", "words", lambda run, now: run.tags),
        Field("iou", "number", lambda run, now: iou(run)),
        Field("val", "number", lambda run, now: run.best_iou),
        Field("test", "number", lambda run, now: run.test.get("iou")),
        Field("best_epoch", "number", lambda run, now: run.best_epoch),
        Field("epoch", "number", lambda run, now: run.epoch),
        Field("step", "number", lambda run, now: run.step),
        Field("progress", "number", lambda run, now: progress(run)),
        Field("took", "seconds", took),
        Field("age", "seconds", lambda run, now: now - run.created),
        Field("started", "time", lambda run, now: run.created),
        Field("ended", "time", lambda run, now: run.ended),
        *(Field(word, "config", config_key=key) for word, key in CONFIG_WORDS.items()),
    )
}
OTHER_NAMES = {
    "state": "status",
    "run": "id",
    "tags": "tag",
    "best": "val",
    "created": "started",
    "defect_class": "class",
}


def progress(run: RunView) -> float | None:
    """Return how much of it is done, in [0, 1]."""
    if run.status == "finished":
        return 1.0
    return run.step / run.total if run.step is not None and run.total else None


def find_field(name: str, config_keys: Collection[str] = ()) -> Field:
    """Return the field of that name; a name with `/` is a metric, `config.KEY` a key of the config.

    Args:
        config_keys: dotted keys that configs are known to have, to tell what was meant.

    Raises:
        BadInput: there is none; part of a sentence.
    """
    lower = name.casefold()
    lower = OTHER_NAMES.get(lower, lower)
    if lower in FIELDS:
        return FIELDS[lower]
    for prefix in CONFIG_PREFIXES:
        if lower.startswith(prefix):
            key = name[len(prefix) :]
            key = CONFIG_WORDS.get(key, key)
            if config_keys and key not in config_keys and (hint := did_you_mean(key, list(config_keys))):
                raise BadInput(f"no config has {key!r}{hint}")
            return Field(name, "config", config_key=key)
    if name.startswith("test/"):
        metric = name.removeprefix("test/")
        return Field(name, "number", lambda run, now: run.test.get(metric))
    if "/" in name:
        return Field(name, "number", lambda run, now: run.last.get(name))
    hint = did_you_mean(lower, [*FIELDS, *OTHER_NAMES, "is", "has"])
    known = ", ".join(FIELDS)
    raise BadInput(f"no field {name!r}{hint or f' (there are: {known}, config.KEY, is, has)'}")


def number_of(value: Any) -> float | None:
    """Return a value as a number that can be compared, None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return None if math.isnan(value) else value


def sort_runs(
    runs: Sequence[RunView],
    field: Field,
    *,
    reverse: bool = False,
    config: Callable[[RunView], Any] = lambda run: None,
    now: float | None = None,
) -> list[RunView]:
    """Sort by a field: largest and newest first, texts from A; what lacks it comes last, either way round.

    Args:
        config: the value of `field.config_key` of a run.
    """
    now = time.time() if now is None else now
    numbers: list[tuple[float, int]] = []
    texts: list[tuple[str, int]] = []
    missing = []
    for place, run in enumerate(runs):
        value = config(run) if field.kind == "config" else field.read(run, now)
        if (number := number_of(value)) is not None:
            numbers.append((number, place))
        elif value is None or value == () or isinstance(value, float):
            missing.append(run)
        else:
            texts.append((" ".join(value) if isinstance(value, tuple) else str(value).casefold(), place))
    # the order of before decides between equals
    numbers.sort(key=lambda pair: pair[0], reverse=not reverse)
    texts.sort(key=lambda pair: pair[0], reverse=reverse)
    # younger is smaller, and newest comes first
    if field.name == "age":
        numbers.reverse()
    return [runs[place] for _, place in (*numbers, *texts)] + missing
