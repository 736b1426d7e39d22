"""A run as it works, or as it went: progress, curves, log."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from app.text import ago, bar, duration, escape, quantity, score, status_text
from app.widgets.chart import Chart, Curve
from app.widgets.run_log import RunLog

if TYPE_CHECKING:
    from app.follow import Advance
    from experiments.runs import RunView

_NOTE = {"message": ("$foreground 70%", "·"), "warning": ("$warning", "!"), "error": ("$error", "✗")}


class Live(Vertical):
    """Told by the App which run it shows (`turn_to`), how it stands (`show_run`) and what is new (`advance`)."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.run: RunView | None = None
        self.phase = ""
        self._progress_seen = 0.0

    def compose(self) -> ComposeResult:
        yield Static(id="live-head")
        yield Static(id="live-progress")
        yield Static(id="live-note")
        with Horizontal(id="live-charts"):
            yield Chart("loss", [Curve("train/loss", "train"), Curve("val/loss", "val")], id="chart-loss")
            yield Chart("IoU", [Curve("val/iou", "val")], best_of="val/iou", ceiling=1.0, id="chart-iou")
        yield RunLog(id="live-log")

    def on_mount(self) -> None:
        self.clear("No run yet: [b $primary]l[/] starts the selected experiment.")

    def on_resize(self) -> None:
        if self.run:
            self.show_run(self.run)

    def clear(self, hint: str = "") -> None:
        """Forget the run; `hint` says what to do."""
        self.run, self.phase = None, ""
        for chart in self.query(Chart):
            chart.clear()
        self.query_one(RunLog).clear()
        self.query_one("#live-head", Static).update(hint)
        self.query_one("#live-progress", Static).update("")
        self._note("")

    def advance(self, advance: "Advance") -> None:
        """Draw what is new."""
        if advance.child:
            for chart in self.query(Chart):
                chart.clear()
            self.phase = advance.child[1]
        for chart in self.query(Chart):
            chart.extend(advance.points)
        if advance.lines or advance.pending != self.query_one(RunLog).pending:
            self.query_one(RunLog).extend(advance.lines, advance.pending)
        if advance.note:
            kind, text = advance.note
            style, glyph = _NOTE[kind]
            self._note(f"[{style}]{glyph} {escape(text)}[/]")

    def show_run(self, run: "RunView") -> None:
        """Show how the run stands."""
        self.run = run
        facts = [f"[b]{escape(run.run_id)}[/b]"]
        facts += [escape(value) for value in (run.defect_class, run.stage) if value]
        if run.info.get("name"):
            facts.insert(1, escape(run.info["name"]))
        facts += [escape(text) for text in (" ".join(f"#{tag}" for tag in run.tags), run.note) if text]
        self.query_one("#live-head", Static).update(
            f"{status_text(run.status)}  " + " [$foreground 40%]·[/] ".join(facts)
        )
        self.query_one("#live-progress", Static).update(self._progress(run))
        if run.status in ("failed", "lost"):
            reason = (
                run.error or "its process is gone; the log below may say why" if run.status == "lost" else run.error
            )
            if reason:
                self._note(f"[$error]✗ {escape(reason)}[/]")

    def _progress(self, run: "RunView") -> str:
        step, total = run.step or 0, run.total or 0
        fraction = step / total if total else 0.0
        if run.status == "finished":
            fraction = 1.0
        width = max(8, min(40, self.size.width // 6))
        done, rest = bar(fraction, width)
        colour = {"failed": "$error", "lost": "$error", "paused": "$warning", "stopped": "$warning"}.get(
            run.status, "$primary"
        )
        phase = self.phase or run.phase or ""
        percent = f"{fraction:4.0%}"
        steps = f"step {step}/{total}" if total else ""
        epochs = f"epoch {run.epoch or 0}/{run.epochs}" if run.epochs else ""
        if run.is_active:
            eta = f"ETA {duration(run.eta_seconds)}" if run.eta_seconds is not None else ""
            speed = f"{quantity(run.images_per_second)} img/s" if run.images_per_second else ""
            parts = [f"{percent} {phase}", eta, epochs, steps, speed]
        else:
            test = f"test IoU {score(run.test['iou'])}" if "iou" in run.test else ""
            took = f"took {duration(run.ended - run.started)}" if run.started and run.ended else ""
            parts = [percent, test, took, epochs, steps, ago(run.ended) if run.ended else ""]
        return f"[{colour}]{done}[/][$foreground 22%]{rest}[/] {_fit(parts, self.size.width - width - 1)}"

    def _note(self, text: str) -> None:
        note = self.query_one("#live-note", Static)
        note.update(text)
        note.display = bool(text)


def _fit(parts: list[str], room: int) -> str:
    """Join what fits, the most important first; the rest is dropped whole rather than cut."""
    shown: list[str] = []
    for part in filter(None, parts):
        if len(" · ".join([*shown, part])) > room:
            break
        shown.append(part)
    return " [$foreground 40%]·[/] ".join(map(escape, shown))
