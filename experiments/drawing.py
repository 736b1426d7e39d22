"""Figures for people, drawn without a screen: one palette, one font that knows Cyrillic, PNG bytes."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe & Ito's palette, told apart by every kind of colour vision; each arm has its own marker as well
COLOURS = {"baseline": "#e69f00", "final": "#0072b2", "equal_budget": "#cc79a7", "full_masks": "#009e73"}
MARKERS = {"baseline": "o", "final": "D", "equal_budget": "s", "full_masks": "^"}
WORDS = {
    "baseline": "baseline",
    "final": "final",
    "equal_budget": "hand masks, equal budget",
    "full_masks": "true masks of every picture",
}
HAND = "#d7ff3e"
STYLE = {"font.family": "DejaVu Sans", "font.size": 9.0, "axes.spines.top": False, "axes.spines.right": False}
DOTS_PER_INCH = 130


def drawn(width: float, height: float, fill: Callable[["Figure"], None]) -> bytes:
    """Return a figure as PNG, the same bytes for the same content.

    Args:
        width, height: inches.
        fill: draws into the empty figure.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # a person's own matplotlibrc must not take the font away
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE, "backend": "agg"}):
        figure = Figure((width, height), dpi=DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        fill(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
