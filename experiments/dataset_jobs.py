"""Work on a dataset that outlives whoever started it, such as an audit: `.audits/<name>.<kind>.{job,log,exit}`.

As a module, `python -m experiments.dataset_jobs JOB_FILE` stands beside the script and writes down how it ended.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.dataset_reports import FOLDER, report_file
from experiments.processes import detached, is_alive, started_at, this_host
from pipeseg.errors import BadInput, os_error_sentence
from pipeseg.run_directory import read_json, write_json
from pipeseg.settings import ROOT, Settings

if TYPE_CHECKING:
    from experiments.dataset_reports import Report

SCRIPTS = {"audit": "clean_dataset.py", "verify": "verify_dataset.py", "next": "next_masks.py"}
JOBS = tuple(SCRIPTS)
# between the first file of a job and its process
START_GRACE_SECONDS = 10.0
_TAIL = 4096
_VIOLATED = "violated: "

_started: list[subprocess.Popen] = []


@dataclass(frozen=True, slots=True)
class Job:
    """One audit, verification or list of the next masks.

    Attributes:
        status: `running`, `finished` (it did its work; see `code`), `failed`, `stopped`, or `lost` (its process is
            gone and nothing says how it ended).
        code: exit code; a verification that found something ends with 1, and has finished.
        line: the last line of its output: its progress while it runs, the sentence when it failed; of a verification
            that has finished, what it found violated.
        asked: whether it was asked to stop.
        out: the folder that a list of the next masks is written to.
    """

    kind: str
    dataset: str
    status: str
    started: float
    ended: float | None
    code: int | None
    line: str
    log: Path
    asked: bool = False
    out: Path | None = None

    @property
    def is_active(self) -> bool:
        return self.status == "running"

    def is_newer_than(self, report: "Report | None") -> bool:
        return report is None or (self.ended or self.started) > report.written


def command(settings: Settings, name: str, kind: str, options: Sequence[str] = ()) -> list[str]:
    """Return the command of a job: the script of that name, its report where the dashboard looks for it.

    Args:
        options: of the script, as on its command line.
    """
    script = [sys.executable, str(ROOT / "scripts" / "tools" / SCRIPTS[kind]), str(settings.datasets_dir / name)]
    script += options
    if kind != "audit":
        return script
    report = report_file(settings, name)
    return [*script, "--report", str(report), "--markdown", str(report.with_suffix(".md"))]


def start_job(settings: Settings, name: str, kind: str, options: Sequence[str] = ()) -> Job:
    """Start a job in a session of its own, its output in a file; `options` as for `command`.

    Raises:
        BadInput: one of this kind works on this dataset already, or its files cannot be written.
    """
    job_file = _begin(settings, name, kind, command(settings, name, kind, options), {})
    _started[:] = [process for process in _started if process.poll() is None]
    try:
        _spawn(settings, job_file)
    except OSError as error:
        raise BadInput(os_error_sentence(error)) from error
    job = last_job(settings, name, kind)
    assert job is not None
    return job


def _begin(settings: Settings, name: str, kind: str, line: list[str], facts: dict[str, Any]) -> Path:
    before = last_job(settings, name, kind)
    if before and before.is_active:
        raise BadInput(f"{name}: {kind} is running already ({before.line or 'it has just begun'})")
    job_file = _file(settings, name, kind, "job")
    known = {"kind": kind, "dataset": name, "command": line, "host": this_host()}
    try:
        job_file.parent.mkdir(parents=True, exist_ok=True)
        job_file.with_suffix(".log").write_bytes(b"")
        job_file.with_suffix(".exit").unlink(missing_ok=True)
        write_json(job_file, {**known, **facts, "started": time.time()})
    except OSError as error:
        raise BadInput(os_error_sentence(error)) from error
    return job_file


def _write_end(job_file: Path, code: int) -> None:
    write_json(job_file.with_suffix(".exit"), {"time": time.time(), "code": code})


def _spawn(settings: Settings, job_file: Path) -> None:
    from experiments.launcher import child_environment

    with open(job_file.with_suffix(".log"), "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "experiments.dataset_jobs", str(job_file)],
            cwd=settings.root,
            env={**child_environment(settings), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            **detached(),
        )
    _started.append(process)  # kept, so that it is reaped by the next start instead of warned about
    write_json(job_file, {**read_json(job_file), "pid": process.pid, "pid_started": started_at(process.pid)})


def run_job(settings: Settings, name: str, kind: str, tell: Callable[[str], None], options: Sequence[str] = ()) -> int:
    """Run a job in this process's terminal and return its exit code; it is seen elsewhere like any other.

    Args:
        tell: given every line that the script prints; its progress goes to stderr.
        options: as for `command`.

    Raises:
        BadInput: one of this kind works on this dataset already, or its files cannot be written.
    """
    from experiments.launcher import child_environment

    line = command(settings, name, kind, options)
    job_file = _begin(settings, name, kind, line, {"pid": os.getpid(), "pid_started": started_at(os.getpid())})
    code = 130  # of a job that is interrupted
    try:
        with (
            subprocess.Popen(
                line,
                env=child_environment(settings),
                stdout=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
            ) as process,
            open(job_file.with_suffix(".log"), "w", encoding="utf-8") as log,
        ):
            for said in process.stdout or ():
                log.write(said)
                log.flush()
                tell(said.rstrip("\n"))
        code = process.returncode
    finally:
        _write_end(job_file, code)
    return code


def stop_job(settings: Settings, name: str, kind: str) -> None:
    """Ask a job to end (SIGTERM); asked again, its processes are ended at once.

    Raises:
        BadInput: there is none that runs.
    """
    job = last_job(settings, name, kind)
    if not job or not job.is_active:
        raise BadInput(f"{name}: no {kind} is running")
    import psutil

    job_file = _file(settings, name, kind, "job")
    facts = read_json(job_file)
    write_json(job_file, {**facts, "asked": True})
    try:
        beside = psutil.Process(facts["pid"])
        # a polite request lets a script take away what it has half written; its workers end with it
        for process in beside.children(recursive=job.asked):
            process.kill() if job.asked else process.terminate()
    except (psutil.Error, KeyError):
        return  # it ended meanwhile


def last_job(settings: Settings, name: str, kind: str) -> Job | None:
    """Return the last job of a kind as it stands; None where there was none."""
    job_file = _file(settings, name, kind, "job")
    facts = read_json(job_file)
    started = facts.get("started")
    if not isinstance(started, int | float):
        return None
    ending = read_json(job_file.with_suffix(".exit"))
    log = job_file.with_suffix(".log")
    asked = facts.get("asked") is True
    code, ended = ending.get("code"), ending.get("time")
    if not ending:
        status = "running" if _works(facts) else "stopped" if asked else "lost"
    else:
        status = _status(kind, code, asked)
    line = _violations(log) if status == "finished" and kind == "verify" else _last_line(log)
    return Job(kind, name, status, started, ended, code, line, log, asked, _out(facts.get("command")))


def _out(line: object) -> Path | None:
    """Return the folder that a command says it writes to."""
    words = [str(word) for word in line] if isinstance(line, list) else []
    return Path(words[words.index("--out") + 1]) if "--out" in words[:-1] else None


def _status(kind: str, code: object, asked: bool) -> str:
    if code == 0 or (code == 1 and kind == "verify"):
        return "finished"
    return "stopped" if asked or code == 130 else "failed"


def _works(facts: dict[str, Any]) -> bool:
    if facts.get("host") != this_host():
        return True  # the processes of another machine cannot be asked
    if "pid" not in facts:
        return time.time() - facts["started"] < START_GRACE_SECONDS
    return is_alive(facts["pid"], facts.get("pid_started"))


def _last_line(log: Path) -> str:
    lines = _tail(log, _TAIL)
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _violations(log: Path) -> str:
    """Return the first sentence about something violated, and how many more there are."""
    found = [line.removeprefix(_VIOLATED) for line in _tail(log, 64 * _TAIL) if line.startswith(_VIOLATED)]
    more = f" (and {len(found) - 1} more in {log})" if len(found) > 1 else ""
    return f"{found[0]}{more}" if found else ""


def _tail(log: Path, limit: int) -> list[str]:
    """Return the lines at the end of a log; a bar that redraws itself counts as lines."""
    try:
        with open(log, "rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - limit))
            return file.read().decode("utf-8", "replace").replace("\r", "\n").splitlines()
    except OSError:
        return []


def _file(settings: Settings, name: str, kind: str, suffix: str) -> Path:
    return settings.datasets_dir / FOLDER / f"{name}.{kind}.{suffix}"


def _stand_beside(job_file: Path) -> int:
    """Run the command of a job to its end and write down the code: the last to leave, whatever it is asked."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    code = subprocess.call(read_json(job_file)["command"], stdin=subprocess.DEVNULL)
    _write_end(job_file, code)
    return code


if __name__ == "__main__":
    sys.exit(_stand_beside(Path(sys.argv[1])))
