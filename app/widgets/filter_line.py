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

    def open(self) -> None:
        self.display = True
        self.focus()

    def action_leave(self) -> None:
        self.display = False
        self.clear_quietly()
        self.post_message(Filtered(self, None))

    def clear_quietly(self) -> None:
        with self.prevent(Input.Changed):
            self.value = ""

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
