"""Going from pane to pane."""

from app.action import CLI, Action

PLACES = (
    Action("show('experiments')", ("1",), "Experiments", "Go to the list of experiments", "Go to", f"{CLI} list"),
    Action("show('overview')", ("2",), "Overview", "README, config and last result", "Go to", f"{CLI} show EXPERIMENT"),
    Action("show('config')", ("3",), "Config", "The config.yaml of the experiment", "Go to", f"{CLI} show EXPERIMENT"),
    Action("show('live')", ("4",), "Live", "Curves, progress and log of a run", "Go to", f"{CLI} logs RUN -f"),
    Action("show('runs')", ("5",), "Runs", "Every run, newest first", "Go to", f"{CLI} runs"),
    Action("show('compare')", ("6",), "Compare", "Baseline against final, class by class", "Go to", f"{CLI} compare"),
    Action("show('data')", ("7",), "Data", "Datasets: counts, splits, health, pictures", "Go to", f"{CLI} datasets"),
    Action("show('study')", ("8",), "Study", "The graph of a study, step by step", "Go to", f"{CLI} study show"),
    Action(
        "show('health')",
        ("9",),
        "Health",
        "Whether this machine can train: packages, GPU, tracking, disk, settings",
        "Go to",
        "python scripts/tools/health_check.py",
    ),
    Action(
        "show('queue')",
        ("0",),
        "Queue",
        "Runs that wait for a free device, in their order",
        "Go to",
        f"{CLI} queue list",
    ),
)
