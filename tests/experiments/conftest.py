"""Fixtures for the experiment manager: folders of one test, and a run that works in them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from small_workshop import Workshop, run_processes
from studying import Studying
from sweeping import kill_run
from waiting import wait_until

from experiments import launcher, runs
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    settings = replace(
        Settings.load(),
        datasets_dir=tmp_path / "datasets",
        models_dir=tmp_path / "models",
        runs_dir=tmp_path / "runs",
        experiments_dir=tmp_path / "experiment",
        tracking_uri=f"sqlite:///{(tmp_path / 'mlflow.db').as_posix()}",
        user="tester",
    )
    made = Workshop(tmp_path, settings)
    for name in ("sample", "sample_deposition_BASELINE", "sample_deposition_BASELINE_VAL", "sample_deposition_EVAL"):
        made.add_dataset(name)
    yield made
    made.gate.touch()  # whatever a failed test left running ends by itself
    for folder in settings.runs_dir.iterdir() if settings.runs_dir.is_dir() else ():
        for process in run_processes(RunDirectory(folder)):
            try:
                process.wait(timeout=10)
            except psutil.TimeoutExpired:
                process.kill()  # psutil checks that the pid still belongs to the same process


@pytest.fixture
def open_gate_workshop(workshop: Workshop) -> Workshop:
    """A workshop with the experiment `tiny`, whose runs end at once."""
    workshop.add_experiment()
    workshop.gate.touch()
    return workshop


@pytest.fixture
def running(workshop: Workshop) -> RunDirectory:
    """A launched run of the experiment `tiny` that has said `running` and written its first metrics."""
    workshop.add_experiment()
    directory = launcher.launch(workshop.settings, "tiny")
    wait_until(lambda: b'"metrics"' in directory.events_file.read_bytes() and directory.read_info().get("pid"))
    return directory


@pytest.fixture
def studying(workshop: Workshop) -> Iterator[Studying]:
    made = Studying(workshop)
    yield made
    made.open_gate()
    for view in runs.list_runs(made.settings):
        if view.is_active and view.stage == "study":
            kill_run(view.directory)
