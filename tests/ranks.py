"""The processes of a training on several devices, as a test sees and ends them."""

import psutil

from pipeseg.run_directory import RunDirectory


def others(run: RunDirectory) -> list[psutil.Process]:
    """Return the processes of the ranks after the first, with their loader processes, by age."""
    found = []
    for process in psutil.process_iter(["cmdline", "create_time", "status"]):
        words = process.info["cmdline"] or []
        if "pipeseg.training.rank" in words and str(run.path) in words:
            found.append(process)
    return sorted(found, key=lambda each: each.info["create_time"])
