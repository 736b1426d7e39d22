"""Every action of the dashboard, as data: keys, footer, command palette, help screen and the README's table read this.

No Textual in here, so that `python -m app --keys` answers at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

PANES = ("experiments", "overview", "config", "live", "runs", "compare", "data")


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a person can do with one key.

    Attributes:
        name: Textual action, as in `Dashboard.action_<name>`; also the id by which a keymap can move the key.
        keys: Textual key names; the first is the one that is shown.
        label: a word or two for the footer.
        tooltip: one sentence for palette and help.
        headless: the command that does the same without a screen.
        panes: where the footer offers it first.
        everywhere: whether the footer also offers it elsewhere, where there is room.
        asks: whether it asks before it acts.
    """

    name: str
    keys: tuple[str, ...]
    label: str
    tooltip: str
    group: str
    headless: str = ""
    panes: tuple[str, ...] = ()
    asks: bool = False
    everywhere: bool = False
    builtin: bool = False

    @property
    def key_label(self) -> str:
        return " ".join(readable_key(key) for key in self.keys)


_CLI = "python -m experiments"
_RUN_PANES = ("live", "runs")

ACTIONS = (
    Action("show('experiments')", ("1",), "Experiments", "Go to the list of experiments", "Go to", f"{_CLI} list"),
    Action(
        "show('overview')", ("2",), "Overview", "README, config and last result", "Go to", f"{_CLI} show EXPERIMENT"
    ),
    Action("show('config')", ("3",), "Config", "The config.yaml of the experiment", "Go to", f"{_CLI} show EXPERIMENT"),
    Action("show('live')", ("4",), "Live", "Curves, progress and log of a run", "Go to", f"{_CLI} logs RUN -f"),
    Action("show('runs')", ("5",), "Runs", "Every run, newest first", "Go to", f"{_CLI} runs"),
    Action("show('compare')", ("6",), "Compare", "Baseline against final, class by class", "Go to", f"{_CLI} compare"),
    Action("show('data')", ("7",), "Data", "Datasets: counts, splits, health, pictures", "Go to", f"{_CLI} datasets"),
    Action(
        "launch",
        ("l", "f5"),
        "Launch",
        "Start a run of the selected experiment",
        "Experiment",
        f"{_CLI} launch EXPERIMENT",
        ("experiments", "overview", "config"),
        everywhere=True,
    ),
    Action(
        "launch_with",
        ("o", "f6"),
        "Launch with…",
        "Start a run with overrides: key=value key.sub=value; several values (seed=1,2,3) start a sweep",
        "Experiment",
        f"{_CLI} launch EXPERIMENT --set key=value",
        ("experiments", "overview", "config"),
    ),
    Action(
        "edit",
        ("e",),
        "Edit",
        "Edit the config; Esc leaves the editor",
        "Experiment",
        "any editor, then " + f"{_CLI} validate EXPERIMENT",
        ("experiments", "overview", "config"),
    ),
    Action(
        "save",
        ("ctrl+s",),
        "Save",
        "Save the config; a config with mistakes is refused",
        "Experiment",
        f"{_CLI} validate EXPERIMENT",
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
    Action(
        "pictures",
        ("i",),
        "Pictures",
        "Look at the pictures of the dataset, with mask, boxes and findings; so does Enter",
        "Data",
        "",
        ("data",),
    ),
    Action(
        "audit",
        ("a",),
        "Audit",
        "Look for copies, suspect boxes and unreadable pictures in the dataset",
        "Data",
        f"{_CLI} audit NAME",
        ("data",),
    ),
    Action(
        "verify",
        ("v",),
        "Verify",
        "Verify that no group of copies straddles two splits and nothing has changed",
        "Data",
        f"{_CLI} verify NAME",
        ("data",),
    ),
    Action(
        "pause",
        ("p",),
        "Pause",
        "Pause the run, or let it go on; also one that was stopped, failed or killed",
        "Run",
        f"{_CLI} pause|resume RUN",
        _RUN_PANES,
    ),
    Action("checkpoint", ("c",), "Checkpoint", "Save a checkpoint now", "Run", f"{_CLI} checkpoint RUN", _RUN_PANES),
    Action(
        "stop",
        ("s",),
        "Stop",
        "Stop the run after a checkpoint; in Data, the audit or verification",
        "Run",
        f"{_CLI} stop RUN",
        (*_RUN_PANES, "data"),
        asks=True,
    ),
    Action(
        "follow",
        ("f",),
        "Follow log",
        "Jump to the end of the log and follow it",
        "Run",
        f"{_CLI} logs RUN -f",
        ("live",),
    ),
    Action("refresh", ("r",), "Refresh", "Read everything again", "Everywhere", "", ("runs", "compare", "data")),
    Action(
        "copy",
        ("y",),
        "Copy",
        "Copy what the pane shows: the comparison as Markdown, else the name of the run or dataset",
        "Everywhere",
        f"{_CLI} compare --format markdown",
        ("compare", "live", "runs"),
    ),
    Action(
        "help",
        ("question_mark", "f1"),
        "Help",
        "Every key, searchable",
        "Everywhere",
        f"{_CLI} --help",
        everywhere=True,
    ),
    Action("command_palette", ("ctrl+p",), "Palette", "Search and run any action", "Everywhere", builtin=True),
    Action("quit", ("q", "ctrl+q"), "Quit", "Leave; runs go on without the dashboard", "Everywhere", everywhere=True),
)

_READABLE = {
    "question_mark": "?",
    "escape": "Esc",
    "enter": "Enter",
    "slash": "/",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "space": "Space",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
}


def readable_key(key: str) -> str:
    """Return a key as a person reads it: `question_mark` -> `?`, `ctrl+s` -> `Ctrl+S`, `f5` -> `F5`."""
    if len(key) == 1:
        return key
    return _READABLE.get(key) or "+".join(
        part.upper() if len(part) <= 2 else part.capitalize() for part in key.split("+")
    )


def footer_actions(pane: str) -> list[Action]:
    """Return what the footer offers on `pane`, the most particular first: where space ends, the rest is dropped."""
    particular = [action for action in ACTIONS if pane in action.panes]
    return particular + [action for action in ACTIONS if action.everywhere and action not in particular]


def bindings(actions: Iterable[Action] = ACTIONS) -> list[Any]:
    """Return the actions as Textual bindings; each has an id, so that a keymap can move it."""
    from textual.binding import Binding

    return [
        Binding(
            ",".join(action.keys), action.name, action.label, tooltip=action.tooltip, id=binding_id(action), show=False
        )
        for action in actions
        if not action.builtin
    ]


def binding_id(action: Action) -> str:
    return "".join(letter if letter.isalnum() else "." for letter in action.name).strip(".").replace("..", ".")


def key_table(actions: Iterable[Action] = ACTIONS) -> str:
    """Return the key table of the README, in Markdown."""
    rows = ["| key | action | without a screen |", "|---|---|---|"]
    for action in actions:
        keys = " ".join(f"`{readable_key(key)}`" for key in action.keys)
        # a bar inside a cell would begin the next one
        headless = f"`{action.headless}`".replace("|", r"\|") if action.headless else ""
        rows.append(f"| {keys} | {action.tooltip}{' (asks first)' if action.asks else ''} | {headless} |")
    return "\n".join(rows)
