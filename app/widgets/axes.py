"""Ticks at round figures, and their labels: even, logarithmic and in time."""

import math

_STEPS_OF_TIME = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


def step_size(low: float, high: float, count: int) -> float:
    """Return a step of 1, 2 or 5 times a power of ten that cuts [low, high] into at most about `count` parts."""
    span = high - low
    if span <= 0 or not math.isfinite(span):
        return 1.0
    rough = span / max(1, count)
    power = 10.0 ** math.floor(math.log10(rough))
    steps = [factor * power for factor in (0.1, 0.2, 0.5, 1, 2, 5, 10)]
    index = next(index for index, step in enumerate(steps) if step >= rough * (1 - 1e-9))
    # one label alone tells no scale
    while index > 0 and math.floor(high / steps[index] + 1e-9) - math.ceil(low / steps[index] - 1e-9) < 1:
        index -= 1
    return steps[index]


def widen(low: float, high: float) -> tuple[float, float]:
    """Return bounds with some room: a flat curve lies in the middle, a curve never touches the frame."""
    margin = (high - low) * 0.05 if low < high else abs(low) * 0.1 or 0.1
    # a figure that is never negative keeps its zero line
    return (max(0.0, low - margin) if low >= 0 else low - margin), high + margin


def ticks(low: float, high: float, count: int) -> list[float]:
    """Return round figures within [low, high], about `count` of them."""
    return _multiples(low, high, step_size(low, high, count))


def labelled(low: float, high: float, count: int) -> list[tuple[float, str]]:
    """Return ticks with their labels."""
    step = step_size(low, high, count)
    return [(value, label(value, step)) for value in ticks(low, high, count)]


def _multiples(low: float, high: float, step: float) -> list[float]:
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def label(value: float, step: float) -> str:
    """Return a tick's label, with no more digits than its step needs."""
    if abs(value) < step / 1e6:
        return "0"
    if step >= 1000 or abs(value) >= 10_000:
        scale, unit = (1e6, "M") if max(abs(value), step) >= 1e6 else (1e3, "k")
        return f"{value / scale:.10g}{unit}" if step >= scale / 100 else f"{value:.0f}"
    if step < 1e-4:
        return f"{value:.1e}"
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"


def log_labelled(low: float, high: float, count: int) -> list[tuple[float, str]]:
    """Return ticks of a logarithmic axis: powers of ten, with 2 and 5 between them where there is room.

    Args:
        low, high: decimal logarithms of the bounds; so are the places of the ticks.
    """
    for factors in ((1, 2, 5), (1, 3), (1,)):
        found = [
            (place, factor * 10.0**power)
            for power in range(math.floor(low), math.floor(high) + 1)
            for factor in factors
            if low <= (place := power + math.log10(factor)) <= high
        ]
        if len(found) <= count:
            break
    if len(found) > count:
        every = -(-len(found) // max(1, count))
        found = found[::every]
    if len(found) < 2:  # less than half a decade: as even as it looks
        even = ticks(10.0**low, 10.0**high, count)
        step = step_size(10.0**low, 10.0**high, count)
        return [(math.log10(value), label(value, step)) for value in even if value > 0]
    return [(place, _short(value)) for place, value in found]


def _short(value: float) -> str:
    return f"{value:g}" if 1e-3 <= value < 1e4 else f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")


def time_labelled(low: float, high: float, count: int) -> list[tuple[float, str]]:
    """Return ticks of an axis of seconds, at whole seconds, minutes, hours or days."""
    rough = (high - low) / max(1, count)
    if rough < 1:
        return [(value, f"{text}s" if value else text) for value, text in labelled(low, high, count)]
    step = next((step for step in _STEPS_OF_TIME if step >= rough), None)
    if step is None:
        step = 86400 * step_size(0, (high - low) / 86400, count)
    return [(value, clock(value, step)) for value in _multiples(low, high, step)]


def clock(seconds: float, step: float = 1) -> str:
    """Return seconds as `42s`, `3:05`, `2h`, `2:03:04` or `3d`, no finer than `step`."""
    if seconds < 0:
        return "-" + clock(-seconds, step)
    whole = round(seconds)
    if whole == 0:
        return "0"
    if step >= 86400 and whole % 86400 == 0:
        return f"{whole // 86400}d"
    if whole < 60:
        return f"{whole}s"
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if step % 60 == 0 and not rest:
        return f"{hours}h{minutes:02}" if hours and minutes else f"{hours}h" if hours else f"{minutes}min"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
