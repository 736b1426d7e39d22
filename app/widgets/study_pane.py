"""A study: how far it is, its graph, and everything about the step under the cursor."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from app.language import _, ngettext
from app.study_drawing import DIM, HEAD, STATE_STYLES, WORDS, state_word
from app.text import ago, bar, duration, escape, score, status_text
from app.widgets.drawn import Bare
from app.widgets.study_graph import StudyGraph
from app.widgets.told import tell

if TYPE_CHECKING:
    from experiments.study_view import StepView, StudyView

_DOT = f" [{DIM}]·[/] "


class StudyPane(Bare, Vertical):
    """Told by the App which study there is (`show`) and that the cursor has moved (`show_detail`)."""

    DEFAULT_CSS = """
    StudyPane {
        & #study-head { height: auto; max-height: 4; text-wrap: nowrap; text-overflow: ellipsis; margin: 0 0 1 0; }
        & #study-detail-scroll { height: auto; max-height: 9; border-top: solid $foreground 15%; scrollbar-size: 1 1; }
        & #study-detail { height: auto; }
    }
    Screen.-short StudyPane {
        & #study-head { margin: 0; max-height: 3; }
        & #study-detail-scroll { max-height: 6; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.view: StudyView | None = None

    def compose(self) -> ComposeResult:
        yield Static(f"[b]{_('Study')}[/b]  [{HEAD}]{_('reading …')}[/]", id="study-head")
        yield StudyGraph(id="study-graph")
        with VerticalScroll(id="study-detail-scroll", can_focus=False):
            yield Static(id="study-detail")

    @property
    def selected(self) -> "StepView | None":
        return self.view.by_name.get(self.query_one(StudyGraph).cursor or "") if self.view else None

    def show(self, view: "StudyView | None", place: int, count: int) -> None:
        """Show a study; None = there is none.

        Args:
            place, count: which of how many there are to choose from, counted from 1.
        """
        before, self.view = self.view, view
        head = self.query_one("#study-head", Static)
        graph = self.query_one(StudyGraph)
        graph.display = bool(view and view.steps)
        if view is None:
            text = _("No experiment is a study: one whose config says [b]stage: study[/b] is.")
            tell(head, f"[b]{_('Study')}[/b]  [{HEAD}]{text}[/]")
        else:
            other = before is None or (before.experiment, _run_id(before)) != (view.experiment, _run_id(view))
            tell(head, "\n".join(_head(view, place, count)))
            if view.steps:
                graph.show(view, other=other)
        self.show_detail()

    def show_detail(self) -> None:
        step, static = self.selected, self.query_one("#study-detail", Static)
        tell(static, "\n".join(_detail(self.view, step)) if self.view and step else "")


def _run_id(view: "StudyView") -> str | None:
    return view.run.run_id if view.run else None


def _head(view: "StudyView", place: int, count: int) -> list[str]:
    """Return the lines above the graph: which study, how far, what is next."""
    name = view.run.run_id if view.run else _("plan of {experiment}").format(experiment=view.experiment)
    parts = [f"[b]{escape(name)}[/b]"]
    parts += [status_text(view.run.status), ago(view.run.created)] if view.run else [_("not started")]
    if count > 1:
        parts.append(f"[{HEAD}]{_('{place} of {count}').format(place=place, count=count)}[/]")
        parts.append(f"[{HEAD}][b $primary]\\[[/] {_('older')}  [b $primary]][/] {_('newer')}[/]")
    lines = [_DOT.join(parts)]
    if view.problem:
        return [*lines, f"[$error]✗ {escape(view.problem)}[/]"]
    return [*lines, _DOT.join(_progress(view)), *_next(view)]


def _progress(view: "StudyView") -> list[str]:
    counts, total = view.counts, len(view.steps)
    done = counts["done"] + counts["cached"]
    full, rest = bar(done / max(1, total), 20)
    parts = [f"[$primary]{full}[/][$foreground 22%]{rest}[/] " + _("{done} of {total}").format(done=done, total=total)]
    for state, count in counts.items():
        if state not in ("done", "waiting"):
            parts.append(f"[{STATE_STYLES[state]}]{_glyph(state)} {count} {_(WORDS[state])}[/]")
    if view.jobs:
        parts.append(_("{jobs} at a time").format(jobs=view.jobs))
    if view.eta_seconds is not None:
        parts.append(_("about {time} left").format(time=duration(view.eta_seconds)))
    return parts


def _next(view: "StudyView") -> list[str]:
    if view.run is None:
        known = sum(step.forecast is not None or step.state == "cached" for step in view.steps)
        told = _("[b $primary]l[/] starts it") if known else _("looking what is done already …")
        return [f"[{HEAD}]{told}[/]"]
    if view.is_active:
        following = [escape(name) for name in view.next_steps]
        return [f"[{HEAD}]{_('next')}[/] {', '.join(following)}"] if following else []
    if view.run.error and view.run.status != "finished":
        return [f"[$error]✗ {escape(view.run.error)}[/]"]
    return []


def _detail(view: "StudyView", step: "StepView") -> list[str]:
    """Return everything about a step, the most telling first."""
    following = set(view.next_steps) if view.is_active or view.run is None else set()
    parts = [f"[b]{escape(step.name)}[/b]"]
    parts.append(f"[{STATE_STYLES[step.state]}]{_glyph(step.state)} {state_word(step, following)}[/]")
    if step.fraction is not None:
        parts.append(f"{step.fraction:.0%}")
    if step.eta_seconds is not None:
        parts.append(_("about {time} left").format(time=duration(step.eta_seconds)))
    if step.seconds is not None:
        told = _("for {time}") if step.state in ("running", "paused") else _("took {time}")
        parts.append(told.format(time=duration(step.seconds)))
    if step.test_iou is not None:
        parts.append(_("test IoU {iou}").format(iou=score(step.test_iou)))
    if step.run and step.run.best_iou is not None:
        parts.append(_("best val IoU {iou}").format(iou=score(step.run.best_iou)))
    lines = [_DOT.join(parts)]
    if step.forecast == "unknown":
        unknown = _("unknown until it starts: what it needs is not done, or too large to look at now")
        lines.append(f"[{HEAD}]{unknown}[/]")
    if step.problem:
        lines.append(f"[$error]{escape(step.problem)}[/]")
    elif step.blocked_by:
        lines.append(f"[$error]{_('needs {step}, which is broken').format(step=escape(step.blocked_by))}[/]")
    if step.run:
        told = _("already done by {run}") if step.state == "cached" else _("run {run}")
        keys = _("[b $primary]Enter[/] opens it")
        if view.run and not view.is_active:
            more = len(_all_dependents(view, step.name))
            anew = ngettext("[b $primary]x[/] does it and {count} step after it anew",
                            "[b $primary]x[/] does it and {count} steps after it anew", more)  # fmt: skip
            keys += _DOT + (anew.format(count=more) if more else _("[b $primary]x[/] does it anew"))
        lines.append(told.format(run=escape(step.run.run_id)) + f"  [{HEAD}]{keys}[/]")
    for word, names in ((_("needs"), step.needs), (_("then"), view.dependents(step.name))):
        if names:
            told = (f"{_glyph(view.by_name[name].state)} {escape(name)}" for name in names)
            lines.append(f"[{HEAD}]{word:<6}[/]" + ", ".join(told))
    return lines


def _all_dependents(view: "StudyView", name: str) -> set[str]:
    found = {name}
    for step in view.steps:
        if found & {*step.needs} and step.stage != "compare":
            found.add(step.name)
    return found - {name}


def _glyph(state: str) -> str:
    from experiments.study_view import STATE_GLYPHS

    return STATE_GLYPHS[state]
