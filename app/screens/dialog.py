"""What every dialog is."""

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen, Screen

Answer = TypeVar("Answer")


class Once(Screen[Answer]):
    """A screen that answers once.

    Two keys of one paste may both answer; the second comes when the screen is gone, and must not close what lies below.
    """

    def dismiss(self, result: Answer | None = None) -> AwaitComplete:
        # not `is_current`: that is true of what shows through as well, and what lies over it would be closed
        if self.app.screen_stack[-1:] != [self]:
            return AwaitComplete.nothing()
        return super().dismiss(result)


class Dialog(ModalScreen[Answer], Once[Answer]):
    """A screen laid over the others. (Textual takes the styles of the first base only.)"""
