"""A run that has ended, in few bytes: what a list of ten thousand runs keeps of each, in memory and in its cache."""

import json
import math
import struct
import sys
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.run_view import RunView

# kept as they are, for lists ask for them again and again
DIRECT = ("name", "host", "upload", "sweep", "mlflow_run_id")
# kept as one text, taken apart when somebody asks
SELDOM = (
    *("user", "pid", "supervisor_pid", "git_commit", "git_dirty", "overrides", "sweep_place", "study", "study_key"),
    *("study_step", "outputs"),
)
# columns of their own, that `run.json` holds too
SHARED = ("stage", "defect_class")
FACTS = (*SHARED, *DIRECT, *SELDOM)
_PLACE = {key: place for place, key in enumerate((*SHARED, *DIRECT))}

# of a row of the cache, in this order; see `row_of`
COLUMNS = {
    **dict.fromkeys(("experiment", "stage", "defect_class", "status"), "TEXT"),
    **dict.fromkeys(("created", "started", "ended"), "REAL"),
    **dict.fromkeys(("epoch", "epochs", "step", "total"), "INTEGER"),
    **dict.fromkeys(("eta_seconds", "images_per_second"), "REAL"),
    "phase": "TEXT",
    "best_iou": "REAL",
    **dict.fromkeys(("best_epoch", "checkpoints"), "INTEGER"),
    **dict.fromkeys(("error", "note", "tags"), "TEXT"),
    "archived": "INTEGER",
    "last_names": "TEXT",
    "last_values": "BLOB",
    "test_names": "TEXT",
    "test_values": "BLOB",
    **dict.fromkeys(DIRECT, "TEXT"),
    "seldom": "TEXT",
}
_DOUBLE = struct.Struct("d")
PLAIN = tuple(COLUMNS)[: tuple(COLUMNS).index("note")]


class Metrics(Mapping[str, float]):
    """Values by name, where many share the names: eight bytes a value."""

    __slots__ = ("_names", "_values")

    def __init__(self, names: dict[str, int], values: bytes) -> None:
        self._names, self._values = names, values

    def __getitem__(self, name: str) -> float:
        return _DOUBLE.unpack_from(self._values, 8 * self._names[name])[0]

    def get(self, name: str, default: Any = None) -> Any:
        place = self._names.get(name)
        return default if place is None else _DOUBLE.unpack_from(self._values, 8 * place)[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return repr(dict(self))


class Facts(Mapping[str, Any]):
    """What a list may want of `run.json`: `FACTS`, None where it does not say."""

    __slots__ = ("_direct", "_seldom")

    def __init__(self, direct: Sequence[Any], seldom: str) -> None:
        self._direct, self._seldom = direct, seldom

    def __getitem__(self, key: str) -> Any:
        if (place := _PLACE.get(key)) is not None:
            return self._direct[place]
        if key in SELDOM:
            return json.loads(self._seldom).get(key)
        raise KeyError(key)

    def get(self, key: str, default: Any = None) -> Any:
        place = _PLACE.get(key)
        found = self._direct[place] if place is not None else self[key] if key in SELDOM else None
        return default if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter(FACTS)

    def __len__(self) -> int:
        return len(FACTS)

    def __repr__(self) -> str:
        return repr(dict(self))


def row_of(view: RunView) -> tuple[Any, ...]:
    """Return a run as a row of the cache, in the order of `COLUMNS`."""
    info = view.info
    seldom = {key: info[key] for key in SELDOM if info.get(key) is not None}
    return (
        *(getattr(view, name) for name in PLAIN),
        view.note,
        " ".join(view.tags),
        int(view.archived),
        *_packed(view.last),
        *_packed(view.test),
        *(_text(info.get(key)) for key in DIRECT),
        json.dumps(seldom, ensure_ascii=False),
    )


def _packed(metrics: Mapping[str, float]) -> tuple[str, bytes]:
    # a metric is named by what wrote it: a line break would tear the names apart
    known = {name: _double(value) for name, value in metrics.items() if "\n" not in name}
    return "\n".join(known), array("d", known.values()).tobytes()


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return math.inf


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def maker(runs_dir: Path) -> Callable[[str, Sequence[Any]], RunView]:
    """Return what makes a run of its id and its row; texts and names that several runs share are kept once."""
    shapes: dict[str, dict[str, int]] = {}
    kept: dict[str | None, str | None] = {}
    once, intern = kept.setdefault, sys.intern
    plain, direct = len(PLAIN), len(PLAIN) + 7
    tagged: dict[str, tuple[str, ...]] = {"": ()}
    empty: Mapping[str, float] = {}

    def metrics(names: str, values: bytes) -> Mapping[str, float]:
        if not names:
            return empty
        if (shape := shapes.get(names)) is None:
            shape = shapes[names] = {intern(name): place for place, name in enumerate(names.split("\n"))}
        return Metrics(shape, values)

    def make(run_id: str, row: Sequence[Any]) -> RunView:
        experiment, stage, defect_class, status, created, started, ended, epoch, epochs, step, total = row[:11]
        eta, speed, phase, best, best_epoch, checkpoints, error = row[11:plain]
        note, tags, archived, last_names, last_values, test_names, test_values = row[plain:direct]
        name, host, upload, sweep, mlflow_run_id, seldom = row[direct:]
        stage, defect_class, host, upload = (
            once(stage, stage),
            once(defect_class, defect_class),
            once(host, host),
            once(upload, upload),
        )
        return RunView(
            run_id,
            runs_dir,
            once(experiment, experiment),
            stage,
            defect_class,
            once(status, status),
            created,
            started,
            ended,
            Facts((stage, defect_class, name, host, upload, sweep, mlflow_run_id), seldom),
            epoch,
            epochs,
            step,
            total,
            eta,
            speed,
            once(phase, phase),
            metrics(last_names, last_values),
            best,
            best_epoch,
            metrics(test_names, test_values),
            checkpoints,
            error,
            note,
            tagged.get(tags) or tagged.setdefault(tags, tuple(tags.split())),
            bool(archived),
        )

    return make
