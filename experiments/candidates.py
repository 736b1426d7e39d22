"""The runs that a comparison can be made of, as a person chooses among them: one entry a run, whatever it learned."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.tracking import TrackedRun

# the stages that each side is chosen from, the usual one first
SIDES = {
    "baseline": ("baseline", "equal_budget", "full_masks", "final"),
    "final": ("final", "full_masks", "equal_budget", "baseline"),
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A finished run that was tested.

    Attributes:
        ended: unix seconds.
        tests: class -> what it was tested on (data set and content); runs compare where that is the same.
        iou: class -> mean test IoU in [0, 1], where MLflow knows it.
        steps: optimizer steps behind the weights.
    """

    run_id: str
    mlflow_run_id: str
    stage: str
    seed: int
    ended: float
    tests: Mapping[str, str]
    iou: Mapping[str, float]
    experiment: str | None = None
    steps: int | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.tests)

    @property
    def mean_iou(self) -> float | None:
        """The IoU, of several classes their mean."""
        return sum(self.iou.values()) / len(self.iou) if self.iou else None

    @property
    def words(self) -> str:
        """What a search looks in."""
        parts = (self.run_id, self.stage, *self.classes, f"seed {self.seed}", f"seed={self.seed}", *self.tests.values())
        return " ".join((*parts, self.experiment or "")).casefold()

    def record(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Candidate":
        """Raises: KeyError, TypeError: it is no such record."""
        return cls(**record)


def candidates(runs: Iterable["TrackedRun"]) -> list[Candidate]:
    """Return one entry a run, in the order of `runs`."""
    parts: dict[str, list[TrackedRun]] = {}
    for run in runs:
        parts.setdefault(run.mlflow_run_id, []).append(run)
    return [
        Candidate(
            run_id=same[0].run_id,
            mlflow_run_id=same[0].mlflow_run_id,
            stage=same[0].stage,
            seed=same[0].seed,
            ended=same[0].ended,
            tests={run.defect_class: f"{run.dataset} {(run.test_fingerprint or '')[:8]}".strip() for run in same},
            iou={run.defect_class: run.test["iou"] for run in same if _is_number(run.test.get("iou"))},
            experiment=same[0].experiment,
            steps=same[0].total_steps,
        )
        for same in parts.values()
    ]


def _is_number(value: float | None) -> bool:
    return value is not None and abs(value) < float("inf")


def for_side(found: Sequence[Candidate], side: str, text: str = "") -> list[Candidate]:
    """Return the candidates that every word of `text` fits, the side's usual stage first, newest first within one."""
    words = text.casefold().split()
    order = {stage: place for place, stage in enumerate(SIDES[side])}
    fitting = [candidate for candidate in found if all(word in candidate.words for word in words)]
    return sorted(fitting, key=lambda each: (order.get(each.stage, len(order)), -each.ended))


def cannot_meet(one: Candidate, others: Iterable[Candidate]) -> bool:
    """Whether some class of `one` was tested on other pictures than in one of `others`."""
    return any(one.tests[name] != other.tests[name] for other in others for name in one.tests.keys() & other.tests)
