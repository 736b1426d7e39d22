"""How the watched run does: what is wrong with it, and what it takes of the machine; asked in threads."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message

from app import messages
from app.layers.watching import Watching

if TYPE_CHECKING:
    from experiments.diagnosis import Verdict
    from experiments.machine import Reading

GAUGE_SECONDS = 1.0
DIAGNOSE_SECONDS = 5.0
DIAGNOSE_ENDED_SECONDS = 60.0


@messages.message
class Diagnosed(Message):
    """What is wrong with a run was found out."""

    path: Path
    verdicts: "list[Verdict]"


@messages.message
class MachineRead(Message):
    """The machine was looked at for a run."""

    path: Path
    reading: "Reading | None"


class Diagnosing(Watching):
    """Keeps verdicts and gauges of the watched run; `d` shows all verdicts."""

    verdicts: "tuple[Verdict, ...]" = ()

    def watch_run(self, path: Path) -> None:
        before = self.watched
        super().watch_run(path)
        if self.watched != before:
            self.verdicts = ()
            self._diagnose(path)
            self._gauge(path)

    @property
    def _shows_live(self) -> bool:
        return self.pane == "live" and not self.is_on_list

    @work(exclusive=True, group="diagnose", exit_on_error=False)
    async def _diagnose(self, path: Path) -> None:
        from experiments.diagnosing import Diagnoser
        from pipeseg.run_directory import RunDirectory

        # a long journal is read for its curves first
        await self.caught_up.wait()
        diagnoser, was_active = Diagnoser(RunDirectory(path)), None
        waited = DIAGNOSE_ENDED_SECONDS
        while self.watched == path:
            run = self.part("#live").run
            active = run is not None and run.is_active
            # at once when the run begins or ends, else now and then
            if active != was_active or waited >= (DIAGNOSE_SECONDS if active else DIAGNOSE_ENDED_SECONDS):
                was_active, waited = active, 0.0
                self.post_message(Diagnosed(path, await asyncio.to_thread(diagnoser.look)))
            await asyncio.sleep(GAUGE_SECONDS)
            waited += GAUGE_SECONDS

    @on(Diagnosed)
    def diagnosed(self, message: Diagnosed) -> None:
        if message.path == self.watched:
            self.verdicts = tuple(message.verdicts)
            self.part("#live").show_verdicts(self.verdicts)

    @work(exclusive=True, group="gauge", exit_on_error=False)
    async def _gauge(self, path: Path) -> None:
        """Look at the machine once a second, while somebody sees it and the run works here."""
        from experiments.machine import Machine
        from experiments.processes import this_host
        from experiments.run_facts import config_of
        from pipeseg.run_directory import RunDirectory

        machine, device, shown = Machine(), None, False
        while self.watched == path:
            run = self.part("#live").run
            if self._shows_live and run and run.is_active and run.info.get("host") in (None, this_host()):
                if device is None:
                    device = str((await asyncio.to_thread(config_of, RunDirectory(path))).get("device", "auto"))
                self.post_message(MachineRead(path, await asyncio.to_thread(machine.look, run.info, device)))
                shown = True
            elif shown and run and not run.is_active:
                self.post_message(MachineRead(path, None))
                shown = False
            await asyncio.sleep(GAUGE_SECONDS)

    @on(MachineRead)
    def machine_read(self, message: MachineRead) -> None:
        if message.path == self.watched:
            self.part("#live").show_machine(message.reading)

    def action_diagnosis(self) -> None:
        from app.screens.diagnosis import Diagnosis

        if self.watched:
            self.push_screen(Diagnosis(self.watched.name, self.verdicts))
