"""One class picture by picture: what the baseline scored, what the final scores, and in which order one looks at it."""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.comparison import LOWER_IS_BETTER
from pipeseg.errors import BadInput

if TYPE_CHECKING:
    from experiments.comparing import Scores
    from experiments.pairing import Pairing

ORDERS = ("changed", "lost", "gained", "worst", "name")
FORMATS = ("table", "csv", "json")


@dataclass(frozen=True, slots=True)
class ImageChange:
    """One test picture.

    Attributes:
        baseline, final: the metric in [0, 1], averaged over seeds.
        baseline_by_seed, final_by_seed: by seed, as text; empty with one seed a side.
    """

    file: str
    group: str
    baseline: float
    final: float
    baseline_by_seed: Mapping[str, float]
    final_by_seed: Mapping[str, float]

    @property
    def change(self) -> float:
        return self.final - self.baseline

    def record(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "group": self.group,
            "baseline": self.baseline,
            "final": self.final,
            "change": self.change,
            "baseline_by_seed": dict(self.baseline_by_seed),
            "final_by_seed": dict(self.final_by_seed),
        }


@dataclass(frozen=True, slots=True)
class ClassImages:
    """All test pictures of one class on which both sides have a score.

    Attributes:
        notes: what is missing, in sentences.
    """

    defect_class: str
    metric: str
    baseline_runs: tuple[str, ...]
    final_runs: tuple[str, ...]
    images: tuple[ImageChange, ...]
    notes: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        return {
            "class": self.defect_class,
            "metric": self.metric,
            "baseline_runs": list(self.baseline_runs),
            "final_runs": list(self.final_runs),
            "notes": list(self.notes),
            "images": [image.record() for image in self.images],
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "ClassImages":
        """Raises: KeyError, TypeError: it is no such record."""
        names = ("file", "group", "baseline", "final", "baseline_by_seed", "final_by_seed")
        return cls(
            record["class"],
            record["metric"],
            tuple(record["baseline_runs"]),
            tuple(record["final_runs"]),
            tuple(ImageChange(**{name: each[name] for name in names}) for each in record["images"]),
            tuple(record["notes"]),
        )


def file_name(defect_class: str, metric: str) -> str:
    """Return under which name the pictures of a class are kept among those of others."""
    plain = re.sub(r"[^\w.-]+", "_", defect_class).strip(".") or "class"
    return f"{plain}-{metric}.json"


def image_changes(pairing: "Pairing", scores: "Scores", metric: str) -> ClassImages:
    """Return the pictures of a pairing, in the order of the test set.

    Args:
        scores: see `comparing.compare`.

    Raises:
        StoreUnreachable: see `scores`.
    """
    from experiments.comparing import read_pairing

    scored, _, notes = read_pairing(pairing, scores, metric)
    runs = tuple(tuple(run.run_id for run in side) for side in (pairing.baselines, pairing.finals))
    if scored is None:
        return ClassImages(pairing.defect_class, metric, *runs, (), tuple(notes))
    # one seed a side says nothing that the score does not
    sides = (pairing.baselines, pairing.finals) if any(len(side) > 1 for side in runs) else ((), ())
    tables = [{str(run.seed): {each.file: each.value for each in scores(run) or ()} for run in side} for side in sides]
    images = []
    for file, group, values in zip(scored.files, scored.groups, scored.values, strict=True):
        by_seed = [{seed: table[file] for seed, table in side.items() if file in table} for side in tables]
        images.append(ImageChange(file, group, float(values[0]), float(values[1]), *by_seed))
    return ClassImages(pairing.defect_class, metric, *runs, tuple(images), tuple(notes))


def ordered(images: Sequence[ImageChange], how: str, metric: str = "iou") -> list[ImageChange]:
    """Return the pictures as one looks through them.

    Args:
        how: `changed` most, `lost` most, `gained` most, `worst` final first, or by `name`.

    Raises:
        BadInput: there is no such order.
    """
    good = -1.0 if metric in LOWER_IS_BETTER else 1.0
    keys: dict[str, Callable[[ImageChange], float]] = {
        "changed": lambda each: -abs(each.change),
        "lost": lambda each: good * each.change,
        "gained": lambda each: -good * each.change,
        "worst": lambda each: good * each.final,
        "name": lambda each: 0.0,
    }
    if how not in keys:
        raise BadInput(f"--sort: {how!r} is not one of {', '.join(ORDERS)}")
    return sorted(images, key=lambda each: (round(keys[how](each), 9), each.file))


def render(found: ClassImages, form: str, extra: Mapping[str, Any] | None = None) -> str:
    """Return the pictures in one of `FORMATS`, with a final newline.

    Args:
        extra: more keys of the JSON object.

    Raises:
        BadInput: they have no such form.
    """
    if form == "json":
        return json.dumps({**found.record(), **(extra or {})}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if form not in FORMATS:
        raise BadInput(f"--format: the pictures of a class come as {', '.join(FORMATS)}, not as {form}")
    text = io.StringIO()
    if form == "csv":
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["file", "group", "baseline", "final", "change"])
        writer.writerows([each.file, each.group, each.baseline, each.final, each.change] for each in found.images)
        return text.getvalue()
    widest = max([4, *(len(each.file) for each in found.images)])
    lines = [f"{'file':<{widest}}  baseline   final  change, pp  group"]
    for each in found.images:
        scores = f"{each.baseline:>8.4f}  {each.final:>6.4f}  {100 * each.change:>+10.2f}"
        lines.append(f"{each.file:<{widest}}  {scores}  {each.group}")
    return "\n".join(lines) + "\n"
