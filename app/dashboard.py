"""The dashboard: all layers together; refresh and quit.

Nothing heavy is imported before the first paint: the panes come in a thread after it, MLflow stays in another process.
"""

from typing import ClassVar

from app.action import bindings
from app.actions import ACTIONS
from app.language import _, ngettext
from app.layers.charting import Charting
from app.layers.checking import Checking
from app.layers.creating import Creating
from app.layers.diagnosing import Diagnosing
from app.layers.differing import Differing
from app.layers.ending import Ending
from app.layers.exporting import Exporting
from app.layers.guarding import Guarding
from app.layers.guiding import Guiding
from app.layers.inspecting import Inspecting
from app.layers.keeping import Keeping
from app.layers.opening import Opening
from app.layers.queueing import Queueing
from app.layers.reading_log import ReadingLog
from app.layers.remembering import Remembering
from app.layers.studying import Studying
from app.layers.tidying import Tidying

_BY_NAME = {action.name: action for action in ACTIONS}


class Dashboard(
    Guarding,
    Guiding,
    Remembering,
    Charting,
    ReadingLog,
    Diagnosing,
    Ending,
    Exporting,
    Studying,
    Checking,
    Queueing,
    Creating,
    Differing,
    Opening,
    Keeping,
    Inspecting,
    Tidying,
):
    """Every layer together; one that no other stands on is a base of its own.

    Args:
        settings: where everything lies; the environment's by default.
    """

    TITLE = "pipeseg"
    CSS_PATH = "dashboard.tcss"
    BINDINGS: ClassVar = bindings(ACTIONS)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key that means something on some panes only is free for others elsewhere."""
        name = f"{action}({', '.join(map(repr, parameters))})" if parameters else action
        found = _BY_NAME.get(name)
        return found is None or found.works_on(self.place)

    def action_refresh(self) -> None:
        super().action_refresh()
        if self.pane == "data":
            self.read_datasets()

    async def action_quit(self) -> None:
        unsaved = self.part("#config").unsaved if self.furnished else set()
        if not unsaved:
            self._leave()
            return
        question = _("Unsaved changes in {names}.").format(names=", ".join(sorted(unsaved)))
        answers = [("q", _("quit and lose them")), ("k", _("keep editing"))]
        self.ask(question, answers, lambda key: self._leave() if key == "q" else None)

    def _leave(self) -> None:
        active = [run.run_id for run in self.runs or [] if run.is_active]
        self.leaving.publish(None)
        text = ngettext(
            "{count} run goes on without the dashboard: {names}",
            "{count} runs go on without the dashboard: {names}",
            len(active),
        )
        self.exit(message=text.format(count=len(active), names=", ".join(active)) if active else None)
