"""One line to type what of the log is to be shown; it is applied while one types."""

from typing import ClassVar

from textual.binding import Binding
from textual.widgets import Input

from app.language import _
from app.messages import LogFilterLeft, LogFilterTyped
from pipeseg.errors import BadInput


class LogFilterInput(Input):
    """Hidden until it is asked for; Enter goes to the lines that are left, Esc shows all of them again."""

    BINDINGS: ClassVar = [
        Binding("escape", "leave", show=False),
        Binding("down,tab", "submit", show=False),
    ]
    DEFAULT_CSS = """
    LogFilterInput { display: none; height: 1; border: none; background: $boost; padding: 0 1; }
    LogFilterInput:focus { border: none; }
    LogFilterInput.-wrong { color: $error; text-style: underline; }
    """

    def open(self) -> None:
        self.placeholder = _("words · !without · re:expression · Enter keeps, Esc shows all")
        self.display = True
        self.focus()

    def close(self) -> None:
        with self.prevent(Input.Changed):
            self.value = ""
        self.remove_class("-wrong")
        self.display = False

    def on_input_changed(self, event: Input.Changed) -> None:
        from experiments.log_lines import LogFilter

        event.stop()
        try:
            LogFilter.parse(event.value)
        except BadInput:  # an expression that is not finished yet: the last whole one holds
            self.add_class("-wrong")
            return
        self.remove_class("-wrong")
        self.post_message(LogFilterTyped(event.value))

    def action_leave(self) -> None:
        self.post_message(LogFilterLeft())
