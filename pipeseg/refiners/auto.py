"""Which refiner suits a class is tried, not known: the candidates of `refiner: auto`."""

from typing import Any

from pipeseg.errors import BadInput, did_you_mean
from pipeseg.refiners.base import FLIPS_TO_TRY, Refiner
from pipeseg.registry import REFINERS, build

CANDIDATES: tuple[Any, ...] = (
    "box",
    "original",
    "grabcut",
    {"name": "ensemble", "args": {"calibrate": "none"}},
    "ensemble",
    "crops",
)


class AutoRefiner:
    """Holds the candidates, by what they are called in results: `ensemble calibrate=none`.

    Args:
        candidates: names, or {name, args}.
    """

    def __init__(self, candidates: Any = CANDIDATES):
        if not isinstance(candidates, list | tuple) or not candidates:
            raise BadInput("refiner.args.candidates: must be a list of names or of {name, args}, at least one")
        self.candidates: dict[str, Refiner] = {}
        for entry in candidates:
            name, args = (entry.get("name"), entry.get("args") or {}) if isinstance(entry, dict) else (entry, {})
            known = [each for each in REFINERS if each != "auto"]
            if name not in known or not isinstance(args, dict):
                hint = did_you_mean(str(name), known)
                raise BadInput(f"refiner.args.candidates: unknown {entry!r}{hint} (known: {', '.join(known)})")
            label = " ".join([name, *(f"{key}={value}" for key, value in args.items())])
            self.candidates |= _variants(label, name, args)


def build_refiner(name: str, args: dict[str, Any]) -> Any:
    """Build what the registry knows as `name`.

    Raises:
        BadInput: an argument that it does not take, or a value out of range.
    """
    try:
        return build(REFINERS, name, **args)
    except TypeError as error:
        raise BadInput(f"refiner.args: {name}: {str(error).split('()')[-1].strip()}") from error


def candidates_of(name: str, args: dict[str, Any]) -> dict[str, Refiner]:
    """Return what a config's refiner may come to, by label: one, or those among which val chooses.

    Raises:
        BadInput: see `build_refiner`.
    """
    built = build_refiner(name, args)
    return built.candidates if isinstance(built, AutoRefiner) else _variants(name, name, args)


def _variants(label: str, name: str, args: dict[str, Any]) -> dict[str, Refiner]:
    built = build_refiner(name, args)
    if built.view is None or built.view.flips != "auto":
        return {label: built}
    return {f"{label} flips={flips}": build_refiner(name, {**args, "flips": flips}) for flips in FLIPS_TO_TRY}
