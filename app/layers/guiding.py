"""Finding one's way: help, command palette, jump mode, colours, a picture of the screen."""

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.app import SystemCommand
from textual.command import CommandPalette, DiscoveryHit, Hits
from textual.screen import Screen
from textual.system_commands import SystemCommandsProvider
from textual.widgets import Input, OptionList
from textual.worker import Worker

from app.action import Action
from app.actions import ACTIONS
from app.language import _
from app.layers.frame import Frame
from app.mends import mend
from app.screens.dialog import Once
from app.theme import NAMES, THEMES
from experiments.state_folder import state_folder


class Offers(SystemCommandsProvider):
    """The palette's list in our order, the pane's own first; Textual's is by the alphabet."""

    async def discover(self) -> Hits:
        for command in self.app.get_system_commands(self.screen):
            yield DiscoveryHit(command.title, command.callback, help=command.help)


class Palette(CommandPalette, Once[None]):
    """Textual's, which ends the app when it is left while it still gathers its commands, or chosen from twice (8.2)."""

    _chosen = False

    @on(OptionList.OptionSelected)
    @on(Input.Submitted)
    def choose_once(self, event: OptionList.OptionSelected | Input.Submitted) -> None:
        """Two keys of one paste may both choose; the first one counts."""
        if self._chosen:
            event.stop()
            event.prevent_default()
        self._chosen = self._chosen or isinstance(event, OptionList.OptionSelected)

    def run_worker(self, *arguments: Any, **options: Any) -> Worker[Any]:
        return super().run_worker(*arguments, **options | {"exit_on_error": False})

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.worker.error and self.is_current:
            self.app.report(event.worker.error)


class Guiding(Frame):
    """What tells a person where to go and what can be done there."""

    COMMANDS: ClassVar = {Offers}

    def on_load(self) -> None:
        mend()

    def action_help(self) -> None:
        from app.screens.help import Help

        async def answer(name: str | None) -> None:
            if name:
                await self._go_and_run(name)

        self.push_screen(Help(ACTIONS, self.place, self.refusal), answer)

    async def _go_and_run(self, name: str) -> None:
        """Run an action; one that works on other panes only, on the first of those."""
        action = next(action for action in ACTIONS if action.name == name)
        if not action.works_on(self.place):
            # beside the list a wide terminal always shows another pane, which is the one that counts
            self.action_show(next(pane for pane in action.panes if pane != "experiments" or self.is_narrow))
        await self.run_action(name)

    def action_jump(self) -> None:
        from app.screens.jump import Jump, targets

        self.push_screen(Jump(targets(self.screen)))

    def action_theme(self) -> None:
        """The next of our own colours; the first, where another theme was chosen in the palette."""
        names = [theme.name for theme in THEMES]
        at = names.index(self.theme) + 1 if self.theme in names else 0
        self.theme = names[at % len(names)]
        self.notify(_("Colours: {name}").format(name=_(NAMES[self.theme])), timeout=2)

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(placeholder=_("search actions")))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The command palette offers what the keys do here and now, the pane's own first."""
        able = [action for action in ACTIONS if not self.refusal(action) and action.name != "command_palette"]
        for action in sorted(able, key=lambda action: self.place not in action.panes):
            yield SystemCommand(_title(action), _(action.tooltip), partial(self.run_action, action.name))
        yield SystemCommand(_("All colours"), _("Choose among all colour themes"), self.action_change_theme)
        yield SystemCommand(_("Screenshot"), _("Save a picture of the screen as SVG"), self._take_screenshot)

    def _take_screenshot(self) -> None:
        # when the palette has gone from the screen
        self.set_timer(0.1, self.save_picture_of_screen)

    def save_picture_of_screen(self) -> None:
        """Save the screen as SVG: in a browser as a download, else in a folder of the user's own, which is told."""
        if self.is_web:
            self.deliver_screenshot()
            return
        folder = state_folder() / "screenshots"
        folder.mkdir(parents=True, exist_ok=True)
        saved = self.save_screenshot(path=str(folder))
        self.notify(_("saved {path}").format(path=saved), timeout=10, markup=False)


def _title(action: Action) -> str:
    return f"{_(action.label)} ({action.key_label})"
