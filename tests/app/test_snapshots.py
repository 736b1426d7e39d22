"""Each pane as it looks, small and large, in both languages: a workshop whose clock stands still."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from driving import NARROW, WIDE, opened, point_count, screen_text, until
from snapshots import assert_looks_as_before
from textual.pilot import Pilot

from app import language
from app.actions import PANES
from app.layers.checking import Checking
from experiments import comparison_cache
from experiments.comparison import Comparison, Verdict
from experiments.comparison_report import Report
from experiments.environment import Fact
from experiments.health import Check
from experiments.health_report import last_report, save_report
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

NOW = 1_800_000_000.0  # 2027-01-15 08:00 UTC
AWAY = "http://127.0.0.1:9"
ROWS = (
    ("crack", 0.512, 0.604, 0.071, 0.113, 0.0008, Verdict.BETTER),
    ("rust", 0.447, 0.438, -0.024, 0.006, 0.31, Verdict.NO_EVIDENCE),
)
CHECKS = (
    Check("python", "ok", "3.11.7"),
    Check("gpu", "warn", "no GPU: trainings run on the CPU", "a driver and a CUDA build of torch"),
    Check("tracking", "fail", f"{AWAY} does not answer", "start it: make mlflow"),
)


@pytest.fixture
def standing(
    workshop: Settings, add_run: Callable[..., RunDirectory], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """Three runs with known names and dates, and a clock that does not go."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(time, "time", lambda: NOW)
    runs = (("toy", "finished", 2 * 3600.0), ("nested/inner", "failed", 86400.0), ("toy", "stopped", 3 * 86400.0))
    for number, (experiment, status, age) in enumerate(runs):
        made = add_run(experiment, status=status, age=age)
        slug, when = experiment.replace("/", "."), time.strftime("%Y%m%d-%H%M%S", time.gmtime(NOW - age))
        path = made.path.rename(made.path.with_name(f"{when}-{slug}-000{number}"))
        info = path / "run.json"
        info.write_text(json.dumps({**json.loads(info.read_text()), "run_id": path.name}), encoding="utf-8")
        ending = path / "exit.json"
        ending.write_text(json.dumps({**json.loads(ending.read_text()), "time": NOW - age + 60}), encoding="utf-8")
    # tables and reports as they were kept: the store is away, and another check would tell of this machine
    monkeypatch.setenv("MLFLOW_TRACKING_URI", AWAY)
    settings = Settings.load()
    save_report(settings, CHECKS, {"settings": [Fact("RUNS_DIR", "/data/runs", "default")]})
    rows = tuple(
        Comparison(name, before, after, low, high, p, 40, (0, 1), (f"{name}-b",), (f"{name}-f",), verdict)
        for (name, before, after, low, high, p, verdict) in ROWS
    )
    comparison_cache.keep_report(comparison_cache.report_file(settings), Report(rows, made=NOW - 7300))
    monkeypatch.setattr(Checking, "_checked", True)
    yield workshop
    language.choose("en")
    monkeypatch.undo()
    time.tzset()


async def to(pilot: Pilot, pane: str) -> None:
    """Go to a pane and wait until it shows what it has."""
    app = pilot.app
    if pane == "health":
        app.query_one("#health").show_report(last_report(app.settings))
    app.action_show(pane)
    if pane == "compare":
        await until(pilot, lambda: app._problem)
    if pane == "live":
        await until(pilot, lambda: point_count(app, "val/iou") == 50 and "first line" in screen_text(app))
    if pane == "data":
        await until(pilot, lambda: app.datasets is not None)
    if pane == "config":
        await until(pilot, lambda: "✓" in str(app.query_one("#config-problems").render()))
    await pilot.pause()


async def visit(size: tuple[int, int], panes: Sequence[str], ending: str, failed: Path) -> None:
    """Hold every pane against its picture, in one dashboard; all that differ are told."""
    differing = []
    async with opened(size) as pilot:
        for pane in panes:
            await to(pilot, pane)
            try:
                assert_looks_as_before(pilot.app, f"{pane}-{'x'.join(map(str, size))}-{ending}", failed)
            except AssertionError as error:
                differing.append(str(error))
    assert not differing, "\n\n".join(differing)


@pytest.mark.slow
@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_every_pane(standing: Settings, tmp_path: Path, size: tuple[int, int]) -> None:
    await visit(size, PANES, "en", tmp_path)


async def test_panes_in_russian(standing: Settings, tmp_path: Path) -> None:
    language.choose("ru")
    await visit(NARROW, ["runs"], "ru", tmp_path)
    await visit(WIDE, ["data"], "ru", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["pipeseg-light", "pipeseg-contrast"])
async def test_colours(standing: Settings, tmp_path: Path, theme: str) -> None:
    async with opened(NARROW) as pilot:
        pilot.app.theme = theme
        await to(pilot, "runs")
        assert_looks_as_before(pilot.app, f"runs-80x24-{theme}", tmp_path)


async def test_help(standing: Settings, tmp_path: Path) -> None:
    language.choose("ru")
    async with opened(NARROW) as pilot:
        await to(pilot, "live")
        await pilot.press("question_mark")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2 and "Здесь" in screen_text(pilot.app))
        pilot.app.screen.query_one("Input").cursor_blink = False
        await pilot.pause()
        assert_looks_as_before(pilot.app, "help-80x24-ru", tmp_path)
