"""What the comparison tells, part by part, as short texts: the same parts in every written form."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from experiments.comparison import LOWER_IS_BETTER, Checkpoints, Comparison, Share, Verdict

UNKNOWN = "—"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, what stands in it, and where it is shown.

    Attributes:
        wide: a narrow terminal does without it; another part, or another column, says the same.
    """

    heading: str
    cell: Callable[[Comparison], str]
    left: bool = False
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """One part: a title and a table.

    Attributes:
        verdicts: of each row, for its colour.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Comparison, ...]
    verdicts: tuple[Verdict, ...]

    def lines(self, columns: Sequence[Column] | None = None) -> list[list[str]]:
        return [[column.cell(row) for column in columns or self.columns] for row in self.rows]


def sections(rows: Sequence[Comparison]) -> list[Section]:
    """Return the parts of a comparison; arms that nobody trained have none.

    Rows of several metrics make the first part, and those of the arms, once for each.
    """
    metrics = list(dict.fromkeys(row.metric for row in rows)) or ["iou"]
    found = []
    for metric in metrics:
        of_metric = [row for row in rows if row.metric == metric]
        found.append(_section(_title(metric), MAIN, of_metric, [row.verdict for row in of_metric]))
        found += _arms(of_metric)
    first = [row for row in rows if row.metric == metrics[0]]
    if any(row.n_groups for row in first):
        found.append(_section("power on these images (visible: found with 80 %), and spread over seeds", POWER, first))
    if any(row.chosen_baseline or row.chosen_final for row in first):
        by = next(side.metric for row in first for side in (row.chosen_baseline, row.chosen_final) if side)
        columns = CHOSEN if any(_test_last(row) for row in first) else CHOSEN[:-2]
        chosen = [row for row in first if row.kind == "class"]
        found.append(_section(f"checkpoints, chosen by {by}", columns, chosen))
    return found


def _arms(rows: Sequence[Comparison]) -> list[Section]:
    found = []
    if held := [row for row in rows if row.equal_budget]:
        verdicts = [row.equal_budget.verdict for row in held if row.equal_budget]
        title = "final against hand masks alone, trained for as long (equal budget)"
        found.append(_section(title, EQUAL_BUDGET, held, verdicts))
    if bound := [row for row in rows if row.full_masks]:
        columns = FULL_MASKS if any(row.equal_budget for row in bound) else FULL_MASKS[:-2]
        found.append(_section("what true masks of every picture would reach", columns, bound))
    return found


def _section(
    title: str, columns: tuple[Column, ...], rows: Sequence[Comparison], verdicts: Sequence[Verdict] = ()
) -> Section:
    return Section(title, columns, tuple(rows), tuple(verdicts) or (Verdict.NO_EVIDENCE,) * len(rows))


def _title(metric: str) -> str:
    lower = " (lower is better)" if metric in LOWER_IS_BETTER else ""
    return f"test {metric}{lower}, baseline against final"


def name(row: Comparison) -> str:
    """Return the class in both languages, or what the row is the mean of."""
    if row.kind == "mean":
        return f"mean of {row.classes} classes"
    return f"{row.defect_class} {row.class_label}" if row.class_label else row.defect_class


def arrow(difference: float) -> str:
    """Return the direction of a mean, whatever the verdict: ▲ up, ▼ down, = none."""
    return "▲" if difference > 0 else "▼" if difference < 0 else "="


def probability(value: float | None) -> str:
    return UNKNOWN if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.4f}"


def _points(value: float | None) -> str:
    """Return a size in percentage points, without sign."""
    return UNKNOWN if value is None else f"{100 * value:.2f}"


def _change(value: float) -> str:
    return f"{100 * value:+.2f} {arrow(value)}"


def _interval(low: float | None, high: float | None) -> str:
    return UNKNOWN if low is None or high is None else f"{100 * low:+.2f} … {100 * high:+.2f}"


def _count(value: int | None) -> str:
    return UNKNOWN if value is None else str(value)


def _percent(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{100 * value:.0f} %" if value < 0.995 else ">99 %"


def _share(share: Share | None) -> str:
    return UNKNOWN if share is None else f"{100 * share.value:.1f} %"


def _share_interval(share: Share | None) -> str:
    return UNKNOWN if share is None else f"{100 * share.low:.1f} … {100 * share.high:.1f}"


def _test_last(row: Comparison) -> list[float]:
    known = [side.test_last for side in (row.chosen_baseline, row.chosen_final) if side]
    return [value for value in known if value is not None]


def _side(side: str, cell: Callable[[Checkpoints], str]) -> Callable[[Comparison], str]:
    def of(row: Comparison) -> str:
        chosen = row.chosen_baseline if side == "baseline" else row.chosen_final
        return UNKNOWN if chosen is None else cell(chosen)

    return of


def _chosen_of(side: str) -> tuple[Column, ...]:
    return (
        Column(f"{side}: epoch", _side(side, lambda each: " ".join(map(str, each.epochs)))),
        Column("best", _side(side, lambda each: _number(each.best))),
        Column("last", _side(side, lambda each: _number(each.last))),
    )


CLASS = Column("class", name, left=True)
MAIN = (
    CLASS,
    Column("baseline", lambda row: _number(row.baseline)),
    Column("final", lambda row: _number(row.final)),
    Column("increase", lambda row: f"{row.increase:+.4f}", wide=True),
    Column("pp", lambda row: _change(row.increase)),
    Column("95 % CI (pp)", lambda row: _interval(row.ci_low, row.ci_high)),
    Column("p", lambda row: probability(row.p_value)),
    Column("visible", lambda row: _points(row.detectable)),
    Column("images", lambda row: _count(row.n_images), wide=True),
    Column("seeds", lambda row: str(len(row.seeds)), wide=True),
    Column("verdict", lambda row: str(row.verdict), left=True),
)
EQUAL_BUDGET = (
    CLASS,
    Column("equal budget", lambda row: _number(row.equal_budget and row.equal_budget.value)),
    Column("final", lambda row: _number(row.final)),
    Column("pp", lambda row: _change(row.equal_budget.difference) if row.equal_budget else UNKNOWN),
    Column(
        "95 % CI (pp)",
        lambda row: _interval(row.equal_budget.ci_low, row.equal_budget.ci_high) if row.equal_budget else UNKNOWN,
    ),
    Column("p", lambda row: probability(row.equal_budget and row.equal_budget.p_value)),
    Column("verdict", lambda row: str(row.equal_budget.verdict) if row.equal_budget else UNKNOWN, left=True),
)
FULL_MASKS = (
    CLASS,
    Column("full masks", lambda row: _number(row.full_masks and row.full_masks.value)),
    Column("final", lambda row: _number(row.final)),
    Column("reached", lambda row: _share(row.full_masks and row.full_masks.reached)),
    Column("95 % CI", lambda row: _share_interval(row.full_masks and row.full_masks.reached)),
    Column("of the gap", lambda row: _share(row.full_masks and row.full_masks.closed)),
    Column("95 % CI", lambda row: _share_interval(row.full_masks and row.full_masks.closed)),
    # what longer training alone would not have closed
    Column("at equal budget", lambda row: _share(row.full_masks and row.full_masks.closed_at_equal_budget)),
    Column("95 % CI", lambda row: _share_interval(row.full_masks and row.full_masks.closed_at_equal_budget)),
)
POWER = (
    CLASS,
    Column("images", lambda row: _count(row.n_images)),
    Column("groups", lambda row: _count(row.n_groups)),
    Column("sd (pp)", lambda row: _points(row.paired_sd)),
    Column("se", lambda row: _points(row.se)),
    Column("visible", lambda row: _points(row.detectable), wide=True),
    Column("finds 5 pp", lambda row: _percent(row.power)),
    Column("seeds", lambda row: str(len(row.seeds))),
    Column("sd base", lambda row: _points(row.seed_sd_baseline)),
    Column("final", lambda row: _points(row.seed_sd_final)),
    Column("pp", lambda row: _points(row.seed_sd_difference)),
)
CHOSEN = (
    CLASS,
    *_chosen_of("baseline"),
    *_chosen_of("final"),
    Column("baseline: test at last", _side("baseline", lambda each: _number(each.test_last))),
    Column("final: test at last", _side("final", lambda each: _number(each.test_last))),
)
