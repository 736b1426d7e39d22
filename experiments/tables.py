"""The comparison as text: a table for the eye, Markdown and LaTeX for papers, CSV and JSON for programs."""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence

from experiments.comparison import Comparison, Verdict

FORMATS = ("table", "markdown", "csv", "latex", "json")
COLUMNS = (
    "class", "baseline", "final", "increase", "increase_pp", "ci_low", "ci_high", "p_value", "n_images",
    "seeds", "baseline_runs", "final_runs", "verdict", "class_label",
)  # fmt: skip
HEADINGS = ("class", "baseline", "final", "increase", "pp", "95 % CI (pp)", "p", "images", "seeds", "verdict")
# what a terminal narrower than `WIDE` does without: the percentage points say the increase too
WIDE = 120
ONLY_WIDE = ("increase", "seeds")
STYLES = {Verdict.BETTER: "green", Verdict.WORSE: "red", Verdict.NO_EVIDENCE: ""}


def render(
    rows: Sequence[Comparison], form: str, *, metric: str = "iou", width: int | None = None, color: bool = False
) -> str:
    """Return the rows in one of `FORMATS`, with a final newline.

    Args:
        width: of the table, in characters; None = as wide as it needs.
        color: ANSI colours in the table. Sign, arrow and verdict say the same without.
    """
    if form == "table":
        return table(rows, metric=metric, width=width, color=color)
    plain: dict[str, Callable[[Sequence[Comparison]], str]] = {"csv": to_csv, "json": to_json}
    if form in plain:
        return plain[form](rows)
    return {"markdown": markdown, "latex": latex}[form](rows, metric)


def cells(row: Comparison) -> tuple[str, ...]:
    """Return one row as short texts, in the order of `HEADINGS`; `—` stands for what is not known."""
    interval = "—"
    if row.ci_low is not None and row.ci_high is not None:
        interval = f"{100 * row.ci_low:+.2f} … {100 * row.ci_high:+.2f}"
    label = f"{row.defect_class} {row.class_label}" if row.class_label else row.defect_class
    return (
        label,
        f"{row.baseline:.4f}",
        f"{row.final:.4f}",
        f"{row.increase:+.4f}",
        f"{row.increase_pp:+.2f} {arrow(row)}",
        interval,
        "—" if row.p_value is None else "<0.001" if row.p_value < 0.001 else f"{row.p_value:.3f}",
        "—" if row.n_images is None else str(row.n_images),
        str(len(row.seeds)),
        str(row.verdict),
    )


def arrow(row: Comparison) -> str:
    """Return the direction of the mean, whatever the verdict: ▲ up, ▼ down, = none."""
    return "▲" if row.increase > 0 else "▼" if row.increase < 0 else "="


def table(rows: Sequence[Comparison], *, metric: str = "iou", width: int | None = None, color: bool = False) -> str:
    """Draw the table for a terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    narrow = width is not None and width < WIDE
    shown = [index for index, heading in enumerate(HEADINGS) if not (narrow and heading in ONLY_WIDE)]
    drawn = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=0 if narrow else (0, 1),
        pad_edge=False,
        title=f"test {metric}, baseline against final",
        title_justify="left",
    )
    for index in shown:
        heading, text = HEADINGS[index], HEADINGS[index] in ("class", "verdict")
        drawn.add_column(heading, justify="left" if text else "right", no_wrap=heading != "class", overflow="fold")
    for row in rows:
        drawn.add_row(*(cells(row)[index] for index in shown), style=STYLES[row.verdict])
    text = io.StringIO()
    system = "standard" if color else None
    console = Console(file=text, width=width or 200, force_terminal=color, color_system=system, no_color=not color)
    console.print(drawn)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def markdown(rows: Sequence[Comparison], metric: str = "iou") -> str:
    """Return a GitHub Markdown table."""
    heads = (HEADINGS[0], f"baseline {metric}", f"final {metric}", *HEADINGS[3:])
    lines = [heads, ("---", *["---:"] * 8, "---"), *([cell.replace("|", "\\|") for cell in cells(row)] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


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


def latex(rows: Sequence[Comparison], metric: str = "iou") -> str:
    """Return a `tabular` for the booktabs package; Cyrillic labels need XeLaTeX, LuaLaTeX or T2A fonts."""
    heads = (HEADINGS[0], f"baseline {metric}", f"final {metric}", *HEADINGS[3:])
    lines = [" & ".join(map(escape_latex, cells(row))) + r" \\" for row in rows]
    top = [r"\begin{tabular}{lrrrrrrrrl}", r"\toprule", " & ".join(map(escape_latex, heads)) + r" \\", r"\midrule"]
    return "\n".join([*top, *lines, r"\bottomrule", r"\end{tabular}", ""])


def escape_latex(text: str) -> str:
    """Make `text` safe in LaTeX; the sign of a number is set as a sign, not as a hyphen."""
    escaped = "".join(LATEX_ESCAPES.get(character, character) for character in text)
    return re.sub(r"(?<![\w$-])([+-])(?=\d)", r"$\1$", escaped)
