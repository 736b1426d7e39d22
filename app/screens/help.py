"""Every action with its key, searchable; Enter runs it."""

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from app.action import Action
from app.actions import ACTIONS
from app.text import escape


class Help(ModalScreen[str | None]):
    """Answers with the name of the action to run, None on Esc."""

    BINDINGS: ClassVar = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
    ]

    def __init__(self, actions: Iterable[Action] = ACTIONS) -> None:
        super().__init__()
        self.actions = {action.name: action for action in actions}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="help"):
            yield Input(placeholder="search keys and actions; Enter runs, Esc leaves")
            yield OptionList(id="help-list")
            yield Static(id="help-twin")

    def on_mount(self) -> None:
        self._fill("")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._fill(event.value)

    def on_input_submitted(self) -> None:
        option = self.query_one(OptionList).highlighted_option
        self.dismiss(option.id if option else None)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        action = self.actions[event.option_id or ""]
        twin = f"without a screen: {action.headless}" if action.headless else ""
        self.query_one("#help-twin", Static).update(f"[$foreground 60%]{escape(twin)}[/]")

    def action_move(self, count: int) -> None:
        options = self.query_one(OptionList)
        options.action_cursor_down() if count > 0 else options.action_cursor_up()

    def _fill(self, text: str) -> None:
        found = [action for action in self.actions.values() if matches(action, text)]
        options = self.query_one(OptionList)
        options.set_options([Option(_prompt(action), id=action.name) for action in found])
        options.highlighted = 0 if found else None


def matches(action: Action, text: str) -> bool:
    """Whether every word of `text` is in the action's key, label, sentence or group."""
    described = f"{action.key_label} {action.label} {action.tooltip} {action.group}".casefold()
    return all(word in described for word in text.casefold().split())


def _prompt(action: Action) -> str:
    asks = " [$warning](asks)[/]" if action.asks else ""
    sentence = f"[$foreground 65%]{escape(action.tooltip)}[/]{asks}"
    return f"[b $primary]{escape(action.key_label):<10}[/] {action.label:<13} {sentence}"
