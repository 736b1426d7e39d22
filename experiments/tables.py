"""The comparison as text: a table for the eye, Markdown and LaTeX for papers, CSV and JSON for programs."""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from experiments.comparison import COLUMNS, Comparison, Verdict
from experiments.table_sections import Column, Section, sections

FORMATS = ("table", "markdown", "csv", "latex", "json")
# what a terminal narrower than `WIDE` does without is marked in `table_sections`
WIDE = 130
STYLES = {Verdict.BETTER: "green", Verdict.WORSE: "red", Verdict.NO_EVIDENCE: ""}


def render(rows: Sequence[Comparison], form: str, *, width: int | None = None, color: bool = False) -> str:
    """Return the rows in one of `FORMATS`, with a final newline.

    Args:
        width: of the table, in characters; None = as wide as it needs.
        color: ANSI colours in the table. Sign, arrow and verdict say the same without.
    """
    if form == "table":
        return table(rows, width=width, color=color)
    plain: dict[str, Callable[[Sequence[Comparison]], str]] = {
        "csv": to_csv,
        "json": to_json,
        "markdown": markdown,
        "latex": latex,
    }
    return plain[form](rows)


def table(rows: Sequence[Comparison], *, width: int | None = None, color: bool = False) -> str:
    """Draw the parts for a terminal, one below the other."""
    from rich.console import Console

    text = io.StringIO()
    system = "standard" if color else None
    console = Console(file=text, width=width or 200, force_terminal=color, color_system=system, no_color=not color)
    for index, section in enumerate(sections(rows)):
        if index:
            console.print()
        console.print(_drawn(section, narrow=width is not None and width < WIDE))
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def _drawn(section: Section, *, narrow: bool) -> Any:
    from rich import box
    from rich.table import Table

    drawn = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=0 if narrow else (0, 1),
        pad_edge=False,
        title=section.title,
        title_justify="left",
    )
    shown = [column for column in section.columns if not (narrow and column.wide)]
    for column in shown:
        is_class = column.heading == "class"
        drawn.add_column(
            column.heading, justify="left" if column.left else "right", no_wrap=not is_class, overflow="fold"
        )
    lines = section.lines(shown)
    for row, verdict, line in zip(section.rows, section.verdicts, lines, strict=True):
        if row.kind == "mean":
            drawn.add_section()
        drawn.add_row(*line, style=STYLES[verdict])
    return drawn


def markdown(rows: Sequence[Comparison]) -> str:
    """Return GitHub Markdown tables, each under its title."""
    return "\n".join(_markdown(section) for section in sections(rows))


def _markdown(section: Section) -> str:
    rule = ["---" if column.left else "---:" for column in section.columns]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in section.lines()]
    lines = [[column.heading for column in section.columns], rule, *cells]
    return f"**{section.title}**\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def to_csv(rows: Sequence[Comparison]) -> str:
    """Return every field in full precision; lists are joined by spaces, an unknown value is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        values = row.row().items()
        writer.writerow({key: " ".join(map(str, value)) if isinstance(value, list) else value for key, value in values})
    return text.getvalue()


def to_json(rows: Sequence[Comparison]) -> str:
    """Return a JSON list of the rows."""
    return json.dumps([row.row() for row in rows], indent=2, ensure_ascii=False, allow_nan=False) + "\n"


LATEX_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "▲": r"$\uparrow$", "▼": r"$\downarrow$", "…": r"\ldots{}",
    "—": "---", "<": "$<$", ">": "$>$",
}  # fmt: skip


def latex(rows: Sequence[Comparison]) -> str:
    """Return a `tabular` per part for the booktabs package; Cyrillic labels need XeLaTeX, LuaLaTeX or T2A fonts."""
    return "\n".join(_latex(section) for section in sections(rows))


def _latex(section: Section) -> str:
    def line(cells: Sequence[str]) -> str:
        return " & ".join(map(escape_latex, cells)) + r" \\"

    head = [rf"\begin{{tabular}}{{{_alignment(section.columns)}}}", r"\toprule"]
    head += [line([column.heading for column in section.columns]), r"\midrule"]
    body: list[str] = []
    for row, cells in zip(section.rows, section.lines(), strict=True):
        body += [r"\midrule"] if row.kind == "mean" else []
        body.append(line(cells))
    return "\n".join([f"% {section.title}", *head, *body, r"\bottomrule", r"\end{tabular}", ""])


def _alignment(columns: Sequence[Column]) -> str:
    return "".join("l" if column.left else "r" for column in columns)


def escape_latex(text: str) -> str:
    """Make `text` safe in LaTeX; the sign of a number is set as a sign, not as a hyphen."""
    escaped = "".join(LATEX_ESCAPES.get(character, character) for character in text)
    return re.sub(r"(?<![\w$-])([+-])(?=\d)", r"$\1$", escaped)
