"""Runs side by side: of their configs only what differs, and below it how they ended."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.config_diff import ABSENT, as_text, flat, same
from experiments.mlflow_runs import config_of
from experiments.run_view import RunView

MISSING = "–"


@dataclass(frozen=True, slots=True)
class TableRow:
    """One key with its text in every run; `is_result` tells metrics from config."""

    key: str
    texts: tuple[str, ...]
    is_result: bool = False


@dataclass(frozen=True, slots=True)
class RunTable:
    """Attributes:
    runs: run ids, one a column.
    alike: how many keys of the configs are the same in all.
    """

    runs: tuple[str, ...]
    rows: tuple[TableRow, ...]
    alike: int

    @property
    def configs(self) -> tuple[TableRow, ...]:
        return tuple(row for row in self.rows if not row.is_result)


def table_of(runs: Sequence[RunView]) -> RunTable:
    """Read the configs of the runs and lay them side by side."""
    configs = [_config(run) for run in runs]
    keys = dict.fromkeys(key for config in configs for key in config)
    differing = [key for key in keys if _differs(key, configs)]
    rows = [
        TableRow(key, tuple(as_text(config.get(key, ABSENT)) or MISSING for config in configs)) for key in differing
    ]
    rows += [TableRow(name, texts, is_result=True) for name, texts in _results(runs)]
    return RunTable(tuple(run.run_id for run in runs), tuple(rows), len(keys) - len(differing))


def _config(run: RunView) -> Mapping[str, object]:
    from pipeseg.config import read_yaml

    return config_of(run) if run.elsewhere else flat(read_yaml(run.directory.config_file))


def _differs(key: str, configs: Sequence[Mapping[str, object]]) -> bool:
    first = configs[0].get(key, ABSENT)
    return not all(same(first, config.get(key, ABSENT)) for config in configs[1:])


def _results(runs: Sequence[RunView]) -> list[tuple[str, tuple[str, ...]]]:
    def score(value: float | None) -> str:
        return MISSING if value is None or value != value else f"{value:.4f}"

    return [
        ("status", tuple(run.status for run in runs)),
        ("best val IoU", tuple(score(run.best_iou) for run in runs)),
        ("epoch of best", tuple(MISSING if run.best_epoch is None else str(run.best_epoch) for run in runs)),
        ("last val IoU", tuple(score(run.last.get("val/iou")) for run in runs)),
        ("test IoU", tuple(score(run.test.get("iou")) for run in runs)),
    ]


def markdown(table: RunTable) -> str:
    """Return the table as Markdown, one run a column."""
    lines = [["", *table.runs], ["---"] * (len(table.runs) + 1), *([row.key, *row.texts] for row in table.rows)]
    cells = [[cell.replace("|", r"\|").replace("\n", " ") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def as_csv(table: RunTable) -> str:
    """Return the table as CSV, one run a column."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["key", *table.runs])
    writer.writerows([row.key, *row.texts] for row in table.rows)
    return text.getvalue()
