"""What is asked of a run."""

from app.action import CLI, Action

RUN_PANES = ("live", "runs")

RUN = (
    Action(
        "pause",
        ("p",),
        "Pause",
        "Pause the run, or let it go on; also one that was stopped, failed or killed",
        "Run",
        f"{CLI} pause|resume RUN",
        RUN_PANES,
        changes=True,
    ),
    Action(
        "checkpoint",
        ("c",),
        "Checkpoint",
        "Save a checkpoint now",
        "Run",
        f"{CLI} checkpoint RUN",
        RUN_PANES,
        changes=True,
    ),
    Action(
        "stop",
        ("s",),
        "Stop",
        "Stop the run after a checkpoint; in Data, the audit or verification",
        "Run",
        f"{CLI} stop RUN",
        (*RUN_PANES, "data"),
        asks=True,
        changes=True,
    ),
    Action(
        "follow",
        ("f",),
        "Follow log",
        "Jump to the end of the log and follow it",
        "Run",
        f"{CLI} logs RUN -f",
        ("live",),
    ),
)
