"""The comparison as a picture: where each arm stands, class by class, and the difference with its interval."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.comparison import Comparison
from experiments.drawing import COLOURS, MARKERS, WORDS, drawn
from experiments.table_sections import name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, ROW_HEIGHT, MARGIN = 9.5, 0.62, 1.5


def draw(rows: Sequence[Comparison]) -> bytes:
    """Return a PNG of the rows of the first metric, in their order from the top."""
    shown = [row for row in rows if row.metric == rows[0].metric]
    return drawn(WIDTH, MARGIN + ROW_HEIGHT * max(1, len(shown)), lambda figure: _fill(figure, shown))


def _fill(figure: "Figure", rows: Sequence[Comparison]) -> None:
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.25))
    if not rows:
        left.set_title("nothing to compare")
        return
    for place, row in enumerate(rows):
        _levels(left, place, row)
        _differences(right, place, row)
        if row.kind == "mean":
            for axes in (left, right):
                axes.axhline(place - 0.5, color="0.6", linewidth=0.8)
    left.set_yticks(range(len(rows)), [name(row).replace(" ", "\n", 1) for row in rows])
    left.set_ylim(len(rows) - 0.4, -0.6)
    left.set_xlabel(f"test {rows[0].metric}")
    left.grid(axis="x", color="0.9")
    left.set_axisbelow(True)
    right.axvline(0, color="black", linewidth=1)
    right.set_xlabel("difference in percentage points, 95 % interval")
    right.grid(axis="x", color="0.9")
    right.set_axisbelow(True)
    right.tick_params(axis="y", left=False)
    figure.legend(*_legend(left, right), loc="outside lower center", ncols=4, frameon=False, fontsize=8)


def _levels(axes: "Axes", place: int, row: Comparison) -> None:
    values = {"baseline": row.baseline, "final": row.final}
    if row.equal_budget:
        values["equal_budget"] = row.equal_budget.value
    if row.full_masks:
        values["full_masks"] = row.full_masks.value
    axes.plot([row.baseline, row.final], [place, place], color="0.75", linewidth=2, zorder=1)
    for arm, value in values.items():
        axes.plot(value, place, MARKERS[arm], color=COLOURS[arm], markersize=7, label=WORDS[arm], zorder=2)


def _differences(axes: "Axes", place: int, row: Comparison) -> None:
    arm = row.equal_budget
    offset = 0.16 if arm else 0.0
    _interval(axes, place - offset, row.increase, row.ci_low, row.ci_high, "baseline", f"{row.verdict}")
    if arm:
        low, high = arm.ci_low, arm.ci_high
        _interval(axes, place + offset, arm.difference, low, high, "equal_budget", f"{arm.verdict}")


def _interval(
    axes: "Axes", place: float, middle: float, low: float | None, high: float | None, against: str, verdict: str
) -> None:
    colour, points = COLOURS[against], [100 * (middle if value is None else value) for value in (low, high)]
    axes.plot(points, [place, place], color=colour, linewidth=2, solid_capstyle="butt")
    axes.plot(100 * middle, place, MARKERS[against], color=colour, markersize=6, label=f"final − {WORDS[against]}")
    # beside the panel, where no interval runs into it
    axes.text(1.02, place, verdict, transform=axes.get_yaxis_transform(), va="center", fontsize=8)


def _legend(*panels: "Axes") -> tuple[list, list[str]]:
    """Return each sign once, in the order of its first use."""
    known = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            known.setdefault(label, handle)
    return list(known.values()), list(known)
