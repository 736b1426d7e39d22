"""Whether this machine can train: every check with its mend, and what the machine and its settings are."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from app.language import _, ngettext
from app.text import ago, escape
from app.widgets.told import tell

if TYPE_CHECKING:
    from experiments.environment import Fact
    from experiments.health import Check
    from experiments.health_report import HealthReport

GLYPHS = {"ok": "✓", "warn": "!", "fail": "✗"}
STYLES = {"ok": "$success", "warn": "$warning", "fail": "$error"}
HEAD = "$foreground 55%"
NAME = 15
AGE_SECONDS = 10.0


class HealthPane(VerticalScroll, can_focus=True):
    """Told by the App what was found; checks of an earlier report stay, dimmed, until they come again."""

    DEFAULT_CSS = """
    HealthPane {
        scrollbar-size: 1 1;
        & Static { height: auto; }
        & #health-head { margin: 0 0 1 0; }
        & #health-environment { margin: 1 0 0 0; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.checks: list[Check] = []
        self.old: list[Check] = []
        self.when: float | None = None
        self.checking = False
        self.problem = ""

    def compose(self) -> ComposeResult:
        yield Static(f"[b]{_('Health')}[/b]", id="health-head")
        yield Static(id="health-checks")
        yield Static(id="health-environment")

    def on_mount(self) -> None:
        # a report grows old while it is looked at
        self.set_interval(AGE_SECONDS, self._draw_head)

    def show_report(self, report: "HealthReport") -> None:
        """Show the last report until new findings come."""
        self.checks, self.when = list(report.checks), report.time
        self.show_environment(report.environment)
        self._draw()

    def begin_checking(self) -> None:
        self.old, self.checks, self.checking, self.problem = self.checks, [], True, ""
        self._draw()

    def add(self, check: "Check") -> None:
        self.checks.append(check)
        self._draw()

    def end_checking(self, problem: str) -> None:
        self.old, self.checking, self.when, self.problem = [], False, time.time(), problem
        self._draw()

    def show_environment(self, environment: "Mapping[str, Sequence[Fact]]") -> None:
        text = "\n\n".join(_facts(title, facts) for title, facts in environment.items() if facts)
        self.query_one("#health-environment", Static).update(text)

    def _draw_head(self) -> None:
        if self.checking or self.when:
            tell(self.query_one("#health-head", Static), self._head())

    def _draw(self) -> None:
        self._draw_head()
        known = {check.name for check in self.checks}
        lines = [_line(check) for check in self.checks]
        lines += [_line(check, old=True) for check in self.old if check.name not in known]
        if self.problem:
            lines.append(f"[$error]✗ {escape(self.problem)}[/]")
        tell(self.query_one("#health-checks", Static), "\n".join(lines))

    def _head(self) -> str:
        title = f"[b]{_('Health')}[/b]  "
        if self.checking:
            older = _(", below what was found {when}").format(when=ago(self.when)) if self.old and self.when else ""
            count = len(self.checks)
            told = ngettext("{count} check done", "{count} checks done", count).format(count=count)
            return f"{title}[$primary]● {_('checking')}[/]  [{HEAD}]{told}{older}[/]"
        broken = sum(check.state == "fail" for check in self.checks)
        weak = sum(check.state == "warn" for check in self.checks)
        state = f"[$success]✓ {_('ready')}[/]"
        if broken:
            told = ngettext("not ready: {count} thing to mend", "not ready: {count} things to mend", broken)
            state = f"[$error]✗ {told.format(count=broken)}[/]"
        if weak:
            warnings = ngettext("{count} warning", "{count} warnings", weak).format(count=weak)
            state += f"  [$warning]! {warnings}[/]"
        again = _("[b $primary]r[/] checks again")
        return f"{title}{state}  [{HEAD}]{_('checked {when}').format(when=ago(self.when))}  {again}[/]"


def _line(check: "Check", *, old: bool = False) -> str:
    style = STYLES[check.state]
    dim = f"{HEAD}" if old else style
    text = f"[{dim}]{GLYPHS[check.state]} {escape(check.name):<{NAME}}[/] [{HEAD if old else '$foreground'}]"
    text += f"{escape(check.detail)}[/]"
    return text + (f"\n{' ' * (NAME + 3)}[{style}]→ {escape(check.mend)}[/]" if check.mend and not old else "")


def _facts(title: str, facts: "Sequence[Fact]") -> str:
    width = max(len(fact.name) for fact in facts)
    lines = [
        f"  [{HEAD}]{escape(fact.name):<{width}}[/]  {escape(fact.value)}"
        + (f"  [{HEAD}]{escape(fact.note)}[/]" if fact.note else "")
        for fact in facts
    ]
    return "\n".join([f"[b]{escape(title)}[/b]", *lines])
