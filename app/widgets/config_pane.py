"""The config editor: the text as it is in the file and the same as a form, always in step."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.document._history import EditHistory
from textual.events import Resize
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static, TextArea

from app.language import _, ngettext
from app.messages import Edited, UnsavedChanged
from app.text import escape
from app.widgets.config_form import ConfigForm
from app.widgets.drawn import Bare
from app.widgets.told import tell
from app.widgets.yaml_area import YamlArea, line_of, line_told

if TYPE_CHECKING:
    from experiments.config_form import Form

TYPING_PAUSE = 0.25
# both views beside each other from this width on
BOTH = 100
_WARNING = "warning: "


def _history() -> EditHistory:
    return EditHistory(max_checkpoints=200, checkpoint_timer=2.0, checkpoint_max_characters=100)


@dataclass(slots=True)
class Draft:
    """A config that is being edited; kept while other experiments are looked at, so that nothing is lost."""

    saved: str
    text: str
    history: EditHistory = field(default_factory=_history)

    @property
    def is_unsaved(self) -> bool:
        return self.text != self.saved


class ConfigPane(Bare, Vertical):
    """Holds one draft per experiment; asks the App to check, to change and to save.

    Attributes:
        view: which view is shown where there is no room for both: `yaml` or `form`.
        form: the form of the text that was checked last.
    """

    DEFAULT_CSS = """
    ConfigPane {
        & #config-views { height: 1fr; }
        & ConfigForm { display: none; width: 1fr; }
        &.-form ConfigForm { display: block; }
        &.-form YamlArea { display: none; }
        &.-both ConfigForm { display: block; width: 3fr; margin: 0 1 0 0; }
        &.-both YamlArea { display: block; width: 2fr; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.drafts: dict[str, Draft] = {}
        self.name_shown: str | None = None
        self.problems: list[tuple[str, str]] = []
        self.view = "yaml"
        self.form: Form | None = None
        self._typing: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="config-head")
        with Horizontal(id="config-views"):
            yield ConfigForm(id="config-form")
            yield YamlArea(id="config-text")
        yield Static(id="config-problems")

    # -- views ---------------------------------------------------------------------------------------------------

    @property
    def shows_both(self) -> bool:
        """Whether there is room for both views; known before the pane was ever seen."""
        room = self.size.width or (self.parent.size.width if isinstance(self.parent, Widget) else 0)
        return room >= BOTH

    @property
    def focus_target(self) -> Widget | None:
        """What takes keys when the pane is gone to: the form where it is seen; the text only when it is asked for."""
        self.fit()
        return self.query_one(ConfigForm).grid if self.shows_both or self.view == "form" else None

    def on_resize(self, event: Resize) -> None:
        self.fit()

    def fit(self) -> None:
        self.set_class(self.shows_both, "-both")

    def switch_view(self) -> None:
        """Go to the other view."""
        area, form = self.query_one(YamlArea), self.query_one(ConfigForm)
        self.view = (
            ("yaml" if form.has_focus_within else "form")
            if self.shows_both
            else ("yaml" if self.view == "form" else "form")
        )
        self.set_class(self.view == "form", "-form")
        self._draw()
        (form.grid if self.view == "form" else area).focus()

    # -- drafts --------------------------------------------------------------------------------------------------

    @property
    def draft(self) -> Draft | None:
        return self.drafts.get(self.name_shown or "")

    @property
    def unsaved(self) -> set[str]:
        return {name for name, draft in self.drafts.items() if draft.is_unsaved}

    def show(self, name: str, saved: str) -> None:
        """Show the config of an experiment; an unsaved draft of it wins over the file."""
        draft = self.drafts.setdefault(name, Draft(saved, saved))
        changed, self.name_shown = name != self.name_shown, name
        if changed:
            self.problems, self.form = [], None
            self._load(draft)
        if not draft.is_unsaved and draft.saved != saved:
            draft.saved = saved
            self.put(name, saved)
        self._draw()
        self._ask_check()

    def _load(self, draft: Draft) -> None:
        area = self.query_one(YamlArea)
        area.history = _history()  # loading a text clears the history that is there
        area.load_text(draft.text)
        area.history = draft.history
        area.cursor_location = (0, 0)
        area.marks = {}

    def put(self, name: str, text: str) -> None:
        """Change the text of a draft as a person would, so that undo takes it back."""
        draft = self.drafts[name]
        before, draft.text = draft.is_unsaved, text
        if name == self.name_shown:
            self.query_one(YamlArea).put(text)
            self._draw()
            self._ask_check()
        else:
            draft.history.clear()
        if draft.is_unsaved != before:
            self.post_message(UnsavedChanged(self.unsaved))

    def mark_saved(self, name: str, text: str) -> None:
        self.drafts[name].saved = text
        self._draw()
        self.post_message(UnsavedChanged(self.unsaved))

    def revert(self) -> None:
        if draft := self.draft:
            self.put(self.name_shown or "", draft.saved)

    def read_again(self, name: str, text: str) -> None:
        """The file was changed elsewhere, and what it says now is wanted."""
        if draft := self.drafts.get(name):
            draft.saved = text
            self.put(name, text)
            self.post_message(UnsavedChanged(self.unsaved))

    def show_checked(self, name: str, form: "Form") -> None:
        """Show what the check found, unless the text has moved on since."""
        if self.draft and name == self.name_shown and form.text == self.draft.text:
            self.form, self.problems = form, list(form.problems)
            self.query_one(ConfigForm).show(name, form)
            self._draw(checked=True)

    @on(TextArea.Changed)
    def _changed(self, event: TextArea.Changed) -> None:
        draft = self.draft
        if draft is None or event.text_area.text == draft.text:
            return
        before = draft.is_unsaved
        draft.text = event.text_area.text
        if draft.is_unsaved != before:
            self.post_message(UnsavedChanged(self.unsaved))
        self._draw()
        if self._typing:
            self._typing.stop()
        self._typing = self.set_timer(TYPING_PAUSE, self._ask_check)

    def _ask_check(self) -> None:
        if draft := self.draft:
            self.post_message(Edited(self.name_shown or "", draft.text))

    # -- drawing -------------------------------------------------------------------------------------------------

    def _draw(self, checked: bool = False) -> None:
        draft, name = self.draft, escape(self.name_shown or "")
        if draft is None:
            return
        unsaved = (
            f"  [$warning]● {_('unsaved')}[/]  [$foreground 55%]{_('ctrl+s saves, ctrl+r reverts, ctrl+z undoes')}[/]"
            if draft.is_unsaved
            else ""
        )
        head = f"[b]{name}[/b][$foreground 55%]/config.yaml[/]{unsaved}"
        tell(self.query_one("#config-head", Static), head, fixed=True)
        if checked:
            self.query_one(YamlArea).marks = self._marks(draft.text)
        rows = {entry.key for entry in self.form.entries if entry.problem} if self.form else set()
        told = (
            self.problems
            if self.shows_both or self.view == "yaml"
            else ([problem for problem in self.problems if problem[0] not in rows])
        )
        lines = [self._sentence(key, text, draft.text) for key, text in told[:5]]
        if len(told) > 5:
            more = len(told) - 5
            lines.append(f"[$foreground 55%]{ngettext('and {} more', 'and {} more', more).format(more)}[/]")
        if not self.problems and checked:
            lines = [f"[$success]✓ {_('valid')}[/]"]
        if lines or checked:
            self.query_one("#config-problems", Static).update("\n".join(lines))

    def _marks(self, text: str) -> dict[int, str]:
        """Return line -> `✗` or `!`, for the gutter."""
        marks: dict[int, str] = {}
        for key, sentence in self.problems:
            row = line_of(text, key) if key else line_told(sentence)
            if row is not None:
                sign = "!" if sentence.startswith(_WARNING) else "✗"
                marks[row] = "✗" if marks.get(row) == "✗" else sign
        return marks

    @staticmethod
    def _sentence(key: str, text: str, config: str) -> str:
        if text.startswith(_WARNING):
            named = f"[b]{escape(key)}[/b]: " if key else ""
            return f"[$warning]![/] {named}[$warning]{escape(text.removeprefix(_WARNING))}[/]"
        line = line_of(config, key) if key else None
        where = f"[$foreground 55%]{_('line {}').format(line + 1)}[/] " if line is not None else ""
        return f"[$error]✗[/] {where}{f'[b]{escape(key)}[/b]: ' if key else ''}{escape(text)}"
