"""`--read-only`: whatever is pressed, the workshop stays as it is, byte by byte."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from driving import NARROW, WIDE, screen_text, until

from app.actions import ACTIONS, PANES
from app.dashboard import Dashboard
from experiments.state_folder import cache_folder
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings


@pytest.fixture
def looked_at(workshop: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("PIPESEG_READ_ONLY", "1")
    return Settings.load()


def fingerprint(folder: Path) -> dict[str, str]:
    """Every file below with a hash of its content; folders by their name."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
        if "state" not in path.relative_to(folder).parts[:1]  # the user's own memory
    }


@pytest.mark.slow
async def test_no_key_changes_a_file(looked_at: Settings, add_run: Callable[..., RunDirectory], tmp_path: Path) -> None:
    add_run("toy")
    add_run("nested/inner", status="stopped")
    before = fingerprint(tmp_path)
    # what works everywhere is pressed on one pane
    offered = {pane: [action for action in ACTIONS if pane in action.panes] for pane in PANES}
    offered[PANES[0]] += [action for action in ACTIONS if not action.panes and action.name != "quit"]
    assert len(before) > 20 and sum(len(actions) for actions in offered.values()) > len(ACTIONS)
    app = Dashboard()
    told = lambda: " ".join(str(note.message) for note in app._notifications)  # noqa: E731
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await until(pilot, lambda: app.furnished and app.runs is not None)
        for pane in PANES:
            for action in offered[pane]:
                app.action_show(pane)
                await pilot.press(action.keys[0])
                while len(app.screen_stack) > 1:
                    app.pop_screen()
        # the palette and a click go the same way as the keys
        app.clear_notifications()
        for action in ACTIONS:
            if action.changes:
                await app.run_action(action.name)
        await until(pilot, lambda: "nothing is changed" in told())
        # tables and reports that were read are kept, but with what is the user's own
        kept = cache_folder(looked_at)
        await until(pilot, lambda: any(kept.glob(".health-*.json")) and any(kept.glob(".compare/report-*.json")), 60)
        app.workers.cancel_all()
    assert fingerprint(tmp_path) == before


async def test_it_is_said_and_nothing_that_changes_is_offered(
    looked_at: Settings, add_run: Callable[..., RunDirectory]
) -> None:
    add_run("toy")
    app = Dashboard()
    async with app.run_test(size=NARROW, notifications=True) as pilot:
        await until(pilot, lambda: app.furnished and app.runs is not None)
        await pilot.press("4")
        await until(pilot, lambda: app.pane == "live" and "⊘ RO" in screen_text(app))
        assert "Pause" not in screen_text(app) and "? Help" in screen_text(app)
        titles = [command.title for command in app.get_system_commands(app.screen)]
        changing = [action.label for action in ACTIONS if action.changes]
        assert len(changing) >= 9
        assert not any(title.startswith(f"{label} (") for title in titles for label in changing)
        await pilot.press("3")
        await until(pilot, lambda: app.pane == "config")
        app.query_one("#config-text").focus()
        text = app.query_one("#config-text").text
        await pilot.press(*"seed")
        assert app.query_one("#config-text").text == text
