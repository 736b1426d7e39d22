"""The datasets: read while they are looked at or worked on, audited and verified by processes of their own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message

from app import messages
from app.language import N_, _
from app.layers.comparing import Comparing

if TYPE_CHECKING:
    from experiments.dataset_jobs import Job
    from experiments.datasets import DatasetView
    from experiments.next_lists import NextWish

LOOK_SECONDS = 1.0


@messages.message
class NextWished(Message):
    """What is asked for where a person says nothing was found out."""

    dataset: str
    wish: "NextWish"


class Inspecting(Comparing):
    """Between the Data pane and `experiments.datasets`."""

    datasets: "list[DatasetView] | None" = None
    _reading_datasets = False

    def begin(self) -> None:
        super().begin()
        self.set_interval(LOOK_SECONDS, self._look)

    def action_show(self, pane: str) -> None:
        super().action_show(pane)
        if pane == "data":
            self.read_datasets()

    def _look(self) -> None:
        """Read again while somebody looks, or a job works whose end is to be told."""
        if self.pane == "data" or any(job.is_active for job in self._jobs()):
            self.read_datasets()

    def read_datasets(self) -> None:
        if self.furnished and not self._reading_datasets:
            self._reading_datasets = True
            self._read_datasets()

    @work(thread=True, group="datasets", exit_on_error=False)
    def _read_datasets(self) -> None:
        from experiments.datasets import list_datasets

        try:
            self.post_message(messages.DatasetsRead(list_datasets(self.settings)))
        finally:
            self._reading_datasets = False

    @on(messages.DatasetsRead)
    def datasets_read(self, message: messages.DatasetsRead) -> None:
        working = {(job.dataset, job.kind) for job in self._jobs() if job.is_active}
        self.datasets = message.datasets
        self.part("#data").show(message.datasets)
        for job in self._jobs():
            if not job.is_active and (job.dataset, job.kind) in working:
                self._tell_end(job)

    def _jobs(self) -> "list[Job]":
        return [job for view in self.datasets or [] for job in view.jobs]

    def _tell_end(self, job: "Job") -> None:
        done = job.status == "finished" and job.code == 0
        from app.widgets.dataset_detail import job_words

        text = f"{job.dataset}: {job_words(job)}"
        if not done and job.line:
            text += f": {job.line}"
        self.notify(text, severity="information" if done else "warning", markup=False)
        self.bell()

    @property
    def dataset(self) -> "DatasetView | None":
        """The dataset under the cursor of the Data pane."""
        return self.part("#data").selected if self.furnished else None

    @on(messages.CursorMoved)
    def other_dataset_meant(self) -> None:
        if self.pane == "data":
            self.part("#data").show_detail()

    @on(messages.Opened)
    def dataset_opened(self, message: messages.Opened) -> None:
        if message.control.id == "data-grid":
            self.action_pictures()

    def action_pictures(self) -> None:
        if not (view := self._dataset_meant()):
            return
        if view.problem:
            self.notify(view.problem, severity="warning", timeout=10, markup=False)
            return
        from app.screens.pictures import PictureScreen

        self.push_screen(PictureScreen(self.settings, view.name))

    def action_audit(self) -> None:
        self._start("audit")

    def action_verify(self) -> None:
        self._start("verify")

    def action_next_masks(self) -> None:
        if not (view := self._dataset_meant()):
            return
        if view.source in {each.name for each in self.datasets or []} and view.depth:
            text = _("{name} was made from {source}: select that one").format(name=view.name, source=view.source)
            self.notify(text, severity="warning", markup=False)
            return
        self._find_wish(view)

    @work(thread=True, exclusive=True, group="wish", exit_on_error=False)
    def _find_wish(self, view: "DatasetView") -> None:
        from experiments.next_lists import default_wish

        self.post_message(NextWished(view.name, default_wish(self.settings, view)))

    @on(NextWished)
    def next_wished(self, message: NextWished) -> None:
        from app.screens.next_masks import NextMasks

        def answer(options: list[str] | None) -> None:
            if options is not None:
                self.notify(_("{name}: next masks starting …").format(name=message.dataset), timeout=2, markup=False)
                self._start_job(message.dataset, "next", options)

        if len(self.screen_stack) == 1:
            self.push_screen(NextMasks(message.dataset, message.wish), answer)

    def _start(self, kind: str) -> None:
        if view := self._dataset_meant():
            told = _("{dataset}: {job} starting …").format(dataset=view.name, job=_(kind))
            self.notify(told, timeout=2, markup=False)
            self._start_job(view.name, kind)

    @work(thread=True, group="job", exit_on_error=False)
    def _start_job(self, name: str, kind: str, options: Sequence[str] = ()) -> None:
        from experiments.dataset_jobs import start_job

        self.post_message(messages.JobStarted(start_job(self.settings, name, kind, options)))

    @on(messages.JobStarted)
    def job_started(self) -> None:
        self.read_datasets()

    def action_stop(self) -> None:
        if self.pane != "data" or self.is_on_list:
            super().action_stop()
            return
        view = self._dataset_meant()
        jobs = [job for job in view.jobs if job.is_active] if view else []
        if not jobs:
            if view:
                told = _("{dataset}: nothing is running").format(dataset=view.name)
                self.notify(told, severity="warning", markup=False)
            return
        job = jobs[0]
        again = " " + _("It was asked before: now it is ended at once.") if job.asked else ""
        self.ask(
            _(_QUESTIONS[job.kind]).format(dataset=job.dataset) + again,
            [("y", _("stop it")), ("n", _("let it run"))],
            lambda key: self._stop_job(job.dataset, job.kind) if key == "y" else None,
        )

    @work(thread=True, group="job", exit_on_error=False)
    def _stop_job(self, name: str, kind: str) -> None:
        from experiments.dataset_jobs import stop_job

        self.post_message(messages.Asked(name, "stop"))
        stop_job(self.settings, name, kind)

    def action_copy(self) -> None:
        if self.pane != "data" or self.is_on_list:
            super().action_copy()
        elif view := self.dataset:
            self.copy_to_clipboard(view.name)
            self.notify(_("copied {what}").format(what=view.name), timeout=2, markup=False)

    def _dataset_meant(self) -> "DatasetView | None":
        """The selected dataset; without one, say how to get there."""
        if self.pane == "data" and not self.is_on_list and (view := self.dataset):
            return view
        self.notify(_("no dataset is selected: select one in Data (7)"), severity="warning")
        return None


_QUESTIONS = {
    "audit": N_("Stop the audit of {dataset}?"),
    "verify": N_("Stop the verification of {dataset}?"),
    "next": N_("Stop the list of next masks of {dataset}?"),
}
