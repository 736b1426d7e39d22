"""Writing into a `Static` without drawing or laying out what is as it was."""

from textual.widgets import Static


def tell(static: Static, text: str, *, fixed: bool = False) -> None:
    """Write a text where it differs from what stands there.

    Args:
        fixed: whether the widget's size does not depend on its text: then the screen is not laid out anew.
    """
    if static.content != text:
        static.update(text, layout=not fixed)


def tell_if_any(static: Static, text: str, *, fixed: bool = False) -> None:
    """The same; a widget without text takes no room."""
    tell(static, text, fixed=fixed)
    if static.display != bool(text):
        static.display = bool(text)
