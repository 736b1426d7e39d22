"""Every key of the screen that looks into a class, as data; its key bar, its help and the README's table read this."""

from app.action import CLI, Action

_GROUP = "Class"

DRILL_ACTIONS = (
    Action(
        "sort",
        ("s",),
        "Sort",
        "Order the pictures: most changed, most lost, most gained, worst final, name",
        _GROUP,
        f"{CLI} compare --per-image CLASS --sort lost",
    ),
    Action("next_image", ("n", "space"), "Next", "The next picture of the list; ↓ too", _GROUP),
    Action("previous_image", ("p", "backspace"), "Back", "The picture before; ↑ too", _GROUP),
    Action("large", ("z", "enter"), "Large", "The pictures alone, as large as the screen, and back", _GROUP),
    Action("overlay", ("m",), "Masks", "Show or hide truth and predictions over the pictures", _GROUP),
    Action("search", ("slash",), "Find", "Only pictures whose name or group has these letters", _GROUP),
    Action("zoom_in", ("plus", "equals_sign"), "Zoom in", "Zoom in, all panels alike; ← → ↑ ↓ then move", _GROUP),
    Action("zoom_out", ("minus",), "Zoom out", "Zoom out", _GROUP),
    Action("whole", ("0",), "Whole", "Show the whole picture", _GROUP),
    Action("other_part", ("tab",), "List ⇄ plot", "From list to plot, where arrows go from point to point", _GROUP),
    Action("copy_name", ("y",), "Copy name", "Copy the name of the picture", _GROUP),
    Action("help", ("question_mark", "f1"), "Help", "Every key of this screen, searchable", _GROUP),
    Action("leave", ("escape", "q"), "Leave", "Back to the table", _GROUP),
)
# in this order, as many as there is room for beside the two that are always there
KEY_BAR = ("sort", "next_image", "large", "overlay", "search", "zoom_in", "other_part", "whole", "copy_name")
ALWAYS = ("leave", "help")
