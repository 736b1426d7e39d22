"""What is done with the marked runs: notes, archive, side by side, curves, files, ids to the clipboard."""

from typing import TYPE_CHECKING, Any, Protocol, cast

from textual import on, work

from app import messages
from app.language import _, ngettext
from app.layers.sifting import Sifting

if TYPE_CHECKING:
    from experiments.runs import RunView


class Overlays(Protocol):
    """The layer that draws curves over each other."""

    def overlay_runs(self, run_ids: list[str]) -> None: ...


class Keeping(Sifting):
    """Acts on the marked runs, else on the one under the cursor."""

    def _runs_to_act_on(self) -> "list[RunView]":
        runs = self.runs_meant
        if not runs:
            self.notify(_("no run is selected"), severity="warning")
        return runs

    # -- looking -------------------------------------------------------------------------------------------------

    def action_diff_runs(self) -> None:
        runs = self._runs_to_act_on()
        if len(runs) == 1:
            self.notify(_("mark two runs or more with Space, then d"), severity="warning")
        elif runs:
            from app.screens.run_diff import RunDiff

            self.push_screen(RunDiff(runs))

    def action_overlay_marked(self) -> None:
        runs = [run for run in self._runs_to_act_on() if not run.elsewhere]
        if not runs:
            return
        if self.watched is None:
            self.watch_run(runs[0].path)
        cast(Overlays, self).overlay_runs([run.run_id for run in runs])
        self.action_show("live")

    def action_artifacts(self) -> None:
        if not (run := self.run_meant):
            self.notify(_("no run is selected"), severity="warning")
            return
        from app.screens.artifacts import Artifacts

        self.push_screen(Artifacts(self.settings, run))

    def action_copy(self) -> None:
        if self.pane == "runs" and not self.is_on_list and (runs := self.runs_meant):
            self.copy_to_clipboard("\n".join(run.run_id for run in runs))
            text = ngettext("copied {run}", "copied {count} run ids", len(runs))
            self.notify(text.format(run=runs[0].run_id, count=len(runs)), timeout=2, markup=False)
        else:
            super().action_copy()  # type: ignore[misc]

    # -- saying --------------------------------------------------------------------------------------------------

    def action_annotate(self) -> None:
        runs = self._runs_to_act_on()
        if not runs:
            return
        from app.screens.run_notes import RunNotes

        def answer(change: dict[str, Any] | None) -> None:
            if change:
                self._say(runs, change, _("noted"))

        self.push_screen(RunNotes(runs), answer)

    def action_archive(self) -> None:
        runs = self._runs_to_act_on()
        if not runs:
            return
        back = all(run.archived for run in runs)
        if back:
            question = ngettext("Take {run} out of the archive?", "Take {count} runs out of the archive?", len(runs))
        else:
            question = ngettext(
                "Archive {run}? It is hidden unless the filter says is:archived; nothing is deleted.",
                "Archive {count} runs? They are hidden unless the filter says is:archived; nothing is deleted.",
                len(runs),
            )
        question = question.format(run=runs[0].run_id, count=len(runs))
        yes = _("take out") if back else _("archive")
        done = _("no longer archived") if back else _("archived")

        def answer(key: str | None) -> None:
            if key == "y":
                self._say(runs, {"archived": not back}, done)
                self.marked.clear()

        self.ask(question, [("y", yes), ("n", _("leave it"))], answer)

    @work(thread=True, group="say", exit_on_error=False, description="write notes")
    def _say(self, runs: "list[RunView]", change: dict[str, Any], done: str) -> None:
        from experiments.annotating import annotate

        annotate(self.settings, runs, **change)
        what = runs[0].run_id if len(runs) == 1 else str(len(runs))
        self.post_message(messages.RunsChanged(f"{what}: {done}"))

    @on(messages.RunsChanged)
    def changed_runs(self, message: messages.RunsChanged) -> None:
        self.notify(message.text, timeout=3, markup=False)
        self._thorough = True
        self.post_message(messages.ListStale())
        if self.elsewhere:
            self.ask_mlflow(thorough=True)
