"""The frame of the App: its state, the two bars, the panes, questions and errors."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import App, ComposeResult, ScreenStackError
from textual.containers import Horizontal
from textual.css.query import NoMatches
from textual.events import Resize
from textual.filter import LineFilter
from textual.geometry import Size
from textual.message import Message
from textual.notifications import Notify, SeverityLevel
from textual.screen import Screen
from textual.signal import Signal
from textual.widgets import ContentSwitcher, Static
from textual.worker import Worker, WorkerState

from app import messages, reading
from app.action import Action
from app.contrast import Colourless, Legible
from app.language import _
from app.memory import memory_of
from app.notice import Notice
from app.terminal import has_colours
from app.text import status_words
from app.theme import CONTRAST, PIPESEG, THEMES
from app.widgets.bars import KeyBar, TitleBar
from app.widgets.drawn import Bare
from app.widgets.experiment_list import ExperimentList, Experiments
from app.widgets.told import tell_if_any
from pipeseg.settings import Settings

if TYPE_CHECKING:
    from experiments.folders import Experiment
    from experiments.runs import RunView
    from experiments.summary import Summary

PANES_CSS = Path(__file__).parents[1] / "panes.tcss"
SWITCH_SECONDS = 0.0005
# what comes of it when the widgets are taken down
GONE = (NoMatches, ScreenStackError, IndexError)
NARROW = 100
LEAST_COLUMNS, LEAST_ROWS = 60, 16
_FOCUS = {
    "live": "#live-log",
    "runs": "#runs-grid",
    "compare": "#compare-grid",
    "data": "#data-grid",
    "study": "#study-graph",
    "health": "#health",
    "overview": "#overview",
    "queue": "#queue-grid",
}


class Ground(Bare, Screen[None]):
    """The screen that the dialogs open over."""


class Body(Bare, Horizontal):
    """The list and the pane."""


class Panes(Bare, ContentSwitcher):
    """One pane at a time."""


class Frame(App[None]):
    """Owns what is selected and watched.

    Attributes:
        experiments, runs: as last read; `runs` is None until then.
        selected: name of the experiment that launch and edit mean.
        watched: directory of the run in Live.
        furnished: whether the panes are there; they come after the first paint.
        memory: what the user's dashboards remember between starts.
    """

    HORIZONTAL_BREAKPOINTS: ClassVar = [(0, "-narrow"), (NARROW, "-wide"), (150, "-huge")]
    VERTICAL_BREAKPOINTS: ClassVar = [(0, "-short"), (32, "-tall")]

    _is_closing = False
    _list_meant = True

    def __init__(self, settings: Settings | None = None) -> None:
        no_color = os.environ.get("NO_COLOR")
        super().__init__()
        if no_color is not None:
            os.environ["NO_COLOR"] = no_color  # Textual takes it away; our children want it too
        self.settings = settings or Settings.load()
        self.memory = memory_of(self.settings.runs_dir)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = PIPESEG.name
        self._legible = {name: Legible(least) for name, least in CONTRAST.items()}
        grounds = frozenset(str(getattr(theme, part)) for theme in THEMES for part in ("background", "panel", "boost"))
        self._colourless = None if has_colours(os.environ) else Colourless(grounds)
        self.experiments: list[Experiment] = []
        self.runs: list[RunView] | None = None
        self.selected: str | None = None
        self.watched: Path | None = None
        self.pane = "overview"
        self.furnished = False
        # published while the terminal can still be written to; Textual unmounts screens after that
        self.leaving: Signal[None] = Signal(self, "leaving")

    def compose(self) -> ComposeResult:
        yield TitleBar()
        yield Static(id="hint")
        with Body(id="body"):
            yield Experiments(id="left")
            yield Panes(id="panes")
        yield KeyBar()

    def get_default_screen(self) -> Ground:
        return Ground(id="_default")

    def on_mount(self) -> None:
        self._make_room()
        self.draw_frame()
        self.call_after_refresh(self.begin)

    def begin(self) -> None:
        """Called after the first paint: what takes time starts here."""
        # a thread that parses a long journal gives the interpreter up this often, so that keys are answered
        sys.setswitchinterval(SWITCH_SECONDS)

    # -- state -> screen -----------------------------------------------------------------------------------------

    @property
    def is_narrow(self) -> bool:
        return self.size.width < NARROW

    @property
    def is_on_list(self) -> bool:
        """Whether a narrow terminal shows the list instead of a pane."""
        return self.is_narrow and self._list_meant

    @property
    def place(self) -> str:
        """The pane that the person sees; `experiments` where a narrow terminal shows the list instead."""
        return "experiments" if self.is_on_list else self.pane

    @property
    def experiment(self) -> "Experiment | None":
        return next((each for each in self.experiments if each.name == self.selected), None)

    @property
    def current_run(self) -> "RunView | None":
        """The run that keys act on: the highlighted one in Runs, else the watched one."""
        run_id = self.watched.name if self.watched else None
        if self.furnished and self.pane == "runs" and not self.is_on_list:
            run_id = self.query_one("#runs").cursor_key or run_id
        return next((run for run in self.runs or [] if run.run_id == run_id), None)

    def draw_frame(self) -> None:
        """Title, hint, list and key bar, from the state."""
        pane, run, width = self.place, self.current_run, self.size.width
        state = status_words(run.status) if run else None
        facts = [part for part in ("pipeseg", self.selected, state) if part]
        self.part(TitleBar).show(pane, facts, width, read_only=self.settings.read_only)
        waits = bool(run and run.can_go_on)
        self.part(KeyBar).show(pane, width, waits=waits, offers=lambda action: not self.refusal(action))
        unsaved = self.part("#config").unsaved if self.furnished else set()
        self.part(ExperimentList).show(self.experiments, self.summaries(), unsaved)

    def summaries(self) -> "dict[str, Summary] | None":
        """What the list says of each experiment; None while the runs have not been read."""
        return None

    def part(self, selector: Any) -> Any:
        """A widget of the main screen, also while a dialog is open over it."""
        return self.screen_stack[0].query_one(selector)

    def hint(self, text: str) -> None:
        tell_if_any(self.part("#hint"), text)

    def on_resize(self, event: Resize) -> None:
        self.call_after_refresh(self._make_room)
        self.call_after_refresh(self.draw_frame)
        if is_too_small(event.size):
            from app.screens.too_small import TooSmall

            if not any(isinstance(screen, TooSmall) for screen in self.screen_stack):
                self.push_screen(TooSmall())

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What is drawn too faint for the theme is raised on its way to the terminal."""
        own = self._colourless or self._legible.get(self.theme)
        return [*super().get_line_filters(), *([own] if own else [])]

    # -- what can be done ----------------------------------------------------------------------------------------

    def refusal(self, action: Action) -> str | None:
        """Return why an action cannot be done here and now, as a sentence; None where it can.

        Layers add their reasons: footer and palette leave such actions out, help tells why.
        """
        return None if action.works_on(self.place) else _("not here")

    # -- panes ---------------------------------------------------------------------------------------------------

    @work(thread=True, group="panes", exit_on_error=False)
    def load_panes(self) -> None:
        from app.widgets import panes

        self.post_message(messages.PanesLoaded(panes.make_panes))

    @on(messages.PanesLoaded)
    async def furnish(self, message: messages.PanesLoaded) -> None:
        self.stylesheet.read(PANES_CSS)
        if len(self.screen_stack) > 1:  # a dialog that was quicker
            self.refresh_css(animate=False)
        switcher, panes = self.part("#panes"), message.make()
        for pane in panes:
            pane.display = pane.id == self.pane
        await switcher.mount(*panes)
        switcher.current = self.pane
        self.furnished = True
        self.post_message(messages.Furnished())

    def _make_room(self) -> None:
        """A narrow terminal shows the list or a pane; a class on the screen would style every widget anew."""
        for selector, shown in (("#left", self._list_meant), ("#panes", not self._list_meant)):
            self.part(selector).display = shown or not self.is_narrow

    def action_show(self, pane: str) -> None:
        narrow = self.is_narrow
        self._list_meant = pane == "experiments"
        self._make_room()
        if pane == "experiments":
            self.part(ExperimentList).focus()
        else:
            self.pane = pane
            if self.furnished:
                self.part("#panes").current = pane
                target = _FOCUS.get(pane)
                self.set_focus(self.part(target) if target else None if narrow else self.part(ExperimentList))
        self.draw_frame()

    def remember(self) -> None:
        """Each layer puts into `memory` what it keeps between starts and does not put when it changes."""

    def action_refresh(self) -> None:
        """Each layer reads again what its own panes show."""

    def action_filter(self) -> None:
        """Each layer filters what its own panes show, and hands on for the others."""

    # -- questions and errors ------------------------------------------------------------------------------------

    def ask(self, question: str, answers: list[tuple[str, str]], then: Callable[[str | None], Any]) -> None:
        from app.screens.confirm import Confirm

        self.push_screen(Confirm(question, answers), then)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        seconds = self.NOTIFICATION_TIMEOUT if timeout is None else timeout
        self.post_message(Notify(Notice(message, title, severity, seconds, markup)))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error:
            self._report_unless_closing(event.worker.error)

    def report(self, error: BaseException) -> None:
        """Tell an error in one sentence; what is not the user's doing also goes into the log, with its traceback."""
        from pipeseg.errors import BadInput

        if not isinstance(error, BadInput):
            reading.log_error(self.settings, error)
        self.notify(reading.sentence(error, self.settings), severity="error", timeout=10, markup=False)

    async def run_action(self, *arguments: Any, **options: Any) -> bool:
        """An action that breaks is told and logged; the dashboard goes on."""
        try:
            return await super().run_action(*arguments, **options)
        except Exception as error:
            self._report_unless_closing(error)
            return True

    async def _dispatch_message(self, message: Message) -> None:
        """A handler that breaks is told and logged; the dashboard goes on."""
        try:
            await super()._dispatch_message(message)
        except Exception as error:
            self._report_unless_closing(error)

    def _report_unless_closing(self, error: BaseException) -> None:
        """What comes while the widgets are taken down finds none of them: nothing to tell anybody."""
        if not (self._is_closing and isinstance(error, GONE)):
            self.report(error)

    async def _shutdown(self) -> None:
        self._is_closing = True
        await super()._shutdown()

    def _handle_exception(self, error: Exception) -> None:
        """Only what breaks while drawing comes here, or by a timer, and ends the dashboard; runs go on."""
        if self._is_closing and isinstance(error, GONE):
            return
        reading.log_error(self.settings, error)
        super()._handle_exception(error)


def is_too_small(size: Size) -> bool:
    return size.width < LEAST_COLUMNS or size.height < LEAST_ROWS
