"""The datasets: a table, and below it everything about the one under the cursor."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from app.language import N_, _, ngettext
from app.text import escape
from app.widgets.dataset_detail import detail
from app.widgets.drawn import Bare
from app.widgets.grid import Column, Grid, Row
from app.widgets.told import tell

if TYPE_CHECKING:
    from experiments.datasets import DatasetView

COLUMNS = (
    Column("dataset", 24, grow=True, keep=10),
    Column("kind", 12, keep=6),
    Column("pictures", 8, right=True, keep=7),
    Column("classes", 18, grow=True, keep=2),
    Column("hand", 7, right=True, keep=4),
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
WORDS = (
    *(N_("ok"), N_("suspects"), N_("not audited"), N_("auditing"), N_("audit failed"), N_("broken")),
    *(N_("source"), N_("hybrid"), N_("unknown")),
)
EMPTY = N_(
    """\
[b]No datasets yet.[/b]

[b $primary]make sample[/]  generates a sample dataset, ready to train on
[b $primary]python scripts/tools/import_dataset.py FOLDER[/]  makes one of your own pictures

[$foreground 60%]They are looked for in {folder}; DATASETS_DIR in .env says otherwise.[/]"""
)


class DataPane(Bare, Vertical):
    """Told by the App what there is (`show`) and that the cursor has moved (`show_detail`)."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.datasets: Sequence[DatasetView] | None = None

    def compose(self) -> ComposeResult:
        yield Static(_head(_("reading …")), id="data-head")
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
        counted = ngettext(
            "{count}, {total} picture in the sources", "{count}, {total} pictures in the sources", pictures
        )
        told = counted.format(count=len(datasets), total=f"{pictures:,}") if datasets else _("none")
        tell(self.query_one("#data-head", Static), _head(told), fixed=True)
        self.show_detail()

    def show_detail(self) -> None:
        if self.datasets is None:
            return
        static = self.query_one("#data-detail", Static)
        if view := self.selected:
            tell(static, detail(view, self.datasets, self.size.width - 2))
        else:
            tell(static, _(EMPTY).format(folder=escape(self.app.settings.datasets_dir)))  # type: ignore[attr-defined]


def cells(view: "DatasetView") -> tuple[str, ...]:
    """Return one row of the table."""
    name = f"[$foreground 40%]└ [/]{escape(view.name)}" if view.depth else f"[b]{escape(view.name)}[/b]"
    counts = (f"{key} {view.class_counts[key]}" if key in view.class_counts else key for key in view.classes)
    return (
        name,
        kind_words(view),
        f"{view.pictures:,}" if view.pictures else "–",
        escape(" · ".join(counts)),
        "–" if view.hand_labelled is None else str(view.hand_labelled),
        "–" if view.groups is None else str(view.groups),
        f"[{HEALTH_STYLES[view.health]}]{health_words(view)}[/]",
    )


def kind_words(view: "DatasetView") -> str:
    """Return what a dataset is for; the names of the sets stay as they are."""
    from experiments.datasets import kind_text

    return " ".join(_(word) for word in kind_text(view).split())


def health_words(view: "DatasetView") -> str:
    """Return glyph and words, as `experiments.datasets.health_text` has them in English."""
    from experiments.datasets import HEALTH_GLYPHS

    words, report = _(view.health), view.report
    if view.health == "suspects" and report:
        count = report.finding_count
        words = ngettext("{count} suspect", "{count} suspects", count).format(count=count)
    is_stale = report and report.stale and view.health in ("ok", "suspects")
    return f"{HEALTH_GLYPHS[view.health]} {words}" + (_(", stale") if is_stale else "")


def _head(told: str) -> str:
    return f"[b]{_('Datasets')}[/b]  [$foreground 55%]{told}[/]"
