"""What is drawn too faint to be read is raised; without colours the cursor is shown in reverse."""

from functools import lru_cache

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

_STEPS = 12


def luminance(colour: Color) -> float:
    """Relative luminance in [0, 1] (WCAG 2.2)."""
    parts = [part / 255 for part in colour.rgb]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Color, other: Color) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@lru_cache(4096)
def raised(style: Style, background: Color, least: float) -> Style:
    """Return the style with its text moved towards black or white until it stands out by `least`."""
    if style.color is None:
        return style
    front = Color.from_rich_color(style.color)
    back = Color.from_rich_color(style.bgcolor) if style.bgcolor else background
    if style.reverse:
        front, back = back, front
    if contrast(front, back) >= least:
        return style
    pole = max(Color(0, 0, 0), Color(255, 255, 255), key=lambda end: contrast(end, back))
    mixes = (front.blend(pole, step / _STEPS) for step in range(1, _STEPS + 1))
    front = next((mix for mix in mixes if contrast(mix, back) >= least), pole)
    if style.reverse:
        return style + Style.from_color(back.rich_color, front.rich_color)
    return style + Style(color=front.rich_color)


class Legible(LineFilter):
    """Holds text, not the lines of charts and rules, to a least contrast.

    Placeholders of pictures in kitty tell by their colour which picture they stand for: they are no letters.
    """

    def __init__(self, least: float) -> None:
        super().__init__()
        self.least = least

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            Segment(text, raised(style, background, self.least), control)
            if style is not None and any(map(str.isalnum, text))
            else Segment(text, style, control)
            for text, style, control in segments
        ]


class Colourless(LineFilter):
    """For terminals without colours: what has a ground of its own is reversed.

    Args:
        grounds: the colours behind ordinary text.
    """

    _PLAIN = Style.from_color(RichColor.default(), RichColor.default())

    def __init__(self, grounds: frozenset[str]) -> None:
        super().__init__()
        self.grounds = grounds

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(text, style and self._plain(style), control) for text, style, control in segments]

    def _plain(self, style: Style) -> Style:
        ground = Color.from_rich_color(style.bgcolor).hex.lower() if style.bgcolor else ""
        stands_out = bool(style.reverse) or (bool(ground) and ground not in self.grounds)
        return style + self._PLAIN + Style(reverse=stands_out)
