"""What is done with an entry of the queue."""

from app.action import CLI, Action

_PANE = ("queue",)

QUEUE = (
    Action(
        "queue_open",
        ("enter",),
        "Open or start",
        "Show the run of the entry; one that waits starts at once, whatever works on its device",
        "Queue",
        f"{CLI} queue start ID",
        _PANE,
        only=True,
        asks=True,
    ),
    Action(
        "queue_up",
        ("K",),
        "Up",
        "Let the entry start earlier",
        "Queue",
        f"{CLI} queue move ID up",
        _PANE,
        only=True,
        changes=True,
    ),
    Action(
        "queue_down",
        ("J",),
        "Down",
        "Let the entry start later",
        "Queue",
        f"{CLI} queue move ID down",
        _PANE,
        only=True,
        changes=True,
    ),
    Action(
        "queue_hold",
        ("h",),
        "Hold",
        "Hold the entry back while others pass it, or release it",
        "Queue",
        f"{CLI} queue hold|release ID",
        _PANE,
        only=True,
        changes=True,
    ),
    Action(
        "queue_remove",
        ("d",),
        "Remove",
        "Take the entry out of the queue; its run, if it has one, stays",
        "Queue",
        f"{CLI} queue remove ID",
        _PANE,
        only=True,
        asks=True,
        changes=True,
    ),
)
