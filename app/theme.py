"""The dashboard's own colours: calm, and told apart by people who do not see red and green alike."""

from textual.theme import Theme

PIPESEG = Theme(
    name="pipeseg",
    dark=True,
    primary="#5fb3d9",
    secondary="#9aa7d6",
    accent="#f0a35e",
    success="#7cc18f",
    warning="#e3c567",
    error="#e8757a",
    foreground="#d5dae3",
    background="#12151b",
    surface="#12151b",
    panel="#1a1f28",
    boost="#232a36",
    variables={
        "scrollbar": "#2b3442",
        "scrollbar-hover": "#3a4658",
        "scrollbar-active": "#4a586e",
        "scrollbar-background": "#12151b",
        "scrollbar-background-hover": "#12151b",
        "scrollbar-background-active": "#12151b",
        "scrollbar-corner-color": "#12151b",
        "block-cursor-background": "#2c4657",
        "block-cursor-foreground": "#eef2f7",
        "block-cursor-blurred-background": "#212a35",
        "block-cursor-blurred-foreground": "#d5dae3",
        "block-hover-background": "#1c222c",
    },
)
