"""Ticks at round figures, and their labels."""

import math


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
    step = step_size(low, high, count)
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
