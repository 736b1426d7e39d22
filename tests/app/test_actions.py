"""One table feeds keys, footer, palette, help and README."""

import subprocess
import sys

import pytest

from app.action import bindings, key_table, readable_key
from app.actions import ACTIONS, PANES, footer_actions
from app.dashboard import Dashboard
from pipeseg.settings import ROOT


@pytest.mark.parametrize("pane", PANES)
def test_no_key_is_used_twice(pane: str) -> None:
    keys = [key for action in ACTIONS if action.works_on(pane) for key in action.keys]
    assert len(keys) == len(set(keys))


def test_every_action_can_be_done() -> None:
    for action in ACTIONS:
        assert hasattr(Dashboard, f"action_{action.name.partition('(')[0]}"), action.name


def test_keys_travel_over_ssh_and_tmux() -> None:
    """Letters, digits, function keys and ctrl+letter do; alt, shift+arrow and ctrl+digit do not everywhere."""
    for action in ACTIONS:
        for key in action.keys:
            named = len(readable_key(key)) == 1 or key in ("space", "enter", *[f"f{n}" for n in range(1, 11)])
            assert named or key.startswith("ctrl+"), key


def test_bindings_have_distinct_ids_and_tooltips() -> None:
    made = bindings(ACTIONS)
    assert len({binding.id for binding in made}) == len(made)
    assert all(binding.tooltip for binding in made)


def test_destructive_actions_say_that_they_ask() -> None:
    assert {action.name for action in ACTIONS if action.asks} >= {"stop", "revert"}


@pytest.mark.parametrize("pane", PANES)
def test_footer_of_every_pane_offers_help_and_quit(pane: str) -> None:
    names = [action.name for action in footer_actions(pane)]
    assert len(names) == len(set(names))
    assert {"help", "quit", "launch"} <= set(names)


def test_keys_are_written_as_a_person_reads_them() -> None:
    assert [readable_key(key) for key in ("question_mark", "ctrl+s", "f5", "l")] == ["?", "Ctrl+S", "F5", "l"]


def test_key_table_is_printed_without_textual() -> None:
    program = "import sys, app.action as a, app.actions; print(a.key_table(app.actions.ACTIONS))"
    program += "; assert 'textual' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == key_table(ACTIONS)
    rows = key_table(ACTIONS).splitlines()
    assert len(rows) == len(ACTIONS) + 2
    assert len({row.replace(r"\|", "").count("|") for row in rows}) == 1


def test_the_readme_has_the_key_table_as_it_is() -> None:
    assert key_table(ACTIONS) in (ROOT / "README.md").read_text(encoding="utf-8")
