"""The line below the charts: which runs there are, and how they are seen where that is not the usual way."""

from collections.abc import Callable, Sequence

from rich.color import Color

from app.language import _, ngettext
from app.text import escape
from app.widgets.chart_drawing import drawn_values
from app.widgets.chart_legend import place_text
from app.widgets.chart_view import View
from app.widgets.plots import GHOST, GHOST_GLYPHS, GLYPHS, Line, Track
from experiments.curves.axis import KINDS
from experiments.curves.series import Positive


def runs_in_words(tracks: Sequence[Track], view: View, colour_of: Callable[[str], Color | None]) -> list[str]:
    """Return glyph and name of every run as markup; nothing where there is one run alone.

    Args:
        colour_of: returns the colour of a component class.
    """
    parts = []
    for track in tracks if len(tracks) > 1 else ():
        glyph, name = GHOST_GLYPHS[0], "chart--ghost"
        if track.slot != GHOST:
            glyph, name = GLYPHS[track.slot][0], f"chart--run{track.slot}"
        colour = colour_of(name)
        lacks = view.axis == "epoch" and track.curves.series and not track.curves.epochs
        label = escape(track.label) + (" " + _("(names no epochs)") if lacks else "")
        parts.append(f"[{colour.name if colour else '$foreground'}]{glyph}[/] {label}")
    return parts


def seen_in_words(
    view: View, lines: Sequence[Line], window: tuple[float, float], end: float, left_out: int
) -> list[str]:
    """Return how the curves are seen.

    Args:
        end: where the curves end on the x axis.
        left_out: how many charts found no room.
    """
    told = []
    if view.axis != KINDS[0]:
        told.append({"epoch": _("x: epochs"), "time": _("x: time since the start")}[view.axis])
    if view.log:
        told.append(_("log y"))
        shown = (drawn_values(line.series, view)[0] for line in lines)
        if dropped := sum(values.dropped for values in shown if isinstance(values, Positive)):
            text = ngettext("{count} value ≤ 0 is a gap", "{count} values ≤ 0 are gaps", dropped)
            told.append(text.format(count=dropped))
    if view.weight:
        told.append(_("smoothed {weight}").format(weight=view.weight))
    if left_out:
        text = ngettext("{count} chart needs more room", "{count} charts need more room", left_out)
        told.append(text.format(count=left_out))
    if view.span is not None:
        ends = " – ".join(place_text(view.axis, place) for place in window)
        told.append(_("{ends} of {whole}").format(ends=ends, whole=place_text(view.axis, end)))
    return told
