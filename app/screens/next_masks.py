"""Which masks to draw next: classes, runs to ask, how many, where to."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Static

from app.language import N_, _
from app.screens.dialog import Dialog
from app.text import escape

if TYPE_CHECKING:
    from experiments.next_lists import NextWish

# field of a wish -> label, what an empty one means
FIELDS = {
    "defect_class": (N_("classes"), N_("all that were trained")),
    "run": (N_("runs"), N_("the newest of each class, every seed")),
    "count": (N_("pictures"), ""),
    "out": (N_("folder"), ""),
}


class NextMasks(Dialog[list[str] | None]):
    """Answers with the options of `next_masks.py`, None on Esc."""

    BINDINGS: ClassVar = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]
    DEFAULT_CSS = """
    NextMasks {
        & Horizontal { height: 1; margin: 0; }
        & Label { width: 11; }
        & Input { width: 1fr; }
        & #next-note { margin: 1 0 0 0; }
    }
    """

    def __init__(self, dataset: str, wish: "NextWish") -> None:
        super().__init__()
        self.dataset, self.wish = dataset, wish

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            title = _("Rank the pictures of [b]{dataset}[/b] without a hand mask by what one would teach")
            yield Static(title.format(dataset=escape(self.dataset)) + "\n")
            for field, (label, empty) in FIELDS.items():
                with Horizontal():
                    yield Label(f"[$foreground 60%]{_(label)}[/]")
                    yield Input(getattr(self.wish, field), placeholder=_(empty) if empty else "", id=f"next-{field}")
            note = _("Enter starts · Tab and arrows go on · Esc leaves")
            yield Static(f"[$foreground 55%]{note}[/]", id="next-note")

    def on_mount(self) -> None:
        for each in self.query(Input):
            each.styles.margin = 0  # the dashboard's own rule for dialogs wins over ours

    def on_input_submitted(self) -> None:
        from experiments.next_lists import NextWish

        values = {field: self.query_one(f"#next-{field}", Input).value for field in FIELDS}
        try:
            self.dismiss(NextWish(**values).options())
        except ValueError as error:
            self.query_one("#next-note", Static).update(f"[$error]✗ {escape(error)}[/]")
