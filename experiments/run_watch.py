"""Has the run ended? Asked by the uploader, which must neither leave early nor wait for ever."""

import time

from experiments.journal import TERMINAL
from experiments.processes import this_host
from experiments.run_view import has_process
from pipeseg.run_directory import RunDirectory

# between the last word of a run and its exit.json
GRACE_SECONDS = 5.0
# until the process that was just launched has written its pid
START_SECONDS = 60.0


class RunWatch:
    """Tells whether a run has ended.

    It has when `exit.json` is there, or when its last word is said or its process gone for `grace` seconds.
    """

    def __init__(self, directory: RunDirectory, grace: float = GRACE_SECONDS):
        self.directory = directory
        self.grace = grace
        self.began = time.monotonic()
        self.doubtful_since: float | None = None

    def ended(self, status: str | None) -> bool:
        """Return whether nothing more will come; `status` is the last one that the journal tells."""
        if self.directory.exit_file.exists():
            return True
        if status not in TERMINAL and self._alive():
            self.doubtful_since = None
            return False
        if self.doubtful_since is None:
            self.doubtful_since = time.monotonic()
        return time.monotonic() - self.doubtful_since >= self.grace

    def _alive(self) -> bool:
        info = self.directory.read_info()
        if info.get("host") not in (None, this_host()):
            # the processes of another machine cannot be asked
            return True
        if not info.get("pid") and not info.get("supervisor_pid"):
            return time.monotonic() - self.began < START_SECONDS
        return has_process(info)
