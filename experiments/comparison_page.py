"""The comparison as one HTML file that needs nothing beside it: tables, charts, what weakens them, runs, method."""

import base64
import time
from collections.abc import Sequence
from html import escape

from experiments.comparison import Comparison, Verdict
from experiments.comparison_report import Report
from experiments.table_sections import Section, name, sections

STYLE = """
:root { color-scheme: light dark; --line: #8884; --up: #14743a; --down: #b3261e; --soft: #667; }
@media (prefers-color-scheme: dark) { :root { --up: #7cc18f; --down: #e8757a; --soft: #9aa3b2; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p.when { color: var(--soft); margin-top: .2rem; }
div.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: .25rem .8rem; text-align: right; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); }
th.left, td.left { text-align: left; }
tr.mean td { border-top: 2px solid currentColor; font-weight: 600; }
tr.better td.told { color: var(--up); font-weight: 600; } tr.worse td.told { color: var(--down); font-weight: 600; }
img { max-width: 100%; background: white; border-radius: 4px; }
code { font-size: .92em; } dt { font-weight: 600; margin-top: .5rem; } dd { margin-left: 1.2rem; }
"""
# what each column is, for a reader who has nothing but the file
HOW = (
    (
        "baseline, final, pp",
        "mean per-image metric on the same test pictures, each picture averaged over seeds first; the difference in"
        " percentage points. The mean over classes counts every class alike.",
    ),
    (
        "95 % CI",
        "cluster bootstrap of the paired difference: whole groups of copies are drawn, for the mean row jointly for all"
        " classes; percentiles widened for few groups (Hesterberg 2015).",
    ),
    ("p", "two-sided paired sign-flip permutation test, by group of copies; not corrected."),
    (
        "verdict",
        "better or worse where the interval excludes zero and p, corrected over all verdicts of the table (Holm), is"
        " below 0.05; else no evidence.",
    ),
    (
        "visible",
        "the smallest difference that would have been found with 80 % power, (t(1 - 0.05/2m) + t(0.8)) times the"
        " standard error, m verdicts in the table, groups - 1 degrees of freedom.",
    ),
    ("sd", "over seeds: the interval holds for these trained networks, not for the next seed."),
    (
        "checkpoints",
        "chosen on the validation set alone; the test set was scored once a run, at the pictures' own size. Both sides"
        " were scored on the same pictures, by content.",
    ),
)


def page(report: Report, charts: Sequence[tuple[str, bytes]] = ()) -> str:
    """Return the page; it is well-formed XML as well, and whatever a run or class is called is text in it.

    Args:
        charts: (what it shows, PNG).
    """
    body = [
        "<h1>Baseline against final</h1>",
        f'<p class="when">{escape(_when(report))}</p>',
        *map(_table, sections(report.rows)),
        *(_figure(caption, png) for caption, png in charts),
    ]
    if not report.rows:
        body.append("<p>There is nothing to compare.</p>")
    if report.remarks:
        items = "\n".join(f"<li>{escape(remark.line)}</li>" for remark in report.remarks)
        body.append(f"<h2>What weakens this table</h2>\n<ul>\n{items}\n</ul>")
    if report.rows:
        body.append(_runs(report))
        told = "\n".join(f"<dt>{escape(word)}</dt>\n<dd>{escape(text)}</dd>" for word, text in HOW)
        body.append(f"<h2>How it was computed</h2>\n<dl>\n{told}\n</dl>")
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en" xmlns="http://www.w3.org/1999/xhtml">',
            "<head>",
            '<meta charset="utf-8"/>',
            '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
            f"<title>{escape(_title(report))}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            *body,
            "</body>",
            "</html>",
            "",
        ]
    )


def _title(report: Report) -> str:
    classes = [row.defect_class for row in report.rows if row.kind == "class"]
    return f"Baseline against final: {', '.join(dict.fromkeys(classes)) or 'nothing to compare'}"


def _when(report: Report) -> str:
    made = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(report.made)) if report.made else ""
    chosen = "the runs were chosen by name" if report.baseline or report.final else "the latest runs of each seed"
    parts = (made and f"read {made}", report.store and f"from {report.store}", chosen)
    return ", ".join(filter(None, parts))


def _table(section: Section) -> str:
    sides = ["left" if column.left else "" for column in section.columns]
    heads = (_cell("th", side, column.heading) for side, column in zip(sides, section.columns, strict=True))
    lines = []
    for row, verdict, line in zip(section.rows, section.verdicts, section.lines(), strict=True):
        kinds = [row.kind == "mean" and "mean", verdict != Verdict.NO_EVIDENCE and str(verdict)]
        cells = []
        for column, side, text in zip(section.columns, sides, line, strict=True):
            told = "told" if column.heading in ("pp", "verdict") else ""
            cells.append(_cell("td", f"{side} {told}".strip(), text))
        lines.append(f"<tr{_class(' '.join(filter(None, kinds)))}>{''.join(cells)}</tr>")
    head = f"<thead><tr>{''.join(heads)}</tr></thead>"
    rows = "\n".join(lines)
    table = f"<table>\n{head}\n<tbody>\n{rows}\n</tbody>\n</table>"
    return f'<h2>{escape(section.title)}</h2>\n<div class="wide">{table}</div>'


def _cell(tag: str, kind: str, text: str) -> str:
    return f"<{tag}{_class(kind)}>{escape(text)}</{tag}>"


def _class(kind: str) -> str:
    return f' class="{escape(kind)}"' if kind else ""


def _figure(caption: str, png: bytes) -> str:
    data, told = base64.b64encode(png).decode("ascii"), escape(caption)
    return f'<h2>{told}</h2>\n<p><img alt="{told}" src="data:image/png;base64,{data}"/></p>'


def _runs(report: Report) -> str:
    """Name the runs behind every row."""
    items = []
    for row in report.of_metric(report.metrics[0]):
        if row.kind == "mean":
            continue
        sides = [("baseline", row.baseline_runs), ("final", row.final_runs)]
        sides += [("equal budget", row.equal_budget.runs)] if row.equal_budget else []
        sides += [("full masks", row.full_masks.runs)] if row.full_masks else []
        told = "; ".join(f"{escape(side)} {_ids(report, runs)}" for side, runs in sides)
        items.append(f"<dt>{escape(name(row))}</dt>\n<dd>{told}</dd>")
    return "<h2>Runs</h2>\n<dl>\n" + "\n".join(items) + "\n</dl>"


def _ids(report: Report, runs: Sequence[str]) -> str:
    told = []
    for run_id in runs:
        found = report.run(run_id)
        seed = f" (seed {found.seed})" if found else ""
        told.append(f"<code>{escape(run_id)}</code>{seed}")
    return ", ".join(told)


def charts(rows: Sequence[Comparison]) -> list[tuple[str, bytes]]:
    """Draw the rows of each metric."""
    from experiments.comparison_chart import draw

    metrics = dict.fromkeys(row.metric for row in rows)
    return [(f"test {metric}", draw([row for row in rows if row.metric == metric])) for metric in metrics]
