"""Baseline against final, class by class: change with sign, arrow and colour, interval, p, verdict."""

from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from app.comparison import Table
from app.text import escape, score
from app.widgets.grid import Column, Grid, Row

_VERDICT = {"better": "$success", "worse": "$error"}
COLUMNS = (
    Column("class", 14, keep=10, grow=True),
    Column("baseline", 8, right=True, keep=8),
    Column("final", 7, right=True, keep=9),
    Column("change, pp", 10, right=True, keep=9),
    Column("95 % interval", 14, right=True, keep=6),
    Column("p", 6, right=True, keep=4),
    Column("images", 6, right=True, keep=3),
    Column("seeds", 8, right=True, keep=2),
    Column("verdict", 13, keep=7),
    Column("visible, pp", 11, right=True, keep=1),
)
# shown where such runs are
EQUAL_BUDGET = Column("against equal budget, pp", 24, keep=1)
FULL_MASKS = Column("of full masks", 13, right=True, keep=1)


class ComparePane(Vertical):
    """Says what it is doing, the table, and below it what the command narrated."""

    def compose(self) -> ComposeResult:
        yield Static(
            "[b]Baseline against final[/b]  [$foreground 55%]press [b $primary]r[/] to read[/]", id="compare-head"
        )
        yield Grid(COLUMNS, id="compare-grid")
        yield Static(id="compare-notes")

    def show_reading(self) -> None:
        self.query_one("#compare-head", Static).update("[b]Baseline against final[/b]  [$foreground 55%]reading …[/]")

    def show(self, table: Table, when: str) -> None:
        head = f"test IoU per image, read at {when}" if not table.problem else f"read at {when}"
        self.query_one("#compare-head", Static).update(f"[b]Baseline against final[/b]  [$foreground 55%]{head}[/]")
        grid = self.query_one(Grid)
        grid.columns = columns(table.rows)
        grid.empty = " Nothing to compare yet." if not table.problem else ""
        grid.show(Row(str(row.get("class")), cells(row, grid.columns)) for row in table.rows)
        grid.refresh()
        notes = [f"[$error]✗ {escape(table.problem)}[/]"] if table.problem else []
        shown = table.notes if not table.problem else table.notes[:-1]
        notes += [f"[$foreground 60%]{escape(note)}[/]" for note in shown[-6:]]
        static = self.query_one("#compare-notes", Static)
        static.update("\n".join(notes))
        static.display = bool(notes)


def columns(rows: list[dict[str, Any]]) -> tuple[Column, ...]:
    """Return the columns of the table: those of the arms only where some row has them."""
    arms = {"equal_budget": EQUAL_BUDGET, "full_masks": FULL_MASKS}
    return COLUMNS + tuple(arm for key, arm in arms.items() if any(row.get(key) is not None for row in rows))


def cells(row: dict[str, Any], shown: tuple[Column, ...] = COLUMNS) -> tuple[str, ...]:
    """Return one row of `compare --json` as cells; the verdict there is corrected for the number of rows."""
    verdict = str(row.get("verdict") or "–")
    style = _VERDICT.get(verdict, "$foreground 70%")
    points, low, high = (_number(row.get(key)) for key in ("increase_pp", "ci_low", "ci_high"))
    label = row.get("class_label")
    p, images, visible = (_number(row.get(key)) for key in ("p_value", "n_images", "detectable"))
    extra = {EQUAL_BUDGET: _over_equal_budget, FULL_MASKS: _of_full_masks}
    return (
        f"[b]{escape(_name(row))}[/b]" + (f" {escape(label)}" if label else ""),
        score(_number(row.get("baseline"))),
        score(_number(row.get("final"))),
        change(points, style),
        f"{100 * low:+.1f} … {100 * high:+.1f}" if low is not None and high is not None else "–",
        "–" if p is None else f"{p:.3f}" if p >= 0.001 else "<0.001",
        f"{images:.0f}" if images is not None else "–",
        _seeds(row.get("seeds")),
        f"[{style}]{escape(verdict)}[/]",
        "–" if visible is None else f"{100 * visible:.1f}",
        *(extra[column](row) for column in shown if column in extra),
    )


def _name(row: dict[str, Any]) -> str:
    return f"mean of {row.get('classes')}" if row.get("kind") == "mean" else str(row.get("class"))


def _over_equal_budget(row: dict[str, Any]) -> str:
    over, verdict = _number(row.get("over_equal_budget")), str(row.get("over_equal_budget_verdict") or "–")
    if over is None:
        return "–"
    style = _VERDICT.get(verdict, "$foreground 70%")
    return f"{change(100 * over, style)} [{style}]{escape(verdict)}[/]"


def _of_full_masks(row: dict[str, Any]) -> str:
    reached = _number(row.get("full_reached"))
    return "–" if reached is None else f"{100 * reached:.1f} %"


def change(points: float | None, style: str) -> str:
    """Return a difference with sign and arrow, so that colour is not needed to read it."""
    if points is None:
        return "–"
    arrow = "▲" if points > 0 else "▼" if points < 0 else "="
    return f"[{style}]{points:+.1f} {arrow}[/]"


def _seeds(value: object) -> str:
    if isinstance(value, list):
        return escape(",".join(map(str, value)))
    return "–" if value is None else escape(value)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value == value else None
