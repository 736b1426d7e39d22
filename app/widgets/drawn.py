"""What a key costs that changes the pane or the focus, taken out of the widgets that need none of it: mixins."""

from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip


class SameInFocus:
    """A widget whose style, and that of what it holds, is the same with the focus and without.

    Textual styles the widget and everything in it anew with each change of the focus, a README's paragraphs too.
    """

    def watch_has_focus(self, _has_focus: bool) -> None:
        """Drawn anew it is in any case."""


class Drawn(SameInFocus):
    """A widget that draws its own lines, each of which needs its style: worked out once, until the style changes."""

    _known_style: Style | None = None

    @property
    def rich_style(self) -> Style:
        if self._known_style is None:
            self._known_style = super().rich_style  # type: ignore[misc]
        return self._known_style

    def notify_style_update(self) -> None:
        self._known_style = None
        super().notify_style_update()  # type: ignore[misc]


class Bare:
    """A container without border or words: all its lines are one line, however many widgets lie in it.

    Textual makes, styles and cuts each of them, though what lies in it covers them.
    """

    def render_lines(self, crop: Region) -> list[Strip]:
        background = self.background_colors[1]  # type: ignore[attr-defined]
        strip = Strip.blank(crop.width, Style(bgcolor=background.rich_color))
        for each in self.get_line_filters():  # type: ignore[attr-defined]
            strip = strip.apply_filter(each, background)
        return [strip] * crop.height
