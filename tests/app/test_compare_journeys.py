"""Through the Compare pane as a person goes: read from a real store, chosen, looked into, copied, written."""

import random
import shutil
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from driving import NARROW, WIDE, opened, screen_text, text_of, until
from textual.pilot import Pilot
from textual.widgets import Input, Static

from app.screens.choose_runs import ChooseRuns
from app.screens.drill_down import DrillDown
from app.screens.write_file import WriteFile
from app.widgets.grid import Grid
from app.widgets.image_scatter import ImageScatter
from experiments import comparison_cache
from experiments.comparison import Comparison, Verdict
from experiments.comparison_report import Report, read_report
from pipeseg.settings import Settings
from tests.experiments import tracking_fixtures as make

SECONDS = 120


@pytest.fixture(scope="module")
def kept_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with crack (both sides, two seeds, an equal budget, pictures) and rust (both sides, no pictures)."""
    from experiments.uploader import upload

    folder = tmp_path_factory.mktemp("compared")
    uri = make.copy_store(make.make_template(folder), folder / "store")
    numbers = random.Random(1)
    base = [numbers.uniform(0.3, 0.6) for _ in range(24)]
    for name, stage, seed, gain in (
        *(("crack", stage, seed, gain) for seed in (0, 1) for stage, gain in (("baseline", 0.0), ("final", 0.1))),
        ("crack", "equal_budget", 0, 0.04),
        *(("rust", stage, 0, gain) for stage, gain in (("baseline", 0.0), ("final", -0.1))),
    ):
        run = make.make_run(folder / "runs", uri, stage=stage, defect_class=name, seed=seed)
        values = [float("nan"), *(value + gain + numbers.gauss(0, 0.02) for value in base)]
        make.write_results(run, values, alarm=stage == "baseline")
        if name == "crack":
            make.write_pictures(run, folder, len(values), reach=6 if stage == "baseline" else 2)
        make.end_run(run)
        assert upload(run, uri, threading.Event(), grace=0) == 0
    shutil.rmtree(folder / "runs")
    return folder / "store"


@pytest.fixture
def compared(workshop: Settings, kept_store: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A workshop whose tracking store is that one; the tests only read it."""
    uri = f"sqlite:///{(kept_store / 'mlflow.db').as_posix()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return replace(workshop, tracking_uri=uri)


async def read(pilot: Pilot) -> None:
    """Open the pane and wait until the table is there and nothing is being read."""
    await pilot.press("6")
    await until(pilot, lambda: pilot.app.comparison and pilot.app.comparison.made and pilot.app._since is None, SECONDS)


def line_of(pilot: Pilot, text: str) -> str:
    return next(line for line in screen_text(pilot.app).splitlines() if text in line)


@pytest.mark.slow
async def test_read_kept_looked_into_copied_and_written(compared: Settings, tmp_path: Path) -> None:
    loaded = {name for name in sys.modules if name.startswith("mlflow")}
    async with opened(WIDE) as pilot:
        app = pilot.app
        await read(pilot)
        assert {name for name in sys.modules if name.startswith("mlflow")} == loaded
        await until(pilot, lambda: "equal budget 0." in screen_text(app))
        assert "✓ better" in line_of(pilot, "crack  ") and "✗ worse" in line_of(pilot, "rust  ")
        assert "●" in line_of(pilot, "mean of 2")
        assert "test IoU · read just now · latest of each" in text_of(app, "#compare-head")
        # the next metric needs no reading
        await pilot.press("x")
        assert "test Dice" in text_of(app, "#compare-head")
        await pilot.press("x", "x", "x")
        assert "false alarms (lower is better)" in text_of(app, "#compare-head")
        await pilot.press("x")
        # copied as it is shown
        await pilot.press("y")
        await until(pilot, lambda: "| crack |" in app.clipboard)
        await pilot.press("Y", "l")
        await until(pilot, lambda: r"\toprule" in app.clipboard)
        await pilot.press("Y", "c")
        await until(pilot, lambda: app.clipboard.startswith("class,baseline,final"))
        assert ",iou," in app.clipboard and ",dice," not in app.clipboard
        # written by a process of its own, without MLflow
        page = tmp_path / "new" / "page.html"
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, WriteFile))
        assert app.screen.query_one(Input).value == "comparison-iou.html"
        await pilot.press("down")
        assert app.screen.query_one(Input).value == "comparison-iou.png"
        await pilot.press("up")
        app.screen.query_one(Input).value = str(page)
        await pilot.press("enter")
        await until(pilot, page.exists, SECONDS)
        text = " ".join(ElementTree.fromstring(page.read_text(encoding="utf-8")).itertext())
        assert "crack" in text and "false_alarms" not in text
        # what is there is asked about
        await until(pilot, lambda: len(app.screen_stack) == 1)
        before = page.stat().st_mtime_ns
        await pilot.press("w")
        app.screen.query_one(Input).value = str(page)
        await pilot.press("enter")
        await until(pilot, lambda: "exists. Replace it?" in screen_text(app))
        await pilot.press("n")
        assert page.stat().st_mtime_ns == before
        # the class opens with what was kept; the pictures come from the store
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DrillDown) and app.screen.images)
        screen = app.screen
        changes = [abs(image.change) for image in screen.images]
        assert len(changes) == 24 and changes == sorted(changes, reverse=True)
        await until(pilot, lambda: screen.name_shown == screen.images[0].file, SECONDS)
        assert "picture" in screen_text(app)
        assert "by seed 0:" in text_of_screen(screen, "#drill-image")
        await pilot.press("s")
        assert "most lost first" in text_of_screen(screen, "#drill-title")
        lost = [image.change for image in screen.images]
        assert lost == sorted(lost)
        await pilot.press("s", "s", "s")
        assert [image.file for image in screen.images][:2] == ["1.png", "10.png"]
        # list, plot and picture go together
        await pilot.press("j")
        await until(pilot, lambda: screen.name_shown == "10.png")
        assert screen.query_one(ImageScatter).index == 1
        await pilot.press("tab", "right")
        await until(pilot, lambda: screen.name_shown == screen.current != "10.png")
        assert screen.query_one(Grid).cursor == screen.query_one(ImageScatter).index
        await pilot.press("tab", "slash", *"g23", "enter")
        assert [image.file for image in screen.images] == ["23.png"]
        await pilot.press("escape", "z")
        assert screen.has_class("-large") and len(screen.images) == 24
        await pilot.press("plus", "m")
        await until(pilot, lambda: "zoom ×1.5" in text_of_screen(screen, "#drill-image"))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.screen is not screen)
        # the mean has no pictures
        await pilot.press("G", "enter")
        await until(pilot, lambda: any("has no pictures of its own" in each.message for each in app._notifications))
    assert read_report(comparison_cache.report_file(compared)).store.startswith("sqlite:///")


def text_of_screen(screen: object, selector: str) -> str:
    return str(screen.query_one(selector, Static).render())  # type: ignore[attr-defined]


async def test_the_keys_of_the_pane_mean_something_else_elsewhere(workshop: Settings) -> None:
    async with opened() as pilot:
        app = pilot.app
        for key in ("b", "f", "x", "w", "Y"):
            await pilot.press("4", key)
            assert app.metric == "iou" and len(app.screen_stack) == 1
        await pilot.press("6", "x")
        assert app.metric == "dice"


@pytest.mark.slow
async def test_chosen_runs_on_a_small_terminal(compared: Settings) -> None:
    async with opened(NARROW) as pilot:
        app = pilot.app
        await read(pilot)
        assert "✓ better" in line_of(pilot, "crack  ") and "mean of 2" in screen_text(app)
        # an equal budget may stand on the left
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, ChooseRuns))
        assert "latest of each" in screen_text(app)
        await pilot.press("slash", *"equal_budget", "enter", "space")
        assert "1 run marked" in screen_text(app) and "☑" in screen_text(app)
        await pilot.press("enter")
        [chosen] = app.question.sides["baseline"]
        await until(pilot, lambda: app.comparison.made and app._since is None, SECONDS)
        assert chosen in text_of(app, "#compare-choice") and "latest of each" not in text_of(app, "#compare-head")
        [row] = app.comparison.of_metric("iou")
        assert row.baseline_runs == (chosen,) and row.equal_budget is None
        assert "holds runs of stage equal_budget" in text_of(app, "#compare-below")
        # one key takes the choice back; the table of before is kept, and shown at once
        await pilot.press("b", "c", "enter")
        await until(pilot, lambda: app.comparison.made and len(app.comparison.of_metric("iou")) == 3)
        assert app.question.is_default and "mean of 2" in screen_text(app)
        # a class whose runs kept no pictures has its list all the same
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(app.screen, DrillDown) and app.screen.is_read, SECONDS)
        assert "no pictures: " in screen_text(app) and "kept none of its test" in screen_text(app)
        assert len(app.screen.images) == 24 and "1 of 24" in screen_text(app)
        await pilot.press("q")


@pytest.mark.slow
@pytest.mark.parametrize("is_kept", [False, True])
async def test_a_store_that_is_away_leaves_the_last_table(workshop: Settings, is_kept: bool) -> None:
    away = replace(workshop, tracking_uri="http://127.0.0.1:9")
    if is_kept:
        row = Comparison("crack", 0.5, 0.6, 0.02, 0.18, 0.001, 40, (0,), ("b",), ("f",), Verdict.BETTER)
        report = Report((row,), made=time.time() - 7300)
        comparison_cache.keep_report(comparison_cache.report_file(away), report)
    async with opened() as pilot:
        app = pilot.app
        app.settings = away
        await pilot.press("6")
        await until(pilot, lambda: app._problem, SECONDS)
        head = text_of(app, "#compare-head")
        assert ("✗ could not be read again" in head) is is_kept and "✗ could not be read" in head
        if is_kept:
            assert "✓ better" in line_of(pilot, "crack  ") and "read 2 h ago" in head
            assert "from the last time that it worked" in text_of(app, "#compare-below")
            return
        assert "http://127.0.0.1:9 does not answer" in text_of(app, "#compare-below")
        await pilot.press("enter", "w", "b")
        assert len(app.screen_stack) == 1, "there is nothing to look into, to write, or to choose"
