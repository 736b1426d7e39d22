"""The form of a config: one row a key, in groups; the value is typed where it stands."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.events import Click
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from app.language import _, ngettext
from app.messages import ChoiceWanted, CursorMoved, FieldChanged, FieldTyped, Filtered, LeftEditor, Opened
from app.text import escape
from app.widgets.drawn import Bare
from app.widgets.filter_line import FilterLine, has_words
from app.widgets.grid import Column, Grid, Row
from experiments.config_diff import ABSENT, as_text

if TYPE_CHECKING:
    from experiments.config_form import Entry, Form

_WARNING = "warning: "
_HEADING = "#"
# more than this many are chosen from a list, not one after another
MANY = 8
_VALUE = 2


class FormGrid(Grid):
    """Rows of keys under headings; the cursor stands on keys only."""

    BINDINGS: ClassVar = [
        Binding("space", "cycle", show=False),
        Binding("delete,backspace", "reset", show=False),
        Binding("escape", "leave", show=False),
    ]

    def show(self, rows: Iterable[Row]) -> None:
        super().show(rows)
        self._off_heading(1)

    def action_move(self, count: int) -> None:
        if self.rows:
            self.cursor = min(max(0, self.cursor + count), len(self.rows) - 1)
            self._off_heading(1 if count > 0 else -1)
            super().action_move(0)
            if self.cursor == 1 and count < 0:
                self.scroll_to(y=0, animate=False, immediate=True)

    def _off_heading(self, step: int) -> None:
        if not self.rows or not self.rows[self.cursor].key.startswith(_HEADING):
            return
        inside = 0 <= self.cursor + step < len(self.rows)
        self.cursor = min(self.cursor + (step if inside else -step), len(self.rows) - 1)

    def move_to(self, key: str) -> None:
        for index, row in enumerate(self.rows):
            if row.key == key:
                self.cursor = index
                self.action_move(0)

    def on_click(self, event: Click) -> None:
        event.prevent_default()
        index = event.y - 1 + self.scroll_offset.y
        if event.y < 1 or index >= len(self.rows) or self.rows[index].key.startswith(_HEADING):
            return
        is_again, self.cursor = self.cursor == index, index
        self.action_move(0)
        if is_again:
            self.action_open()

    def action_cycle(self) -> None:
        self.query_ancestor(ConfigForm).cycle()

    def action_reset(self) -> None:
        self.query_ancestor(ConfigForm).reset()

    def action_leave(self) -> None:
        self.post_message(LeftEditor())

    def on_resize(self) -> None:
        super().on_resize()
        self.query_ancestor(ConfigForm).place_line()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self.query_ancestor(ConfigForm).place_line()

    def value_place(self) -> tuple[int, int, int]:
        """Return x, y and width of the cursor's value, in cells from the grid's corner."""
        x = 1
        for index, width in self._layout():
            if index == _VALUE:
                return x, self.cursor - self.scroll_offset.y + 1, self.size.width - x - 1
            x += width + 2
        return 1, self.cursor - self.scroll_offset.y + 1, self.size.width - 2


class FieldInput(Input):
    """Lies over the value that it changes."""

    BINDINGS: ClassVar = [Binding("escape", "leave", show=False, priority=True)]

    def action_leave(self) -> None:
        self.query_ancestor(ConfigForm).end_typing()


class ConfigForm(Bare, Vertical):
    """Shows a `Form`, asks the App to change it; while the text is no YAML it keeps what it showed, read-only.

    Attributes:
        form: as last read from a text that is YAML.
        unreadable: why the text cannot be read now, or None.
    """

    DEFAULT_CSS = """
    ConfigForm {
        width: 1fr; height: 1fr;
        & FormGrid { height: 1fr; }
        &.-unreadable FormGrid { opacity: 55%; }
        & #form-detail { height: 3; border-top: solid $foreground 15%; text-wrap: wrap; text-overflow: ellipsis; }
        & FieldInput { display: none; position: absolute; height: 1; border: none; padding: 0; background: $boost; }
        & FieldInput:focus { border: none; background-tint: transparent 0%; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.form: Form | None = None
        self.name_shown = ""
        self.unreadable: str | None = None
        self.words = ""
        self._typing_key: str | None = None
        self._typing_problem: str | None = None

    def compose(self) -> ComposeResult:
        yield FilterLine(id="form-filter", placeholder=_("keys that hold every word; Esc shows all"))
        columns = (
            Column("", 1, keep=9),
            Column(_("key"), 27, keep=9),
            Column(_("value"), 20, grow=True, keep=9),
            Column(_("takes"), 18, grow=True, keep=1),
        )
        yield FormGrid(columns, id="form-grid")
        yield Static(id="form-detail")
        yield FieldInput(id="form-input", compact=True)

    @property
    def grid(self) -> FormGrid:
        return self.query_one(FormGrid)

    @property
    def entry(self) -> "Entry | None":
        """The row under the cursor."""
        key = self.grid.cursor_key
        return self.form.entry(key) if self.form and key else None

    @property
    def is_typing(self) -> bool:
        return self._typing_key is not None

    # -- what is shown -------------------------------------------------------------------------------------------

    def show(self, name: str, form: "Form") -> None:
        """Show a form; one without rows only says why, over the rows that were there."""
        if name != self.name_shown:
            self.name_shown, self.form = name, None
            self.end_typing()
        self.unreadable = None if form.is_readable else form.problems[0][1]
        self.set_class(not form.is_readable, "-unreadable")
        if form.is_readable:
            self.form = form
        elif self.is_typing:
            self.end_typing()
        self._draw()

    def _draw(self) -> None:
        self.grid.show(self._rows())
        self._draw_detail()

    def _rows(self) -> list[Row]:
        rows: list[Row] = []
        group = None
        for entry in self.form.entries if self.form else ():
            if not has_words(f"{entry.key} {entry.help} {entry.group}", self.words):
                continue
            if entry.group != group:
                group = entry.group
                rows.append(Row(f"{_HEADING}{group}", ("", f"[b $primary]{_(group)}[/]", "", "")))
            rows.append(_row(entry))
        return rows

    def _draw_detail(self) -> None:
        detail, entry = self.query_one("#form-detail", Static), self.entry
        if self.unreadable:
            sentence = _("the form waits until the text can be read again")
            detail.update(f"[$error]✗ {escape(self.unreadable)}[/]\n[$foreground 70%]{sentence}[/]")
            return
        if entry is None:
            detail.update(_("[$foreground 60%]no key holds these words[/]") if self.words else "")
            return
        default = _("must be given") if entry.default is ABSENT else _("default {}").format(as_text(entry.default))
        head = f"[b]{escape(entry.key)}[/b]  [$foreground 65%]{escape(entry.kind.words)} · {escape(default)}[/]"
        problem = self._typing_problem if self.is_typing else entry.problem
        if problem:
            detail.update(f"{head}\n{_sentence(problem)}")
            return
        hints = self._hints(entry)
        detail.update(f"{head}\n{escape(self._help(entry))}{f'  [$foreground 50%]{hints}[/]' if hints else ''}")

    @staticmethod
    def _help(entry: "Entry") -> str:
        chosen = next((each.help for each in entry.kind.choices if each.help and each.value == entry.shown), "")
        if entry.kind.words == "name" and chosen:
            return f"{as_text(entry.shown)}: {chosen}"
        return entry.help

    def _hints(self, entry: "Entry") -> str:
        if self.is_typing:
            return _("Enter takes it, Esc leaves")
        if 1 < len(entry.kind.choices) <= MANY:
            return _("Space next")
        return (
            ngettext("{} choice", "{} choices", len(entry.kind.choices)).format(len(entry.kind.choices))
            if (entry.kind.choices)
            else ""
        )

    # -- what is asked -------------------------------------------------------------------------------------------

    @on(CursorMoved)
    def _moved(self) -> None:
        if self.is_typing:
            self.end_typing()
        self._draw_detail()

    def action_filter(self) -> None:
        self.query_one(FilterLine).open()

    @on(Filtered)
    def _filtered(self, event: Filtered) -> None:
        event.stop()
        self.words = event.text or ""
        self._draw()
        if event.text is None or event.is_done:
            self.grid.focus()

    @on(Opened)
    def _open(self, event: Opened) -> None:
        event.stop()
        if (entry := self._changeable()) is None:
            return
        kind = entry.kind
        if kind.closed and len(kind.choices) <= 2:
            self.cycle()
        elif len(kind.choices) > 2 or (kind.closed and kind.choices):
            self.post_message(ChoiceWanted(entry.key))
        else:
            self.start_typing(entry)

    def cycle(self) -> None:
        from experiments.config_form import next_choice

        if (entry := self._changeable()) is None:
            return
        if len(entry.kind.choices) > MANY:
            self.post_message(ChoiceWanted(entry.key))
        elif (value := next_choice(entry)) is not ABSENT and (value is not None or len(entry.kind.choices) > 1):
            self.post_message(FieldChanged(self.name_shown, entry.key, value))
        else:
            self.start_typing(entry)

    def reset(self) -> None:
        entry = self._changeable()
        if entry and entry.is_set:
            self.post_message(FieldChanged(self.name_shown, entry.key, ABSENT))

    def _changeable(self) -> "Entry | None":
        if self.unreadable:
            self.app.bell()
            return None
        return self.entry

    # -- typing a value ------------------------------------------------------------------------------------------

    def start_typing(self, entry: "Entry") -> None:
        line = self.query_one(FieldInput)
        self._typing_key, self._typing_problem = entry.key, None
        line.suggester = SuggestFromList([as_text(each.value) for each in entry.kind.choices], case_sensitive=False)
        with self.prevent(Input.Changed):
            line.value = as_text(entry.shown)
        line.display = True
        self.place_line()
        line.focus()
        line.cursor_position = len(line.value)
        self._draw_detail()

    def place_line(self) -> None:
        """Keep the line over its value, whatever moves below it."""
        if not self.is_typing:
            return
        x, y, width = self.grid.value_place()
        line = self.query_one(FieldInput)
        line.styles.offset = (x, y + self.grid.region.y - self.region.y)
        line.styles.width = max(4, width)

    def end_typing(self) -> None:
        if self.is_typing:
            self._typing_key = self._typing_problem = None
            line = self.query_one(FieldInput)
            had_focus = line.has_focus
            line.display = False
            if had_focus:
                self.grid.focus()
            self._draw_detail()

    def show_typing(self, key: str, problem: str | None) -> None:
        """Show what is wrong with what is typed so far."""
        if key == self._typing_key:
            self._typing_problem = problem
            self.query_one(FieldInput).set_class(bool(problem), "-invalid")
            self._draw_detail()

    @on(Input.Changed, "#form-input")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._typing_key:
            self.post_message(FieldTyped(self._typing_key, event.value))

    @on(Input.Submitted, "#form-input")
    def _typing_done(self, event: Input.Submitted) -> None:
        event.stop()
        if self._typing_key:
            self.post_message(FieldTyped(self._typing_key, event.value, is_done=True))


def _row(entry: "Entry") -> Row:
    key = escape(entry.key)
    if entry.problem:
        is_warning = entry.problem.startswith(_WARNING)
        mark = "[$warning]![/]" if is_warning else "[$error]✗[/]"
        takes = _sentence(entry.problem)
    else:
        mark = "[$primary]•[/]" if entry.is_set else " "
        takes = f"[$foreground 45%]{escape(entry.kind.words)}[/]"
    if entry.is_missing:
        value = f"[$error]{_('missing')}[/]"
    elif entry.is_set:
        key, value = f"[b]{key}[/b]", f"[b]{escape(_shown(entry))}[/b]"
    else:
        key, value = f"[$foreground 70%]{key}[/]", f"[$foreground 45%]{escape(_shown(entry))}[/]"
    return Row(entry.key, (mark, key, value, takes))


def _shown(entry: "Entry") -> str:
    """A section that can be switched off is on or off; what is in it are rows of their own."""
    if entry.kind.words == "section | null":
        return _("off") if entry.shown is None else _("on")
    return as_text(entry.shown)


def _sentence(problem: str) -> str:
    if problem.startswith(_WARNING):
        return f"[$warning]! {escape(problem.removeprefix(_WARNING))}[/]"
    return f"[$error]✗ {escape(problem)}[/]"
