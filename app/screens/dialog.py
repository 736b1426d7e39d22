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
        if not self.is_current:
            return AwaitComplete.nothing()
        return super().dismiss(result)
