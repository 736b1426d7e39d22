"""What works everywhere."""

from app.action import CLI, Action

EVERYWHERE = (
    Action(
        "filter",
        ("slash",),
        "Filter",
        "Show only what matches what is typed; Esc shows everything again",
        "Everywhere",
        f"{CLI} runs --filter QUERY",
        ("experiments", "overview", "config", "runs", "live"),
        only=True,
    ),
    Action(
        "refresh",
        ("r",),
        "Refresh",
        "Read everything again; in Health, check again",
        "Everywhere",
        "",
        ("runs", "compare", "data", "study", "health"),
    ),
    Action(
        "copy",
        ("y",),
        "Copy",
        "Copy what the pane shows: the comparison as Markdown, else the name of the run or dataset",
        "Everywhere",
        f"{CLI} compare --format markdown",
        ("compare", "live", "runs"),
    ),
    Action("jump", ("ctrl+o",), "Jump", "Letters lie over every place; one of them goes there", "Everywhere"),
    Action("theme", ("ctrl+t",), "Colours", "The next colours: dark, light, high contrast", "Everywhere"),
    Action(
        "help",
        ("question_mark", "f1"),
        "Help",
        "Every key that works here, searchable; Enter runs",
        "Everywhere",
        f"{CLI} --help",
        everywhere=True,
    ),
    Action("command_palette", ("ctrl+p",), "Palette", "Search and run any action", "Everywhere", builtin=True),
    Action("quit", ("q", "ctrl+q"), "Quit", "Leave; runs go on without the dashboard", "Everywhere", everywhere=True),
)
