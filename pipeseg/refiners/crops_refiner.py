"""The ensemble refiner, with teachers that look at one box at a time."""

from typing import Any, Literal

from pipeseg.errors import BadInput
from pipeseg.refiners.base import CropTraining, View
from pipeseg.refiners.ensemble import EnsembleRefiner
from pipeseg.registry_args import CROPS_DEFAULTS
from pipeseg.schema import check_stride


class CropsRefiner(EnsembleRefiner):
    """`EnsembleRefiner`, whose teachers first learn which part of a box is the defect; see `pipeseg.refiners.crops`.

    Args:
        steps: optimizer steps of 8 crops, for each teacher.
        size: side of a crop, px; None is what shows the boxes as finely as their pictures do, see `crop_size`.
        learning_rate: at its peak.
        teachers: `all`, or only the `first`, the one of the run's own seed.
        ensemble: arguments of `EnsembleRefiner`; where they are not named, `CROPS_DEFAULTS` hold: masks that are
            hardly better than what the teachers say by themselves would teach what hand masks teach as well.
    """

    name = "crops"

    def __init__(
        self,
        steps: int = 300,
        size: int | None = None,
        learning_rate: float = 1e-3,
        teachers: Literal["first", "all"] = "all",
        **ensemble: Any,
    ):
        super().__init__(**{**CROPS_DEFAULTS, **ensemble})
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise BadInput(f"refiner.args.steps: must be a whole number, 1 or more (got {steps!r})")
        if isinstance(learning_rate, bool) or not isinstance(learning_rate, int | float) or not 0 < learning_rate <= 10:
            raise BadInput(f"refiner.args.learning_rate: must be a number above 0, at most 10 (got {learning_rate!r})")
        if teachers not in ("first", "all"):
            raise BadInput(f"refiner.args.teachers: must be first or all (got {teachers!r})")
        if size is not None:
            try:
                check_stride((int(size), int(size)))
            except (TypeError, ValueError) as error:
                raise BadInput(f"refiner.args.size: {error}") from None
        assert self.view is not None
        self.view = View(teachers, self.view.flips, CropTraining(steps, size, float(learning_rate)))
