"""The lines of a painted picture, in the middle of their room."""

from collections.abc import Sequence

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.events import Resize
from textual.filter import LineFilter
from textual.strip import Strip
from textual.widget import Widget

from app import messages


def centred(lines: Sequence[Strip], width: int, height: int, style: Style, console: Console) -> list[Strip]:
    """Return `height` lines of `width` cells with the picture in their middle, ready to be sent.

    Made in a thread: Textual keeps what a strip has rendered, so that the thread that answers keys need not do it.
    """
    above = max(0, (height - len(lines)) // 2)
    made = [Strip.blank(width, style)] * above
    for line in lines[: height - above]:
        left = max(0, (width - line.cell_length) // 2)
        segments = [Segment(" " * left, style), *line] if left else list(line)
        made.append(Strip(segments, left + line.cell_length).adjust_cell_length(width, style))
    made += [Strip.blank(width, style)] * (height - len(made))
    for strip in made:
        strip.render(console)
    return made


class PictureView(Widget):
    """Shows what it is given; asks to be painted anew when its size changes."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.strips: Sequence[Strip] = ()
        self.note = ""

    def show(self, strips: Sequence[Strip], note: str = "") -> None:
        """Args: note: a sentence in the middle, where there is no picture."""
        self.strips, self.note = strips, note
        self.refresh()

    def on_resize(self, event: Resize) -> None:
        self.post_message(messages.PictureWanted())

    def get_line_filters(self) -> Sequence[LineFilter]:
        """None: pixels have their final colours, and to look at each again would hold the keys up."""
        return []

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        if self.note and y == height // 2:
            text = self.note[: max(0, width - 2)]
            return Strip([Segment(text.center(width), self.rich_style)]).adjust_cell_length(width, self.rich_style)
        if y < len(self.strips) and self.strips[y].cell_length == width:
            return self.strips[y]
        return Strip.blank(width, self.rich_style)  # until it is painted for this size
