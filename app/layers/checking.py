"""Health: this machine checked by a process of its own, finding by finding; the last report is kept."""

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message

from app import messages
from app.language import _, ngettext
from app.layers.listing import Listing
from app.text import ago, escape
from pipeseg.settings import ROOT

if TYPE_CHECKING:
    from experiments.environment import Fact
    from experiments.health import Check
    from experiments.health_report import HealthReport


@messages.message
class HealthRemembered(Message):
    """The last report was read; None = there is none."""

    report: "HealthReport | None"


@messages.message
class HealthFound(Message):
    """One check is done; None ends the checking."""

    check: "Check | None"
    problem: str = ""


@messages.message
class EnvironmentRead(Message):
    """What this machine is."""

    environment: "dict[str, list[Fact]]"


class Checking(Listing):
    """Between the Health pane and `scripts/tools/health_check.py`."""

    health_report: "HealthReport | None" = None
    _checked = False
    _checking = False

    def begin(self) -> None:
        super().begin()
        self._remember_health()

    @work(thread=True, group="health-report", exit_on_error=False)
    def _remember_health(self) -> None:
        from experiments.health_report import last_report

        self.post_message(HealthRemembered(last_report(self.settings)))

    @on(HealthRemembered)
    def health_remembered(self, message: HealthRemembered) -> None:
        self.health_report = message.report
        self.draw_frame()

    def _start_hint(self) -> str:
        # what is broken comes before what could be done next
        return self._health_hint() or super()._start_hint()

    def _health_hint(self) -> str:
        """What the last check found broken; nothing once somebody has looked."""
        report = self.health_report
        if not report or not report.failures or self._checked:
            return ""
        first, count = report.failures[0], len(report.failures)
        text = ngettext("the health check of {when} found {name}: {detail}", "the health check of {when} found {count}"
                        " things broken, first {name}: {detail}", count)  # fmt: skip
        told = text.format(when=ago(report.time), name=first.name, detail=first.detail, count=count)
        return f"[$error]✗[/] {escape(told)}  [b]9[/b] {_('checks again')}"

    def action_show(self, pane: str) -> None:
        super().action_show(pane)
        if pane == "health" and self.furnished and not self._checked:
            if self.health_report:
                self.part("#health").show_report(self.health_report)
            self.check_health()

    def action_refresh(self) -> None:
        if self.pane == "health" and not self.is_on_list and self.furnished:
            self.check_health()
        super().action_refresh()

    def check_health(self) -> None:
        if not self._checking:
            self._checking = self._checked = True
            self.part("#health").begin_checking()
            self._check_health()
            self.draw_frame()

    @work(exclusive=True, group="health", exit_on_error=False)
    async def _check_health(self) -> None:
        from experiments.environment import Fact
        from experiments.health import Check

        script = ROOT / "scripts" / "tools" / "health_check.py"
        # the environment as it is: the settings and their sources are among the findings
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(script),
            "--json-lines",
            cwd=ROOT,
            env={**os.environ, **({"PIPESEG_READ_ONLY": "1"} if self.settings.read_only else {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=1 << 20,
        )
        assert process.stdout and process.stderr
        try:
            async for line in process.stdout:
                found = json.loads(line)
                if "check" in found:
                    self.post_message(HealthFound(Check(**found["check"])))
                else:
                    facts = {title: [Fact(**each) for each in rows] for title, rows in found["environment"].items()}
                    self.post_message(EnvironmentRead(facts))
            said = (await process.stderr.read()).decode(errors="replace").strip().splitlines()
            code = await process.wait()
            broken = code not in (0, 1) or (code == 1 and said)
            self.post_message(HealthFound(None, said[-1] if said and broken else ""))
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        finally:
            self._checking = False

    @on(HealthFound)
    def health_found(self, message: HealthFound) -> None:
        pane = self.part("#health")
        if message.check:
            pane.add(message.check)
        else:
            pane.end_checking(message.problem)

    @on(EnvironmentRead)
    def environment_read(self, message: EnvironmentRead) -> None:
        self.part("#health").show_environment(message.environment)
