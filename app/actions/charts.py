"""How the curves of Live are seen."""

from app.action import CLI, Action


def _live(name: str, keys: tuple[str, ...], label: str, tooltip: str, options: str) -> Action:
    return Action(name, keys, label, tooltip, "Charts", f"{CLI} curves {options}", ("live",), only=True)


_PART = "RUN --from X --to X"

CHARTS = (
    _live("overlay", ("a",), "Overlay…", "Draw other runs with the watched one, also those that work", "RUN RUN"),
    _live("ghost", ("b",), "Baseline", "Show or hide the baseline of the class behind a final run", "RUN --baseline"),
    _live("smooth", ("w",), "Smooth", "Smooth as TensorBoard does, by 0.6, 0.9, 0.97, or not", "RUN --smooth 0.9"),
    _live("x_axis", ("x",), "X axis", "Draw over steps, epochs, or the time since the start", "RUN --x epoch"),
    _live("log_scale", ("L",), "Log", "Draw values on a logarithmic scale, or an even one", "RUN --log --png FILE"),
    _live("metrics", ("m",), "Metrics…", "Choose which metrics are drawn", "RUN --metric NAME"),
    _live("zoom('in')", ("plus", "equals_sign"), "In", "Zoom in, at the crosshair or the newest point", _PART),
    _live("zoom('out')", ("minus",), "Out", "Zoom out", _PART),
    _live("zoom('whole')", ("z",), "Whole", "Show the whole curves, without a crosshair", "RUN"),
    _live("pan('earlier')", ("left_square_bracket",), "Earlier", "Move the window to earlier points", _PART),
    _live("pan('later')", ("right_square_bracket",), "Later", "Move the window to later points", _PART),
    _live("crosshair('left')", ("comma",), "Crosshair", "Move the crosshair left; it tells every value", "RUN --at X"),
    _live("crosshair('right')", ("full_stop",), "Crosshair", "Move the crosshair right", "RUN --at X"),
)
