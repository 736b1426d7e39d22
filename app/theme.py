"""The dashboard's own colours: calm, and told apart by people who do not see red and green alike.

Every one keeps the contrast of text to its ground at `CONTRAST`; what is drawn fainter is raised (app/contrast.py).
"""

from textual.theme import Theme

from app.language import N_


def _theme(name: str, dark: bool, ground: str, cursor: tuple[str, str], bars: tuple[str, str], **colours: str) -> Theme:
    """Args: cursor: ground and text under the cursor. bars: a scrollbar at rest and under the mouse."""
    foreground, (under, over), (rest, hover) = colours["foreground"], cursor, bars
    variables = {
        "scrollbar": rest,
        "scrollbar-hover": hover,
        "scrollbar-active": hover,
        **{f"scrollbar-{part}": ground for part in ("background", "background-hover", "background-active")},
        "scrollbar-corner-color": ground,
        "block-cursor-background": under,
        "block-cursor-foreground": over,
        "block-cursor-blurred-background": colours["boost"],
        "block-cursor-blurred-foreground": foreground,
        "block-hover-background": colours["panel"],
    }
    return Theme(name=name, dark=dark, background=ground, surface=ground, variables=variables, **colours)


PIPESEG = _theme(
    "pipeseg",
    True,
    "#12151b",
    ("#2c4657", "#eef2f7"),
    ("#2b3442", "#3a4658"),
    foreground="#d5dae3",
    primary="#5fb3d9",
    secondary="#9aa7d6",
    accent="#f0a35e",
    success="#7cc18f",
    warning="#e3c567",
    error="#e8757a",
    panel="#1a1f28",
    boost="#232a36",
)
LIGHT = _theme(
    "pipeseg-light",
    False,
    "#ffffff",
    ("#c9e3f0", "#0c1016"),
    ("#c3cad4", "#9aa5b4"),
    foreground="#12161d",
    primary="#0b6a94",
    secondary="#4b5690",
    accent="#9a4a00",
    success="#1c6e38",
    warning="#7a5600",
    error="#b3202a",
    panel="#f1f3f6",
    boost="#e4e8ee",
)
HIGH_CONTRAST = _theme(
    "pipeseg-contrast",
    True,
    "#000000",
    ("#ffe14d", "#000000"),
    ("#8a8a8a", "#ffffff"),
    foreground="#ffffff",
    primary="#6fd3ff",
    secondary="#c3ccff",
    accent="#ffb35c",
    success="#7bf59a",
    warning="#ffe14d",
    error="#ff9a9a",
    panel="#101010",
    boost="#2a2a2a",
)
# in the order of the key that changes them
THEMES = (PIPESEG, LIGHT, HIGH_CONTRAST)
NAMES = {PIPESEG.name: N_("dark"), LIGHT.name: N_("light"), HIGH_CONTRAST.name: N_("high contrast")}
# least contrast of text to its ground (WCAG 2.2, 1.4.3 and 1.4.6)
CONTRAST = {PIPESEG.name: 4.5, LIGHT.name: 4.5, HIGH_CONTRAST.name: 7.0}
