"""The arguments that models, losses, optimizers and refiners take: defaults and meanings, known without torch.

A help for whoever edits a config, not a check: what is built with them checks them. A test holds them against it.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument; `choices` where only some values are possible."""

    default: object
    help: str
    choices: tuple[object, ...] = ()


Arguments = dict[str, Argument]

_ENCODER: Arguments = {
    "encoder_name": Argument("resnet34", "pretrained part of the network; also tu-<name in timm>"),
    "encoder_weights": Argument("imagenet", "imagenet (downloaded once), null (random), or a weights file"),
    "freeze_encoder": Argument(False, "the encoder stays as it is, only the rest learns", (True, False)),
}
_DROPOUT = {"dropout": Argument(0.2, "share of the deepest channels that a training step drops, from 0 to below 1")}
MODEL_ARGS: dict[str, Arguments] = {"UNetAttention": _ENCODER | _DROPOUT}

_ALPHA = Argument(0.5, "weight of false alarms (FP)")
_BETA = Argument(0.5, "weight of misses (FN); more of it raises recall")
_SMOOTH = Argument(1.0, "added above and below, so that pictures without defect count")
_POS_WEIGHT = Argument(1.0, "weight of defect pixels beside the others")
LOSS_ARGS: dict[str, Arguments] = {
    "TverskyLoss": {"alpha": _ALPHA, "beta": _BETA, "smooth": _SMOOTH},
    "FocalTverskyLoss": {
        "alpha": Argument(0.3, _ALPHA.help),
        "beta": Argument(0.7, _BETA.help),
        "gamma": Argument(4 / 3, "from 1; above it pictures that go badly count more"),
        "smooth": _SMOOTH,
    },
    "DiceLoss": {"smooth": _SMOOTH},
    "JaccardLoss": {"smooth": _SMOOTH},
    "LovaszLoss": {},
    "BCELoss": {"pos_weight": _POS_WEIGHT},
    "WeightedCrossEntropyLoss": {
        "background_weight": Argument(0.1, "weight of pixels without defect"),
        "object_weight": Argument(1.0, "weight of defect pixels"),
    },
    "FocalLoss": {
        "gamma": Argument(2.0, "from 0; above it pixels that go badly count more"),
        "alpha": Argument(None, "weight of defect pixels, between 0 and 1; null = none"),
    },
    "BBoxAwareLoss": {
        "edge_weight": Argument(0.1, "trust in pixels along the border of a box, up to 1"),
        "kernel": Argument(5, "width of that border in pixels, odd"),
    },
    "BCEDiceLoss": {"bce_weight": Argument(0.5, "share of the cross-entropy, the rest is Dice"), "smooth": _SMOOTH},
    "CombinedLoss": {"losses": Argument([{"name": "BCELoss"}, {"name": "DiceLoss"}], "[{name, weight, args}, ...]")},
}

_BETAS = Argument([0.9, 0.999], "memory of the mean and of the square of gradients")
OPTIMIZER_ARGS: dict[str, Arguments] = {
    **{name: {"betas": _BETAS} for name in ("AdamW", "Adam", "NAdam", "RAdam")},
    "RMSprop": {"alpha": Argument(0.99, "memory of the square of gradients"), "momentum": Argument(0, "from 0 to 1")},
    "SGD": {
        "momentum": Argument(0, "how much of the last step goes on; 0.9 is usual"),
        "nesterov": Argument(False, "look ahead along the momentum", (True, False)),
    },
}

_SWITCH = (True, False)
_ENSEMBLE: Arguments = {
    "flips": Argument(
        "horizontal",
        "what teachers see beside the picture; auto = what suits val",
        ("none", "horizontal", "dihedral", "auto"),
    ),
    "calibrate": Argument(
        "fill", "fill boxes as hand masks fill theirs, or as suits val best", ("fill", "val", "none")
    ),
    "tight": Argument(False, "let the defect reach from side to side of its box", _SWITCH),
    "target": Argument("soft", "probabilities, or 0 and 255", ("soft", "hard")),
    "weight": Argument("confidence", "how much unsure pixels count", ("confidence", "band", "none")),
    "band": Argument([0.3, 0.7], "of weight: band: what lies between counts nothing"),
    "false_boxes": Argument(True, "boxes that are hardly filled count nothing", _SWITCH),
    "reset_below": Argument(0.0, "boxes that keep less than this share are filled; 0 = never"),
    "least_gain": Argument(0.0, "share of the teachers' error on val that must go; else hand masks alone; 0 = any"),
}
# where those of crops differ from them
CROPS_DEFAULTS = {
    "flips": "auto",
    "calibrate": "val",
    "tight": True,
    "target": "hard",
    "weight": "none",
    "least_gain": 0.1,
}
REFINER_ARGS: dict[str, Arguments] = {
    "box": {},
    "original": {
        "box_weight": Argument(0.3, "share of the filled box"),
        "prediction_weight": Argument(0.7, "share of what the teacher sees"),
        "threshold": Argument(0.75, "probability from which the teacher sees a defect"),
        "calibrate": Argument(False, "keep as much of the boxes as hand masks fill of theirs", _SWITCH),
    },
    "grabcut": {
        "context": Argument(0.5, "how far around the box is looked, in box sizes"),
        "iterations": Argument(5, "rounds of GrabCut"),
        "least": Argument(0.1, "a smaller share of the box is not believed"),
        "max_side": Argument(320, "larger cuts are scaled down to this, px"),
    },
    "ensemble": _ENSEMBLE,
    "crops": {
        "steps": Argument(300, "steps in which teachers learn to look at one box at a time"),
        "size": Argument(None, "side of a crop, px, a multiple of 32; null = chosen"),
        "learning_rate": Argument(1e-3, "rate of these steps"),
        "teachers": Argument("all", "which baselines learn it", ("first", "all")),
        **_ENSEMBLE,
        **{key: replace(_ENSEMBLE[key], default=default) for key, default in CROPS_DEFAULTS.items()},
    },
    "auto": {"candidates": Argument(None, "refiners to try: names or {name, args}; null = the usual ones")},
}


def known_arguments(section: str, name: object) -> Arguments:
    """Return the arguments that `<section>.args` may hold for a name; those of a model may be more."""
    tables = {"model": MODEL_ARGS, "criterion": LOSS_ARGS, "optimizer": OPTIMIZER_ARGS, "refiner": REFINER_ARGS}
    found = tables.get(section, {}).get(str(name), {})
    return found or (_ENCODER if section == "model" else {})
