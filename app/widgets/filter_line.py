"""One line to type what is looked for; it tells every letter, Enter keeps it, Esc shows everything again."""

from typing import ClassVar

from textual.binding import Binding
from textual.widgets import Input

from app.messages import Filtered


class FilterLine(Input):
    """Hidden until `open`; its owner hears `Filtered` and takes the focus back."""

    BINDINGS: ClassVar = [Binding("escape", "leave", show=False, priority=True)]
    DEFAULT_CSS = """
    FilterLine { display: none; height: 1; border: none; padding: 0 1; background: $boost; }
    FilterLine:focus { border: none; }
    """

    def on_mount(self) -> None:
        self.can_focus = False  # else a screen that opens would give it the keys, hidden as it is

    def open(self) -> None:
        self.display = self.can_focus = True
        self.focus()

    def close(self) -> None:
        """Hide and empty it, without telling anybody."""
        self.display = self.can_focus = False
        with self.prevent(Input.Changed):
            self.value = ""

    def action_leave(self) -> None:
        self.close()
        self.post_message(Filtered(self, None))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(Filtered(self, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(Filtered(self, event.value, is_done=True))


def has_words(text: str, words: str) -> bool:
    """Tell whether every word of `words` is somewhere in `text`, small letters or capital."""
    text = text.casefold()
    return all(word in text for word in words.casefold().split())
