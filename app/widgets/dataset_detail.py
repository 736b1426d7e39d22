"""One dataset in full: where it comes from, its classes as bars, its splits, what audit and verification found."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.language import N_, _, ngettext
from app.text import ago, bar, escape

if TYPE_CHECKING:
    from experiments.dataset_jobs import Job
    from experiments.dataset_reports import Report
    from experiments.datasets import DatasetView

MOST_FINDINGS = 100
MOST_PROBLEMS = 5
_PARTS = ("train", "val", "test", "hybrid")
_WORD_CELLS = 10
WORDS = (N_("audit"), N_("verify"), N_("boxes"), N_("hand"))
_COUNT = re.compile(r"(\d+) of (\d+)")
_FINDING_STYLES = {"suspect": "$warning", "conflict": "$warning", "unreadable": "$error", "duplicate": "$secondary"}
_JOB_TITLES = {"next": N_("next masks")}
MOST_NEXT = 5
_GLYPHS = {"suspect": "!", "conflict": "≠", "unreadable": "✗", "duplicate": "="}


def detail(view: "DatasetView", datasets: "Sequence[DatasetView]", width: int) -> str:
    """Return the page about a dataset, as markup.

    Args:
        datasets: all of them: the ones made from this one are counted by class and set.
        width: of the page, in cells.
    """
    from app.widgets.data_pane import kind_words

    facts = [f"[b]{escape(view.name)}[/b]", kind_words(view)]
    facts += [_("made from {source}").format(source=escape(view.source))] if view.source else []
    facts += [f"seed {view.seed}"] if view.seed is not None else []
    facts += [_("fingerprint {value}").format(value=view.fingerprint[:12])] if view.fingerprint else []
    parts = [_joined(facts)]
    if view.problem:
        parts.append(f"[$error]✗ {escape(view.problem)}[/]")
    parts += [_working(job) for job in _jobs_to_tell(view)]
    if view.classes:
        parts.append(class_table(view, [each for each in datasets if each.source == view.name and each.depth], width))
    if view.splits:
        counts = (f"{escape(part)} {count}" for part, count in view.splits.items())
        parts.append(f"{_word(_('splits'))}{_joined(counts)}")
    parts += [_verification(view.verification), _audit(view), _next_masks(view)]
    if view.problems:
        parts.append(_import_problems(view.problems))
    if view.parameters:
        parts.append(f"{_word(_('made with'))}{_joined(_parameters(view.parameters))}")
    if view.report:
        parts.append(_findings(view.report))
    return "\n".join(filter(None, parts))


def _jobs_to_tell(view: "DatasetView") -> "list[Job]":
    """The jobs that run, or that could not do their work and nothing newer has replaced."""
    audit, verification = view.audit, view.verification
    told = [audit] if audit and (audit.is_active or audit.is_newer_than(view.report)) else []
    return told + [job for job in (verification, view.next_masks) if job]


def class_table(view: "DatasetView", derived: "Sequence[DatasetView]", width: int) -> str:
    """Return the counts of every class: pictures with a bar, boxes, hand-labelled, and pictures of the sets."""
    columns = [part for part in _PARTS if any(_column(each) == part for each in derived)]
    names = {key: f"{key} {label}".strip() for key, label in view.classes.items()}
    name_width = min(max(map(len, names.values())), 30 if width >= 90 else 14)
    numbers = ["pictures", *(["boxes"] if view.box_counts else []), *(["hand"] if view.hand_counts else []), *columns]
    widths = {title: max(len(_(title)), 8 if title == "pictures" else 5) for title in numbers}
    needed = name_width + sum(widths.values())
    gap = "  " if needed + 2 * len(numbers) <= width else " "
    room = width - needed - len(gap) * (len(numbers) + 1)
    bar_width = max(0, min(30, room)) if room >= 6 else 0
    header = [f"{_('class'):<{name_width}}", f"{_('pictures'):>{widths['pictures']}}"]
    header += [" " * bar_width] if bar_width else []
    header += [f"{_(title):>{widths[title]}}" for title in numbers[1:]]
    lines = [f"[$foreground 55%]{gap.join(header)}[/]"]
    most = max([*view.class_counts.values(), 1])
    for key, name in names.items():
        count = view.class_counts.get(key)
        row = [f"[b]{escape(_cut(name, name_width))}[/b]", _number(count, widths["pictures"])]
        if bar_width:
            done, _rest = bar((count or 0) / most, bar_width)
            row.append(f"[$primary]{done}[/]{' ' * (bar_width - len(done))}")
        row += [_number(view.box_counts.get(key), widths["boxes"])] if view.box_counts else []
        row += [_number(view.hand_counts.get(key), widths["hand"])] if view.hand_counts else []
        for part in columns:
            counted = [each.pictures for each in derived if key in each.classes and _column(each) == part]
            row.append(_number(sum(counted) if counted else None, widths[part]))
        lines.append(gap.join(row))
    return "\n".join(lines)


def _column(view: "DatasetView") -> str | None:
    """In which column of its source's table a set is counted; the val set of a hybrid is a copy of the other."""
    if view.kind == "hybrid":
        return "hybrid" if view.part != "val" else None
    return view.kind


def _working(job: "Job") -> str:
    """Return the line of a job that runs, or that could not do its work."""
    title = _(_JOB_TITLES.get(job.kind, job.kind))
    if job.is_active:
        line = job.line or _("starting …")
        found = _COUNT.search(line)
        done, rest = bar(int(found[1]) / max(1, int(found[2])), 24) if found else ("", "")
        asked = f" [$warning]{_('asked to stop')}[/]" if job.asked else ""
        began = _("began {when}").format(when=ago(job.started))
        drawn = f"[$primary]{done}[/][$foreground 22%]{rest}[/] " if found else ""
        return f"[$primary]● {title}[/]  {drawn}{escape(line)}[$foreground 50%], {began}[/]{asked}"
    if job.status in ("failed", "lost"):
        gone = _("its process is gone; {last}").format(last=job.line or _("it said nothing"))
        why = job.line if job.status == "failed" else gone
        return f"[$error]✗ {job_words(job)}[/]  {escape(why)} [$foreground 50%]{escape(job.log)}[/]"
    if job.status == "stopped":
        return f"[$warning]■ {job_words(job)}[/]  [$foreground 50%]{ago(job.ended)}[/]"
    return ""


def job_words(job: "Job") -> str:
    """Return what a job is and how it stands, in two words."""
    return _("{job} {status}").format(job=_(_JOB_TITLES.get(job.kind, job.kind)), status=_(job.status))


def _verification(job: "Job | None") -> str:
    if job is None or job.status != "finished":
        return ""
    verdict = f"[$success]✓ {_('sound')}[/]" if job.code == 0 else f"[$error]✗ {_('not sound')}[/]"
    return f"{_word(_('verified'))}{verdict} [$foreground 55%]{ago(job.ended)}[/]  {escape(job.line)}"


def _audit(view: "DatasetView") -> str:
    report = view.report
    if report is None:
        if view.problem or (view.audit and view.audit.is_active):
            return ""
        return _word(_("audit")) + _("none yet: [b $primary]a[/] starts one")
    again = _("stale: the dataset was changed since; [b]a[/b] audits again")
    stale = f" [$warning]{again}[/]" if report.stale else ""
    return f"{_word(_('audit'))}{ago(report.written)}{stale}  {_summary(report)}"


def _next_masks(view: "DatasetView") -> str:
    """Return what is to be drawn next, and how."""
    from experiments.next_lists import read_next

    job = view.next_masks
    if job is None or job.status != "finished":
        return ""
    found = read_next(job)
    if found is None:
        return f"{_word(_('next'))}[$warning]{_('the folder is gone')}[/] [$foreground 55%]{escape(job.out or '')}[/]"
    names = ", ".join(escape(name) for name, _classes in found.pictures[:MOST_NEXT])
    more = len(found.pictures) - MOST_NEXT
    rest = " " + ngettext("and {count} more", "and {count} more", more).format(count=more) if more > 0 else ""
    how = _("open it in VIA 2 (via.html beside it), correct, set `drawn` to yes, save; then")
    back = f"python scripts/tools/import_dataset.py {found.project} --labels-of {view.name}"
    return "\n".join(
        [
            f"{_word(_('next'))}[b]{len(found.pictures)}[/b] {_('masks to draw')}: {names}{rest}"
            f" [$foreground 55%]{ago(job.ended)}[/]",
            f"{_word('')}[$primary]{escape(found.project)}[/]",
            f"{_word('')}[$foreground 60%]{how}[/]",
            f"{_word('')}[$foreground 60%]{escape(back)}[/]",
        ]
    )


def _findings(report: "Report") -> str:
    """Return one line for each finding, then the notes; of many, the first."""
    lines = []
    for finding in report.findings[:MOST_FINDINGS]:
        style, glyph = _FINDING_STYLES[finding.kind], _GLYPHS[finding.kind]
        what = ", ".join(finding.members) if finding.members else finding.file
        kind = f" {finding.defect_class}" if finding.defect_class else ""
        lines.append(f"[{style}]{glyph}[/] {escape(what)}[$foreground 60%]{escape(kind)}  {escape(finding.reason)}[/]")
    lines += [f"[$foreground 60%]· {escape(note)}[/]" for note in report.notes[:MOST_FINDINGS]]
    more = max(0, len(report.findings) - MOST_FINDINGS) + max(0, len(report.notes) - MOST_FINDINGS)
    if more:
        lines.append(_more(more, report.page))
    return "\n".join(lines)


def _summary(report: "Report") -> str:
    counts = {kind: report.count(kind) for kind in _GLYPHS}
    if not any(counts.values()):
        return f"[$success]✓ {_('nothing found')}[/]"
    told = (
        ngettext("[b]{count}[/b] suspect box", "[b]{count}[/b] suspect boxes", counts["suspect"]),
        ngettext("[b]{count}[/b] conflict", "[b]{count}[/b] conflicts", counts["conflict"]),
        ngettext("[b]{count}[/b] unreadable", "[b]{count}[/b] unreadable", counts["unreadable"]),
        ngettext("[b]{count}[/b] group of copies", "[b]{count}[/b] groups of copies", counts["duplicate"]),
    )
    return _joined(text.format(count=count) for text, count in zip(told, counts.values(), strict=True))


def _import_problems(problems: Sequence[tuple[str, str]]) -> str:
    odd = ngettext("{count} odd thing", "{count} odd things", len(problems)).format(count=len(problems))
    lines = [f"{_word(_('import'))}[$warning]! {odd}[/]"]
    lines += [
        f"[$warning]![/] {escape(file)} [$foreground 60%]{escape(reason)}[/]"
        for file, reason in problems[:MOST_PROBLEMS]
    ]
    if len(problems) > MOST_PROBLEMS:
        lines.append(_more(len(problems) - MOST_PROBLEMS, "dataset.json"))
    return "\n".join(lines)


def _parameters(values: dict[str, object]) -> list[str]:
    """Return `key value` texts; a nested mapping by its name or its keys."""
    told = []
    for key, value in values.items():
        if isinstance(value, dict):
            value = value.get("name") or ", ".join(map(str, value))
        elif isinstance(value, list):
            value = ", ".join(map(str, value))
        told.append(f"[$foreground 60%]{escape(key)}[/] {escape(value)}")
    return told


def _more(count: int, where: object) -> str:
    told = _("… {count} more in {file}").format(count=count, file=escape(where))
    return f"[$foreground 60%]{told}[/]"


def _joined(parts: object) -> str:
    return " [$foreground 40%]·[/] ".join(parts)  # type: ignore[arg-type]


def _word(word: str) -> str:
    return f"[$foreground 55%]{word:<{_WORD_CELLS}}[/]"


def _number(value: int | None, width: int) -> str:
    return f"{'–' if value is None else format(value, ','):>{width}}"


def _cut(text: str, width: int) -> str:
    return f"{text:<{width}}" if len(text) <= width else f"{text[: width - 1]}…"
