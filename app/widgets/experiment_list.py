"""The list of experiments: name, state, last and best IoU, and how the last runs did; draws only what is in view."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.events import Click
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Static

from app.language import _
from app.messages import ExperimentMeant, ExperimentOpened, Filtered
from app.text import escape, score, sparkline, status_text
from app.widgets.drawn import Drawn
from app.widgets.filter_line import FilterLine, has_words

if TYPE_CHECKING:
    from experiments.folders import Experiment
    from experiments.summary import Summary

_ACTIVE = ("starting", "running", "paused")


@dataclass(frozen=True, slots=True)
class Item:
    """One experiment as it is drawn; two that are equal look the same.

    Attributes:
        summary: None for one that never ran; `is_read` tells whether the runs were read at all.
        found_by: what the filter looks into.
    """

    name: str
    problem: str | None
    summary: "Summary | None"
    is_read: bool
    unsaved: bool
    found_by: str


class ExperimentList(Drawn, ScrollView, can_focus=True):
    """Two lines an experiment, and one between where the terminal is high."""

    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "move(-1000000000)", show=False),
        Binding("end,G", "move(1000000000)", show=False),
        Binding("enter", "open", show=False),
        Binding("escape", "show_all", show=False),
    ]
    COMPONENT_CLASSES: ClassVar = {"list--cursor", "list--cursor-dim"}
    DEFAULT_CSS = """
    ExperimentList {
        height: 1fr; scrollbar-size: 1 1; overflow-x: hidden; overflow-y: auto;
        & .list--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
        & .list--cursor-dim { background: $block-cursor-blurred-background; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.items: tuple[Item, ...] = ()
        self.shown: tuple[Item, ...] = ()
        self.words = ""
        self.current: str | None = None
        self._strips: dict[tuple[Item, int, int], Strip] = {}

    @property
    def names(self) -> list[str]:
        """The experiments that the filter lets through."""
        return [item.name for item in self.shown]

    @property
    def cursor(self) -> int:
        return next((index for index, item in enumerate(self.shown) if item.name == self.current), 0)

    @property
    def rows(self) -> int:
        """Lines an experiment takes."""
        return 2 if self.screen.has_class("-short") else 3

    def show(
        self,
        experiments: "Sequence[Experiment]",
        summaries: "Mapping[str, Summary] | None",
        unsaved: set[str],
    ) -> None:
        """Show the experiments; the cursor stays where it is, and only what changed is drawn again.

        Args:
            summaries: by experiment; None while the runs have not been read.
        """
        items = tuple(_item(experiment, summaries, experiment.name in unsaved) for experiment in experiments)
        if items == self.items:
            return
        before, self.items = self.shown, items
        self.shown = self._matching()
        if [item.name for item in before] != [item.name for item in self.shown]:
            self._lay_out()
            return
        for index, (old, new) in enumerate(zip(before, self.shown, strict=True)):
            if old != new:
                self._refresh_row(index)

    def filter(self, words: str) -> None:
        self.words = words
        self.shown = self._matching()
        self._lay_out()

    def select(self, name: str) -> None:
        """Put the cursor on an experiment, without telling anybody."""
        if name != self.current:
            self._refresh_row(self.cursor)
            self.current = name
            self._refresh_row(self.cursor)
            self._keep_in_view()

    def go_to(self, name: str) -> None:
        """Put the cursor on an experiment as a person does."""
        self.select(name)
        self.post_message(ExperimentMeant(name))

    def action_move(self, count: int) -> None:
        if self.shown:
            self.go_to(self.shown[min(max(0, self.cursor + count), len(self.shown) - 1)].name)

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.size.height // self.rows - 1))

    def action_open(self) -> None:
        if self.shown:
            self.go_to(self.shown[self.cursor].name)
            self.post_message(ExperimentOpened(self.shown[self.cursor].name))

    def action_show_all(self) -> None:
        self.post_message(Filtered(self, None))

    def on_click(self, event: Click) -> None:
        index = (event.y + self.scroll_offset.y) // self.rows
        if index < len(self.shown):
            self.current = self.shown[index].name
            self.refresh()
            self.action_open()

    def _matching(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if has_words(item.found_by, self.words))

    def _lay_out(self) -> None:
        if self.is_mounted:
            self.virtual_size = Size(0, len(self.shown) * self.rows)
            self._strips.clear()
            self._keep_in_view()
            self.refresh()

    def on_resize(self) -> None:
        self._lay_out()

    def notify_style_update(self) -> None:
        self._strips.clear()
        super().notify_style_update()

    def _keep_in_view(self) -> None:
        top, height, at = self.scroll_offset.y, self.size.height, self.cursor * self.rows
        if at < top:
            self.scroll_to(y=at, animate=False, immediate=True)
        elif height and at + self.rows > top + height:
            self.scroll_to(y=at + self.rows - height, animate=False, immediate=True)

    def _refresh_row(self, index: int) -> None:
        y = index * self.rows - self.scroll_offset.y
        if self.is_mounted and -self.rows < y < self.size.height:
            self.refresh(Region(0, y, self.size.width, self.rows))

    # -- drawing -------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        index, part = divmod(y + self.scroll_offset.y, self.rows)
        if index >= len(self.shown):
            return Strip.blank(width, self.rich_style)
        item = self.shown[index]
        key = (item, width, part)
        if key not in self._strips:
            if len(self._strips) > 1000:
                self._strips.clear()
            self._strips[key] = self._line(item, part, width)
        strip = self._strips[key]
        if item.name != self.current or part == 2:
            return strip
        component = "list--cursor" if self.has_focus else "list--cursor-dim"
        return strip.apply_style(self.get_component_rich_style(component, partial=True))

    def _line(self, item: Item, part: int, width: int) -> Strip:
        room = max(1, width - 2)
        content = _first(item, room) if part == 0 else _second(item) if part == 1 else Content("")
        content = Content.assemble(" ", content.truncate(room, ellipsis=True))
        parse = self.app.stylesheet.parse_style
        segments = [Segment(text, style.rich_style) for text, style in content.render(self.visual_style, "", parse)]
        return Strip(segments).adjust_cell_length(width, self.rich_style)


class Experiments(Vertical):
    """The list, with a line to filter it and a count while it is filtered."""

    DEFAULT_CSS = """
    Experiments { & #left-count { height: 1; padding: 0 1; color: $foreground 60%; display: none; } }
    """

    def compose(self) -> ComposeResult:
        yield FilterLine(id="left-filter", placeholder=_("words of name, state, title"))
        yield Static(id="left-count")
        yield ExperimentList(id="left-list")

    @property
    def list(self) -> ExperimentList:
        return self.query_one(ExperimentList)

    def open_filter(self) -> None:
        self.query_one(FilterLine).open()

    def filter(self, words: str | None) -> None:
        """Show what holds every word, everything for None."""
        self.list.filter(words or "")
        self.show_count()
        if words is None:
            self.query_one(FilterLine).close()

    def show_count(self) -> None:
        count = self.query_one("#left-count", Static)
        count.display = bool(self.list.words)
        count.update(_("{shown} of {all}").format(shown=len(self.list.shown), all=len(self.list.items)))


def _item(experiment: "Experiment", summaries: "Mapping[str, Summary] | None", unsaved: bool) -> Item:
    summary = summaries.get(experiment.name) if summaries is not None else None
    state = _("broken") if experiment.problem else summary.status if summary else ""
    problem = _short(experiment) if experiment.problem else None
    found_by = f"{experiment.name} {experiment.title} {state} {problem or ''}"
    return Item(experiment.name, problem, summary, summaries is not None, unsaved, found_by)


def _first(item: Item, room: int) -> Content:
    """Name and mark on the left, the last runs on the right: where both do not fit, the name wins."""
    mark = f" [$warning]● {_('unsaved')}[/]" if item.unsaved else ""
    left = Content.from_markup(f"[b]{escape(item.name)}[/b]{mark}")
    trend = item.summary.trend if item.summary else ()
    gap = room - left.cell_length - len(trend)
    if len(trend) < 2 or gap < 1:
        return left
    return Content.assemble(left, " " * gap, Content.from_markup(f"[$primary]{sparkline(trend)}[/]"))


def _second(item: Item) -> Content:
    if item.problem:
        return Content.from_markup(f"[$error]✗ {escape(item.problem)}[/]")
    if not item.is_read:
        return Content.from_markup("[$foreground 50%]…[/]")
    if (summary := item.summary) is None:
        return Content.from_markup(f"[$foreground 50%]{_('no run yet')}[/]")
    state = status_text(summary.status)
    if summary.active > 1 and summary.status in _ACTIVE:
        state += f" [$foreground 60%]×{summary.active}[/]"
    if not summary.metric:
        return Content.from_markup(state)
    scores = f"[$foreground 60%]{summary.metric}[/] {score(summary.last)} [$foreground 60%]{_('best')}[/]"
    return Content.from_markup(f"{state}  {scores} {score(summary.best)}")


def _short(experiment: "Experiment") -> str:
    """The problem without the path that the list already shows."""
    return (experiment.problem or "").removeprefix(str(experiment.path)).lstrip("/\\")
