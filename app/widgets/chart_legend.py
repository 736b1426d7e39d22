"""The line above a chart: newest values, or those under the crosshair; what does not fit is left out whole."""

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from app.language import _
from app.text import quantity
from app.widgets import axes
from app.widgets.chart_drawing import drawn_values
from app.widgets.chart_view import View
from app.widgets.plots import BEST, Line, Plot

Entry = list[Segment]


def place_text(kind: str, place: float) -> str:
    """Return a place on the x axis as text: `1200`, `3.25`, `1:02:03`."""
    if kind == "time":
        return axes.clock(place)
    if kind == "epoch":
        return f"{place:.2f}".rstrip("0").rstrip(".")
    return f"{place:.0f}" if place == int(place) or abs(place) >= 100 else f"{place:.4g}"


def value_at(line: Line, view: View, place: float) -> tuple[float, float | None] | None:
    """Return raw and smoothed value of the point of a line that is nearest to a place, None where it has no point.

    A gap is NaN.
    """
    index = line.series.nearest(line.axis.key(place), line.axis.keys(line.series))
    if index is None:
        return None
    smoothed = drawn_values(line.series, view)[1]
    return line.series.ys[index], smoothed.ys[index] if smoothed and index < len(smoothed) else None


def legend(plot: Plot, view: View, width: int, style: Callable[[str, bool], Style]) -> Entry:
    """Return the legend in at most `width` cells: shorter words first, then fewer lines."""
    for short in (False, True):
        entries = _entries(plot, view, style, short)
        if sum(map(_width, entries)) <= width:
            break
    segments: Entry = []
    for entry in entries:
        if _width(segments) + _width(entry) > width:
            break
        segments += entry
    return segments


def _width(entry: Sequence[Segment]) -> int:
    return sum(cell_len(segment.text) for segment in entry)


def _entries(plot: Plot, view: View, style: Callable[[str, bool], Style], short: bool) -> list[Entry]:
    label, title, mark = (style(f"chart--{name}", False) for name in ("label", "title", "mark"))
    entries: list[Entry] = [[Segment(_(plot.title), title)]]
    if view.cursor is not None:
        entries.append([Segment(f" @ {place_text(view.axis, view.cursor)}", label)])
    # those in front first: they are what is looked at
    several = any(line.dotted for line in plot.lines)
    named = not several or len({line.label for line in plot.lines}) > 1
    for line in reversed(plot.lines) if several else plot.lines:
        if not (value := _value_text(line, view)):
            continue
        entry = [Segment(f"{' ' if short else '  '}{line.glyph} ", style(line.style, False))]
        if not short and named:
            entry.append(Segment(f"{line.label} ", label))
        entries.append([*entry, Segment(value, style(line.style, False))])
    marked = next((line for line in plot.lines if line.best), None)
    if view.cursor is None and marked and (best := marked.series.best) is not None:
        place = place_text(view.axis, marked.axis.place(marked.axis.keys(marked.series)[best]))
        entries.append(
            [
                Segment(f"  {BEST} ", mark),
                *([] if short else [Segment(_("best") + " ", label)]),
                Segment(f"{marked.series.ys[best]:.3f}", mark),
                Segment(f" @ {place}", label),
            ]
        )
    return entries


def _value_text(line: Line, view: View) -> str:
    if view.cursor is None:
        smoothed = drawn_values(line.series, view)[1]
        if smoothed and (value := next((y for y in reversed(smoothed.ys) if y == y), None)) is not None:
            return quantity(value)
        return quantity(line.series.last[1]) if line.series.last else ""
    found = value_at(line, view, view.cursor)
    if found is None:
        return ""
    raw, smoothed = found
    # of a smoothed curve both are worth knowing
    return quantity(raw) if smoothed is None or smoothed != smoothed else f"{quantity(smoothed)} ({quantity(raw)})"
