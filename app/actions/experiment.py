"""What is done with an experiment."""

from app.action import CLI, Action

EXPERIMENT = (
    Action(
        "launch",
        ("l",),
        "Launch",
        "Look at what a run would meet, then start it with Enter, now or by the queue",
        "Experiment",
        f"{CLI} preflight EXPERIMENT",
        ("experiments", "overview", "config", "study"),
        everywhere=True,
    ),
    Action(
        "launch_with",
        ("o", "f6"),
        "Launch with…",
        "The same, beginning with overrides: key=value key.sub=value; several values (seed=1,2,3) start a sweep",
        "Experiment",
        f"{CLI} launch EXPERIMENT --set key=value",
        ("experiments", "overview", "config"),
    ),
    Action(
        "launch_now",
        ("f5",),
        "Launch at once",
        "Start a run of the selected experiment without looking first",
        "Experiment",
        f"{CLI} launch EXPERIMENT",
        ("experiments", "overview", "config"),
    ),
    Action(
        "edit",
        ("e",),
        "Edit",
        "Edit the config; Esc leaves the editor",
        "Experiment",
        "any editor, then " + f"{CLI} validate EXPERIMENT",
        ("experiments", "overview", "config"),
    ),
    Action(
        "save",
        ("ctrl+s",),
        "Save",
        "Save the config; a config with mistakes is refused",
        "Experiment",
        f"{CLI} validate EXPERIMENT",
        ("config",),
    ),
    Action(
        "revert",
        ("ctrl+r",),
        "Revert",
        "Throw unsaved changes of the config away",
        "Experiment",
        "",
        ("config",),
        asks=True,
    ),
)
