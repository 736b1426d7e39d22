"""Starting a run so that it outlives whoever started it, and waiting for its end."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.folders import Experiment, find_experiment
from experiments.processes import detached, started_at, this_host
from experiments.run_view import RunView, has_process
from experiments.runs import run_status, view
from pipeseg.errors import BadInput, os_error_sentence
from pipeseg.events import Event, LineReader, append_event
from pipeseg.run_directory import RunDirectory, write_atomically
from pipeseg.settings import Settings

if TYPE_CHECKING:
    from pipeseg.schema import Config

POLL_SECONDS = 0.1
ENDING_SECONDS = 20.0
# a study is a list of runs, and MLflow holds the runs; of those, the ones that make data have no scores to show
UNTRACKED = ("study", "clean", "split")

_started: list[subprocess.Popen] = []


def check(
    settings: Settings, experiment: Experiment, overrides: Iterable[str] = (), config_file: Path | None = None
) -> "tuple[Config, list[str]]":
    """Return the resolved config of a run that could be started, and warnings for the user.

    Args:
        config_file: instead of the experiment's own.

    Raises:
        BadInput: folder, config or datasets cannot be used.
    """
    from experiments.preflight import check_datasets
    from pipeseg.config import load_config

    config_file = config_file or experiment.config_file
    for needed in (config_file, experiment.script):
        if not needed.is_file():
            raise BadInput(f"{needed}: no such file; an experiment folder holds config.yaml and experiment.py")
    config, warnings = load_config(config_file, overrides)
    if problems := check_datasets(settings, config):
        raise BadInput("; ".join(problems))
    return config, warnings


def prepare(
    settings: Settings,
    experiment: Experiment | str,
    overrides: Iterable[str] = (),
    name: str | None = None,
    *,
    config_file: Path | None = None,
    facts: Mapping[str, Any] | None = None,
) -> RunDirectory:
    """Check everything, then write the run directory; no process is started.

    Args:
        overrides: `key.sub=value` texts, applied to the experiment's config in order.
        name: what the person calls this run.
        config_file: instead of the experiment's own.
        facts: what else `run.json` holds.

    Raises:
        BadInput: folder, config or datasets cannot be used; nothing was written.
    """
    from experiments.provenance import capture
    from pipeseg.config import dump_config

    if isinstance(experiment, str):
        experiment = find_experiment(settings, experiment)
    overrides = list(overrides)
    config, warnings = check(settings, experiment, overrides, config_file)

    origin, git = capture(settings, config)
    asked = [part for override in overrides for part in ("--set", override)]
    info = {
        "name": name,
        "stage": config.stage,
        "defect_class": config.defect_class,
        "device": getattr(config, "device", None),
        "devices": getattr(config, "devices", 1),
        "created": time.time(),
        "status": "starting",
        "command": [sys.executable, "-m", "experiments", "launch", experiment.name, *asked],
        "overrides": overrides,
        "warnings": warnings,
        **origin,
        "pid": None,
        "pid_started": None,
        "supervisor_pid": None,
        "supervisor_started": None,
        "tracking_uri": settings.tracking_uri,
        "mlflow_run_id": None,
        "mlflow_experiment_id": None,
        "upload": "pending" if config.track_experiment and config.stage not in UNTRACKED else "off",
        **(facts or {}),
    }
    directory = RunDirectory.create(settings.runs_dir, experiment.name, dump_config(config), info)
    if git.diff:
        try:
            write_atomically(directory.path / "git.diff", git.diff)
        except OSError as error:
            shutil.rmtree(directory.path, ignore_errors=True)
            raise BadInput(os_error_sentence(error)) from error
    return directory


def start(settings: Settings, directory: RunDirectory, environment: Mapping[str, str] | None = None) -> int:
    """Start the supervisor of a prepared run, detached from this process and its terminal; return its pid.

    Args:
        environment: variables for this run alone.

    Raises:
        BadInput: the log cannot be written or Python cannot be started.
    """
    _started[:] = [process for process in _started if process.poll() is None]
    try:
        with open(directory.log_file, "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "experiments.supervisor", str(directory.path)],
                cwd=settings.root,
                env={**child_environment(settings), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **detached(),
            )
    except OSError as error:
        raise BadInput(os_error_sentence(error)) from error
    _started.append(process)  # kept, so that it is reaped by the next start instead of warned about
    directory.update(supervisor_pid=process.pid, supervisor_started=started_at(process.pid))
    return process.pid


def launch(
    settings: Settings, experiment: Experiment | str, overrides: Iterable[str] = (), name: str | None = None
) -> RunDirectory:
    """Prepare and start a run; see `prepare` and `start`."""
    directory = prepare(settings, experiment, overrides, name)
    start(settings, directory)
    return directory


def reopen(settings: Settings, directory: RunDirectory, *, again: bool = False) -> None:
    """Make a training or study that was stopped, failed, was killed or got lost ready to go on; nothing is started.

    A training goes on in the same directory and the same MLflow run, from its `last` checkpoint, with the config it
    began with; a study with the first step that has not finished.

    Args:
        again: one that has finished may go on too: a study some of whose steps are wanted anew.

    Raises:
        BadInput: the run works, has finished, is of another kind, or its datasets are gone; nothing was changed.
    """
    from experiments.preflight import check_datasets
    from experiments.provenance import read_git
    from pipeseg.config import load_config
    from pipeseg.schema import StudyConfig, TrainConfig

    now = view(directory)
    if now.is_active:
        raise BadInput(f"{directory.run_id}: is {now.status} already; `logs {directory.run_id} -f` follows it")
    if now.status == "finished" and not again:
        raise BadInput(f"{directory.run_id}: has finished, nothing is left to do; launch {now.experiment} for another")
    config, _ = load_config(directory.config_file)
    if not isinstance(config, TrainConfig | StudyConfig):
        raise BadInput(
            f"{directory.run_id}: only a training or a study can go on where it was; launch {now.experiment} again"
        )
    if problems := check_datasets(settings, config):
        raise BadInput("; ".join(problems))
    # between the last word of a run and its exit.json lie some milliseconds; they must not fall into the next attempt
    deadline = time.monotonic() + ENDING_SECONDS
    while not has_ended(directory):
        if time.monotonic() > deadline:
            raise BadInput(f"{directory.run_id}: its process {now.info.get('pid')} does not end; end it first")
        time.sleep(POLL_SECONDS)
    git, info = read_git(settings.root), directory.read_info()
    try:
        directory.reopen(
            host=this_host(),
            git_commit=git.commit,
            git_dirty=git.dirty,
            # until there is a supervisor, whoever starts it answers for the run
            supervisor_pid=os.getpid(),
            supervisor_started=started_at(os.getpid()),
            upload="off" if info.get("upload") == "off" else "pending",
        )
        append_event(directory.events_file, "status", sync=True, status="starting")
        if git.commit != info.get("git_commit"):
            text = f"the code has changed since the run began: commit {info.get('git_commit')}, now {git.commit}"
            append_event(directory.events_file, "warning", text=text)
    except OSError as error:
        raise BadInput(os_error_sentence(error)) from error


def resume(settings: Settings, directory: RunDirectory) -> None:
    """Let an ended training or study go on in the background; see `reopen` and `start`."""
    reopen(settings, directory)
    start(settings, directory)


def wait(
    directory: RunDirectory,
    on_event: Callable[[Event], None] | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> int:
    """Wait for the end of a run and return its exit code: 0, 130 when stopped, its own code or 1 when failed or lost.

    Args:
        on_event: called with every event of the journal, from its beginning.
        meanwhile: called at every look; what it raises ends the waiting, not the run.
    """
    reader = LineReader(directory.events_file)
    while True:
        ended = has_ended(directory)
        # read after the question, so that nothing written before the end is missed
        while events := reader.poll():
            for event in events if on_event else ():
                on_event(event)
        if ended:
            return exit_code(directory, run_status(directory))
        if meanwhile:
            meanwhile()
        time.sleep(POLL_SECONDS)


def await_upload(directory: RunDirectory, meanwhile: Callable[[], None] | None = None) -> None:
    """Wait until MLflow has an ended run in full, or its uploader has given up: a comparison must find it."""
    while True:
        info = directory.read_info()
        if info.get("upload") not in ("pending", "uploading") or not has_process(info):
            return
        if meanwhile:
            meanwhile()
        time.sleep(POLL_SECONDS)


def has_ended(directory: RunDirectory) -> bool:
    """Tell whether nothing more will come: after its last word a run still writes log lines and `exit.json`."""
    now = view(directory)
    return not now.is_active and (directory.exit_file.exists() or not has_process(now.info))


def await_answer(directory: RunDirectory, command: str, asked: RunView) -> str | None:
    """Wait until a run has done what it was asked, or has ended; return what it did in words, None when it did not.

    Args:
        asked: the run as it was before the request, so that an older checkpoint is not taken for the answer.
    """
    wanted = {"pause": "paused", "resume": "running"}.get(command)
    while True:
        now = view(directory)
        if command == "checkpoint" and now.checkpoints > asked.checkpoints:
            return "checkpoint saved"
        if now.status == wanted:
            return now.status
        if has_ended(directory):
            return "stopped" if command == "stop" and run_status(directory) == "stopped" else None
        time.sleep(POLL_SECONDS)


def exit_code(directory: RunDirectory, status: str) -> int:
    """Return what a command that waited for this run exits with."""
    code = (directory.read_exit() or {}).get("code")
    return code if isinstance(code, int) else {"finished": 0, "stopped": 130}.get(status, 1)


def child_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of a run's processes: the same folders as ours, whatever `.env` or the shell say later."""
    paths = [str(settings.root), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        # cuda:1 is then what nvidia-smi and the driver call 1; CUDA by itself counts by speed
        "CUDA_DEVICE_ORDER": os.environ.get("CUDA_DEVICE_ORDER", "PCI_BUS_ID"),
        "DATASETS_DIR": str(settings.datasets_dir),
        "MODELS_DIR": str(settings.models_dir),
        "RUNS_DIR": str(settings.runs_dir),
        "EXPERIMENTS_DIR": str(settings.experiments_dir),
        "MLFLOW_TRACKING_URI": settings.tracking_uri,
        "PIPESEG_READ_ONLY": "1" if settings.read_only else "",
    }
