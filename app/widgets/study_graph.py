"""The graph of a study on the screen: a cursor on one step, arrows along the lines."""

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.binding import Binding
from textual.events import Click
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from app.messages import CursorMoved, Opened
from app.study_drawing import Drawing, Piece, draw
from app.text import escape
from app.widgets.drawn import Drawn
from app.widgets.markup import parsed

if TYPE_CHECKING:
    from experiments.study_view import StudyView


class StudyGraph(Drawn, ScrollView, can_focus=True):
    """Posts `CursorMoved`, and `Opened` with the name of a step."""

    BINDINGS: ClassVar = [
        Binding("up,k", "move(0, -1)", show=False),
        Binding("down,j", "move(0, 1)", show=False),
        Binding("left", "move(-1, 0)", show=False),
        Binding("right", "move(1, 0)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "end(0)", show=False),
        Binding("end,G", "end(-1)", show=False),
        Binding("enter", "open", show=False),
    ]
    COMPONENT_CLASSES: ClassVar = {"study-graph--cursor", "study-graph--cursor-dim"}
    DEFAULT_CSS = """
    StudyGraph {
        height: 1fr; scrollbar-size: 1 1; overflow-x: hidden; overflow-y: auto;
        & .study-graph--cursor { background: $primary 40%; text-style: bold reverse; }
        & .study-graph--cursor-dim { background: $foreground 15%; text-style: underline; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.view: StudyView | None = None
        self.drawing = Drawing()
        self.cursor: str | None = None

    def show(self, view: "StudyView", *, other: bool) -> None:
        """Show a study as it stands.

        Args:
            other: it is another one than before: the cursor goes to what works, is next or has failed.
        """
        self.view = view
        if other or self.cursor not in view.by_name:
            self.cursor = _first(view)
        self._redraw()

    def on_resize(self) -> None:
        self._redraw()

    def _redraw(self) -> None:
        if self.view is None or not self.size.width:
            return
        drawing = draw(self.view, self.size.width - 1, self.size.height)
        if drawing != self.drawing:
            self.drawing = drawing
            self.virtual_size = Size(0, len(drawing.lines))
        self._keep_in_view()
        self.refresh()

    def _keep_in_view(self) -> None:
        if self.cursor not in self.drawing.places:
            return
        line, page, top = self.drawing.places[self.cursor][1], max(1, self.size.height), self.scroll_offset.y
        if line <= top:
            # the heading above the first step as well
            self.scroll_to(y=0 if line <= 2 else line, animate=False, immediate=True)
        elif line >= top + page:
            self.scroll_to(y=line - page + 1, animate=False, immediate=True)

    def action_move(self, across: int, down: int) -> None:
        if across and self.drawing.is_tree and self.view and self.cursor:
            step = self.view.by_name[self.cursor]
            near = step.needs if across < 0 else self.view.dependents(step.name)
            self._go(near[0] if near else self.cursor)
        else:
            self._go(self.drawing.moved(self.cursor, across, down))

    def action_page(self, pages: int) -> None:
        for _ in range(max(1, self.size.height - 2)):
            self.cursor = self.drawing.moved(self.cursor, 0, pages)
        self._go(self.cursor)

    def action_end(self, place: int) -> None:
        if names := list(self.drawing.places):
            self._go(names[place])

    def action_open(self) -> None:
        if self.cursor:
            self.post_message(Opened(self, self.cursor))

    def _go(self, step: str | None) -> None:
        self.cursor = step
        self._keep_in_view()
        self.refresh()
        self.post_message(CursorMoved())

    def on_click(self, event: Click) -> None:
        line, x = event.y + self.scroll_offset.y, 0
        for piece in self.drawing.lines[line] if line < len(self.drawing.lines) else ():
            x += len(piece.text)
            if piece.step and event.x < x:
                self._go(piece.step)
                return

    def render_line(self, y: int) -> Strip:
        line = y + self.scroll_offset.y
        if line >= len(self.drawing.lines):
            return Strip.blank(self.size.width, self.rich_style)
        segments = [segment for piece in self.drawing.lines[line] for segment in self._segments(piece)]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def _segments(self, piece: Piece) -> list[Segment]:
        text = escape(piece.text)
        content = parsed(f"[{piece.style}]{text}[/]" if piece.style else text)
        parse = self.app.stylesheet.parse_style
        segments = [Segment(text, style.rich_style) for text, style in content.render(self.visual_style, "", parse)]
        if piece.step is None or piece.step != self.cursor:
            return segments
        marked = self.get_component_rich_style(
            "study-graph--cursor" if self.has_focus else "study-graph--cursor-dim", partial=True
        )
        return list(Strip(segments).apply_style(marked))


def _first(view: "StudyView") -> str | None:
    """Return the step that a person looks for first."""
    for state in ("running", "paused", "failed", "lost", "stopped"):
        if found := next((step.name for step in view.steps if step.state == state), None):
            return found
    return next(iter(view.next_steps), None) or (view.steps[-1].name if view.steps else None)
