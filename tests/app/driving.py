"""Driving the dashboard as a person does: opened on a terminal of some size, keys pressed, the screen read."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from textual.pilot import Pilot
from textual.widgets import Static

from app.dashboard import Dashboard
from app.widgets.charts_panel import ChartsPanel
from app.widgets.config_pane import ConfigPane
from app.widgets.experiment_list import ExperimentList
from app.widgets.run_log import RunLog

WIDE, NARROW = (160, 48), (80, 24)


async def until(pilot: Pilot, condition: Callable[[], object], seconds: float = 30) -> None:
    """Let the dashboard work until `condition` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"did not happen within {seconds} s:\n{screen_text(pilot.app)}"
        await pilot.pause()
        await asyncio.sleep(0.01)


@asynccontextmanager
async def opened(size: tuple[int, int] = WIDE) -> AsyncIterator[Pilot]:
    """The dashboard, with everything read that it reads at start; no error may be left in its log."""
    app = Dashboard()
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.furnished and app.runs is not None)
        await until(pilot, lambda: not app.selected or app.query_one(ConfigPane).name_shown == app.selected)
        yield pilot
    log = app.settings.runs_dir / "dashboard.log"
    assert not log.exists(), log.read_text()


def screen_text(app: object) -> str:
    """What stands on the screen, line by line."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())  # type: ignore[attr-defined]


def text_of(app: Dashboard, selector: str) -> str:
    return str(app.screen_stack[0].query_one(selector, Static).render())


def point_count(app: Dashboard, metric: str) -> int:
    return app.screen_stack[0].query_one(ChartsPanel).points(metric)


def log_texts(app: Dashboard) -> list[str]:
    """The lines of the log pane that are shown or can be scrolled to, those that may still change last."""
    view = app.query_one(RunLog).view
    if view is None:
        return []
    finished = [view.shown.line(index).text for index in range(view.shown.count)]
    return finished + [line.text for line in view.shown.live]


async def choose(pilot: Pilot, name: str) -> None:
    pilot.app.query_one(ExperimentList).go_to(name)
    await until(pilot, lambda: pilot.app.query_one(ConfigPane).name_shown == name)


async def edit(pilot: Pilot, name: str) -> None:
    """Open the config of an experiment in the editor."""
    await choose(pilot, name)
    await pilot.press("e")
    await until(pilot, lambda: pilot.app.focused and pilot.app.focused.id == "config-text")
