"""What is done with an experiment."""

from app.action import CLI, Action

EXPERIMENT = (
    Action(
        "launch",
        ("l", "f5"),
        "Launch",
        "Start a run of the selected experiment",
        "Experiment",
        f"{CLI} launch EXPERIMENT",
        ("experiments", "overview", "config"),
        everywhere=True,
        changes=True,
    ),
    Action(
        "launch_with",
        ("o", "f6"),
        "Launch with…",
        "Start a run with overrides: key=value key.sub=value; several values (seed=1,2,3) start a sweep",
        "Experiment",
        f"{CLI} launch EXPERIMENT --set key=value",
        ("experiments", "overview", "config"),
        changes=True,
    ),
    Action(
        "edit",
        ("e",),
        "Edit",
        "Edit the config; Esc leaves the editor",
        "Experiment",
        "any editor, then " + f"{CLI} validate EXPERIMENT",
        ("experiments", "overview", "config"),
        changes=True,
    ),
    Action(
        "save",
        ("ctrl+s",),
        "Save",
        "Save the config; a config with mistakes is refused",
        "Experiment",
        f"{CLI} validate EXPERIMENT",
        ("config",),
        changes=True,
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
