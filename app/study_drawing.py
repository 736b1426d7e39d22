"""A study as lines of text: columns by stage with rows by class and seed where there is room, else an indented tree.

Pure: what comes out is text, style and place; a widget paints it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.language import N_, _
from app.text import duration, score

if TYPE_CHECKING:
    from experiments.study_view import StepView, StudyView

STAGES = ("clean", "split", "baseline", "refine", "final", "equal_budget", "full_masks", "compare")
TITLES = {"equal_budget": N_("equal budget"), "full_masks": N_("full masks")}
STATE_STYLES = {
    "waiting": "$foreground 60%",
    "running": "$primary",
    "paused": "$warning",
    "done": "$success",
    "cached": "$secondary",
    "failed": "$error",
    "stopped": "$warning",
    "lost": "$error",
    "blocked": "$error 70%",
}
WORDS = {
    "waiting": N_("waiting"),
    "running": N_("running"),
    "paused": N_("paused"),
    "done": N_("done"),
    "cached": N_("cached"),
    "failed": N_("failed"),
    "stopped": N_("stopped"),
    "lost": N_("lost"),
    "blocked": N_("blocked"),
    "next": N_("next"),
    "new": N_("would run"),
    "unknown": N_("unknown"),
}
DIM = "$foreground 35%"
HEAD = "$foreground 55%"
GAP = 3
NARROWEST, WIDEST = 9, 22
LABEL = 18
# (left, right, up, down) -> line
_LINES = {
    (0, 0, 0, 0): " ", (1, 1, 0, 0): "─", (1, 1, 0, 1): "┬", (1, 1, 1, 0): "┴", (1, 1, 1, 1): "┼",
    (1, 0, 0, 1): "╮", (1, 0, 1, 0): "╯", (1, 0, 1, 1): "┤", (0, 1, 0, 1): "╭", (0, 1, 1, 0): "╰",
    (0, 1, 1, 1): "├", (0, 0, 1, 1): "│",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of one style; of a step, it is what the cursor marks."""

    text: str
    style: str = ""
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """Lines, and the place (column, line) of every step; `is_tree` = one step a line."""

    lines: tuple[tuple[Piece, ...], ...] = ()
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    is_tree: bool = False

    def moved(self, step: str | None, across: int, down: int) -> str | None:
        """Return the step that an arrow leads to from `step`; the same where there is none that way."""
        if step not in self.places:
            return next(iter(self.places), None)
        x, y = self.places[step]
        if down:
            same = [(abs(at - y), name) for name, (column, at) in self.places.items() if column == x]
            ahead = [(far, name) for far, name in same if (self.places[name][1] - y) * down > 0]
        else:
            ahead = [
                (abs(column - x) * 1000 + abs(at - y), name)
                for name, (column, at) in self.places.items()
                if (column - x) * across > 0
            ]
        return min(ahead)[1] if ahead else step


def draw(view: "StudyView", width: int, height: int) -> Drawing:
    """Return the graph in `width` cells; a line of space between classes where `height` lines hold it."""
    following = set(view.next_steps) if view.is_active or view.run is None else set()
    return _columns(view, width, height, following) or _tree(view, width, following)


def title_of(stage: str) -> str:
    return _(TITLES.get(stage, stage))


def state_word(step: "StepView", following: set[str]) -> str:
    """Return the state in a word; of a waiting step, what is known of its turn."""
    if step.state != "waiting":
        return _(WORDS[step.state])
    return _(WORDS[step.forecast or ("next" if step.name in following else "waiting")])


def cell_texts(step: "StepView", following: set[str]) -> list[str]:
    """Return what a cell may say beside its glyph, the longest first."""
    word, took = state_word(step, following), duration(step.seconds) if step.seconds is not None else ""
    iou = score(step.test_iou) if step.test_iou is not None else ""
    match step.state:
        case "done":
            return [f"{iou} {took}".strip(), iou] if iou else [f"{word} {took}".strip(), took or word]
        case "cached":
            return [f"{iou} {word}", iou] if iou else [word]
        case "running" | "paused" if step.fraction is not None:
            share = f"{step.fraction:.0%}"
            if step.state == "paused":
                return [f"{share} {word}", word, share]
            left = duration(step.eta_seconds) if step.eta_seconds is not None else took
            if not left:
                return [share]
            return [_("{share} {time} left").format(share=share, time=left), f"{share} {left}", share]
        case "running":
            return [f"{word} {took}".strip(), word]
    return [word]


def _fitting(texts: Sequence[str], width: int) -> str:
    return next((text for text in texts if len(text) <= width), texts[-1][: max(0, width)])


# -- columns -------------------------------------------------------------------------------------------------------


def _columns(view: "StudyView", width: int, height: int, following: set[str]) -> Drawing | None:
    """Return the graph as a grid; None where it is too wide, or two steps would share a cell."""
    from experiments.study_view import STATE_GLYPHS

    stages = [stage for stage in STAGES if any(step.stage == stage for step in view.steps)]
    rows, labels = _rows(view)
    if not stages:
        return None
    label_width = max(map(len, labels)) + 2
    cell = min(WIDEST, (width - 1 - label_width - GAP * (len(stages) - 1)) // len(stages))
    placed = {(stages.index(step.stage), rows[step.name]): step for step in view.steps}
    if cell < NARROWEST or len(placed) < len(view.steps):
        return None
    joints = _joints(view, stages, rows, len(labels))
    spread = 2 * len(labels) + 1 <= height and len(labels) > 1
    heads = [f"{title_of(stage)[: cell + GAP - 1]:<{cell + GAP}}" for stage in stages]
    lines = [(Piece(" " * label_width), Piece("".join(heads).rstrip(), HEAD))]
    places = {}
    for row, label in enumerate(labels):
        line = [Piece(f"{label:<{label_width}}", "b")]
        for column in range(len(stages)):
            step, joint = placed.get((column, row)), joints[column][row] if column + 1 < len(stages) else None
            room = cell
            if step is not None:
                glyph = STATE_GLYPHS[step.state]
                text = _fitting(cell_texts(step, following), cell - 2)
                places[step.name] = (column, len(lines))
                line.append(Piece(f"{glyph} {text}", STATE_STYLES[step.state], step.name))
                room -= len(text) + 2
            if joint is None:
                continue
            dash = "─" if joint[0] else " "
            # a space after the word, then the line
            line.append(Piece((" " + dash * (room - 1) if room else "") + _LINES[joint], DIM))
            line.append(Piece(("▸" if joint[1] else " ") + " ", DIM))
        lines.append(tuple(line))
        if spread and row + 1 < len(labels):
            # only what goes on downwards crosses the space
            between = [_LINES[0, 0, 1, 1] if joints[gap][row][3] else " " for gap in range(len(stages) - 1)]
            lines.append((Piece(" " * label_width + "".join(f"{' ' * cell}{mark}  " for mark in between), DIM),))
    return Drawing(tuple(lines), places)


def _rows(view: "StudyView") -> tuple[dict[str, int], list[str]]:
    """Return the row of every step, and the label of every row; rows of nobody are left out."""
    classes: list[str | None] = list(dict.fromkeys(step.defect_class for step in view.steps if step.defect_class))
    seeds: list[int | None] = list(dict.fromkeys(step.seed for step in view.steps if step.seed is not None))
    classes, seeds = classes or [None], seeds or [None]
    places = {
        step.name: (
            classes.index(step.defect_class) if step.defect_class else 0,
            seeds.index(step.seed) if step.seed is not None else 0,
        )
        for step in view.steps
    }
    used = sorted(set(places.values())) or [(0, 0)]
    names = [classes[place] or _("all classes") for place, _seed in used]
    longest = min(LABEL, max(map(len, names)))
    labels = []
    for index, (place, seed) in enumerate(used):
        # a class is named once
        name = names[index][:longest] if index == 0 or used[index - 1][0] != place else ""
        labels.append(f"{name:<{longest}} {seeds[seed]}" if len(seeds) > 1 else name)
    return {name: used.index(place) for name, place in places.items()}, labels


def _joints(
    view: "StudyView", stages: list[str], rows: dict[str, int], count: int
) -> list[list[tuple[int, int, int, int]]]:
    """Return for every gap between two columns and every row which ways lines leave its joint."""
    ways = [[[0, 0, 0, 0] for _row in range(count)] for _gap in stages[1:]]
    for step in view.steps:
        column = stages.index(step.stage)
        for need in step.needs:
            before = view.by_name[need]
            if stages.index(before.stage) != column - 1:
                continue  # a line through another column would cross its cells
            gap, first, last = ways[column - 1], rows[need], rows[step.name]
            gap[first][0] = gap[last][1] = 1
            for row in range(min(first, last), max(first, last)):
                gap[row][3] = gap[row + 1][2] = 1
    return [[tuple(way) for way in gap] for gap in ways]  # type: ignore[misc]


# -- tree ----------------------------------------------------------------------------------------------------------


def _tree(view: "StudyView", width: int, following: set[str]) -> Drawing:
    """Return one line for each step, by class, deeper the more it needs."""
    from experiments.study_view import STATE_GLYPHS

    lines: list[tuple[Piece, ...]] = []
    places = {}
    depths: dict[str, int] = {}
    for heading, steps in _groups(view):
        if heading:
            lines.append((Piece(f" {heading}", "b"),))
        names = {step.name for step in steps}
        for step in steps:
            before = [depths[need] for need in step.needs if need in names]
            depths[step.name] = 1 + max(before, default=0 if heading else -1)
            indent = "  " * depths[step.name]
            seed = f" {_('seed {seed}').format(seed=step.seed)}" if step.seed is not None else ""
            name = f"{title_of(step.stage)}{seed}"
            word = _fitting(_state_texts(step, following), max(8, width - 50))
            iou = score(step.test_iou) if step.test_iou is not None else ""
            took = duration(step.seconds) if step.seconds is not None else ""
            start = f"{STATE_GLYPHS[step.state]} {name}"
            style = STATE_STYLES[step.state]
            places[step.name] = (0, len(lines))
            pad = " " * max(1, 34 - len(indent) - len(start))
            line = [Piece(f" {indent}"), Piece(start, style, step.name), Piece(pad), Piece(f"{iou:>5} ", "b")]
            lines.append((*line, Piece(f"{took:>8}  ", HEAD), Piece(word, style)))
    return Drawing(tuple(lines), places, is_tree=True)


def _state_texts(step: "StepView", following: set[str]) -> list[str]:
    """Return the words at the end of a line of the tree, the longest first."""
    word = state_word(step, following)
    if step.fraction is not None and step.state == "running":
        return [f"{word} {text}" for text in cell_texts(step, following)] + [word]
    if step.fraction is not None:
        return [f"{word} {step.fraction:.0%}", word]
    if step.state == "cached" and step.run:
        return [_("done by {run}").format(run=step.run.run_id), word]
    reasons = [reason for reason in (step.problem, step.blocked_by) if reason]
    return [*(f"{word}: {reason}" for reason in reasons), word]


def _groups(view: "StudyView") -> "list[tuple[str, list[StepView]]]":
    """Return (class, its steps); what comes before and after all classes has no heading."""
    found: dict[str, list[StepView]] = {}
    for step in view.steps:
        if step.stage not in ("clean", "compare"):
            found.setdefault(step.defect_class or _("all classes"), []).append(step)
    first, last = ([step for step in view.steps if step.stage == stage] for stage in ("clean", "compare"))
    return [(heading, steps) for heading, steps in [("", first), *found.items(), ("", last)] if steps]
