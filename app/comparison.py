"""Comparisons, read through the command line: MLflow is imported in that process, never in the dashboard's."""

import asyncio
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipeseg.errors import BadInput, RunFailed
from pipeseg.settings import ROOT, Settings

if TYPE_CHECKING:
    from experiments.comparison import Comparison
    from experiments.comparison_report import Report
    from experiments.image_changes import ClassImages
    from experiments.picture_archives import Archives

METRICS = ("iou", "dice", "precision", "recall", "false_alarms")
_PROGRESS = re.compile(r": (\d+) of (\d+)\b")

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Question:
    """What is compared: runs that were chosen, or, where a side is empty, the latest of each class and seed."""

    sides: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"baseline": (), "final": ()})

    def choosing(self, side: str, runs: tuple[str, ...]) -> "Question":
        return Question({**self.sides, side: runs})

    @property
    def is_default(self) -> bool:
        return not any(self.sides.values())

    @property
    def arguments(self) -> tuple[str, ...]:
        return tuple(part for side, runs in self.sides.items() for run in runs for part in (f"--{side}", run))


def kept(settings: Settings, question: Question) -> "Report | None":
    """Return the comparison as it was read last, maybe days ago."""
    from experiments.comparison_cache import kept_report, report_file

    return kept_report(report_file(settings, **question.sides))


async def read(settings: Settings, question: Question, tell: Tell) -> "Report":
    """Read every metric at once, and keep it.

    Args:
        tell: told how many runs are read, of how many.

    Raises:
        BadInput, RunFailed: the sentence that the command ended with.
    """
    from experiments.comparison_cache import images_folder

    kept_beside = str(images_folder(settings, **question.sides))
    arguments = ("--all-metrics", "--format", "report", "--images", kept_beside, *question.arguments)
    out = await experiments(settings, "compare", *arguments, tell=tell)
    return await asyncio.to_thread(_keep_report, settings, question, out)


def _keep_report(settings: Settings, question: Question, text: str) -> "Report":
    from experiments.comparison_cache import keep_report, report_file
    from experiments.comparison_report import from_json

    try:
        report = from_json(text)
    except ValueError as error:
        raise RunFailed(f"compare printed something else than a comparison ({error})") from error
    keep_report(report_file(settings, **question.sides), report)
    return report


def kept_images(settings: Settings, question: Question, row: "Comparison") -> "ClassImages | None":
    """Return both scores of every picture of a row; they were kept with its table."""
    from experiments import comparison_cache as cache

    return cache.kept_images(cache.images_folder(settings, **question.sides), row)


def kept_archives(settings: Settings, report: "Report", row: "Comparison") -> "Archives | None":
    """Return where the pictures of a row lie, if they were looked at before."""
    from experiments import comparison_cache as cache

    return cache.kept_archives(cache.archives_file(settings, report, row))


async def fetch_class(
    settings: Settings, report: "Report", row: "Comparison", tell: Tell
) -> "tuple[ClassImages, Archives]":
    """Fetch both scores of every picture of a row, and the pictures of one run a side.

    Raises:
        BadInput, RunFailed: the sentence that the command ended with.
    """
    from experiments.comparison_cache import pictures_folder

    sides = (("--baseline", row.baseline_runs), ("--final", row.final_runs))
    chosen = [part for option, runs in sides for run in runs for part in (option, run)]
    arguments = ["--per-image", row.defect_class, "--metric", row.metric, "--json", *chosen]
    out = await experiments(settings, "compare", *arguments, "--archives", str(pictures_folder(settings)), tell=tell)
    return await asyncio.to_thread(_keep_class, settings, report, row, out)


def _keep_class(settings: Settings, report: "Report", row: "Comparison", text: str) -> "tuple[ClassImages, Archives]":
    import json

    from experiments import comparison_cache as cache
    from experiments.image_changes import ClassImages
    from experiments.picture_archives import Archives

    try:
        record = json.loads(text)
        found = ClassImages.from_record(record), Archives.from_record(record["archives"])
    except (ValueError, KeyError, TypeError) as error:
        raise RunFailed(f"compare --per-image printed something else than pictures ({error})") from error
    cache.keep(cache.archives_file(settings, report, row), json.dumps(record["archives"]))
    cache.prune(cache.pictures_folder(settings))
    return found


async def write(settings: Settings, question: Question, arguments: tuple[str, ...], *, from_store: bool) -> str:
    """Run `compare` to write a file; return its last words.

    Args:
        from_store: read MLflow again; else what is shown is written, as it was read.

    Raises:
        BadInput, RunFailed: the sentence that the command ended with.
    """
    from experiments.comparison_cache import report_file

    if from_store:
        source: tuple[str, ...] = question.arguments
    else:
        source = ("--read", str(report_file(settings, **question.sides)))
    said: list[str] = []
    await experiments(settings, "compare", *source, *arguments, say=said.append)
    return said[-1] if said else ""


def rendered(report: "Report", metric: str, form: str) -> str:
    """Return what is shown as text for the clipboard, in a form of `experiments.tables`."""
    from experiments.tables import render

    return render(report.of_metric(metric), form)


def absolute(text: str) -> Path:
    """Return the path that a person typed: `~` is home, the rest counts from where the dashboard was started."""
    return Path(text.strip()).expanduser().absolute()


async def experiments(
    settings: Settings,
    *arguments: str,
    tell: Tell = lambda done, total: None,
    say: Callable[[str], None] = lambda line: None,
) -> str:
    """Run a verb in a process of its own and return its stdout; cancelled, the process ends too.

    Args:
        tell: told the counts of lines of progress.
        say: told every other line of stderr.

    Raises:
        BadInput: it ended with 2; the text is its sentence.
        RunFailed: it ended otherwise.
    """
    from experiments.launcher import child_environment

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "experiments", *arguments),
        cwd=ROOT,
        env={**child_environment(settings), "NO_COLOR": "1", "COLUMNS": "1000"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    assert process.stdout and process.stderr
    last = ""

    async def listen() -> None:
        nonlocal last
        async for raw in process.stderr:  # type: ignore[union-attr]
            line = raw.decode(errors="replace").strip()
            if found := _PROGRESS.search(line):
                tell(int(found[1]), int(found[2]))
            elif line:
                last = line
                say(line)

    try:
        out, _ = await asyncio.gather(process.stdout.read(), listen())
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code != 0:
        sentence = last or f"{arguments[0]} ended with exit code {code}"
        raise BadInput(sentence) if code == 2 else RunFailed(sentence)
    return out.decode(errors="replace")
