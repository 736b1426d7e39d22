"""What is wrong with a run: found on sick curves, silent on healthy ones, and told of real runs."""

import json
import math
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from simulated import EPOCHS, STEPS_PER_EPOCH, at_epoch, curves, facts

from experiments.diagnosing import Diagnoser, heard_through
from experiments.diagnosis import CRITICAL, NOTICE, WARNING, diagnose
from experiments.processes import started_at, this_host
from experiments.run_facts import MOST_POINTS, FactsReader, RunFacts
from pipeseg.events import append_event
from pipeseg.run_directory import RunDirectory

GIB = 1 << 30
EVERY_EPOCH = range(1, EPOCHS + 1, 2)


def kinds(run: RunFacts) -> list[str]:
    return [verdict.kind for verdict in diagnose(run)]


# -- no false alarms -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed", [8, 15, 30, 60, 120])
@pytest.mark.parametrize("noise", [0.005, 0.02, 0.04])
def test_a_healthy_run_is_left_alone_at_every_moment(speed: float, noise: float) -> None:
    for seed in range(6):
        whole = curves(seed, speed=speed, noise=noise)
        for epoch in EVERY_EPOCH:
            assert kinds(at_epoch(whole, epoch)) == [], (seed, epoch)


def test_a_run_that_has_just_begun_is_left_alone() -> None:
    assert kinds(facts()) == []
    assert kinds(facts(status="starting", step=None, total=None)) == []


def test_a_finished_run_that_had_levelled_out_is_left_alone() -> None:
    whole = curves(1, speed=4)
    assert kinds(at_epoch(whole, EPOCHS, status="finished", alive=False)) == []


def test_a_val_loss_that_rises_while_iou_gains_is_no_overfitting() -> None:
    """Common where a network grows surer of itself: what counts, the masks, still get better."""
    whole = curves(2, speed=40)
    whole["val/loss"] = [(step, value + 0.00015 * step) for step, value in whole["val/loss"]]
    assert kinds(at_epoch(whole, 50)) == []


# -- what is found ---------------------------------------------------------------------------------------------------


def seen_at(whole: dict[str, list[tuple[float, float]]], kind: str) -> int | None:
    """Return the epoch at which a verdict first comes."""
    return next((epoch for epoch in EVERY_EPOCH if kind in kinds(at_epoch(whole, epoch))), None)


@pytest.mark.parametrize("seed", range(5))
def test_divergence_is_seen_within_a_few_epochs(seed: int) -> None:
    whole, turn = curves(seed, speed=5), 20 * STEPS_PER_EPOCH
    for name in ("train/loss", "val/loss"):
        whole[name] = [(step, value * math.exp(max(0, step - turn) / 500)) for step, value in whole[name]]
    assert 21 <= (seen_at(whole, "divergence") or 0) <= 28


@pytest.mark.parametrize("seed", range(5))
def test_a_plateau_is_seen_while_there_is_time_to_do_something(seed: int) -> None:
    whole, source = curves(seed, speed=2, noise=0.005), random.Random(seed)
    whole["val/iou"] = [(step, min(value, 0.6) + source.gauss(0, 0.004)) for step, value in whole["val/iou"]]
    epoch = seen_at(whole, "plateau")
    assert epoch is not None and epoch <= 40
    (verdict,) = [each for each in diagnose(at_epoch(whole, epoch)) if each.kind == "plateau"]
    assert verdict.severity == NOTICE and "0.6" in verdict.sentence and "early_stop" in verdict.what_to_do


@pytest.mark.parametrize("seed", range(5))
def test_overfitting_is_seen(seed: int) -> None:
    whole, turn = curves(seed, speed=12, noise=0.01), 15 * STEPS_PER_EPOCH
    at_turn = 1 - math.exp(-15 / 12)
    whole["val/loss"] = [(step, value + max(0, step - turn) * 0.0004) for step, value in whole["val/loss"]]
    whole["val/iou"] = [(step, min(value, 0.8 * at_turn)) for step, value in whole["val/iou"]]
    assert 20 <= (seen_at(whole, "overfitting") or 0) <= 45


def test_an_iou_that_stays_at_0_is_seen() -> None:
    whole = curves(3)
    whole["val/iou"] = [(step, 0.0) for step, _ in whole["val/iou"]]
    assert seen_at(whole, "no-iou") == 13
    assert "plateau" not in kinds(at_epoch(whole, 40))


def test_waiting_for_pictures_is_told_with_what_would_help() -> None:
    (verdict,) = diagnose(facts(loader_shares=(0.7,) * 15, workers=2, cores=16))
    assert (verdict.kind, verdict.severity) == ("loader", WARNING)
    assert "70%" in verdict.sentence and "num_workers (now 2)" in verdict.what_to_do
    (verdict,) = diagnose(facts(loader_shares=(0.7,) * 15, workers=16, cores=16))
    assert "image_size" in verdict.what_to_do and "raise num_workers" not in verdict.what_to_do
    assert kinds(facts(loader_shares=(0.3,) * 15)) == []
    assert kinds(facts(loader_shares=(0.9,) * 5)) == []
    assert kinds(facts(loader_shares=(0.9, *(0.1,) * 10, 0.9))) == []


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_the_gravest(value: float) -> None:
    run = facts(status="failed", alive=False, not_finite=(("train/loss", 40, value),), error="train/loss is nan")
    (verdict,) = diagnose(run)
    assert (verdict.kind, verdict.severity) == ("nan", CRITICAL)
    assert "step 40" in verdict.sentence and "learning_rate" in verdict.what_to_do


TRACEBACK = (
    "Traceback (most recent call last):",
    '  File "x.py", line 3, in work',
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
)
SHRUNK = "out of memory on cuda with 8 at once; goes on with 4 at once, gradients are added up to the same batch"


@pytest.mark.parametrize(
    ("changes", "found", "lines"),
    [
        ({"error": "out of memory on cuda (1 of 8 GiB free); lower image_size"}, ["memory"], ()),
        ({"error": "it ended with code 1", "log": ("epoch 1", *TRACEBACK)}, ["memory"], TRACEBACK),
        ({"error": "killed by SIGKILL", "killed_by": "SIGKILL"}, ["memory"], ()),
        ({"error": "KeyError: 'x'", "log": (f"warning: {SHRUNK}", "KeyError: 'x'")}, ["failed"], None),
        ({"error": "train_dataset: no such dataset", "exit_code": 2}, ["failed"], None),
    ],
)
def test_why_a_run_failed(changes: dict[str, Any], found: list[str], lines: tuple[str, ...] | None) -> None:
    run = facts(status="failed", alive=False, **changes)
    assert kinds(run) == found
    (verdict,) = diagnose(run)
    assert verdict.severity == CRITICAL
    assert lines is None or verdict.lines == lines
    assert ("launch it again" in verdict.what_to_do) == (found == ["memory"] and "killed_by" not in changes) or (
        changes.get("exit_code") == 2
    )


def test_a_run_that_goes_on_after_memory_ran_out_is_told_mildly() -> None:
    (verdict,) = diagnose(facts(warnings=(SHRUNK,), log=(f"warning: {SHRUNK}",)))
    assert (verdict.kind, verdict.severity) == ("memory", NOTICE)


@pytest.mark.parametrize(
    ("changes", "stalls"),
    [
        ({"last_sign": 1000.0 - 299}, False),
        ({"last_sign": 1000.0 - 301}, True),
        ({"last_sign": 1000.0 - 301, "longest_gap": 200.0}, False),
        ({"last_sign": 1000.0 - 601, "longest_gap": 200.0}, True),
        ({"last_sign": 1000.0 - 900, "status": "paused"}, False),
        ({"last_sign": 1000.0 - 900, "here": False}, False),
        ({"last_sign": 1000.0 - 900, "alive": False, "status": "lost"}, False),
    ],
)
def test_silence(changes: dict[str, Any], stalls: bool) -> None:
    assert ("stalled" in kinds(facts(**changes))) == stalls


def test_a_study_is_heard_through_its_runs() -> None:
    study, child = facts(last_sign=1.0), facts(last_sign=990.0)
    assert kinds(study) == ["stalled"]
    assert kinds(heard_through(study, [child])) == []


@pytest.mark.parametrize(
    ("free", "checkpoints", "severity"),
    [(3 * GIB, 0, None), (GIB, 0, WARNING), (GIB // 4, 0, CRITICAL), (5 * GIB, 2 * GIB, WARNING), (None, 0, None)],
)
def test_a_full_disk_is_told_before_a_checkpoint_is_lost(free: int | None, checkpoints: int, severity: str) -> None:
    found = diagnose(facts(disk_free=free, checkpoint_size=checkpoints))
    assert [verdict.severity for verdict in found] == ([severity] if severity else [])
    assert kinds(facts(status="finished", disk_free=free, checkpoint_size=checkpoints)) == []


def test_the_gravest_comes_first() -> None:
    run = facts(disk_free=1, loader_shares=(0.9,) * 20, warnings=(SHRUNK,))
    assert [verdict.severity for verdict in diagnose(run)] == [CRITICAL, WARNING, NOTICE]


# -- from real files and processes -----------------------------------------------------------------------------------


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    info = {"status": "running", "created": time.time(), "host": this_host()}
    made = RunDirectory.create(tmp_path / "runs", "toy", "num_workers: 3\n", info)
    made.update(pid=os.getpid(), pid_started=started_at(os.getpid()))
    append_event(made.events_file, "status", status="running")
    return made


def test_facts_are_collected_as_the_journal_grows(directory: RunDirectory) -> None:
    reader = FactsReader(directory)
    assert reader.read().alive and reader.read().workers == 3
    append_event(directory.events_file, "metrics", step=1, epoch=1, values={"train/loss": 0.5, "val/iou": math.nan})
    append_event(directory.events_file, "progress", step=1, total=10, loader_share=0.25)
    run = reader.read()
    assert run.points("train/loss") == [(1, 0.5)] and run.points("val/iou") == []
    assert (run.done, run.loader_shares, run.not_finite) == (0.1, (0.25,), ())
    append_event(directory.events_file, "metrics", step=2, epoch=1, values={"train/loss": math.inf})
    assert Diagnoser(directory).look()[0].kind == "nan"
    # another attempt: what went wrong before is history
    append_event(directory.events_file, "status", status="starting")
    assert Diagnoser(directory).look() == []


def test_a_pause_is_no_silence(directory: RunDirectory) -> None:
    moments = [(1.0, "running"), (2.0, "paused"), (500.0, "running"), (503.0, "running")]
    lines = [json.dumps({"time": moment, "kind": "status", "status": status}) for moment, status in moments]
    directory.events_file.write_text("\n".join(lines) + "\n")
    assert FactsReader(directory).read().longest_gap == 3.0


def test_facts_of_a_long_run_stay_small(directory: RunDirectory) -> None:
    with directory.events_file.open("a") as file:
        for step in range(1, 20_001):
            file.write(json.dumps({"kind": "metrics", "step": step, "values": {"train/loss": 1 / step}}) + "\n")
    points = FactsReader(directory).read().points("train/loss")
    assert len(points) <= MOST_POINTS and points[0] == (1, 1.0) and points[-1][0] == 20_000


def test_a_run_whose_process_is_gone_is_told_with_the_end_of_its_log(directory: RunDirectory) -> None:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    started = started_at(process.pid)
    process.wait()
    directory.update(pid=process.pid, pid_started=started)
    directory.log_file.write_text("epoch 1\n 10%\r 20%\n")
    (verdict,) = Diagnoser(directory).look()
    assert verdict.kind == "lost" and verdict.lines == ("epoch 1", " 20%")


def test_what_is_wrong_with_a_run_of_a_study_carries_its_id(directory: RunDirectory) -> None:
    child = RunDirectory.create(directory.path.parent, "toy", "", {**directory.read_info()})
    append_event(child.events_file, "status", status="running")
    append_event(child.events_file, "progress", step=30, total=100)
    for step in range(1, 7):
        append_event(child.events_file, "metrics", step=step, epoch=step, values={"val/iou": 0.0})
    append_event(directory.events_file, "child", run_id=child.run_id, step="baseline", status="running")
    diagnoser = Diagnoser(directory)
    assert [(verdict.kind, verdict.run_id) for verdict in diagnoser.look()] == [("no-iou", child.run_id)]
    append_event(directory.events_file, "child", run_id=child.run_id, step="baseline", status="finished")
    assert diagnoser.look() == []


@pytest.mark.slow
def test_a_real_training_is_healthy_and_one_whose_loss_breaks_is_not(tiny: Any) -> None:
    assert tiny.call(tiny.experiment(learning_rate=0.002, epochs=8)).returncode == 0
    (healthy,) = tiny.run_folders()
    assert Diagnoser(RunDirectory(healthy)).look() == []
    shares = FactsReader(RunDirectory(healthy)).read().loader_shares
    assert shares and all(0 <= share <= 1 for share in shares)

    broken = tiny.call(tiny.experiment(weight_decay=1e38, epochs=6))
    assert broken.returncode == 1
    done = tiny.call([sys.executable, "-m", "experiments", "diagnose", "latest", "--json"])
    (verdict,) = json.loads(done.stdout)
    assert (verdict["kind"], verdict["severity"]) == ("nan", CRITICAL)
    told = tiny.call([sys.executable, "-m", "experiments", "diagnose", "latest"]).stdout
    assert told.startswith("✗ critical (nan): ") and "\n  -> lower learning_rate" in told
