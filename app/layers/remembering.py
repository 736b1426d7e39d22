"""Between starts: the experiment, the pane and the colours that were last looked at."""

from textual import on

from app import messages, reading
from app.actions import PANES
from app.layers.listing import Listing

SAVE_SECONDS = 2.0


class Remembering(Listing):
    """Other layers remember by `self.memory` as well; it is written here."""

    _cannot_save = False

    def on_mount(self) -> None:
        theme = self.memory.get("theme", self.theme)
        if theme in self.available_themes:
            self.theme = theme
        self.theme_changed_signal.subscribe(self, lambda theme: self.memory.put("theme", theme.name))
        self.leaving.subscribe(self, lambda _: self._save_memory(), immediate=True)

    def begin(self) -> None:
        super().begin()
        self.set_interval(SAVE_SECONDS, self._save_memory)

    def first_choice(self) -> str | None:
        """The experiment that was selected last, where it is still there."""
        remembered = self.memory.get("experiment", "")
        return remembered if remembered in {each.name for each in self.experiments} else super().first_choice()

    def select(self, name: str) -> None:
        super().select(name)
        self.memory.put("experiment", name)

    def action_show(self, pane: str) -> None:
        super().action_show(pane)
        self.memory.put("pane", pane)

    @on(messages.Furnished)
    def go_to_the_last_pane(self) -> None:
        pane = self.memory.get("pane", "")
        if pane in PANES:
            self.action_show(pane)

    def _save_memory(self) -> None:
        """A folder that cannot be written is told once, in the log: to forget is no reason to disturb."""
        self.remember()
        try:
            self.memory.save()
        except OSError as error:
            if not self._cannot_save:
                self._cannot_save = True
                reading.log_error(self.settings, error)
