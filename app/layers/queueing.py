"""The queue: read while it is looked at, its process kept alive, its entries moved, held, removed, started."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual import on, work

from app import messages
from app.language import _, ngettext
from app.layers.launching import Launching

if TYPE_CHECKING:
    from experiments.queue import EntryView
    from experiments.runs import RunView

LOOK_SECONDS = 1.0
# so often somebody looks whether what waits is attended to, where nobody looks at the queue
ENSURE_LOOKS = 5


class Queueing(Launching):
    """Between the Queue pane and `experiments.queue`."""

    _reading_queue = False
    _looks = 0

    def begin(self) -> None:
        super().begin()
        self.set_interval(LOOK_SECONDS, self._look_at_queue)
        self.read_queue()

    def action_show(self, pane: str) -> None:
        super().action_show(pane)
        if pane == "queue":
            self.read_queue()

    def _look_at_queue(self) -> None:
        self._looks += 1
        if self.pane == "queue" or self._looks % ENSURE_LOOKS == 0:
            self.read_queue()

    def read_queue(self) -> None:
        if not self._reading_queue:
            self._reading_queue = True
            self._read_queue(seen=self.pane == "queue")

    @work(thread=True, group="queue", exit_on_error=False)
    def _read_queue(self, seen: bool) -> None:
        from experiments import queue

        try:
            if not self.settings.read_only:
                queue.ensure_runner(self.settings)
            if seen:
                self.post_message(messages.QueueRead(queue.view(self.settings)))
        finally:
            self._reading_queue = False

    @on(messages.QueueRead)
    def queue_read(self, message: messages.QueueRead) -> None:
        if self.furnished:
            self.part("#queue").show(message.queue, message.follow)
            self.draw_frame()

    @on(messages.Furnished)
    def show_queue(self) -> None:
        if self.pane == "queue":
            self.read_queue()

    @on(messages.Queued)
    def queued(self, message: messages.Queued) -> None:
        told = ngettext("{name}: {count} run queued", "{name}: {count} runs queued", message.count)
        self.notify(told.format(name=message.experiment, count=message.count), timeout=4, markup=False)
        self.action_show("queue")
        self._change_queue(lambda: None, message.entry_id)

    # -- the entry under the cursor --------------------------------------------------------------------------------

    @property
    def is_on_queue(self) -> bool:
        return self.furnished and self.pane == "queue" and not self.is_on_list

    @property
    def entry(self) -> "EntryView | None":
        return self.part("#queue").selected if self.is_on_queue else None

    @property
    def current_run(self) -> "RunView | None":
        if not self.is_on_queue:
            return super().current_run
        found = self.entry.run if self.entry else None
        return next((run for run in self.runs or [] if found and run.run_id == found.run_id), found)

    @on(messages.CursorMoved)
    def other_entry_meant(self) -> None:
        if self.is_on_queue:
            self.part("#queue").show_detail()

    @on(messages.Opened)
    def entry_opened(self, message: messages.Opened) -> None:
        if message.control.id == "queue-grid":
            self.action_queue_open()

    def action_queue_open(self) -> None:
        """Show the run of an entry that has one; start one that waits."""
        if not (each := self._meant_entry()):
            return
        if each.run:
            self.watch_run(each.run.path)
            self.action_show("live")
        elif each.is_waiting and self.settings.read_only:
            self.notify(_("the dashboard was opened read-only"), severity="warning")
        elif each.is_waiting:
            question = _("Start {label} at once? It {reason}.").format(label=each.entry.label, reason=_told(each))
            answers = [("y", _("start it now")), ("n", _("let it wait"))]
            self.ask(question, answers, lambda key: self._act("start_now", each) if key == "y" else None)
        else:
            self.notify(each.reason, severity="warning", timeout=10, markup=False)

    def action_queue_up(self) -> None:
        self._move("up")

    def action_queue_down(self) -> None:
        self._move("down")

    def _move(self, to: str) -> None:
        from experiments import queue

        if (each := self._meant_entry()) and each.is_waiting:
            entry_id = each.entry.entry_id
            self._change_queue(partial(queue.move, self.settings, entry_id, to), entry_id)

    def action_queue_hold(self) -> None:
        if (each := self._meant_entry()) and each.is_waiting:
            self._act("release" if each.entry.held else "hold", each)

    def action_queue_remove(self) -> None:
        if not (each := self._meant_entry()):
            return
        label = each.entry.label
        if each.is_waiting:
            question = _("Remove {label} from the queue? It has not run.").format(label=label)
        else:
            question = _("Remove {label} from the queue? Its run stays as it is.").format(label=label)
        answers = [("y", _("remove it")), ("n", _("keep it"))]
        self.ask(question, answers, lambda key: self._act("remove", each) if key == "y" else None)

    def action_pause(self) -> None:
        """In Queue, the whole queue is what pauses and goes on."""
        if not self.is_on_queue:
            super().action_pause()
            return
        from experiments import queue

        shown = self.part("#queue").queue
        paused = not (shown and shown.paused)
        self.notify(_("the queue is paused") if paused else _("the queue goes on"), timeout=2)
        self._change_queue(partial(queue.set_paused, self.settings, paused))

    def action_copy(self) -> None:
        if each := self.entry:
            text = each.run.run_id if each.run else each.entry.entry_id
            self.copy_to_clipboard(text)
            self.notify(_("copied {text}").format(text=text), timeout=2, markup=False)
        else:
            super().action_copy()

    def _act(self, verb: str, each: "EntryView") -> None:
        from experiments import queue

        self._change_queue(partial(getattr(queue, verb), self.settings, each.entry.entry_id))

    @work(thread=True, group="queue-change", exit_on_error=False)
    def _change_queue(self, change: Callable[[], object], follow: str | None = None) -> None:
        from experiments import queue

        try:
            change()
        finally:
            self.post_message(messages.QueueRead(queue.view(self.settings), follow))

    def _meant_entry(self) -> "EntryView | None":
        if self.is_on_queue and (each := self.entry):
            return each
        self.notify(_("no entry is selected: go to Queue (0), or queue a run (l)"), severity="warning")
        return None


def _told(each: "EntryView") -> str:
    waits = each.reason.startswith("waits")
    return each.reason if waits else _("waits: {reason}").format(reason=each.reason)
