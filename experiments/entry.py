"""What `experiment.py` calls: reads the command line, prepares the run, does the work, says how it ended.

Two callers: a person or a job script (`experiment.py --set epochs=2`), where this process is the run; and the
supervisor of a launched run (`experiment.py --run RUN_DIR`), where the run directory is there already. A person can go
on with a run that was broken off as well (`experiment.py --resume RUN`).
"""

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from experiments.attendant import Attendant, at_terminal
from experiments.signals import asked_to_end, tell
from experiments.tool import run_app
from pipeseg.errors import BadInput, RunFailed, StopRequested, os_error_sentence
from pipeseg.run import Run
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

Work = Callable[[Run], None]


def main(script: str, work: Work) -> None:
    """Run the command line of one experiment and exit with its code: 0, 1, 2 or 130.

    Args:
        script: `__file__` of the experiment.
        work: does the run; told apart by what it raises: BadInput 2, RunFailed or OSError 1, StopRequested 130.
    """
    folder = Path(script).resolve().parent

    def command(
        overrides: Annotated[
            list[str] | None,
            typer.Option(
                "--set",
                metavar="KEY=VALUE[,VALUE]",
                help="Override a config key; several values, as in seed=1,2 or seed=1..5, make a sweep. Repeatable.",
            ),
        ] = None,
        name: Annotated[str | None, typer.Option(help="What you call this run.")] = None,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Print config, inputs and outputs; do nothing.")
        ] = False,
        resume: Annotated[
            str | None,
            typer.Option(
                metavar="RUN|SWEEP", help="Go on with what was stopped or killed: its id, or latest (the latest run)."
            ),
        ] = None,
        run: Annotated[Path | None, typer.Option(hidden=True)] = None,
    ) -> None:
        if resume is not None:
            raise typer.Exit(_resume(folder, work, resume, bool(overrides or name or dry_run)))
        raise typer.Exit(_command(folder, work, overrides or [], name, dry_run, run))

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(help=_first_line(folder))(command)
    sys.exit(run_app(app))


def run_headless(folder: Path, work: Work, overrides: list[str], name: str | None = None, dry_run: bool = False) -> int:
    """Run an experiment in this process, as `experiment.py` does, and return its exit code."""
    return _command(folder, work, overrides, name, dry_run, None)


def _first_line(folder: Path) -> str:
    readme = folder / "README.md"
    lines = readme.read_text(encoding="utf-8").splitlines() if readme.exists() else []
    return next((line.lstrip("# ").strip() for line in lines if line.strip()), folder.name)


def _command(folder: Path, work: Work, overrides: list[str], name: str | None, dry_run: bool, run: Path | None) -> int:
    settings = Settings.load()
    try:
        if run is not None:
            return Host(settings, RunDirectory(run.resolve()), attended=False).execute(work)
        experiment = _experiment_name(folder, settings)
        from experiments.sweep_grid import combinations

        grid = combinations(overrides)
        if len(grid) > 1:
            from experiments.sweep_attended import launch_sweep

            return launch_sweep(settings, experiment, overrides, name, dry_run)
        (overrides,) = grid
        if dry_run:
            return _dry_run(settings, experiment, folder / "config.yaml", overrides)
        from experiments.launcher import prepare

        directory = prepare(settings, experiment, overrides, name)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    return Host(settings, directory, attended=True).execute(work)


def _resume(folder: Path, work: Work, text: str, changed: bool) -> int:
    from experiments.launcher import reopen
    from experiments.runs import find_run
    from experiments.sweeps import is_sweep

    settings = Settings.load()
    if changed:
        raise BadInput("--resume: a run goes on with the config and the name that it began with; leave the others out")
    if is_sweep(text):
        from experiments.sweep_attended import resume_sweep

        return resume_sweep(settings, _experiment_name(folder, settings), text)
    directory = find_run(settings, text)
    experiment = _experiment_name(folder, settings)
    if (owner := directory.read_info().get("experiment")) != experiment:
        raise BadInput(f"--resume: {directory.run_id} is a run of {owner}; resume it with that experiment's script")
    reopen(settings, directory)
    return Host(settings, directory, attended=True).execute(work)


def _experiment_name(folder: Path, settings: Settings) -> str:
    try:
        return folder.relative_to(settings.experiments_dir).as_posix()
    except ValueError:
        raise BadInput(
            f"{folder}: is not below {settings.experiments_dir}; move it there or set EXPERIMENTS_DIR"
        ) from None


def _dry_run(settings: Settings, experiment: str, config_file: Path, overrides: list[str]) -> int:
    from experiments.preflight import check_datasets, dataset_names, written_datasets
    from pipeseg.config import dump_config, load_config

    config, warnings = load_config(config_file, overrides)
    problems = check_datasets(settings, config)
    print(dump_config(config))
    for key, dataset in dataset_names(config).items():
        print(f"reads   {settings.datasets_dir / dataset}  ({key})")
    for dataset in written_datasets(config):
        print(f"writes  {settings.datasets_dir / dataset}")
    print(f"writes  {settings.runs_dir}/<date>-<time>-{experiment}-<4 hex>/")
    print(f"records {settings.tracking_uri if config.track_experiment else 'nothing (track_experiment: false)'}")
    for line in warnings + problems:
        print(line, file=sys.stderr)
    return 2 if problems else 0


class Host:
    """Carries one run through this process: journal, signals, display, exit file.

    Attributes:
        attended: started by hand, so that this process also shows progress, writes `train.log` and `exit.json` and
            starts the uploader; a launched run has a supervisor for these.
    """

    def __init__(self, settings: Settings, directory: RunDirectory, *, attended: bool):
        self.settings = settings
        self.directory = directory
        self.attended = attended

    def execute(self, work: Work) -> int:
        """Do the work and return the exit code; whatever happens, the journal and the exit file say it."""
        with contextlib.ExitStack() as stack:
            show = stack.enter_context(self._shown())
            try:
                run = self._open(show)
            except (BadInput, OSError) as error:
                print(_sentence(error), file=sys.stderr)
                return self._exit(2)
            if self.attended and _is_training(run) and at_terminal():
                run.person = stack.enter_context(contextlib.closing(Attendant()))
            stack.enter_context(_signals(run))
            uploader = self._start_uploader()
            code = self._work(run, work)
            self._exit(code)
            if uploader is not None:
                self._wait_for(uploader, run)
            return code

    def _open(self, show: Callable[[dict[str, Any]], None]) -> Run:
        from experiments.processes import started_at
        from pipeseg.config import load_config

        config, warnings = load_config(self.directory.config_file)
        self.directory.update(pid=os.getpid(), pid_started=started_at(os.getpid()))
        # observed from the first event: warnings about the config are the next
        run = Run(config, self.settings, self.directory, [show])
        run.status("running")
        for text in [*self.directory.read_info().get("warnings", []), *warnings]:
            run.warn(text)
        return run

    def _work(self, run: Run, work: Work) -> int:
        try:
            try:
                work(run)
                _record_outputs(run)
            except StopRequested:
                run.status("stopped")
                return 130
            except KeyboardInterrupt:
                run.emit("error", text="interrupted at once by a second Ctrl-C; the last checkpoint is kept")
                run.status("stopped")
                return 130
            except (BadInput, RunFailed, OSError) as error:
                run.emit("error", text=_sentence(error))
                run.status("failed")
                return 2 if isinstance(error, BadInput) else 1
            except Exception as error:
                self._keep_traceback()
                text = f"{type(error).__name__}: {error}".splitlines()[0]
                run.emit("error", text=f"unexpected {text}; the details are in {self.directory.log_file}")
                run.status("failed")
                return 1
            run.status("finished")
        except OSError as error:
            # the journal itself cannot be written (a full disk): stderr is all that is left
            print(os_error_sentence(error), file=sys.stderr)
            return 1
        return 0

    def _keep_traceback(self) -> None:
        """Tracebacks are for the log; a person gets the sentence."""
        with open(self.directory.log_file, "a", encoding="utf-8") as log:
            traceback.print_exc(file=log)

    def _exit(self, code: int) -> int:
        if self.attended:
            try:
                self.directory.write_exit(code)
            except OSError as error:
                print(os_error_sentence(error), file=sys.stderr)
        return code

    @contextlib.contextmanager
    def _shown(self) -> Iterator[Callable[[dict[str, Any]], None]]:
        from experiments.display import LineDisplay, LiveDisplay

        if not self.attended:
            yield LineDisplay([sys.stdout])
            return
        with open(self.directory.log_file, "a", encoding="utf-8", buffering=1) as log:
            # no stderr at all: started with 2>&-
            terminal = [sys.stderr] if sys.stderr is not None else []
            for stream in terminal:
                print(f"run {self.directory.run_id}", file=stream)
            display = LiveDisplay(log) if terminal and sys.stderr.isatty() else LineDisplay([*terminal, log])
            with display:
                yield display

    def _start_uploader(self) -> Any:
        if not self.attended or self.directory.read_info().get("upload") == "off":
            return None
        from experiments.supervisor import start_uploader

        return start_uploader(self.settings, self.directory)

    def _wait_for(self, uploader: Any, run: Run) -> None:
        """Wait until MLflow has everything: a comparison that follows must find this run."""
        # a terminal that has hung up takes no words
        with contextlib.suppress(OSError):
            self._await_upload(uploader)

    def _await_upload(self, uploader: Any) -> None:
        try:
            if uploader.wait():
                text = "not in MLflow yet; `python -m experiments sync` uploads it when the tracking server answers"
                print(f"{self.directory.run_id}: {text}", file=sys.stderr)
        except KeyboardInterrupt:
            print("upload goes on in the background", file=sys.stderr)


def _record_outputs(run: Run) -> None:
    """Write the content of every dataset that the run made into `run.json`: whoever meets one later knows it again."""
    from experiments.preflight import written_datasets
    from experiments.study_key import content_of

    if names := written_datasets(run.config):
        datasets = run.settings.datasets_dir
        run.directory.update(outputs={name: content_of(datasets / name) for name in names})


def _is_training(run: Run) -> bool:
    from pipeseg.schema import TrainConfig

    return isinstance(run.config, TrainConfig)


def _sentence(error: Exception) -> str:
    return os_error_sentence(error) if isinstance(error, OSError) else str(error)


def _signals(run: Run) -> contextlib.AbstractContextManager[None]:
    """Make Ctrl-C and SIGTERM ask for a stop (checkpoint first), one more end at once, and outlive a hang-up.

    Where a person is at a terminal, the first Ctrl-C opens a menu, and the second one asks for the stop.
    """

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    def ask(number: int) -> None:
        if run.stop_asked:
            raise KeyboardInterrupt
        person = run.person
        if number == signal.SIGINT and isinstance(person, Attendant) and not person.interrupt():
            # not below the menu, which may have been quicker
            tell(lambda: say("pausing after this step; press Ctrl-C again to stop") if person.interrupted else None)
            return
        run.stop_asked = True
        tell(lambda: say("stopping after this step; press Ctrl-C again to end at once"))

    return asked_to_end(ask)
