"""What is done in Runs: marking, sorting, and what is said about runs."""

from app.action import CLI, Action


def _runs(name: str, key: str, label: str, tooltip: str, headless: str, **how: bool) -> Action:
    return Action(name, (key,), label, tooltip, "Runs", f"{CLI} {headless}", ("runs",), only=True, **how)


RUNS = (
    _runs("mark", "space", "Mark", "Mark the run, or no longer; what follows acts on all marked ones", "runs --json"),
    _runs(
        "diff_runs",
        "d",
        "Diff",
        "Lay the marked runs side by side: of their configs what differs, and how they ended",
        "diff-runs RUN RUN…",
    ),
    _runs("overlay_marked", "v", "Curves", "Draw the curves of the marked runs over each other in Live", "runs --json"),
    _runs(
        "annotate",
        "t",
        "Tag, note",
        "Write tags and a note to the runs; MLflow gets them",
        "note RUN --tag A --text …",
        changes=True,
    ),
    _runs(
        "archive",
        "a",
        "Archive",
        "Hide the runs, or show them again; nothing is deleted",
        "archive|unarchive RUN…",
        asks=True,
        changes=True,
    ),
    _runs("artifacts", "i", "Files", "The files of the run: read text, tables and pictures", "artifacts RUN"),
    _runs("sort_left", "less_than_sign", "Sort left", "Sort by the column to the left", "runs --sort FIELD"),
    _runs("sort_right", "greater_than_sign", "Sort right", "Sort by the column to the right", "runs --sort FIELD"),
    _runs("sort_reverse", "exclamation_mark", "Reverse", "Sort the other way round", "runs --sort=-FIELD"),
)
