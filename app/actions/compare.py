"""What is done with the comparison."""

from app.action import CLI, Action

_COMPARE = ("compare",)

COMPARE = (
    Action(
        "drill",
        ("enter",),
        "Pictures",
        "Look into the class under the cursor: both scores of every test picture, worst and most changed side by side",
        "Compare",
        f"{CLI} compare --per-image CLASS --archives FOLDER",
        _COMPARE,
        only=True,
    ),
    Action(
        "metric",
        ("x",),
        "Metric",
        "Show the next metric: IoU, Dice, precision, recall, false alarms",
        "Compare",
        f"{CLI} compare --metric dice",
        _COMPARE,
        only=True,
    ),
    Action(
        "choose('baseline')",
        ("b",),
        "Baselines…",
        "Choose the runs on the baseline side; without a choice, the latest of each class and seed",
        "Compare",
        f"{CLI} compare --baseline RUN",
        _COMPARE,
        only=True,
    ),
    Action(
        "choose('final')",
        ("f",),
        "Finals…",
        "Choose the runs on the final side; without a choice, the latest of each class and seed",
        "Compare",
        f"{CLI} compare --final RUN",
        _COMPARE,
        only=True,
    ),
    Action(
        "copy_as",
        ("Y",),
        "Copy as…",
        "Copy the table as Markdown, LaTeX, CSV, JSON or plain text",
        "Compare",
        f"{CLI} compare --format latex",
        _COMPARE,
        only=True,
    ),
    Action(
        "write",
        ("w",),
        "Write…",
        "Write the comparison into a file: HTML page, PNG chart, sheets of pictures, Markdown, LaTeX, CSV, JSON, text",
        "Compare",
        f"{CLI} compare --format html -o FILE",
        _COMPARE,
        only=True,
        changes=True,
    ),
)
