"""The dashboard: all layers together, and what works everywhere: help, palette, refresh, quit.

Nothing heavy is imported before the first paint: the panes come in a thread after it, MLflow stays in another process.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from textual.app import SystemCommand
from textual.screen import Screen

from app.action import bindings
from app.actions import ACTIONS
from app.layers.inspecting import Inspecting
from app.layers.keeping import Keeping

_BY_NAME = {action.name: action for action in ACTIONS}


class Dashboard(Keeping, Inspecting):
    """Every layer together; one that no other stands on is a base of its own.

    Args:
        settings: where everything lies; the environment's by default.
    """

    TITLE = "pipeseg"
    CSS_PATH = "dashboard.tcss"
    BINDINGS: ClassVar = bindings(ACTIONS)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key that means something on some panes only is free for others elsewhere."""
        found = _BY_NAME.get(action)
        return found is None or found.works_on("experiments" if self.is_on_list else self.pane)

    def action_refresh(self) -> None:
        super().action_refresh()
        if self.pane == "compare":
            self.compare()
        if self.pane == "data":
            self.read_datasets()

    def action_help(self) -> None:
        from app.screens.help import Help

        async def answer(name: str | None) -> None:
            if name:
                await self.run_action(name)

        self.push_screen(Help(), answer)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The command palette offers the same actions as the keys."""
        for action in ACTIONS:
            if action.name != "command_palette":
                yield SystemCommand(
                    f"{action.label} ({action.key_label})", action.tooltip, partial(self.run_action, action.name)
                )
        yield SystemCommand("Theme", "Change the colours", self.action_change_theme)

    async def action_quit(self) -> None:
        unsaved = self.part("#config").unsaved if self.furnished else set()
        if not unsaved:
            self._leave()
            return
        question = f"Unsaved changes in {', '.join(sorted(unsaved))}."
        answers = [("q", "quit and lose them"), ("k", "keep editing")]
        self.ask(question, answers, lambda key: self._leave() if key == "q" else None)

    def _leave(self) -> None:
        active = [run.run_id for run in self.runs or [] if run.is_active]
        self.leaving.publish(None)
        verb = "run goes" if len(active) == 1 else "runs go"
        self.exit(message=f"{len(active)} {verb} on without the dashboard: {', '.join(active)}" if active else None)
