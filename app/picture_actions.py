"""Every key of the picture viewer, as data; its key bar, its help and the README's table read this. No Textual."""

from app.action import Action
from app.language import N_

_GROUP = N_("Pictures")

PICTURE_ACTIONS = (
    Action("next_picture", ("n", "space"), "Next", "The next picture; → too, while the whole picture is shown", _GROUP),
    Action("previous_picture", ("p", "backspace"), "Back", "The picture before; ← too", _GROUP),
    Action("next_finding", ("f",), "Finding", "The next picture that the audit complains about", _GROUP),
    Action("previous_finding", ("F",), "Finding before", "The picture before that the audit complains about", _GROUP),
    Action("copies", ("d",), "Copies", "All copies of this picture side by side, and back", _GROUP),
    Action("toggle('mask')", ("m",), "Mask", "Show or hide the mask", _GROUP),
    Action("toggle('boxes')", ("b",), "Boxes", "Show or hide the boxes", _GROUP),
    Action("toggle('hand')", ("h",), "Hand", "Show or hide the hand polygons", _GROUP),
    Action("next_class", ("c",), "Class", "Only pictures with the next class; in the end, all again", _GROUP),
    Action("previous_class", ("C",), "Class before", "Only pictures with the class before", _GROUP),
    Action("search", ("slash",), "Jump", "Jump to a picture by a part of its name", _GROUP),
    Action("zoom_in", ("plus", "equals_sign"), "Zoom in", "Zoom in; the arrows move what is shown", _GROUP),
    Action("zoom_out", ("minus",), "Zoom out", "Zoom out", _GROUP),
    Action("whole", ("0",), "Whole", "Show the whole picture", _GROUP),
    Action("first", ("g", "home"), "First", "The first picture", _GROUP),
    Action("last", ("G", "end"), "Last", "The last picture", _GROUP),
    Action("picture_help", ("question_mark", "f1"), "Help", "Every key of the viewer, searchable", _GROUP),
    Action("leave", ("escape", "q"), "Leave", "Back to the datasets", _GROUP),
)
# in this order, as many as there is room for beside the two that are always there
KEY_BAR = (
    *("next_picture", "previous_picture", "next_finding", "copies"),
    *("toggle('mask')", "toggle('boxes')", "toggle('hand')"),
    *("next_class", "zoom_in", "search", "zoom_out", "whole"),
)
ALWAYS = ("leave", "picture_help")
