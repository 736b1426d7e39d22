"""What every dialog is."""

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer]):
    """A screen laid over the others that answers once.

    Two keys of one paste may both answer; the second comes when the dialog is gone, and must not close what lies below.
    """

    def dismiss(self, result: Answer | None = None) -> AwaitComplete:
        # not `is_current`: that is true of what shows through as well, and what lies over it would be closed
        if self.app.screen_stack[-1:] != [self]:
            return AwaitComplete.nothing()
        return super().dismiss(result)
