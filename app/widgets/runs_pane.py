"""Every run, newest first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.text import ago, duration, escape, score, status_text
from app.widgets.grid import Column, Grid, Row

if TYPE_CHECKING:
    from experiments.runs import RunView

COLUMNS = (
    Column("state", 10, keep=10),
    Column("experiment", 12, grow=True, keep=9),
    Column("class", 14, keep=7),
    Column("stage", 8, keep=2),
    Column("progress", 9, right=True, keep=4),
    Column("val IoU", 7, right=True, keep=6),
    Column("test IoU", 8, right=True, keep=8),
    Column("took", 7, right=True, keep=1),
    Column("started", 10, right=True, keep=5),
    Column("run", 26, keep=0, grow=True),
)


class RunsPane(Grid):
    """Enter or a click watches a run in Live."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            COLUMNS, id=id, empty=" No runs yet: select an experiment and press [b $primary]l[/] to start one."
        )

    def show_runs(self, runs: "Sequence[RunView]") -> None:
        self.show(Row(run.run_id, _cells(run)) for run in runs)


def _cells(run: "RunView") -> tuple[str, ...]:
    fraction = 1.0 if run.status == "finished" else run.step / run.total if run.step is not None and run.total else None
    progress = f"{fraction:.0%}" if fraction is not None else "–"
    took = duration(run.ended - run.started) if run.started and run.ended else "–"
    return (
        status_text(run.status),
        escape(run.experiment),
        escape(run.defect_class or "–"),
        escape(run.stage or "–"),
        progress,
        score(run.best_iou),
        score(run.test.get("iou")),
        took,
        ago(run.created),
        f"[$foreground 60%]{escape(run.run_id)}[/]",
    )
