"""What an experiment is: its problem if it has one, the config in short, the last result, its README."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Markdown, Static

from app.text import ago, duration, escape, score, status_text

if TYPE_CHECKING:
    from experiments.runs import RunView


class Overview(VerticalScroll, can_focus=True):
    """Facts above, README below; scrolls as one."""

    def compose(self) -> ComposeResult:
        yield Static(id="overview-problem")
        yield Static(id="overview-facts")
        yield Static(id="overview-result")
        yield Markdown(id="overview-readme", open_links=False)

    def show_description(self, readme: str, facts: Sequence[tuple[str, str]], problem: str | None) -> None:
        width = max((len(key) for key, _ in facts), default=0)
        lines = [f"[$foreground 55%]{key:<{width}}[/]  {escape(value)}" for key, value in facts]
        self._put("#overview-problem", f"[$error]✗ {escape(problem)}[/]" if problem else "")
        self._put("#overview-facts", "\n".join(lines))
        self.query_one(Markdown).update(readme or "*No README.md in this folder.*")
        self.scroll_home(animate=False)

    def show_result(self, runs: "Sequence[RunView]") -> None:
        """Args: runs: of this experiment, newest first."""
        if not runs:
            self._put("#overview-result", "[$foreground 55%]last run[/]  none yet: [b $primary]l[/] starts one")
            return
        last = runs[0]
        parts = [status_text(last.status), ago(last.created)]
        if last.started and last.ended:
            parts.append(f"took {duration(last.ended - last.started)}")
        if last.best_iou is not None:
            parts.append(f"val IoU best {score(last.best_iou)}")
        if "iou" in last.test:
            parts.append(f"test IoU [b]{score(last.test['iou'])}[/b]")
        text = "[$foreground 55%]last run[/]  " + " · ".join(parts)
        if last.error and last.status in ("failed", "lost"):
            text += f"\n          [$error]{escape(last.error)}[/]"
        self._put("#overview-result", text)

    def _put(self, selector: str, text: str) -> None:
        static = self.query_one(selector, Static)
        static.update(text)
        static.display = bool(text)
