"""The comparison leaves the dashboard: to the clipboard in five forms, or into a file in nine."""

import os
from pathlib import Path

from textual import on, work
from textual.message import Message

from app import messages
from app.language import _
from app.layers.comparing import Comparing

# what most terminals take over OSC 52: 100,000 bytes of sequence, of which base64 leaves three quarters
CLIPBOARD_BYTES = 74_994
# key -> (form, label); the first is what `y` copies and stands last, where the focus is
COPIED = {
    "l": ("latex", "LaTeX"),
    "c": ("csv", "CSV"),
    "j": ("json", "JSON"),
    "t": ("table", "text"),
    "m": ("markdown", "Markdown"),
}


@messages.message
class Written(Message):
    """A file is there."""

    path: Path


class Exporting(Comparing):
    """Copies and writes what the Compare pane shows."""

    @property
    def _is_on_comparison(self) -> bool:
        return self.pane == "compare" and not self.is_on_list

    def action_copy(self) -> None:
        if not self._is_on_comparison:
            super().action_copy()
        elif self._has_table():
            self._render("markdown", "Markdown")

    def action_copy_as(self) -> None:
        """Ask in which form the table is copied."""
        if self._has_table():
            answers = [(key, label) for key, (_form, label) in COPIED.items()]
            self.ask(
                _("Copy the table as … (over SSH by OSC 52; tmux needs: set -s set-clipboard on)"),
                answers,
                lambda key: self._render(*COPIED[key]) if key else None,
            )

    def _has_table(self) -> bool:
        if self.comparison and self.comparison.of_metric(self.metric):
            return True
        self.notify(_("there is no table yet"), severity="warning")
        return False

    @work(thread=True, exclusive=True, group="copy", exit_on_error=False)
    def _render(self, form: str, label: str) -> None:
        from app.comparison import rendered

        assert self.comparison
        text = rendered(self.comparison, self.metric, form)
        self.post_message(messages.Copied(text, _("the comparison as {form}").format(form=label)))

    @on(messages.Copied)
    def copied(self, message: messages.Copied) -> None:
        self.copy_to_clipboard(message.text)
        size = len(message.text.encode())
        if size > CLIPBOARD_BYTES:
            told = _("copied {what}: {size} KB, of which many terminals keep 75; w writes a file").format(
                what=message.what, size=size // 1000
            )
            self.notify(told, severity="warning", timeout=10)
        else:
            self.notify(_("copied {what}").format(what=message.what), timeout=3)

    # -- files ---------------------------------------------------------------------------------------------------

    def action_write(self) -> None:
        """Ask what is written, and where."""
        if not self._has_table():
            return
        from app.screens.write_file import WriteFile

        self.push_screen(WriteFile(self.metric), self._write_asked)

    def _write_asked(self, answer: tuple[str, Path] | None) -> None:
        if answer is None:
            return
        form, path = answer
        if path.is_dir() and form != "pictures":
            self.notify(_("{path} is a folder").format(path=path), severity="error", markup=False)
        elif path.exists() and not (path.is_dir() and not os.listdir(path)):
            what = _("{path} has files in it. Write into it?") if path.is_dir() else _("{path} exists. Replace it?")
            self.ask(
                what.format(path=path),
                [("y", _("yes")), ("n", _("no"))],
                lambda key: self._write_file(form, path) if key == "y" else None,
            )
        else:
            self._write_file(form, path)

    @work(group="write", exit_on_error=False)
    async def _write_file(self, form: str, path: Path) -> None:
        from app.comparison import write
        from app.screens.write_file import arguments

        self.notify(_("writing {path} …").format(path=path), timeout=3, markup=False)
        from_store = form == "pictures"
        said = await write(self.settings, self.question, arguments(form, path, self.metric), from_store=from_store)
        if not path.exists():
            self.notify(said or _("nothing was written"), severity="warning", timeout=10, markup=False)
        else:
            self.post_message(Written(path))

    @on(Written)
    def written(self, message: Written) -> None:
        self.notify(_("wrote {path}").format(path=message.path), timeout=8, markup=False)
