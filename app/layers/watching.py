"""The run in Live: followed from its beginning, asked to pause, save or stop."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work

from app import messages
from app.action import Action
from app.language import N_, _
from app.layers.frame import Frame

if TYPE_CHECKING:
    from experiments.runs import RunView

# what can be asked of a run
COMMANDS = (N_("pause"), N_("resume"), N_("checkpoint"), N_("stop"))
FOLLOW_SECONDS = 0.2
FOLLOW_ENDED_SECONDS = 2.0


class Watching(Frame):
    """Follows one run at a time.

    Attributes:
        caught_up: set when the journal of the watched run has been read to its end once.
    """

    caught_up: asyncio.Event

    def refusal(self, action: Action) -> str | None:
        if action.name in ("pause", "checkpoint") and not self.current_run:
            return _("no run is selected")
        return super().refusal(action)

    def watch_run(self, path: Path) -> None:
        """Show a run in Live, from its beginning, and follow it."""
        if self.watched != path and self.furnished:
            self.watched, self.caught_up = path, asyncio.Event()
            self.part("#live").clear(_("reading …"))
            self.follow(path)

    @work(exclusive=True, group="follow", exit_on_error=False)
    async def follow(self, path: Path) -> None:
        from app.follow import Follower
        from experiments.runs import view

        follower = Follower(path)
        while True:
            advance = await asyncio.to_thread(follower.poll)
            run = await asyncio.to_thread(view, follower.directory)
            self.post_message(messages.Advanced(path, advance, run))
            if not advance.behind:
                await asyncio.sleep(FOLLOW_SECONDS if run.is_active else FOLLOW_ENDED_SECONDS)

    @on(messages.Advanced)
    def advanced(self, message: messages.Advanced) -> None:
        if message.path != self.watched:
            return
        if not message.advance.behind:
            self.caught_up.set()
        live = self.part("#live")
        if message.advance.changed:
            live.advance(message.advance)
        if message.run != live.run:
            before = live.run
            live.show_run(message.run)
            if before is None or before.status != message.run.status:
                self._status_changed(message.run, ended=before is not None and not message.run.is_active)

    def _status_changed(self, run: "RunView", ended: bool) -> None:
        self.runs = [run if each.run_id == run.run_id else each for each in self.runs or []]
        self.draw_frame()
        if ended:
            self.post_message(messages.ListStale())

    @on(messages.CursorMoved)
    def other_run_meant(self) -> None:
        self.draw_frame()

    def action_pause(self) -> None:
        run = self.current_run
        if run and run.can_go_on and not run.is_active:
            self._go_on(run)
        else:
            self._ask_run("resume" if run and run.can_go_on else "pause")

    @work(thread=True, group="send", exit_on_error=False)
    def _go_on(self, run: "RunView") -> None:
        from experiments.launcher import resume

        resume(self.settings, run.directory)
        self.post_message(messages.Asked(run.run_id, "resume"))

    def action_checkpoint(self) -> None:
        self._ask_run("checkpoint")

    def action_stop(self) -> None:
        if not (run := self.current_run) or not run.is_active:
            self._ask_run("stop")
            return
        question = _("Stop {run}? It saves a checkpoint first.").format(run=run.run_id)
        self.ask(
            question,
            [("y", _("stop it")), ("n", _("let it run"))],
            lambda key: self._send(run, "stop") if key == "y" else None,
        )

    def _ask_run(self, command: str) -> None:
        if run := self.current_run:
            self._send(run, command)
        else:
            self.notify(_("no run is selected: select one in Runs (5), or start one (l)"), severity="warning")

    @work(thread=True, group="send", exit_on_error=False)
    def _send(self, run: "RunView", command: str) -> None:
        from experiments.runs import send

        send(self.settings, run.run_id, command)
        self.post_message(messages.Asked(run.run_id, command))

    @on(messages.Asked)
    def asked(self, message: messages.Asked) -> None:
        asked = _("{run}: {command} asked").format(run=message.run_id, command=_(message.command))
        self.notify(asked, timeout=2, markup=False)

    def action_follow(self) -> None:
        if self.furnished:
            self.part("#live-log").action_follow()
