"""Every action of the dashboard: keys, footer, command palette, help screen and the README's table read this."""

from app.action import Action
from app.actions.data import DATA
from app.actions.everywhere import EVERYWHERE
from app.actions.experiment import EXPERIMENT
from app.actions.places import PLACES
from app.actions.run import RUN
from app.actions.runs import RUNS

PANES = ("experiments", "overview", "config", "live", "runs", "compare", "data")
ACTIONS = (*PLACES, *EXPERIMENT, *DATA, *RUN, *RUNS, *EVERYWHERE)


def footer_actions(pane: str) -> list[Action]:
    """Return what the footer offers on `pane`, the most particular first: where space ends, the rest is dropped."""
    particular = [action for action in ACTIONS if pane in action.panes]
    return particular + [action for action in ACTIONS if action.everywhere and action not in particular]
