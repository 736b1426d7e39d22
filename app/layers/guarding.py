"""With `--read-only` nothing is changed: what would is refused, whichever way it was asked for."""

from typing import Any

from textual import on

from app import messages
from app.action import Action
from app.actions import ACTIONS
from app.language import _
from app.layers.frame import Frame

_BY_NAME = {action.name: action for action in ACTIONS}


class Guarding(Frame):
    """Between a key, a click or the palette, and the action."""

    def refusal(self, action: Action) -> str | None:
        if action.changes and self.settings.read_only:
            return _("the dashboard was opened read-only")
        return super().refusal(action)

    async def run_action(self, action: Any, *arguments: Any, **options: Any) -> bool:
        name = action if isinstance(action, str) else action[1]
        meant = _BY_NAME.get(name.removeprefix("app."))
        if meant and meant.changes and self.settings.read_only and meant.works_on(self.place):
            refused = _("{action}: the dashboard was opened read-only, nothing is changed")
            self.notify(refused.format(action=_(meant.label)), severity="warning", markup=False)
            return True
        return await super().run_action(action, *arguments, **options)

    @on(messages.Furnished)
    def hold_the_editor(self) -> None:
        if self.settings.read_only:
            self.part("#config-text").read_only = True
