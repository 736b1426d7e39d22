"""The config editor: text as it is in the file, checked while it is typed."""

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer
from textual.widgets import Static, TextArea

from app.messages import Edited, UnsavedChanged
from app.text import escape
from app.widgets.yaml_area import YamlArea, line_of

TYPING_PAUSE = 0.25
_WARNING = "warning: "


@dataclass(slots=True)
class Draft:
    """A config that is being edited; kept while other experiments are looked at, so that nothing is lost."""

    saved: str
    text: str

    @property
    def is_unsaved(self) -> bool:
        return self.text != self.saved


class ConfigPane(Vertical):
    """Holds one draft per experiment; asks the App to check and to save."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.drafts: dict[str, Draft] = {}
        self.name_shown: str | None = None
        self.problems: list[tuple[str, str]] = []
        self._typing: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="config-head")
        yield YamlArea(id="config-text")
        yield Static(id="config-problems")

    @property
    def draft(self) -> Draft | None:
        return self.drafts.get(self.name_shown or "")

    @property
    def unsaved(self) -> set[str]:
        return {name for name, draft in self.drafts.items() if draft.is_unsaved}

    def show(self, name: str, saved: str) -> None:
        """Show the config of an experiment; an unsaved draft of it wins over the file."""
        draft = self.drafts.setdefault(name, Draft(saved, saved))
        if not draft.is_unsaved:
            draft.saved = draft.text = saved
        changed, self.name_shown = name != self.name_shown, name
        area = self.query_one(YamlArea)
        if area.text != draft.text:
            area.load_text(draft.text)
        if changed:
            self.problems = []
            area.cursor_location = (0, 0)
        self._draw()
        self._ask_check()

    def mark_saved(self, name: str, text: str) -> None:
        self.drafts[name].saved = text
        self._draw()
        self.post_message(UnsavedChanged(self.unsaved))

    def revert(self) -> None:
        if draft := self.draft:
            draft.text = draft.saved
            self.query_one(YamlArea).load_text(draft.saved)
            self._draw()

    def show_problems(self, name: str, text: str, problems: list[tuple[str, str]]) -> None:
        """Show what the check found, unless the text has moved on since."""
        if self.draft and name == self.name_shown and text == self.draft.text:
            self.problems = problems
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

    def _draw(self, checked: bool = False) -> None:
        draft, name = self.draft, escape(self.name_shown or "")
        if draft is None:
            return
        unsaved = (
            "  [$warning]● unsaved[/]  [$foreground 55%]ctrl+s saves, ctrl+r reverts[/]" if draft.is_unsaved else ""
        )
        self.query_one("#config-head", Static).update(f"[b]{name}[/b][$foreground 55%]/config.yaml[/]{unsaved}")
        lines = [self._sentence(key, text, draft.text) for key, text in self.problems[:5]]
        if len(self.problems) > 5:
            lines.append(f"[$foreground 55%]and {len(self.problems) - 5} more[/]")
        if not lines and checked:
            lines = ["[$success]✓ valid[/]"]
        if lines or checked:
            self.query_one("#config-problems", Static).update("\n".join(lines))

    @staticmethod
    def _sentence(key: str, text: str, config: str) -> str:
        if text.startswith(_WARNING):
            return f"[$warning]! {escape(text.removeprefix(_WARNING))}[/]"
        line = line_of(config, key) if key else None
        where = f"[$foreground 55%]line {line + 1}[/] " if line is not None else ""
        return f"[$error]✗[/] {where}{f'[b]{escape(key)}[/b]: ' if key else ''}{escape(text)}"
