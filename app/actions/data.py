"""What is done with a dataset."""

from app.action import CLI, Action

DATA = (
    Action(
        "pictures",
        ("i",),
        "Pictures",
        "Look at the pictures of the dataset, with mask, boxes and findings; so does Enter",
        "Data",
        "",
        ("data",),
        only=True,
    ),
    Action(
        "audit",
        ("a",),
        "Audit",
        "Look for copies, suspect boxes and unreadable pictures in the dataset",
        "Data",
        f"{CLI} audit NAME",
        ("data",),
        only=True,
        changes=True,
    ),
    Action(
        "verify",
        ("v",),
        "Verify",
        "Verify that no group of copies straddles two splits and nothing has changed",
        "Data",
        f"{CLI} verify NAME",
        ("data",),
        only=True,
        changes=True,
    ),
    Action(
        "next_masks",
        ("m",),
        "Next masks",
        "Rank the pictures without a hand mask by what one would teach, and export the first to draw in VIA",
        "Data",
        f"{CLI} next-masks NAME",
        ("data",),
        only=True,
        changes=True,
    ),
)
