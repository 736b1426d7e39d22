"""Stands beside a training process and writes down how it ended: `python -m experiments.supervisor RUN_DIR`.

It lives as long as the run, so it imports almost nothing. It forwards no signal: a run is asked through its
`control.jsonl`.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from experiments.journal import Journal, status_of_exit
from experiments.processes import detached, is_alive, started_at
from pipeseg.errors import os_error_sentence
from pipeseg.events import append_event
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

# a supervisor whose run has ended lets go within this time
CLAIM_SECONDS = 10.0


def supervise(settings: Settings, directory: RunDirectory) -> int:
    """Run the experiment of a prepared run directory to its end and return its exit code (128 + n for signal n).

    Whoever was killed while starting a run may start it again: the second supervisor of one attempt does nothing.
    """
    _stay()
    uploader = None
    with contextlib.ExitStack() as stack:
        if not _claim(directory, stack):
            print(f"{directory.run_id}: another supervisor stands beside it", file=sys.stderr)
            return 0
        code, uploader = _attend(settings, directory)
    if uploader:
        uploader.wait()
    return code


def _claim(directory: RunDirectory, stack: contextlib.ExitStack) -> bool:
    """Take the attempt for as long as `stack` is open; return whether there was one to take."""
    from filelock import FileLock, Timeout

    try:
        stack.enter_context(FileLock(directory.path / ".supervisor.lock", timeout=CLAIM_SECONDS))
    except Timeout:
        return False
    except OSError as error:  # the run is worth more than the certainty
        print(os_error_sentence(error), file=sys.stderr)
    info = directory.read_info()
    return not directory.exit_file.exists() and not is_alive(info.get("pid"), info.get("pid_started"))


def _attend(settings: Settings, directory: RunDirectory) -> tuple[int, subprocess.Popen | None]:
    """Run the training process to its end; return its exit code, and the process that still uploads."""
    try:
        training = _start_training(settings, directory)
    except OSError as error:
        _conclude(directory, 1, None, f"the training process cannot start: {os_error_sentence(error)}")
        return 1, None
    try:
        directory.update(
            supervisor_pid=os.getpid(),
            supervisor_started=started_at(os.getpid()),
            pid=training.pid,
            pid_started=started_at(training.pid),
        )
    except OSError as error:  # the run is worth more than its bookkeeping
        print(os_error_sentence(error), file=sys.stderr)
    uploader = start_uploader(settings, directory)
    code = training.wait()
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = " (the machine may have run out of memory)" if name == "SIGKILL" else ""
        _conclude(directory, None, name, f"the training process was killed by {name}{hint}")
    else:
        _conclude(directory, code, None, f"the training process ended with code {code}; see {directory.log_file}")
    return code if code >= 0 else 128 - code, uploader


def _stay() -> None:
    """Outlive hang-ups and polite requests to end: whoever watches must be the last to leave."""
    if os.name == "nt":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return
    # ignored signals stay ignored in the training process, handled ones are reset there: a hang-up must not reach it,
    # a SIGTERM from a person or the system must
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)


def _start_training(settings: Settings, directory: RunDirectory) -> subprocess.Popen:
    experiment = str(directory.read_info().get("experiment", ""))
    script = settings.experiments_dir / experiment / "experiment.py"
    if not script.is_file():
        raise FileNotFoundError(2, "no such file", str(script))
    return subprocess.Popen(
        [sys.executable, str(script), "--run", str(directory.path)], cwd=settings.root, stdin=subprocess.DEVNULL
    )


def start_uploader(settings: Settings, directory: RunDirectory) -> subprocess.Popen | None:
    """Start the process that replays the journal into MLflow; None where the run is not tracked or it cannot start."""
    if directory.read_info().get("upload") == "off":
        return None
    try:
        with open(directory.path / "upload.log", "ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "experiments.uploader", str(directory.path)],
                cwd=settings.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **detached(),
            )
    except OSError as error:  # `python -m experiments sync` can do it later
        print(os_error_sentence(error), file=sys.stderr)
        return None


def _conclude(directory: RunDirectory, code: int | None, signal_name: str | None, sentence: str) -> None:
    """Write how it ended: first the journal, where the training process could not, then `exit.json`."""
    status = status_of_exit(code)
    try:
        journal = Journal(directory.events_file)
        journal.advance()
        if status == "failed" and (signal_name or not journal.error):
            append_event(directory.events_file, "error", text=sentence)
        if journal.status != status:
            append_event(directory.events_file, "status", sync=True, status=status)
        directory.update(status=status)
    except OSError as error:
        print(os_error_sentence(error), file=sys.stderr)
    directory.write_exit(code, signal_name)


if __name__ == "__main__":
    sys.exit(supervise(Settings.load(), RunDirectory(Path(sys.argv[1]).resolve())))
