"""The name of a new experiment, checked while it is typed, and the one to copy."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from app.language import _
from app.screens.dialog import Dialog
from app.text import escape
from pipeseg.settings import Settings


class NewExperiment(Dialog[tuple[str, str] | None]):
    """Answers with (name, source), None on Esc."""

    BINDINGS: ClassVar = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
    ]
    DEFAULT_CSS = """
    NewExperiment #new-source {
        height: auto; max-height: 10; border: none; background: $panel; padding: 0; scrollbar-size: 1 1;
    }
    NewExperiment #new-source:focus { border: none; }
    NewExperiment #new-note { margin: 1 0 0 0; }
    """

    def __init__(self, settings: Settings, names: Sequence[str], source: str) -> None:
        super().__init__()
        self.settings, self.names, self.source = settings, list(names), source

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(_("Name of the new experiment"))
            yield Input(placeholder=_("deeper_unet, or group/deeper_unet"), id="new-name")
            yield Static(f"[$foreground 60%]{_('copied from (arrow keys choose):')}[/]")
            yield OptionList(*(Option(escape(name), id=name) for name in self.names), id="new-source")
            yield Static(id="new-note")

    def on_mount(self) -> None:
        self.query_one("#new-source", OptionList).highlighted = self.names.index(self.source)
        self._tell("")

    @property
    def chosen(self) -> str:
        option = self.query_one("#new-source", OptionList).highlighted_option
        return option.id if option and option.id else self.source

    def on_input_changed(self, event: Input.Changed) -> None:
        self._tell(event.value)

    def on_option_list_option_highlighted(self) -> None:
        self._tell(self.query_one(Input).value)

    def on_option_list_option_selected(self) -> None:
        self._answer()

    def on_input_submitted(self) -> None:
        self._answer()

    def action_move(self, count: int) -> None:
        options = self.query_one("#new-source", OptionList)
        options.highlighted = min(max(0, (options.highlighted or 0) + count), len(self.names) - 1)

    def _answer(self) -> None:
        from experiments.new_experiment import name_problem

        name = self.query_one(Input).value.strip()
        if name_problem(self.settings, name) is None:
            self.dismiss((name, self.chosen))
        else:
            self.query_one(Input).focus()
            self.app.bell()

    def _tell(self, text: str) -> None:
        from experiments.new_experiment import name_problem, title_of

        name = text.strip()
        if not name:
            note = f"[$foreground 55%]{_('Enter makes it, Esc leaves')}[/]"
        elif problem := name_problem(self.settings, name):
            note = f"[$error]✗ {escape(problem)}[/]"
        else:
            note = f"[$success]✓[/] {escape(self.settings.experiments_dir / name)}  [b]{escape(title_of(name))}[/b]"
        self.query_one("#new-note", Static).update(note)
