"""What an experiment is: its problem if it has one, the config in short, the last result, its README."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Markdown, Static

from app.language import _
from app.text import ago, duration, escape, score, status_text
from app.widgets.drawn import Bare, SameInFocus
from app.widgets.told import tell_if_any

if TYPE_CHECKING:
    from experiments.runs import RunView
    from experiments.summary import Summary


class Overview(Bare, SameInFocus, VerticalScroll, can_focus=True):
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

    def show_result(self, name: str, runs: "Sequence[RunView]", summary: "Summary | None") -> None:
        """Show how the last run went, which one was best, and how another is started.

        Args:
            runs: of this experiment, newest first.
            summary: of these runs.
        """
        launch = f"python -m experiments launch {escape(name)}"
        how = f"[$foreground 55%]{_('launch'):<8}[/]  {_('[b $primary]l[/] here, or')}  [$foreground 80%]{launch}[/]"
        if not runs:
            self._put("#overview-result", f"[$foreground 55%]{_('last run'):<8}[/]  {_('none yet')}\n{how}")
            return
        last = runs[0]
        parts = [status_text(last.status), ago(last.created)]
        if last.started and last.ended:
            parts.append(f"took {duration(last.ended - last.started)}")
        if last.best_iou is not None:
            parts.append(f"val IoU best {score(last.best_iou)}")
        if "iou" in last.test:
            parts.append(f"test IoU [b]{score(last.test['iou'])}[/b]")
        text = f"[$foreground 55%]{_('last run'):<8}[/]  " + " · ".join(parts)
        if last.error and last.status in ("failed", "lost"):
            text += f"\n          [$error]{escape(last.error)}[/]"
        if summary and summary.best is not None:
            best = next((run for run in runs if run.run_id == summary.best_run), last)
            scored = f"{summary.metric} IoU [b]{score(summary.best)}[/b]"
            facts = [scored, *(fact for fact in (best.defect_class, ago(best.created)) if fact), best.run_id]
            text += f"\n[$foreground 55%]{_('best run'):<8}[/]  " + " · ".join(facts)
        self._put("#overview-result", f"{text}\n{how}")

    def _put(self, selector: str, text: str) -> None:
        tell_if_any(self.query_one(selector, Static), text)
