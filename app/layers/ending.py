"""Every run of this machine that ends while the dashboard is open is told: here, by the bell, and on the desktop."""

import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual import on

from app import desktop_notes, messages
from app.language import _, ngettext
from app.layers.listing import Listing
from app.text import score

if TYPE_CHECKING:
    from experiments.runs import RunView

TOGETHER_SECONDS = 1.0


class Ending(Listing):
    """Notices ends and tells those of the same moment together.

    Attributes:
        ended: runs whose end is about to be told.
    """

    _working: set[str]
    _told: set[str]
    ended: "list[RunView]"

    def begin(self) -> None:
        self._working, self._told, self.ended, self._opened = set(), set(), [], time.time()
        self._desktop = desktop_notes.kind_of(self.settings.notifications, os.environ)
        super().begin()

    @on(messages.Listed)
    def look_for_ends(self, message: messages.Listed) -> None:
        self._notice(message.runs or ())

    @on(messages.Advanced)
    def look_at_watched(self, message: messages.Advanced) -> None:
        self._notice([message.run])

    def _notice(self, runs: "Iterable[RunView]") -> None:
        from experiments.processes import this_host

        for run in runs:
            if run.is_active:
                self._working.add(run.run_id)
                self._told.discard(run.run_id)  # it goes on, and will end again
            elif run.run_id not in self._told and self._has_just_ended(run):
                self._working.discard(run.run_id)
                self._told.add(run.run_id)
                if run.info.get("host") in (None, this_host()):
                    if not self.ended:
                        self.set_timer(TOGETHER_SECONDS, self._tell_ends)
                    self.ended.append(run)

    def _has_just_ended(self, run: "RunView") -> bool:
        """Seen at work before; or too short for that."""
        return run.run_id in self._working or (run.ended or 0) >= self._opened

    def _tell_ends(self) -> None:
        ended, self.ended = self.ended, []
        if not ended:
            return
        title, text = told(ended)
        good = all(run.status == "finished" for run in ended)
        self.notify(
            text, title=title, severity="information" if good else "warning", timeout=10 if good else 30, markup=False
        )
        if self._desktop != "off":
            self.bell()
        if (command := desktop_notes.note(title, text, self._desktop, os.environ)) and self._driver is not None:
            self._driver.write(command)
            self._driver.flush()


def told(runs: "list[RunView]") -> tuple[str, str]:
    """Return title and text of a note about runs that have ended."""
    from experiments.narration import STATUS_GLYPHS

    def one(run: "RunView") -> str:
        test = _(" · test IoU {score}").format(score=score(run.test["iou"])) if "iou" in run.test else ""
        return f"{STATUS_GLYPHS.get(run.status, '·')} {run.name or run.run_id}: {run.status}{test}"

    if len(runs) == 1:
        return runs[0].experiment, one(runs[0])
    title = ngettext("{count} run has ended", "{count} runs have ended", len(runs)).format(count=len(runs))
    shown = [one(run) for run in runs[:4]]
    if len(runs) > 4:
        shown.append(_("and {count} more").format(count=len(runs) - 4))
    return title, "\n".join(shown)
