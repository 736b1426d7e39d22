"""Every action with its key: what works here first, by group; searchable; Enter runs it."""

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from app.action import Action
from app.actions import ACTIONS
from app.language import _
from app.screens.dialog import Dialog
from app.text import escape


def _nothing_refused(action: Action) -> str | None:
    return None


class Help(Dialog[str | None]):
    """Answers with the name of the action to run, None on Esc.

    Args:
        place: the pane from which it was opened; its own actions stand first.
        refusal: why an action cannot be done here and now, None where it can.
    """

    BINDINGS: ClassVar = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
    ]

    def __init__(
        self,
        actions: Iterable[Action] = ACTIONS,
        place: str = "",
        refusal: Callable[[Action], str | None] = _nothing_refused,
    ) -> None:
        super().__init__()
        self.actions = {action.name: action for action in actions}
        self.place = place
        # asked now: the answer is another one once this screen is open
        self.refusals = {action.name: refusal(action) for action in self.actions.values() if action.works_on(place)}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="help"):
            yield Input(placeholder=_("search keys and actions; Enter runs, Esc leaves"))
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
        """Below the list, in full: what the line above may have had no room for."""
        action = self.actions[event.option_id or ""]
        lines = [f"[$foreground 75%]{escape(_(action.tooltip))}[/]"]
        if action.headless:
            twin = _("without a screen: {command}").format(command=action.headless)
            lines.append(f"[$foreground 60%]{escape(twin)}[/]")
        self.query_one("#help-twin", Static).update("\n".join(lines))

    def action_move(self, count: int) -> None:
        options = self.query_one(OptionList)
        options.action_cursor_down() if count > 0 else options.action_cursor_up()

    def _fill(self, text: str) -> None:
        found = [action for action in self.actions.values() if matches(action, text)]
        width = max((len(_(action.label)) for action in found), default=0)
        options = self.query_one(OptionList)
        lines: list[Option] = []
        for heading, group in self._sections(found, text.strip()):
            # a heading cannot be gone to
            lines += [Option(f"[b $secondary]{escape(heading)}[/]", disabled=True)] if heading else []
            lines += [
                Option(_prompt(action, width, self.refusals.get(action.name)), id=action.name, disabled=not can)
                for action, can in group
            ]
        options.set_options(lines)
        able = [index for index, option in enumerate(lines) if not option.disabled]
        options.highlighted = able[0] if able else None

    def _sections(self, found: list[Action], text: str) -> Iterator[tuple[str, list[tuple[Action, bool]]]]:
        """What has the key that was typed; the pane's own; the rest by group; what works elsewhere; what is refused."""
        typed = [action for action in found if text in action.key_label.split()] if text else []
        typed.sort(key=lambda action: not action.works_on(self.place))
        rest = [action for action in found if action not in typed]
        here = [action for action in rest if action.works_on(self.place)]
        able = [action for action in here if not self.refusals.get(action.name)]
        own = [action for action in able if self.place in action.panes]
        if typed:
            yield "", [(action, not self.refusals.get(action.name)) for action in typed]
        if own:
            yield _("Here"), [(action, True) for action in own]
        others = [action for action in able if action not in own]
        for group in dict.fromkeys(action.group for action in others):
            yield _(group), [(action, True) for action in others if action.group == group]
        if elsewhere := [action for action in rest if action not in here]:
            yield _("On other panes; Enter goes there"), [(action, True) for action in elsewhere]
        if refused := [action for action in here if action not in able]:
            yield _("Not now"), [(action, False) for action in refused]


def matches(action: Action, text: str) -> bool:
    """Whether every word of `text` is in the action's key, label, sentence or group, in English or as shown."""
    words = (action.label, action.tooltip, action.group)
    described = " ".join((action.key_label, *words, *map(_, words))).casefold()
    return all(word in described for word in text.casefold().split())


def _prompt(action: Action, width: int, refusal: str | None = None) -> str:
    asks = f" [$warning]({escape(_('asks'))})[/]" if action.asks else ""
    sentence = f"[$foreground 65%]{escape(refusal or _(action.tooltip))}[/]{asks}"
    return f"[b $primary]{escape(action.key_label):<10}[/] {escape(_(action.label)):<{width}}  {sentence}"
