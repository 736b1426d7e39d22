"""The registry of synthetic defect classes: add a room beside this one and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeseg.synthetic.defects import deformation, deposition, disconnection, misalignment, obstacle, rupture
from pipeseg.synthetic.defects.base import Defect, Limits, View


@dataclass(frozen=True, slots=True)
class DefectClass:
    """A class that the generator can draw: its Russian label, its sampler, and when it counts as visible."""

    label: str
    sample: Callable[[np.random.Generator, View], Defect]
    limits: Limits


DEFECTS: dict[str, DefectClass] = {
    "deposition": DefectClass("Отложения", deposition.sample, deposition.LIMITS),
    "obstacle": DefectClass("Препятствие", obstacle.sample, obstacle.LIMITS),
    "disconnection": DefectClass("Отсоединение", disconnection.sample, disconnection.LIMITS),
    "deformation": DefectClass("Деформация", deformation.sample, deformation.LIMITS),
    "rupture": DefectClass("Разрыв", rupture.sample, rupture.LIMITS),
    "misalignment": DefectClass("Несоосность", misalignment.sample, misalignment.LIMITS),
}

__all__ = ["DEFECTS", "Defect", "DefectClass", "Limits", "View"]
