"""A monkey at the keyboard: random keys, sizes and mouse events over runs that work. Nothing may break or be lost."""

import os
import random
from collections.abc import Callable

import pytest
from driving import WIDE, opened, until
from textual import events
from textual.geometry import Size
from textual.pilot import Pilot

from app.action import Action
from app.actions import ACTIONS
from app.screens.too_small import TooSmall
from experiments.runs import list_runs, send
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

# a hundred take about four seconds; before a release: MONKEY_EVENTS=20000
EVENTS = int(os.environ.get("MONKEY_EVENTS", "500"))
# the dashboard draws between bursts, not after each event: a person is slower, a terminal's paste is not
BURST = 25
MOST_RUNS = 12
SIZES = ((80, 24), (160, 48), (120, 40), (60, 16), (300, 80), (40, 10), (100, 30))
TEXT = "abcxyz019 .,:=<>-/()[]{}\"'ёж"
MOVES = ("up", "down", "left", "right", "pageup", "pagedown", "home", "end", "tab", "shift+tab", "enter", "space")
EDITS = ("backspace", "delete", "ctrl+z", "ctrl+y", "ctrl+a", "escape", "escape", "escape")
# these leave, or start what lasts; runs are started as long as there are few
LEAVING = {"quit"}
STARTING = {"launch", "launch_now", "launch_with"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
async def test_a_monkey_breaks_and_loses_nothing(
    workshop: Settings, add_run: Callable[..., RunDirectory], seed: int
) -> None:
    """`opened` fails if the dashboard logged an error."""
    chance = random.Random(seed)
    for experiment in ("toy", "nested/inner"):
        for status in ("finished", "failed", "stopped"):
            add_run(experiment, status=status)
    made = {run.run_id for run in list_runs(workshop)}
    async with opened() as pilot:
        for _ in range(EVENTS // BURST):
            may_start = sum(run.is_active for run in pilot.app.runs or []) < 2 and len(list_runs(workshop)) < MOST_RUNS
            await burst(pilot, chance, may_start=may_start)
            assert pilot.app.is_running
        # what says that the terminal is too small goes when it is large
        pilot.app.post_message(events.Resize(Size(*WIDE), Size(*WIDE)))
        await until(pilot, lambda: not isinstance(pilot.app.screen, TooSmall))
        while len(pilot.app.screen_stack) > 1:
            before = len(pilot.app.screen_stack)
            await pilot.press("escape")
            await until(pilot, lambda before=before: len(pilot.app.screen_stack) < before)
        for run in list_runs(workshop):
            if run.is_active:  # a run outlives its dashboard, a paused one for ever
                send(workshop, run.run_id, "stop")
        await until(pilot, lambda: not any(run.is_active for run in list_runs(workshop)), seconds=60)
    runs = list_runs(workshop)
    assert made <= {run.run_id for run in runs}
    assert not [run.run_id for run in runs if run.status == "lost"]
    assert all(run.path.joinpath("config.yaml").is_file() for run in runs)


async def burst(pilot: Pilot, chance: random.Random, *, may_start: bool) -> None:
    app = pilot.app
    for _ in range(BURST):
        kind = chance.random()
        if kind < 0.9:
            key = a_key(chance, may_start=may_start)
            character = key if len(key) == 1 else " " if key == "space" else None
            app.post_message(events.Key(key, character))
        elif kind < 0.985:
            app.screen.post_message(a_mouse_event(app.size, chance))
        else:
            size = Size(*chance.choice(SIZES))
            app.post_message(events.Resize(size, size))
            await pilot.pause()
    await pilot.pause()


def a_key(chance: random.Random, *, may_start: bool) -> str:
    """A key of some action, or one that types, edits or moves."""
    kind = chance.random()
    if kind < 0.5:
        return chance.choice([key for action in ACTIONS if allowed(action, may_start) for key in action.keys])
    if kind < 0.7:
        return chance.choice(MOVES if may_start else [key for key in MOVES if key != "enter"])
    if kind < 0.85:
        return chance.choice(EDITS)
    return chance.choice(TEXT)


def allowed(action: Action, may_start: bool) -> bool:
    return action.name not in LEAVING and (may_start or action.name not in STARTING)


def a_mouse_event(size: Size, chance: random.Random) -> events.MouseEvent:
    x, y = chance.randrange(max(1, size.width)), chance.randrange(max(1, size.height))
    kinds = (events.MouseDown, events.MouseUp, events.MouseMove, events.MouseScrollUp, events.MouseScrollDown)
    return chance.choice(kinds)(None, x, y, 0, 0, chance.choice((0, 1, 3)), False, False, False, x, y)
