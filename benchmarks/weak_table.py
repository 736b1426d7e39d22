"""The table of `weak_labels.py`: IoU of every arm, and what the boxes brought, with intervals."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figures
from experiments.statistics import Clustered, clustered, difference_of, interval, resampled

if TYPE_CHECKING:
    from benchmarks.weak_labels import Cell

Found = Mapping[str, Mapping[str, Any]]
# the arms that the table is about: each has a table of its own
SUBJECTS = {"ours": "", "ours+lesson": ", its teacher's lesson not counted"}
# of full masks' IoU, what ours reaches: of all of it, or of what an arm leaves to be won
SHARES = {"of full": None, "gap from hand": "hand", "gap from longer": "longer"}
# what ours is held against
RIVALS = ("longer", "original", "box")


def gather(cells: Iterable["Cell"], found: Found, arms: Sequence[str]) -> Clustered:
    """Put the scores of cells together, per class over all its seeds; test pictures without the class have no IoU."""
    by_class: dict[str, tuple[list[list[float]], list[str]]] = {}
    for cell in cells:
        result = found[cell.name]
        values, groups = by_class.setdefault(cell.defect_class, ([], []))
        for file, group in result["groups"].items():
            row = [result["scores"][arm][file] for arm in arms]
            if np.isfinite(row).all():
                values.append(row)
                groups.append(group)
    return clustered([(np.array(values), groups) for values, groups in by_class.values()])


def rows_of(cells: Sequence["Cell"]) -> list[tuple[str, list["Cell"]]]:
    """Return (name, cells) of each class and, of several, of their mean."""
    names = list(dict.fromkeys(cell.defect_class for cell in cells))
    rows = [(name, [cell for cell in cells if cell.defect_class == name]) for name in names]
    return [*rows, ("mean", list(cells))] if len(names) > 1 else rows


def shares(data: Clustered, arms: Sequence[str], subject: str) -> dict[str, tuple[float, float, float]]:
    """Return, in %, each with its 95 % interval, ours / full and what ours closes of the gap from an arm to full masks.

    (ours - arm) / (full - arm), for the baseline and, where it was trained, for hand masks at equal budget.

    Args:
        subject: which of `SUBJECTS` is ours.
    """
    if "full" not in arms:
        return {}
    means, drawn = data.means(), resampled(data)
    column = {arm: place for place, arm in enumerate(arms)}
    found = {}
    for name, below in SHARES.items():
        if below and below not in arms:
            continue
        value, *ends = (
            100 * (each[..., column[subject]] - base) / (each[..., column["full"]] - base)
            for each in (means, drawn)
            for base in [each[..., column[below]] if below else 0.0]
        )
        found[name] = (float(value), *interval(ends[0], data.size))
    return found


def show(cells: Sequence["Cell"], found: Found, arms: Sequence[str]) -> None:
    """Print a table for each number of hand masks and each of `SUBJECTS` that was trained."""
    console = Console(width=220, highlight=False)
    for hand in dict.fromkeys(cell.hand for cell in cells):
        some = [cell for cell in cells if cell.hand == hand]
        for subject in (each for each in SUBJECTS if each in arms):
            shown = [arm for arm in arms if arm == subject or arm not in SUBJECTS]
            console.print(table_of(some, found, shown, subject))


def table_of(cells: Sequence["Cell"], found: Found, arms: Sequence[str], subject: str) -> Table:
    """Return the table of cells of one number of hand masks."""
    first, seeds = cells[0], len({cell.seed for cell in cells})
    length = f"{first.steps} + {first.more} steps{SUBJECTS[subject]}, {first.size} px"
    table = Table(title=f"{first.hand} hand masks per class, {seeds} seeds, {length}")
    rivals = [arm for arm in RIVALS if arm in arms]
    shared = [name for name, below in SHARES.items() if "full" in arms and (not below or below in arms)]
    for heading in ("class", *arms, *(f"{subject} - {arm}" for arm in rivals), *shared):
        table.add_column(heading, justify="left" if heading == "class" else "right")
    for name, of_row in rows_of(cells):
        data = gather(of_row, found, arms)
        cells_of_row = [name, *(f"{value:.4f}" for value in data.means())]
        for arm in rivals:
            result = difference_of(data, arms.index(arm), arms.index(subject))
            ends = "" if result.ci_low is None else f" [{100 * result.ci_low:+.1f} {100 * result.ci_high:+.1f}]"
            cells_of_row.append(f"{100 * result.difference:+.2f}{ends}")
        cells_of_row += [
            f"{value:.0f} % [{low:.0f} {high:.0f}]" for value, low, high in shares(data, arms, subject).values()
        ]
        table.add_row(*cells_of_row)
    seconds = [np.mean([found[cell.name]["seconds"][arm] for cell in cells]) for arm in arms]
    table.add_section()
    table.add_row("seconds", *(f"{each:.0f}" for each in seconds))
    return table


def figures(record: Figures, cells: Sequence["Cell"], found: Found, arms: Sequence[str]) -> None:
    """Record ours against each other arm."""
    for hand in dict.fromkeys(cell.hand for cell in cells):
        for name, of_row in rows_of([cell for cell in cells if cell.hand == hand]):
            means = dict(zip(arms, gather(of_row, found, arms).means(), strict=True))
            for arm in arms:
                if arm != "ours":
                    record.record(f"{name}, {hand} masks: ours against {arm}", means["ours"], "IoU", means[arm])
