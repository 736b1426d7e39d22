"""Everything right of the list, in one import: made after the first paint."""

from textual.widget import Widget

from app.widgets.compare_pane import ComparePane
from app.widgets.config_pane import ConfigPane
from app.widgets.data_pane import DataPane
from app.widgets.health_pane import HealthPane
from app.widgets.live import Live
from app.widgets.overview import Overview
from app.widgets.queue_pane import QueuePane
from app.widgets.runs_pane import RunsPane
from app.widgets.study_pane import StudyPane


def make_panes() -> list[Widget]:
    return [
        Overview(id="overview"),
        ConfigPane(id="config"),
        Live(id="live"),
        RunsPane(id="runs"),
        ComparePane(id="compare"),
        DataPane(id="data"),
        StudyPane(id="study"),
        HealthPane(id="health"),
        QueuePane(id="queue"),
    ]
