"""The launch sheet: what a launch would meet, fact by fact as they come, and what a person still chooses."""

import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from app.language import _
from app.screens.dialog import Dialog
from app.text import escape
from app.widgets.choice import Choice
from pipeseg.errors import BadInput
from pipeseg.settings import Settings

if TYPE_CHECKING:
    from experiments.gpus import Gpu
    from experiments.health import Check

# nobody types a word in less; facts are looked for when the typing rests
TYPING_SECONDS = 0.4
NOW, QUEUE = "now", "queue"
_GLYPHS = {"ok": "[$success]✓[/]", "warn": "[$warning]![/]", "fail": "[$error]✗[/]"}
_NAME_WIDTH = 11
# of one fact; what is longer is told by `python -m experiments preflight`
_LINES = 3


@dataclass(frozen=True, slots=True)
class Request:
    """What shall be started.

    Attributes:
        device: auto, cpu or cuda:N.
        queued: whether it waits for its turn.
    """

    overrides: list[str] = field(default_factory=list)
    name: str | None = None
    device: str = "auto"
    queued: bool = False


@dataclass
class Found(Message):
    """One fact was found; of the check with this number."""

    number: int
    check: "Check"


@dataclass
class AllFound(Message):
    """Every fact of a check is there."""

    number: int


@dataclass
class Devices(Message):
    """The GPUs were read."""

    gpus: "list[Gpu]"


class LaunchSheet(Dialog[Request | None]):
    """Answers with what shall be started, None on Esc.

    Args:
        overrides: as typed the last time.
        focus: the field that has the cursor first: when, device, name or overrides.
    """

    BINDINGS: ClassVar = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("enter", "start", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]
    DEFAULT_CSS = """
    LaunchSheet #sheet {
        width: 100; max-width: 96%; height: auto; max-height: 92%;
        background: $panel; border: round $primary 50%; padding: 0 1;
    }
    LaunchSheet Static { height: auto; }
    LaunchSheet #sheet-facts { height: auto; max-height: 20; margin: 1 0; scrollbar-size: 1 1; }
    LaunchSheet .field { height: 1; }
    LaunchSheet .field Static.label { width: 11; color: $foreground 60%; }
    LaunchSheet Input { border: none; background: $boost; padding: 0 1; height: 1; width: 1fr; }
    LaunchSheet Input:focus { border: none; }
    LaunchSheet #sheet-foot { margin: 1 0 0 0; max-height: 4; link-style: none; }
    LaunchSheet.-short #sheet-facts { margin: 0; max-height: 12; }
    LaunchSheet.-short #sheet-foot { margin: 0; max-height: 2; }
    """

    def __init__(self, settings: Settings, experiment: str, overrides: str = "", focus: str = "when") -> None:
        super().__init__()
        self.settings, self.experiment = settings, experiment
        self._typed, self._first = overrides, focus
        self.checks: list[Check] = []
        self.number = 0
        self.complete = False
        self._mistake = ""
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        whens = [(NOW, _("start now")), (QUEUE, _("put it into the queue"))]
        with Vertical(id="sheet"):
            yield Static(_("Launch [b]{experiment}[/b]").format(experiment=escape(self.experiment)))
            with VerticalScroll(id="sheet-facts", can_focus=False):
                yield Static(id="sheet-lines")
            yield from self._field(_("when"), Choice(whens, id="when"))
            yield from self._field(_("device"), Choice([("auto", "auto"), ("cpu", "cpu")], id="device"))
            yield from self._field(_("name"), Input(id="name", placeholder=_("what you call this run")))
            example = "epochs=2 seed=1,2 model.args.encoder_name=resnet18"
            yield from self._field(_("overrides"), Input(self._typed, placeholder=example, id="overrides"))
            yield Static(id="sheet-foot")

    @staticmethod
    def _field(label: str, widget: Choice | Input) -> ComposeResult:
        with Horizontal(classes="field"):
            yield Static(label, classes="label")
            yield widget

    def on_mount(self) -> None:
        self.query_one(f"#{self._first}").focus()
        self._read_devices()
        self.look()

    # -- facts -----------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Look for the facts of what is typed and chosen now."""
        self._timer = None
        self.number += 1
        self.checks, self.complete, self._mistake = [], False, ""
        try:
            request = self.request()
        except BadInput as error:
            self._mistake, self.complete = str(error), True
        else:
            self._find(self.number, request)
        self.draw()

    def request(self) -> Request:
        """Return what is typed and chosen.

        Raises:
            BadInput: the overrides are no list of `key=value`.
        """
        from experiments.sweep_grid import split_line

        overrides = split_line(self.query_one("#overrides", Input).value)
        name = self.query_one("#name", Input).value.strip() or None
        queued = self.query_one("#when", Choice).value == QUEUE
        return Request(overrides, name, self.query_one("#device", Choice).value, queued)

    @work(thread=True, exclusive=True, group="facts", exit_on_error=False)
    def _find(self, number: int, request: Request) -> None:
        from experiments.launch_check import check_launch

        worker = get_current_worker()
        for check in check_launch(self.settings, self.experiment, request.overrides, request.device):
            if worker.is_cancelled:
                return
            self.post_message(Found(number, check))
        self.post_message(AllFound(number))

    @work(thread=True, group="devices", exit_on_error=False)
    def _read_devices(self) -> None:
        from experiments.gpus import read_gpus

        self.post_message(Devices(read_gpus()))

    @on(Found)
    def _found(self, message: Found) -> None:
        if message.number == self.number:
            self.checks.append(message.check)
            self.draw()

    @on(AllFound)
    def _all_found(self, message: AllFound) -> None:
        if message.number == self.number:
            self.complete = True
            self.draw()

    @on(Devices)
    def _devices(self, message: Devices) -> None:
        cards = [(gpu.device, f"{gpu.device} ({gpu.free:.0f} GiB)") for gpu in message.gpus]
        self.query_one("#device", Choice).offer([("auto", "auto"), ("cpu", "cpu"), *cards])

    # -- what a person does ----------------------------------------------------------------------------------------

    @on(Input.Changed, "#overrides")
    def _typing(self, event: Input.Changed) -> None:
        if event.value == self._typed:
            return
        self._typed = event.value
        if self._timer:
            self._timer.stop()
        # what was found is about something else
        self.number += 1
        self.checks, self.complete, self._mistake = [], False, ""
        self._timer = self.set_timer(TYPING_SECONDS, self.look)
        self.draw()

    @on(Choice.Chosen)
    def _chosen(self, event: Choice.Chosen) -> None:
        if event.choice.id == "device":
            self.look()
        else:
            self.draw()

    @on(Input.Submitted)
    def action_start(self) -> None:
        if self.obstacle:
            self.app.bell()
            return
        try:
            request = self.request()
        except BadInput as error:
            self._mistake = str(error)
            self.draw()
            return
        self.dismiss(request)

    @property
    def obstacle(self) -> str:
        """What keeps the run from starting, one sentence; empty where nothing is known to."""
        failing = next((check for check in self.checks if check.state == "fail"), None)
        return self._mistake or (failing.detail if failing else "")

    # -- drawing ---------------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        from experiments.launch_check import NAMES

        width = max(40, self.query_one("#sheet-facts").size.width - _NAME_WIDTH - 3)
        lines = []
        for check in sorted(self.checks, key=lambda each: NAMES.index(each.name)):
            told = check.detail + (f"; {check.mend}" if check.mend else "")
            most = 1 if check.state == "ok" else _LINES
            first, *more = textwrap.wrap(told, width, max_lines=most, placeholder=" …") or [""]
            lines.append(f"{_GLYPHS[check.state]} [$foreground 60%]{check.name:<{_NAME_WIDTH}}[/]{escape(first)}")
            lines += [f"  {'':<{_NAME_WIDTH}}{escape(line)}" for line in more]
        if not self.complete:
            lines.append(f"[$foreground 60%]◌ {_('looking …')}[/]")
        self.query_one("#sheet-lines", Static).update("\n".join(lines))
        self.query_one("#sheet-foot", Static).update(self._foot())

    def _foot(self) -> str:
        if self.obstacle:
            return f"[$error]✗ {_('cannot start:')}[/] {escape(self.obstacle)}"
        queued = self.query_one("#when", Choice).value == QUEUE
        verb = _("queues it") if queued else _("starts it")
        keys = (("Enter", verb), ("Tab", _("next field")), ("← →", _("choose")), ("Esc", _("leave")))
        return "  ".join(f"[b $primary]{key}[/] [$foreground 60%]{escape(text)}[/]" for key, text in keys)
