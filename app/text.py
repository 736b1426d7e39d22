"""How states, times and figures are written, everywhere the same way."""

import math
import time
from collections.abc import Sequence

from app.language import N_, _
from experiments.narration import STATUS_GLYPHS

_STATUS_STYLES = {
    "starting": "$secondary",
    "running": "$primary",
    "paused": "$warning",
    "finished": "$success",
    "failed": "$error",
    "stopped": "$warning",
    "lost": "$error",
}
STATUS_WORDS = (
    *(N_("starting"), N_("running"), N_("paused"), N_("finished")),
    *(N_("failed"), N_("stopped"), N_("lost")),
)

# how grave a verdict of a diagnosis is
SEVERITY_STYLES = {"critical": "$error", "warning": "$warning", "notice": "$foreground 70%"}


def status_text(status: str) -> str:
    """Return a status as console markup: glyph and word, coloured."""
    return f"[{_STATUS_STYLES.get(status, '$text-muted')}]{escape(status_words(status))}[/]"


def status_words(status: str) -> str:
    """Return glyph and word of a status, without colour."""
    return f"{STATUS_GLYPHS.get(status, '·')} {_(status)}"


def escape(text: object) -> str:
    """Make text safe inside markup."""
    return str(text).replace("\\", "\\\\").replace("[", "\\[")


def duration(seconds: float | None) -> str:
    """Return seconds as `42 s`, `3:05` or `2:03:04`; `–` where they are not known."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return _("{count} s").format(count=whole)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def ago(moment: float | None, now: float | None = None) -> str:
    """Return how long ago a unix time was, in one unit: `5 s ago`, `3 min ago`, `2 h ago`, `4 d ago`."""
    if not moment:
        return "–"
    seconds = max(0, (now or time.time()) - moment)
    units = ((_("{count} d ago"), 86400), (_("{count} h ago"), 3600), (_("{count} min ago"), 60))
    for text, size in units:
        if seconds >= size:
            return text.format(count=int(seconds // size))
    return _("just now") if seconds < 5 else _("{count} s ago").format(count=int(seconds))


def score(value: float | None) -> str:
    """Return a score in [0, 1] with three digits; `–` where there is none."""
    return f"{value:.3f}" if value is not None and math.isfinite(value) else "–"


def quantity(value: float) -> str:
    """Return a figure in about four characters: 0.0123, 1.234, 56.7, 1.2k."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞"
    size = abs(value)
    if size >= 10_000:
        return f"{value / 1000:.0f}k" if size < 1e6 else f"{value:.2g}"
    if size >= 100:
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}"
    if size >= 0.001 or size == 0:
        return f"{value:.4f}" if size < 0.1 else f"{value:.3f}"
    return f"{value:.1e}"


def gibibytes(used: float, total: float | None = None) -> str:
    """Return bytes as `4.1 GiB`, with a total as `4.1/24 GiB`."""
    unit = 1 << 30

    def figure(value: float) -> str:
        return f"{value / unit:.1f}" if value < 10 * unit else f"{value / unit:.0f}"

    return f"{figure(used)} GiB" if total is None else f"{figure(used)}/{figure(total)} GiB"


def bar(fraction: float, width: int) -> tuple[str, str]:
    """Return the done and the open part of a progress bar of `width` cells, in half-cell steps."""
    halves = round(min(1.0, max(0.0, fraction)) * width * 2)
    full, half = divmod(halves, 2)
    done = "━" * full + ("╸" if half else "")
    return done, "─" * (width - len(done))


def sparkline(values: Sequence[float]) -> str:
    """Return one bar a value, from the lowest of them to the highest; values that hardly differ are even."""
    low, high = min(values), max(values)
    if high - low < 0.001:
        return "▄" * len(values)
    return "".join("▁▂▃▄▅▆▇█"[round((value - low) / (high - low) * 7)] for value in values)
