"""Refiners sharpen a box mask; which one is a choice in the config of a refine run, see `pipeseg.registry.REFINERS`."""

from pipeseg.refiners.auto import AutoRefiner, candidates_of
from pipeseg.refiners.base import BoxPicture, Calibration, Refined, Refiner, Verdict, View
from pipeseg.refiners.ensemble import EnsembleRefiner
from pipeseg.refiners.grabcut import GrabCutRefiner
from pipeseg.refiners.plain import BoxRefiner, OriginalRefiner

__all__ = [
    "AutoRefiner",
    "BoxPicture",
    "BoxRefiner",
    "Calibration",
    "EnsembleRefiner",
    "GrabCutRefiner",
    "OriginalRefiner",
    "Refined",
    "Refiner",
    "Verdict",
    "View",
    "candidates_of",
]
