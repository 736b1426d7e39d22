"""Is it still the same process? A pid alone says nothing: it may belong to a stranger by now."""

import os
import socket
import subprocess
from typing import Any

# the kernel gives start times in ticks from boot, and the boot time moves a little when the clock is corrected
START_TOLERANCE_SECONDS = 2.0


def this_host() -> str:
    """Return the name that `run.json` carries for runs of this machine."""
    return socket.gethostname()


def started_at(pid: int) -> float | None:
    """Return when process `pid` started (unix seconds), None where there is no such process."""
    import psutil

    try:
        return psutil.Process(pid).create_time()
    except (psutil.Error, OSError, ValueError, TypeError, OverflowError):
        return None


def is_alive(pid: object, started: object) -> bool:
    """Tell whether the process `pid` that started at `started` (unix seconds) still works.

    A zombie has ended. A pid without a start time cannot be told from a stranger's, so it counts as ended.
    """
    import psutil

    if not isinstance(pid, int) or not isinstance(started, (int, float)) or pid <= 0:
        return False
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < START_TOLERANCE_SECONDS
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError, OverflowError):
        return False


def detached() -> dict[str, Any]:
    """Return the `Popen` options of a process that outlives us and our terminal; its output must go to a file.

    A session of its own with a file as stdout is the only combination that survives a terminal's hang-up.
    """
    if os.name == "nt":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    return {"start_new_session": True}
