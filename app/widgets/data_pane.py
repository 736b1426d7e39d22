"""The datasets: a table, and below it everything about the one under the cursor."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from app.text import escape
from app.widgets.dataset_detail import detail
from app.widgets.grid import Column, Grid, Row

if TYPE_CHECKING:
    from experiments.datasets import DatasetView

COLUMNS = (
    Column("dataset", 24, grow=True, keep=10),
    Column("kind", 12, keep=6),
    Column("pictures", 8, right=True, keep=7),
    Column("classes", 18, grow=True, keep=2),
    Column("hand", 5, right=True, keep=4),
    Column("groups", 6, right=True, keep=3),
    Column("health", 20, keep=9),
)
HEALTH_STYLES = {
    "ok": "$success",
    "suspects": "$warning",
    "not audited": "$foreground 50%",
    "auditing": "$primary",
    "audit failed": "$error",
    "broken": "$error",
}
EMPTY = """\
[b]No datasets yet.[/b]

[b $primary]make sample[/]  generates a sample dataset, ready to train on
[b $primary]python scripts/tools/import_dataset.py FOLDER[/]  makes one of your own pictures

[$foreground 60%]They are looked for in {folder}; DATASETS_DIR in .env says otherwise.[/]"""


class DataPane(Vertical):
    """Told by the App what there is (`show`) and that the cursor has moved (`show_detail`)."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.datasets: Sequence[DatasetView] | None = None

    def compose(self) -> ComposeResult:
        yield Static("[b]Datasets[/b]  [$foreground 55%]reading …[/]", id="data-head")
        yield Grid(COLUMNS, id="data-grid")
        with VerticalScroll(id="data-detail-scroll", can_focus=True):
            yield Static(id="data-detail")

    def on_resize(self) -> None:
        self.show_detail()

    @property
    def selected(self) -> "DatasetView | None":
        key = self.query_one(Grid).cursor_key
        return next((view for view in self.datasets or [] if view.name == key), None)

    def show(self, datasets: "Sequence[DatasetView]") -> None:
        """Show the datasets; the cursor stays on its own."""
        self.datasets = datasets
        grid = self.query_one(Grid)
        grid.show(Row(view.name, cells(view)) for view in datasets)
        grid.display = bool(datasets)
        pictures = sum(view.pictures for view in datasets if not view.depth)
        head = f"{len(datasets)}, {pictures:,} pictures in the sources" if datasets else "none"
        self.query_one("#data-head", Static).update(f"[b]Datasets[/b]  [$foreground 55%]{head}[/]")
        self.show_detail()

    def show_detail(self) -> None:
        if self.datasets is None:
            return
        static = self.query_one("#data-detail", Static)
        if view := self.selected:
            static.update(detail(view, self.datasets, self.size.width - 2))
        else:
            static.update(EMPTY.format(folder=escape(self.app.settings.datasets_dir)))  # type: ignore[attr-defined]


def cells(view: "DatasetView") -> tuple[str, ...]:
    """Return one row of the table."""
    from experiments.datasets import health_text, kind_text

    name = f"[$foreground 40%]└ [/]{escape(view.name)}" if view.depth else f"[b]{escape(view.name)}[/b]"
    counts = (f"{key} {view.class_counts[key]}" if key in view.class_counts else key for key in view.classes)
    return (
        name,
        kind_text(view),
        f"{view.pictures:,}" if view.pictures else "–",
        escape(" · ".join(counts)),
        "–" if view.hand_labelled is None else str(view.hand_labelled),
        "–" if view.groups is None else str(view.groups),
        f"[{HEALTH_STYLES[view.health]}]{health_text(view)}[/]",
    )
