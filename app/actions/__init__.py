"""Every action of the dashboard: keys, footer, command palette, help screen and the README's table read this."""

from app.action import Action
from app.actions.charts import CHARTS
from app.actions.compare import COMPARE
from app.actions.data import DATA
from app.actions.everywhere import EVERYWHERE
from app.actions.experiment import EXPERIMENT
from app.actions.places import PLACES
from app.actions.queue import QUEUE
from app.actions.run import RUN
from app.actions.runs import RUNS
from app.actions.study import STUDY

PANES = ("experiments", "overview", "config", "live", "runs", "compare", "data", "study", "health", "queue")
ACTIONS = (*PLACES, *EXPERIMENT, *DATA, *COMPARE, *STUDY, *QUEUE, *RUN, *RUNS, *CHARTS, *EVERYWHERE)


def footer_actions(pane: str) -> list[Action]:
    """Return what the footer offers on `pane`, the most particular first: where space ends, the rest is dropped."""
    particular = [action for action in ACTIONS if pane in action.panes]
    return particular + [action for action in ACTIONS if action.everywhere and action not in particular]
