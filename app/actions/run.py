"""What is asked of a run."""

from app.action import CLI, Action

RUN_PANES = ("live", "runs")

RUN = (
    Action(
        "pause",
        ("p",),
        "Pause",
        "Pause the run, or let it go on; also one that was stopped, failed or killed; in Queue, the whole queue",
        "Run",
        f"{CLI} pause|resume RUN",
        (*RUN_PANES, "study", "queue"),
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
        (*RUN_PANES, "data", "study"),
        asks=True,
        changes=True,
    ),
    Action(
        "follow",
        ("f",),
        "Follow",
        "Jump to the end of the log and follow it",
        "Run",
        f"{CLI} logs RUN -f",
        ("live",),
        only=True,
    ),
    Action(
        "diagnosis",
        ("d",),
        "Diagnosis",
        "What is wrong with the run, what to do, and the lines of its log that belong to it",
        "Run",
        f"{CLI} diagnose RUN",
        ("live",),
        only=True,
    ),
)
