"""A table that draws only the rows in view: ten thousand rows cost what twenty do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding
from textual.content import Content
from textual.events import Click
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from app.language import _
from app.messages import CursorMoved, Opened
from app.widgets.drawn import Drawn
from app.widgets.markup import parsed

_GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a grid.

    Attributes:
        width: in cells; `grow` columns share what is left over.
        keep: columns with the smallest `keep` go first where the terminal is too narrow.
    """

    title: str
    width: int
    right: bool = False
    grow: bool = False
    keep: int = 5


@dataclass(frozen=True, slots=True)
class Row:
    """Key and cells (console markup) of one row."""

    key: str
    cells: tuple[str, ...]


class Grid(Drawn, ScrollView, can_focus=True):
    """Rows under a fixed header, with a cursor."""

    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "move(-1000000000)", show=False),
        Binding("end,G", "move(1000000000)", show=False),
        Binding("enter", "open", "Open", show=False),
    ]
    COMPONENT_CLASSES: ClassVar = {"grid--header", "grid--cursor", "grid--cursor-dim"}
    DEFAULT_CSS = """
    Grid {
        height: 1fr; scrollbar-size: 1 1; overflow-x: hidden; overflow-y: auto;
        & .grid--header { color: $foreground 55%; text-style: bold; }
        & .grid--cursor { background: $block-cursor-background; text-style: bold; }
        & .grid--cursor-dim { background: $block-cursor-blurred-background; }
    }
    """

    def __init__(self, columns: Sequence[Column], *, empty: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.rows: tuple[Row, ...] = ()
        self.cursor = 0
        self.empty = empty
        self._strips: dict[tuple[str, int, bool], Strip] = {}

    @property
    def cursor_key(self) -> str | None:
        return self.rows[self.cursor].key if self.rows else None

    def show(self, rows: Iterable[Row]) -> None:
        """Replace the rows; the cursor stays on its row while that is there, and at the top if it was there."""
        key, at_top = self.cursor_key, self.cursor == 0
        rows = tuple(rows)
        if rows == self.rows:
            return
        self.rows = rows
        places = {row.key: index for index, row in enumerate(rows)}
        self.cursor = 0 if at_top else places.get(key or "", min(self.cursor, max(0, len(rows) - 1)))
        self._redraw()

    def _redraw(self) -> None:
        self._strips.clear()
        self.virtual_size = Size(0, len(self.rows) + 1)
        self._keep_in_view()
        self.refresh()

    def notify_style_update(self) -> None:
        self._strips.clear()
        super().notify_style_update()

    def on_resize(self) -> None:
        self._redraw()

    def _keep_in_view(self) -> None:
        page, top = max(1, self.size.height - 1), self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, immediate=True)
        elif self.cursor >= top + page:
            self.scroll_to(y=self.cursor - page + 1, animate=False, immediate=True)

    def action_move(self, count: int) -> None:
        if self.rows:
            self.cursor = min(max(0, self.cursor + count), len(self.rows) - 1)
            self._keep_in_view()
            self.refresh()
            self.post_message(CursorMoved())

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.size.height - 2))

    def action_open(self) -> None:
        if key := self.cursor_key:
            self.post_message(Opened(self, key))

    def on_click(self, event: Click) -> None:
        index = event.y - 1 + self.scroll_offset.y
        if event.y >= 1 and index < len(self.rows):
            self.cursor = index
            self.refresh()
            self.action_open()

    # -- drawing -------------------------------------------------------------------------------------------------

    def _layout(self) -> list[tuple[int, int]]:
        """Return (index, width) of the columns that fit."""
        # beside the scrollbar, which counts as part of the size
        space = self.scrollable_content_region.width - 1
        shown = list(range(len(self.columns)))

        def needed() -> int:
            return sum(self.columns[index].width for index in shown) + _GAP * (len(shown) - 1)

        while len(shown) > 1 and needed() > space:
            shown.remove(min(reversed(shown), key=lambda index: self.columns[index].keep))
        growing = [index for index in shown if self.columns[index].grow]
        spare = max(0, space - needed())
        return [
            (index, self.columns[index].width + (spare // len(growing) if index in growing else 0)) for index in shown
        ]

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if y == 0:
            return self._line([_(column.title) for column in self.columns], "grid--header")
        index = y - 1 + self.scroll_offset.y
        if not self.rows and y == 2:
            return Strip(self._segments(Content.from_markup(self.empty))).adjust_cell_length(width, self.rich_style)
        if index >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        row, at_cursor = self.rows[index], index == self.cursor
        key = (row.key, width, at_cursor)
        if at_cursor:
            return self._line(row.cells, "grid--cursor" if self.has_focus else "grid--cursor-dim")
        if key not in self._strips:
            self._strips[key] = self._line(row.cells, None)
        return self._strips[key]

    def _segments(self, content: Content) -> list[Segment]:
        parse = self.app.stylesheet.parse_style
        return [Segment(text, style.rich_style) for text, style in content.render(self.visual_style, "", parse)]

    def _line(self, cells: Sequence[str], component: str | None) -> Strip:
        parts: list[Content] = []
        is_header = component == "grid--header"
        for index, width in self._layout():
            cell = Content(cells[index]) if is_header else parsed(cells[index])
            cell = cell.truncate(width, ellipsis=True)
            padding = " " * (width - cell.cell_length)
            parts += [Content(padding), cell] if self.columns[index].right else [cell, Content(padding)]
            parts.append(Content(" " * _GAP))
        segments = self._segments(Content.assemble(" ", *parts))
        strip = Strip(segments).adjust_cell_length(self.size.width, self.rich_style)
        if not component:
            return strip
        # over the cells' own ground, which would hide it
        style = self.get_component_rich_style(component, partial=True)
        return Strip(Segment.apply_style(strip, post_style=style), strip.cell_length)
