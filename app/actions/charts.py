"""How the curves of Live are seen."""

from app.action import CLI, Action


def _live(name: str, keys: tuple[str, ...], label: str, tooltip: str, options: str) -> Action:
    return Action(name, keys, label, tooltip, "Charts", f"{CLI} curves {options}", ("live",), only=True)


CHARTS = (
    _live(
        "overlay",
        ("a",),
        "Overlay…",
        "Choose runs whose curves are drawn with those of the watched run, running ones too",
        "RUN RUN",
    ),
    _live("ghost", ("b",), "Baseline", "Show or hide the baseline of the same class behind a final run", "RUN --baseline"),
    _live("smooth", ("w",), "Smooth", "Smooth the curves by 0.6, 0.9, 0.97 or not, as TensorBoard does", "RUN --smooth 0.9"),
    _live("x_axis", ("x",), "X axis", "Draw over steps, epochs, or the time since the start", "RUN --x epoch"),
    _live("log_scale", ("L",), "Log", "Draw values on a logarithmic scale, or an even one", "RUN --log --png FILE"),
    _live(
        "metrics",
        ("m",),
        "Metrics…",
        "Choose which metrics are drawn",
        "RUN --metric NAME",
    ),
    _live("zoom(1)", ("plus", "equals_sign"), "In", "Zoom in: at the crosshair, else at the newest point", "RUN --from X --to X"),
    _live("zoom(-1)", ("minus",), "Out", "Zoom out", "RUN --from X --to X"),
    _live("zoom(0)", ("z",), "Whole", "Show the whole curves and take the crosshair away", "RUN"),
    _live("pan(-1)", ("left_square_bracket",), "Earlier", "Move the window to earlier points", "RUN --from X --to X"),
    _live("pan(1)", ("right_square_bracket",), "Later", "Move the window to later points", "RUN --from X --to X"),
    _live("crosshair(-1)", ("comma",), "Crosshair ←", "Move the crosshair to the left: the values of all curves there", "RUN --at X"),
    _live("crosshair(1)", ("full_stop",), "Crosshair →", "Move the crosshair to the right", "RUN --at X"),
)
