"""The comparison as columns and cells of the Compare pane, and the lines above them: pure functions over a report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.comparison import Question
from app.language import N_, _, ngettext
from app.text import ago, escape, score
from app.widgets.grid import Column
from experiments.comparison import LOWER_IS_BETTER, Comparison, Verdict

if TYPE_CHECKING:
    from experiments.comparison_report import Report

METRIC_WORDS = {
    "iou": "IoU",
    "dice": "Dice",
    "precision": N_("precision"),
    "recall": N_("recall"),
    "specificity": N_("specificity"),
    "false_alarms": N_("false alarms"),
}
_VERDICTS = {
    Verdict.BETTER: ("$success", N_("✓ better")),
    Verdict.WORSE: ("$error", N_("✗ worse")),
    Verdict.NO_EVIDENCE: ("$foreground 70%", N_("no evidence")),
}
UNKNOWN = "–"
BAR_WIDTH = 25
CHOSEN_SHOWN = 2


@dataclass(frozen=True, slots=True)
class State:
    """What the pane knows.

    Attributes:
        problem: the sentence that the last reading ended with.
        since: monotonic seconds since which it is being read again; None = it is not.
        progress: how many runs of how many are read.
    """

    report: "Report | None"
    metric: str
    question: Question
    problem: str | None = None
    since: float | None = None
    progress: tuple[int, int] | None = None

    @property
    def has_report(self) -> bool:
        """Whether a comparison is there, not only the runs that it may be made of."""
        return self.report is not None and self.report.made > 0

    @property
    def rows(self) -> tuple[Comparison, ...]:
        return self.report.of_metric(self.metric) if self.report else ()


@dataclass(frozen=True, slots=True)
class _Field:
    """A column and what stands in it; `where` tells whether some row has it."""

    title: str
    width: int
    keep: int
    cell: Callable[[Comparison], str]
    right: bool = True
    grow: bool = False
    where: Callable[[Comparison], bool] = lambda row: True


# -- the table -------------------------------------------------------------------------------------------------------


def columns(rows: Sequence[Comparison]) -> tuple[Column, ...]:
    """Return the columns that these rows fill, in the order in which they are shown."""
    return tuple(
        Column(scale_title(rows) if field is _BAR else _(field.title), field.width, field.right, field.grow, field.keep)
        for field in _shown(rows)
    )


def cells(row: Comparison, rows: Sequence[Comparison]) -> tuple[str, ...]:
    """Return one row as console markup, for `columns(rows)`."""
    return tuple(bar(row, span(rows)) if field is _BAR else field.cell(row) for field in _shown(rows))


def _shown(rows: Sequence[Comparison]) -> list[_Field]:
    return [field for field in FIELDS if any(map(field.where, rows)) or not rows]


def class_name(row: Comparison) -> str:
    """Return the class in both languages, or what the row is the mean of; plain text."""
    if row.kind == "mean":
        return ngettext("mean of {count} class", "mean of {count} classes", row.classes).format(count=row.classes)
    return f"{row.defect_class} {row.class_label}" if row.class_label else row.defect_class


def _class_cell(row: Comparison) -> str:
    if row.kind == "mean":
        return f"[b]{_('mean of {count}').format(count=row.classes)}[/b]"
    return f"[b]{escape(row.defect_class)}[/b]" + (f" {escape(row.class_label)}" if row.class_label else "")


def verdict(value: Verdict) -> str:
    style, word = _VERDICTS[value]
    return f"[{style}]{_(word)}[/]"


def change(difference: float | None, value: Verdict, digits: int = 2) -> str:
    """Return a difference in points with sign and arrow, so that colour is not needed to read it."""
    if difference is None:
        return UNKNOWN
    arrow = "▲" if difference > 0 else "▼" if difference < 0 else "="
    return f"[{_VERDICTS[value][0]}]{100 * difference:+.{digits}f} {arrow}[/]"


def interval(low: float | None, high: float | None) -> str:
    return UNKNOWN if low is None or high is None else f"{100 * low:+.1f} … {100 * high:+.1f}"


def probability(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f}" if value >= 0.001 else "<0.001"


def points(value: float | None) -> str:
    return UNKNOWN if value is None else f"{100 * value:.1f}"


def _percent(value: float | None) -> str:
    return UNKNOWN if value is None else f"{100 * value:.0f} %" if value < 0.995 else ">99 %"


def _count(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"


def _over_equal_budget(row: Comparison) -> str:
    arm = row.equal_budget
    return f"{change(arm.difference, arm.verdict, 1)} {verdict(arm.verdict)}" if arm else UNKNOWN


def _of_full_masks(row: Comparison) -> str:
    return _percent(row.full_masks.reached.value) if row.full_masks and row.full_masks.reached else UNKNOWN


def _of_gap(row: Comparison) -> str:
    return _percent(row.full_masks.closed.value) if row.full_masks and row.full_masks.closed else UNKNOWN


_BAR = _Field("", BAR_WIDTH, 80, lambda row: "", right=False, where=lambda row: row.ci_low is not None)
# in the order of reading; `keep` is the order in which a narrow terminal holds on to them
FIELDS = (
    _Field(N_("class"), 12, 100, _class_cell, right=False, grow=True),
    _Field(N_("baseline"), 8, 90, lambda row: score(row.baseline)),
    _Field(N_("final"), 6, 98, lambda row: score(row.final)),
    _Field(N_("pp"), 8, 97, lambda row: change(row.increase, row.verdict)),
    _BAR,
    _Field(N_("95 % interval"), 13, 92, lambda row: interval(row.ci_low, row.ci_high)),
    _Field(N_("p"), 6, 91, lambda row: probability(row.p_value)),
    _Field(N_("verdict"), 11, 95, lambda row: verdict(row.verdict), right=False),
    _Field(N_("images"), 6, 70, lambda row: _count(row.n_images), where=lambda row: row.n_images is not None),
    _Field(
        N_("over equal budget"),
        20,
        60,
        _over_equal_budget,
        right=False,
        where=lambda row: row.equal_budget is not None,
    ),
    _Field(N_("of full masks"), 13, 58, _of_full_masks, where=lambda row: row.full_masks is not None),
    _Field(N_("of the gap"), 10, 40, _of_gap, where=lambda row: row.full_masks is not None),
    _Field(N_("seeds"), 5, 56, lambda row: str(len(row.seeds))),
    _Field(N_("visible"), 7, 54, lambda row: points(row.detectable), where=lambda row: row.detectable is not None),
    _Field(N_("finds 5 pp"), 10, 30, lambda row: _percent(row.power), where=lambda row: row.power is not None),
    _Field(
        N_("sd seeds"),
        8,
        28,
        lambda row: points(row.seed_sd_difference),
        where=lambda row: row.seed_sd_difference is not None,
    ),
    _Field(N_("groups"), 6, 20, lambda row: _count(row.n_groups), where=lambda row: row.n_groups is not None),
)


# -- the interval as a bar -------------------------------------------------------------------------------------------


def span(rows: Sequence[Comparison]) -> tuple[float, float]:
    """Return what all bars span, in differences: every interval, and zero."""
    ends = [end for row in rows for end in (row.ci_low, row.ci_high, row.increase) if end is not None]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    return (low, high) if high > low else (-0.01, 0.01)


def _place(value: float, ends: tuple[float, float], width: int) -> int:
    low, high = ends
    return round((value - low) / (high - low) * (width - 1))


def scale_title(rows: Sequence[Comparison], width: int = BAR_WIDTH) -> str:
    """Return the heading of the bars: both ends in points, and where zero is."""
    ends = span(rows)
    line = [" "] * width
    left, right = f"{100 * ends[0]:+.1f}", f"{100 * ends[1]:+.1f}"
    zero = _place(0.0, ends, width)
    if ends[0] < 0:
        line[: len(left)] = left
    if ends[1] > 0:
        line[width - len(right) :] = right
    if line[zero] == " ":
        line[zero] = "0"
    return "".join(line)


def bar(row: Comparison, ends: tuple[float, float], width: int = BAR_WIDTH) -> str:
    """Draw an interval: where zero is, from where to where, and the difference itself."""
    line = [" "] * width
    zero = _place(0.0, ends, width)
    first = last = _place(row.increase, ends, width)
    if row.ci_low is not None and row.ci_high is not None:
        first, last = _place(row.ci_low, ends, width), _place(row.ci_high, ends, width)
        line[first : last + 1] = "─" * (last + 1 - first)
        line[first], line[last] = "├", "┤"
    line[zero] = "┼" if first < zero < last else line[zero] if first <= zero <= last and first < last else "│"
    line[_place(row.increase, ends, width)] = "●"
    first, last = min(first, _place(row.increase, ends, width)), max(last, _place(row.increase, ends, width))
    style, text = _VERDICTS[row.verdict][0], "".join(line)
    before, drawn, after = text[:first], text[first : last + 1], text[last + 1 :]
    return f"[$foreground 35%]{before}[/][{style}]{drawn}[/][$foreground 35%]{after}[/]"


# -- the head --------------------------------------------------------------------------------------------------------


def head(state: State, now: float, clock: float) -> str:
    """Return the line above the table.

    Args:
        now: unix seconds, for the age.
        clock: monotonic seconds, for how long it is being read.
    """
    lower = f" {_('(lower is better)')}" if state.metric in LOWER_IS_BETTER else ""
    parts = [f"[$foreground 80%]{_('test')} {_(METRIC_WORDS[state.metric])}{lower}[/]"]
    if state.report and state.has_report:
        parts.append(_("read {ago}").format(ago=ago(state.report.made, now)))
    if state.since is not None:
        reading = _("reading again") if state.has_report else _("reading")
        seconds = _("{seconds} s").format(seconds=max(0, int(clock - state.since)))
        counts = ""
        if state.progress:
            counts = ", " + _("{done} of {total} runs").format(done=state.progress[0], total=state.progress[1])
        parts.append(f"[$primary]{reading} … {seconds}{counts}[/]")
    elif state.problem:
        parts.append(f"[$error]✗ {_('could not be read') if not state.has_report else _('could not be read again')}[/]")
    if state.question.is_default:
        parts.append(_("latest of each"))
    joined = " [$foreground 40%]·[/] ".join(parts)
    return f"[b]{_('Baseline against final')}[/b]  [$foreground 60%]{joined}[/]"


def choice(question: Question) -> str:
    """Return the line that says which runs were chosen; empty where none were."""
    if question.is_default:
        return ""
    told = []
    for side, word in (("baseline", _("baseline")), ("final", _("final"))):
        runs = question.sides[side]
        shown = ", ".join(escape(run) for run in runs[:CHOSEN_SHOWN]) or _("latest")
        more = f" +{len(runs) - CHOSEN_SHOWN}" if len(runs) > CHOSEN_SHOWN else ""
        told.append(f"{word} [b]{shown}[/b]{more}")
    return f"[$warning]{_('chosen:')}[/] " + " [$foreground 40%]·[/] ".join(told)
