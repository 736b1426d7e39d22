"""What is done with a study."""

from app.action import CLI, Action

STUDY = (
    Action(
        "open_step",
        ("enter",),
        "Open",
        "Open the run of the step in Live",
        "Study",
        f"{CLI} logs RUN -f",
        ("study",),
        only=True,
    ),
    Action(
        "rerun",
        ("x",),
        "Do anew",
        "Do the step, and all that depends on it, anew although it is done; the runs before stay",
        "Study",
        f"{CLI} study rerun STUDY --from STEP",
        ("study",),
        only=True,
        asks=True,
        changes=True,
    ),
    Action(
        "older_study",
        ("left_square_bracket",),
        "Older",
        "Show the study before this one",
        "Study",
        f"{CLI} runs --stage study",
        ("study",),
        only=True,
    ),
    Action(
        "newer_study",
        ("right_square_bracket",),
        "Newer",
        "Show the study after this one; after the last, what the next would do",
        "Study",
        f"{CLI} study show EXPERIMENT",
        ("study",),
        only=True,
    ),
)
