"""In which form the comparison is written, and where."""

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from app.action import CLI
from app.comparison import absolute
from app.language import N_, _
from app.screens.dialog import Dialog
from app.text import escape

# form -> (end of the file's name, what it is)
FORMS = {
    "html": (".html", N_("HTML page: tables, charts, notes, runs, method")),
    "chart": (".png", N_("PNG chart: where each side stands, and the intervals")),
    "pictures": ("", N_("folder of PNG sheets: pictures that gained, lost and failed most (IoU)")),
    "markdown": (".md", N_("Markdown tables")),
    "latex": (".tex", N_("LaTeX tables (booktabs)")),
    "csv": (".csv", N_("CSV, every figure in full")),
    "json": (".json", N_("JSON, every figure in full")),
    "table": (".txt", N_("plain text")),
    "report": (".report.json", N_("JSON with notes and runs, for compare --read")),
}


def arguments(form: str, path: Path, metric: str) -> tuple[str, ...]:
    """Return the options of `compare` that write this form."""
    if form == "pictures":
        return ("--pictures", str(path), "--format", "json")
    if form == "chart":
        return ("--metric", metric, "--chart", str(path), "--format", "json")
    metrics = ("--all-metrics",) if form == "report" else ("--metric", metric)
    return (*metrics, "--format", form, "--output", str(path))


class WriteFile(Dialog[tuple[str, Path] | None]):
    """Answers with form and absolute path, None on Esc."""

    BINDINGS: ClassVar = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("up", "move(-1)", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    WriteFile #write-forms { height: auto; max-height: 10; border: none; background: $panel; padding: 0; }
    """

    def __init__(self, metric: str) -> None:
        super().__init__()
        self.metric = metric
        self.stem = f"comparison-{metric.replace('_', '-')}"
        self._offered = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(f"[b]{_('Write the comparison')}[/b]")
            yield OptionList(*(Option(_(what), id=form) for form, (_end, what) in FORMS.items()), id="write-forms")
            yield Input(id="write-path")
            yield Static(id="write-note")

    def on_mount(self) -> None:
        self.query_one(OptionList).highlighted = 0
        self.query_one(OptionList).can_focus = False
        self.query_one(Input).focus()

    @property
    def form(self) -> str:
        option = self.query_one(OptionList).highlighted_option
        return str(option.id) if option else next(iter(FORMS))

    def action_move(self, count: int) -> None:
        options = self.query_one(OptionList)
        options.action_cursor_down() if count > 0 else options.action_cursor_up()

    def on_option_list_option_highlighted(self) -> None:
        """A path that the person has not touched follows the form."""
        entry = self.query_one(Input)
        if entry.value == self._offered:
            self._offered = f"{self.stem}{'-pictures' if self.form == 'pictures' else FORMS[self.form][0]}"
            entry.value = self._offered
            entry.cursor_position = len(self._offered)
        self._tell()

    def on_option_list_option_selected(self) -> None:
        self.query_one(Input).focus()

    def on_input_changed(self) -> None:
        self._tell()

    def _tell(self) -> None:
        typed = self.query_one(Input).value.strip()
        there = f"[$warning]! {_('is there already')}[/] · " if typed and absolute(typed).exists() else ""
        twin = " ".join(arguments(self.form, Path(typed or "FILE"), self.metric))
        keys = _("↑↓ form · Enter writes · Esc leaves")
        self.query_one("#write-note", Static).update(
            f"{there}[$foreground 55%]{keys}\n{_('without a screen:')} {escape(f'{CLI} compare {twin}')}[/]"
        )

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if not event.value.strip():
            return
        path = absolute(event.value)
        if self.form == "chart" and path.suffix.lower() != ".png":
            path = path.with_name(f"{path.name}.png")
        self.dismiss((self.form, path))
