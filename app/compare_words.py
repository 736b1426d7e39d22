"""One row of the comparison in words: every figure that has no room in the table, and what weakens it."""

from typing import TYPE_CHECKING

from app.compare_view import METRIC_WORDS, State, class_name, interval, points, probability, verdict
from app.language import _, ngettext
from app.text import escape, score
from experiments.comparison import Checkpoints, Comparison, Share

if TYPE_CHECKING:
    from experiments.comparison_report import Report

_DIM = "$foreground 65%"


def figures(row: Comparison) -> str:
    """Return what was measured, in one sentence of markup."""
    difference = f"{100 * row.increase:+.2f} pp"
    text = _("{name}: baseline {baseline}, final {final}: {difference}").format(
        name=f"[b]{escape(class_name(row))}[/b]",
        baseline=score(row.baseline),
        final=score(row.final),
        difference=f"[b]{difference}[/b]",
    )
    if row.ci_low is None:
        return f"{text}; {_('no interval: a side has no scores by picture')}"
    tested = _("95 % interval {interval}, p {p}").format(
        interval=interval(row.ci_low, row.ci_high), p=probability(row.p_value)
    )
    return f"{text} ({tested}): {verdict(row.verdict)}"


def detail(row: Comparison, report: "Report") -> list[str]:
    """Return everything about a row, a line each."""
    lines = [figures(row)]
    if row.n_images is not None:
        lines.append(_power(row))
    lines += _arms(row)
    for side, word in ((row.chosen_baseline, _("baseline")), (row.chosen_final, _("final"))):
        if side:
            lines.append(f"{word}: {_checkpoint(side)}")
    lines += _runs(row, report)
    return lines


def _power(row: Comparison) -> str:
    count = row.n_images or 0
    pictures = ngettext("{count} test picture", "{count} test pictures", count).format(count=count)
    groups = ngettext("{count} group", "{count} groups", row.n_groups or 0).format(count=row.n_groups or 0)
    told = [f"{pictures}, {groups}"]
    if row.detectable is not None:
        told.append(_("a difference of {points} pp would be seen").format(points=points(row.detectable)))
    if row.power is not None:
        share = f"{100 * row.power:.0f} %" if row.power < 0.995 else ">99 %"
        told.append(_("5 pp with {share}").format(share=share))
    if row.seed_sd_difference is not None:
        sides = (row.seed_sd_baseline, row.seed_sd_final, row.seed_sd_difference)
        told.append(
            _("sd over seeds: baseline {0}, final {1}, difference {2} pp").format(*(points(each) for each in sides))
        )
    return "; ".join(told)


def _arms(row: Comparison) -> list[str]:
    lines = []
    if arm := row.equal_budget:
        text = _("equal budget {value}: final {difference} pp ({interval}, p {p})").format(
            value=score(arm.value),
            difference=f"{100 * arm.difference:+.2f}",
            interval=interval(arm.ci_low, arm.ci_high),
            p=probability(arm.p_value),
        )
        lines.append(f"{text}: {verdict(arm.verdict)}")
    if bound := row.full_masks:
        told = [_("true masks of every picture reach {value}").format(value=score(bound.value))]
        if bound.reached:
            told.append(_("the final reaches {share} of it").format(share=_share(bound.reached)))
        if bound.closed:
            told.append(_("closes {share} of the gap").format(share=_share(bound.closed)))
        if bound.closed_at_equal_budget:
            share = _share(bound.closed_at_equal_budget)
            told.append(_("{share} of the gap that equal budget leaves").format(share=share))
        lines.append("; ".join(told))
    return lines


def _share(share: Share) -> str:
    return f"{100 * share.value:.0f} % ({100 * share.low:.0f} … {100 * share.high:.0f})"


def _checkpoint(side: Checkpoints) -> str:
    epochs = " ".join(map(str, side.epochs))
    text = _("best epoch {epochs} by {metric} {best}").format(
        epochs=epochs, metric=escape(side.metric), best=score(side.best)
    )
    if side.last is not None:
        text += ", " + _("last {last}").format(last=score(side.last))
    if side.test_last is not None:
        text += ", " + _("test at last {value}").format(value=score(side.test_last))
    return text


def _runs(row: Comparison, report: "Report") -> list[str]:
    if row.kind == "mean":
        return []
    sides = [(_("baseline"), row.baseline_runs), (_("final"), row.final_runs)]
    sides += [(_("equal budget"), row.equal_budget.runs)] if row.equal_budget else []
    sides += [(_("full masks"), row.full_masks.runs)] if row.full_masks else []
    lines = []
    for word, runs in sides:
        told = ", ".join(_run(run, report) for run in runs)
        lines.append(f"[{_DIM}]{word}: {told}[/]")
    return lines


def _run(run_id: str, report: "Report") -> str:
    found, text = report.run(run_id), escape(run_id)
    if found is None:
        return text
    several = f", {_('one network of')} {escape(', '.join(found.classes))}" if len(found.classes) > 1 else ""
    stage = f", {found.stage}" if found.stage not in ("baseline", "final") else ""
    return f"{text} ({_('seed')} {found.seed}{stage}{several})"


def below(state: State, row: Comparison | None) -> str:
    """Return what stands below the table: what went wrong, the row under the cursor, and what weakens the table."""
    parts = []
    if state.problem:
        parts.append(f"[$error]✗ {escape(state.problem)}[/]")
        if state.has_report:
            parts.append(f"[{_DIM}]{_('The table above is from the last time that it worked; r reads again.')}[/]")
    if row and state.report:
        parts += detail(row, state.report)
    notes = state.report.remarks_on(state.metric) if state.report else []
    if notes:
        parts += ["", f"[b]{_('What weakens this table')}[/b]"] if row else []
        parts += [f"[$warning]![/] [{_DIM}]{escape(note)}[/]" for note in notes]
    return "\n".join(parts)


def metric_word(metric: str) -> str:
    return _(METRIC_WORDS[metric])
