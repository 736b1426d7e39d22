"""What the charts of Live show beside the watched run: other runs over it, the baseline behind it; and their keys."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message

from app import messages
from app.language import _
from app.layers.watching import FOLLOW_SECONDS, Watching
from app.text import ago, escape, score, status_text
from pipeseg.run_directory import RunDirectory

if TYPE_CHECKING:
    from app.follow import Advance, Follower
    from app.widgets.charts_panel import ChartsPanel
    from app.widgets.plots import Track
    from experiments.runs import RunView


@messages.message
class Overlaid(Message):
    """A run that is drawn with the watched one has something new."""

    track: "Track"
    advance: "Advance"


@messages.message
class GhostFound(Message):
    """The baseline of a run was looked for; `run_id` is None where there is none."""

    of: str
    run_id: str | None


class Charting(Watching):
    """Follows what is drawn with the watched run, each run by a follower of its own.

    Attributes:
        overlays: run id -> its place among glyphs and colours, which it keeps while it is shown.
        ghost_wanted: whether the baseline is drawn behind a final run.
    """

    ghost_wanted = True
    _ghost: str | None = None
    _following = False
    _charts_remembered = False

    def begin(self) -> None:
        self.overlays: dict[str, int] = {}
        self._laid: dict[tuple[str, int], tuple[Track, Follower]] = {}
        super().begin()

    @property
    def charts(self) -> "ChartsPanel":
        return self.part("#live-charts")

    # -- which runs ----------------------------------------------------------------------------------------------

    def overlay_runs(self, run_ids: list[str]) -> None:
        """Draw exactly these runs with the watched one; what is too much or no run is told and left out."""
        from app.widgets.plots import MAX_OVERLAYS

        wanted = [run_id for run_id in dict.fromkeys(run_ids) if not self._is_watched(run_id)]
        missing = [run_id for run_id in wanted if not RunDirectory(self.settings.runs_dir / run_id).info_file.exists()]
        if missing:
            text = _("{run}: no such run in {folder}").format(run=missing[0], folder=self.settings.runs_dir)
            self.notify(text, severity="warning", markup=False)
        wanted = [run_id for run_id in wanted if run_id not in missing]
        if len(wanted) > MAX_OVERLAYS:
            text = _("{count} runs are drawn over one at most; the first ones are").format(count=MAX_OVERLAYS)
            self.notify(text, severity="warning")
        self._overlay(wanted)

    def _overlay(self, run_ids: list[str]) -> None:
        """Give each run its place, as long as there are any."""
        from app.widgets.plots import MAX_OVERLAYS

        kept = {run_id: self.overlays[run_id] for run_id in run_ids[:MAX_OVERLAYS] if run_id in self.overlays}
        free = [slot for slot in range(1, MAX_OVERLAYS + 1) if slot not in kept.values()]
        new = [run_id for run_id in run_ids[:MAX_OVERLAYS] if run_id not in kept]
        self.overlays = kept | dict(zip(new, free, strict=False))
        self._lay()

    def watch_run(self, path: Path) -> None:
        turns = self.watched != path and self.furnished
        super().watch_run(path)
        if turns:
            self._turn_to(path.name)

    @on(messages.Furnished)
    def lay_what_was_asked_for(self) -> None:
        """Draw what was drawn when the dashboard was left."""
        kept = self.memory.get("charts", {})
        self.charts.set_choices(kept)
        self.ghost_wanted = kept.get("ghost") is not False
        runs = [run for run in kept.get("overlays") or () if isinstance(run, str)]
        there = [run for run in runs if RunDirectory(self.settings.runs_dir / run).info_file.exists()]
        self._overlay(there)  # also the one that is watched now: it is drawn over the next one
        self._charts_remembered = True

    def remember(self) -> None:
        super().remember()
        if self._charts_remembered:
            chosen = {"ghost": self.ghost_wanted, "overlays": list(self.overlays)}
            self.memory.put("charts", self.charts.choices() | chosen)

    @on(messages.Advanced)
    def turn_to_child(self, message: messages.Advanced) -> None:
        if message.path == self.watched and message.advance.child:
            self._find_ghost(message.advance.child[0])

    def _turn_to(self, run_id: str) -> None:
        self._ghost = None
        self.charts.watched.run_id, self.charts.watched.label = run_id, self._label(run_id)
        self._lay()
        self._find_ghost(run_id)

    def _is_watched(self, run_id: str) -> bool:
        return self.watched is not None and self.watched.name == run_id

    def _label(self, run_id: str) -> str:
        """A run's name, else its id without the date."""
        run = next((run for run in self.runs or [] if run.run_id == run_id), None)
        return (run.name if run else None) or run_id[16:] or run_id

    # -- the baseline --------------------------------------------------------------------------------------------

    def action_ghost(self) -> None:
        self.ghost_wanted = not self.ghost_wanted
        self._lay()
        if not self.ghost_wanted:
            self.notify(_("baseline hidden"), timeout=2)
        elif self._ghost is None:
            self.notify(_("no finished baseline of the same class to draw behind this run"), severity="warning")

    @work(thread=True, exclusive=True, group="ghost", exit_on_error=False)
    def _find_ghost(self, run_id: str) -> None:
        from experiments.curves.baseline import baseline_of

        found = baseline_of(self.settings, RunDirectory(self.settings.runs_dir / run_id))
        self.post_message(GhostFound(run_id, found.run_id if found else None))

    @on(GhostFound)
    def ghost_found(self, message: GhostFound) -> None:
        self._ghost = message.run_id
        self._lay()

    # -- following -----------------------------------------------------------------------------------------------

    def _lay(self) -> None:
        """Have exactly what is wanted drawn and followed; what is followed already goes on."""
        if not self.furnished:
            return
        from app.follow import Follower
        from app.widgets.plots import GHOST, Track

        wanted = [(run_id, slot) for run_id, slot in self.overlays.items() if not self._is_watched(run_id)]
        if self._ghost and self.ghost_wanted and self._ghost not in self.overlays:
            wanted.append((self._ghost, GHOST))
        laid = {}
        for run_id, slot in wanted:
            label = self._label(run_id)
            if slot == GHOST:
                label = _("baseline {run}").format(run=label)
            new = Track(run_id, label, slot)
            laid[run_id, slot] = self._laid.get((run_id, slot)) or (
                new,
                Follower(self.settings.runs_dir / run_id),
            )
        self._laid = laid
        self.charts.lay_over([track for track, _follower in laid.values()])
        if laid and not self._following:
            self._following = True
            self._follow_laid()

    @work(group="overlays", exit_on_error=False)
    async def _follow_laid(self) -> None:
        """Follow what is laid while anything is; never started anew, for a poll that runs must come to its end."""
        try:
            while self._laid:
                behind = False
                for track, follower in list(self._laid.values()):
                    advance = await asyncio.to_thread(follower.poll)
                    if advance.changed:
                        self.post_message(Overlaid(track, advance))
                    behind = behind or advance.behind
                if not behind:
                    await asyncio.sleep(FOLLOW_SECONDS)
        finally:
            self._following = False

    @on(Overlaid)
    def overlay_advanced(self, message: Overlaid) -> None:
        advance = message.advance
        self.charts.extend(advance.curves, message.track, anew=advance.child is not None)

    # -- keys ----------------------------------------------------------------------------------------------------

    def action_overlay(self) -> None:
        """Choose the runs that are drawn with the watched one."""
        from app.screens.pick import Choice, Pick
        from app.widgets.grid import Column
        from app.widgets.plots import MAX_OVERLAYS

        columns = [
            Column(_("run"), 20, grow=True, keep=9),
            Column(_("class"), 12, keep=7),
            Column(_("stage"), 9, keep=6),
            Column(_("state"), 10, keep=5),
            Column(_("val IoU"), 7, right=True, keep=8),
            Column(_("started"), 10, right=True, keep=4),
        ]
        runs = [run for run in self.runs or [] if not self._is_watched(run.run_id)]
        choices = [Choice(run.run_id, _cells(run), _words(run)) for run in runs]
        title = _("Runs to draw with this one")
        self.push_screen(Pick(title, columns, choices, list(self.overlays), MAX_OVERLAYS), self._overlay_chosen)

    def _overlay_chosen(self, chosen: Sequence[str] | None) -> None:
        if chosen is not None:
            self.overlay_runs(list(chosen))

    def action_metrics(self) -> None:
        """Choose the metrics that are drawn."""
        from app.screens.pick import Choice, Pick
        from app.text import quantity
        from app.widgets.grid import Column
        from app.widgets.plots import metrics_of

        panel, choices = self.charts, []
        for name in metrics_of(panel.tracks):
            last = panel.watched.curves.series[name].last if name in panel.watched.curves.series else None
            choices.append(Choice(name, (escape(name), quantity(last[1]) if last else "–"), name))
        columns = [Column(_("metric"), 20, grow=True), Column(_("newest"), 9, right=True)]
        shown = panel.metrics()

        def chosen(metrics: Sequence[str] | None) -> None:
            if metrics is not None:
                panel.choose(metrics)

        self.push_screen(Pick(_("Metrics to draw; none for the usual ones"), columns, choices, shown), chosen)

    def action_zoom(self, how: str) -> None:
        """Zoom `in` or `out`, or show the `whole`."""
        self.charts.zoom_by({"in": 1, "out": -1, "whole": 0}[how])

    def action_pan(self, where: str) -> None:
        """Move the window to what is `earlier` or `later`."""
        self.charts.pan_by({"earlier": -1, "later": 1}[where])

    def action_crosshair(self, where: str) -> None:
        """Move the crosshair `left` or `right`."""
        self.charts.step_cursor({"left": -1, "right": 1}[where])

    def action_x_axis(self) -> None:
        self.charts.cycle_axis()

    def action_log_scale(self) -> None:
        self.charts.toggle_log()

    def action_smooth(self) -> None:
        self.charts.cycle_smoothing()


def _cells(run: "RunView") -> tuple[str, ...]:
    return (
        escape(run.name or run.run_id[16:]),
        escape(run.defect_class or "–"),
        escape(run.stage or "–"),
        status_text(run.status),
        score(run.best_iou),
        ago(run.created),
    )


def _words(run: "RunView") -> str:
    """What typing finds a run by."""
    words = run.run_id, run.name, run.defect_class, run.stage, run.status
    return " ".join(str(word) for word in words if word)
