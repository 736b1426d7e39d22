"""The queue: in order, one at a time, never lost and never started twice, whatever is killed."""

import json
import os
import signal
import stat
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from queueing import Queueing
from small_workshop import CONFIG
from sweeping import UNLUCKY
from waiting import wait_until

from experiments import launcher, queue
from experiments.gpus import Gpu
from experiments.queue_directory import KEPT, QueueDirectory
from experiments.queue_runner import QueueRunner
from experiments.runs import list_runs
from pipeseg.config import load_config
from pipeseg.errors import BadInput

posix_only = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


@pytest.fixture
def queueing(workshop):
    made = Queueing(workshop)
    yield made
    made.end()


@pytest.mark.slow
def test_entries_start_in_order_one_at_a_time_and_a_failing_one_stops_nobody(queueing):
    for seed in (1, UNLUCKY, 3):
        queueing.add(f"seed={seed}")
    queueing.await_statuses("running", "waiting", "waiting")
    first = list_runs(queueing.settings)[0]
    assert queueing.reasons() == [f"waits for cpu, {first.run_id} works there", "second in line"]
    queueing.open_gate(1)
    queueing.await_statuses("finished", "failed", "running")
    queueing.open_gate()
    queueing.await_statuses("finished", "failed", "finished")
    assert queueing.begun() == ["seed=1", f"seed={UNLUCKY}", "seed=3"]
    runs = list_runs(queueing.settings)[::-1]
    assert all(before.ended <= after.created for before, after in pairwise(runs))
    queueing.await_rest()  # an empty queue needs nobody


@pytest.mark.slow
def test_an_entry_that_cannot_start_any_more_is_refused_and_the_next_one_starts(queueing):
    queueing.add("seed=1")
    queueing.await_statuses("running")
    queueing.workshop.add_dataset("other")
    queueing.add("seed=2", "evaluation_dataset=other")
    queueing.add("seed=3")
    (queueing.settings.datasets_dir / "other").rename(queueing.workshop.root / "gone")
    queueing.open_gate()
    queueing.await_statuses("finished", "refused", "finished")
    assert "other: no such dataset" in queueing.views()[1].reason


@pytest.mark.slow
def test_an_edit_of_the_config_does_not_reach_what_was_queued(queueing):
    queueing.add("seed=1")
    queueing.await_statuses("running")
    queueing.add("seed=2")
    file = queueing.settings.experiments_dir / "tiny" / "config.yaml"
    file.write_text(CONFIG.replace("epochs: 3", "epochs: 9"))
    queueing.add("seed=3")
    queueing.open_gate()
    queueing.await_statuses("finished", "finished", "finished")
    configs = [load_config(each.run.directory.config_file)[0] for each in queueing.views()]
    assert [(config.seed, config.epochs) for config in configs] == [(1, 3), (2, 3), (3, 9)]


def test_a_run_that_was_started_by_hand_counts(queueing):
    by_hand = launcher.launch(queueing.settings, "tiny", ["seed=1"])
    queueing.add("seed=2", name="the second")
    assert queueing.reasons() == [f"waits for cpu, {by_hand.run_id} works there"]
    queueing.open_gate(1)
    queueing.await_statuses("running")
    assert queueing.views()[0].run.name == "the second"


def test_lists_of_values_become_as_many_entries(queueing):
    entries = queue.add(queueing.settings, "tiny", ["seed=1,2"], name="both", device="cpu")
    assert [entry.name for entry in entries] == ["both: seed=1", "both: seed=2"]
    assert [entry.overrides for entry in entries] == [("seed=1", "device=cpu"), ("seed=2", "device=cpu")]
    with pytest.raises(BadInput, match="same run"):
        queue.add(queueing.settings, "tiny", ["seed=1,01"])
    with pytest.raises(BadInput, match="epochs"):
        queue.add(queueing.settings, "tiny", ["epochs=none"])
    assert len(queueing.views()) == 2
    queueing.open_gate()
    queueing.await_statuses("finished", "finished")


@pytest.mark.slow
def test_hold_release_move_and_remove(queueing):
    queueing.add("seed=1")
    queueing.await_statuses("running")
    two, three, four, five = (queueing.add(f"seed={seed}") for seed in (2, 3, 4, 5))
    queue.move(queueing.settings, five.entry_id, "1")
    queue.move(queueing.settings, two.entry_id, "down")
    order = lambda: [each.entry.overrides[0] for each in queue.view(queueing.settings).waiting]  # noqa: E731
    assert order() == ["seed=5", "seed=3", "seed=2", "seed=4"]
    queue.hold(queueing.settings, five.entry_id)
    queue.remove(queueing.settings, four.entry_id)
    assert order() == ["seed=5", "seed=3", "seed=2"]
    assert queueing.reasons()[0] == "held" and queueing.reasons()[2] == "second in line"
    with pytest.raises(BadInput, match="no entry"):
        queue.move(queueing.settings, four.entry_id, "up")
    with pytest.raises(BadInput, match="position from 1"):
        queue.move(queueing.settings, three.entry_id, "0")
    queueing.open_gate()
    wait_until(lambda: queueing.begun() == ["seed=1", "seed=3", "seed=2"])
    queueing.await_rest()  # what is held needs nobody either
    assert order() == ["seed=5"]
    with pytest.raises(BadInput, match="does not wait any more"):
        queue.hold(queueing.settings, two.entry_id)
    queue.release(queueing.settings, five.entry_id)
    wait_until(lambda: queueing.begun()[-1] == "seed=5")


@pytest.mark.slow
def test_a_paused_queue_starts_nothing_but_what_shall_start_now(queueing):
    queue.set_paused(queueing.settings, True)
    first, second = queueing.add("seed=1"), queueing.add("seed=2")
    assert queueing.reasons() == ["the queue is paused"] * 2 and queueing.runner() is None
    queue.start_now(queueing.settings, second.entry_id)
    queueing.await_statuses("waiting", "running")
    queue.set_paused(queueing.settings, False)
    wait_until(lambda: queueing.reasons() == [f"waits for cpu, {queueing.views()[1].run.run_id} works there"])
    queue.start_now(queueing.settings, first.entry_id)  # beside the other
    queueing.await_statuses("running", "running")


@pytest.mark.slow
@posix_only
def test_the_process_outlives_hang_ups_and_is_replaced_when_it_was_killed(queueing):
    queueing.add("seed=1")
    queueing.await_statuses("running")
    queueing.add("seed=2")
    queueing.add("seed=3")
    runner = queueing.await_runner()
    assert os.getsid(runner.pid) == runner.pid and runner.terminal() is None
    runner.send_signal(signal.SIGHUP)
    queue.ensure_runner(queueing.settings)  # there is one, so nothing happens
    queueing.open_gate(1)
    queueing.await_statuses("finished", "running", "waiting")
    assert queueing.await_runner().pid == runner.pid
    queueing.kill_runner()
    queueing.open_gate(2)
    queueing.await_statuses("finished", "finished", "waiting")
    queueing.workshop.command("queue", "list")  # any command finds that nobody is there
    queueing.await_statuses("finished", "finished", "running")
    queueing.open_gate()
    queueing.await_rest()
    assert queueing.begun() == ["seed=1", "seed=2", "seed=3"]


@posix_only
def test_killed_between_taking_and_preparing_an_entry_loses_and_doubles_nothing(queueing, monkeypatch, tmp_path):
    # git answers when the test lets it: the runner is stuck where it asks what the code is
    waits = tmp_path / "bin" / "git"
    waits.parent.mkdir()
    waits.write_text(f"#!/bin/sh\nwhile [ ! -e {tmp_path}/answer ]; do sleep 0.02; done\nexit 1\n")
    waits.chmod(waits.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{waits.parent}{os.pathsep}{os.environ['PATH']}")
    queueing.add("seed=1")
    queueing.await_statuses("starting")
    with pytest.raises(BadInput, match="being started"):
        queue.remove(queueing.settings, queueing.views()[0].entry.entry_id)
    queueing.kill_runner()
    assert list_runs(queueing.settings) == [] and queueing.statuses() == ["starting"]
    (tmp_path / "answer").touch()
    queueing.open_gate()
    queue.ensure_runner(queueing.settings)
    queueing.await_statuses("finished")
    queueing.await_rest()
    assert queueing.begun() == ["seed=1"] and len(list_runs(queueing.settings)) == 1


def test_killed_between_preparing_and_starting_a_run_starts_that_run(queueing):
    queue.set_paused(queueing.settings, True)
    entry = queueing.add("seed=1")
    # what a runner leaves that was killed just there
    run = launcher.prepare(
        queueing.settings, "tiny", ["seed=1"], facts={queue.ENTRY_KEY: entry.entry_id, "created": 1.0}
    )
    queueing.directory.change(entry.entry_id, state="taken")
    queueing.open_gate()
    queue.set_paused(queueing.settings, False)
    queueing.await_statuses("finished")
    assert queueing.runs() == [run] and queueing.begun() == ["seed=1"]


def test_killed_between_starting_a_run_and_writing_it_down_finds_the_run(queueing):
    queue.set_paused(queueing.settings, True)
    entry = queueing.add("seed=1")
    run = launcher.prepare(queueing.settings, "tiny", ["seed=1"], facts={queue.ENTRY_KEY: entry.entry_id})
    launcher.start(queueing.settings, run)
    queueing.directory.change(entry.entry_id, state="taken")
    queue.set_paused(queueing.settings, False)
    queueing.await_statuses("running")
    queueing.open_gate()
    queueing.await_statuses("finished")
    assert queueing.runs() == [run] and queueing.begun() == ["seed=1"]


def test_a_second_supervisor_of_a_run_does_nothing(queueing):
    run = launcher.launch(queueing.settings, "tiny", ["seed=1"])
    wait_until(lambda: queueing.begun() == ["seed=1"])
    supervisor = run.read_info()["supervisor_pid"]
    launcher.start(queueing.settings, run)
    queueing.open_gate()
    assert launcher.wait(run) == 0
    wait_until(lambda: "another supervisor" in run.log_file.read_text())
    assert queueing.begun() == ["seed=1"] and run.read_info()["supervisor_pid"] != supervisor


@pytest.mark.slow
@posix_only
def test_a_runner_that_is_killed_again_and_again_starts_every_entry_once(queueing):
    queueing.open_gate()
    seeds = range(20, 24)
    for seed in seeds:
        queueing.add(f"seed={seed}")
        queueing.kill_runner()
    killed = 0
    while not all(status == "finished" for status in queueing.statuses()):
        queue.ensure_runner(queueing.settings)
        if runner := queueing.runner():
            # once as it begins, then after one thing has happened, after two, after three, and so on again
            for _ in range(killed % 4):
                before = queueing.statuses()
                wait_until(lambda before=before: queueing.statuses() != before or queueing.runner() is None)
            runner.kill()
            killed += 1
            assert killed < 60, queueing.statuses()
    assert killed > len(seeds) and queueing.begun() == [f"seed={seed}" for seed in seeds]


def test_two_who_add_at_once_and_change_the_order_meanwhile(queueing):
    queue.set_paused(queueing.settings, True)
    commands = [
        queueing.workshop.open_command("queue", "add", "tiny", "--set", f"seed={start}..{start + 4}")
        for start in (10, 20)
    ]
    with ThreadPoolExecutor(4) as pool:
        more = list(pool.map(lambda seed: queueing.add(f"seed={seed}"), range(30, 38)))
        list(pool.map(lambda entry: queue.move(queueing.settings, entry.entry_id, "1"), more))
    for command in commands:
        told, wrong = command.communicate(timeout=60)
        assert command.returncode == 0 and len(told.split()) == 5, wrong
    entries = queue.view(queueing.settings).waiting
    assert [each.position for each in entries] == list(range(1, 19))
    seeds = [int(each.entry.overrides[0].partition("=")[2]) for each in entries]
    assert sorted(seeds) == [*range(10, 15), *range(20, 25), *range(30, 38)]
    assert [seed for seed in seeds if seed < 20] == sorted(seed for seed in seeds if seed < 20)


def test_what_is_over_is_kept_for_a_while(queueing):
    queue.set_paused(queueing.settings, True)
    for number in range(KEPT + 5):
        entry = queueing.directory.add(CONFIG, experiment="tiny", overrides=[f"seed={number}"])
        queueing.directory.change(entry.entry_id, state="refused", error="no")
    assert len(queueing.directory.entries()) == KEPT + 1
    queueing.directory.add(CONFIG, experiment="tiny", overrides=["seed=0"])
    assert len(queueing.directory.entries()) == KEPT + 1


def test_damaged_files_hide_one_entry_at_most(queueing):
    queue.set_paused(queueing.settings, True)
    first, second = queueing.add("seed=1"), queueing.add("seed=2")
    (first.path / "entry.json").write_text("{half")
    queueing.directory.state_file.write_text("")
    assert [each.entry for each in queue.view(queueing.settings).waiting] == [second]


class Card:
    """A GPU whose free memory a test sets."""

    def __init__(self, *free: float):
        self.free = list(free)

    def __call__(self) -> list[Gpu]:
        return [Gpu(index, f"GPU-{index}", "Test", free, 24.0) for index, free in enumerate(self.free)]


def test_gpus_take_one_run_each_as_soon_as_their_memory_is_free(queueing, monkeypatch):
    script = queueing.settings.experiments_dir / "tiny" / "experiment.py"
    told = 'run.status("running")\nimport os; print("sees", os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)'
    script.write_text(script.read_text().replace('run.status("running")', told, 1))
    queue.set_paused(queueing.settings, True)
    for seed, memory in ((1, 12.0), (2, 4.0), (3, 4.0)):
        queueing.add(f"seed={seed}", memory=memory)
    queueing.directory.set_paused(False)  # and nobody is started: the test does what the process does
    cards = Card(7.5, 20.0)
    runner = QueueRunner(queueing.settings, print, cards)

    def reasons() -> list[str]:
        return [each.reason for each in queue.view(queueing.settings, cards).waiting]

    runner.look()
    queueing.await_statuses("running", "running", "waiting")
    two = queueing.views()[1].run.run_id
    assert reasons() == [f"waits for cuda:0, {two} works there"]
    cards.free = [2.0, 20.0]
    queueing.open_gate(2)
    queueing.await_statuses("running", "finished", "waiting")
    wait_until(lambda: reasons() == ["waits for 4.0 GiB on cuda:0, 2.0 GiB free"])
    runner.look()
    assert queueing.statuses()[2] == "waiting"
    cards.free = [4.5, 20.0]
    runner.look()
    queueing.await_statuses("running", "finished", "running")
    seen = [each.run.directory.log_file for each in queueing.views()]
    wait_until(
        lambda: (
            [line for log in seen for line in log.read_text().splitlines() if "sees" in line]
            == ["sees GPU-1", "sees GPU-0", "sees GPU-0"]
        )
    )


def test_a_run_on_several_gpus_waits_until_so_many_are_free(queueing):
    script = queueing.settings.experiments_dir / "tiny" / "experiment.py"
    told = 'run.status("running")\nimport os; print("sees", os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)'
    script.write_text(script.read_text().replace('run.status("running")', told, 1))
    queue.set_paused(queueing.settings, True)
    queueing.add("seed=1", memory=4.0)
    queueing.add("seed=2", "devices=2", memory=4.0)
    queueing.add("seed=3", memory=4.0)
    queueing.directory.set_paused(False)
    cards = Card(20.0, 20.0)
    runner = QueueRunner(queueing.settings, print, cards)

    def reasons() -> list[str]:
        return [each.reason for each in queue.view(queueing.settings, cards).waiting]

    runner.look()
    queueing.await_statuses("running", "waiting", "waiting")
    one = queueing.views()[0].run.run_id
    # what needs few does not overtake what needs much
    assert reasons() == [f"waits for cuda:0, {one} works there (1 of 2 GPUs free)", "second in line"]
    queueing.open_gate(1)
    queueing.await_statuses("finished", "waiting", "waiting")
    wait_until(lambda: reasons()[0] == "starts now")
    runner.look()
    queueing.await_statuses("finished", "running", "waiting")
    two = queueing.views()[1].run
    assert reasons() == [f"waits for cuda:0, {two.run_id} works there"]
    wait_until(lambda: "sees GPU-0,GPU-1" in two.directory.log_file.read_text())
    assert queueing.views()[1].entry.where == "auto ×2"


def test_more_gpus_than_there_are_is_told_at_once(queueing):
    queue.set_paused(queueing.settings, True)
    queueing.add("devices=2", memory=4.0)
    queueing.add("devices=2", memory=30.0)
    queueing.add("devices=2", "device=cpu")

    def reasons(cards) -> list[tuple[str, bool]]:
        return [(each.reason, each.stuck) for each in queue.view(queueing.settings, cards).waiting]

    assert reasons(Card())[0] == ("needs 2 GPUs (no GPUs here); remove it and lower devices", True)
    assert reasons(Card(20.0))[0] == ("needs 2 GPUs (1 GPU here); remove it and lower devices", True)
    paused = ("the queue is paused", False)
    assert reasons(Card(20.0, 20.0))[0] == paused and "needs 30.0 GiB" in reasons(Card(20.0, 20.0))[1][0]
    assert [reasons(Card(*[20.0] * count))[2] for count in (0, 1)] == [paused] * 2


def test_a_run_that_was_started_by_hand_on_several_gpus_counts_on_each(queueing):
    launcher.launch(queueing.settings, "tiny", ["seed=1", "devices=2"])
    cards = Card(20.0, 20.0, 20.0)
    busy = queue.read_machine(queueing.settings, cards)[0].busy
    assert sorted(busy) == ["cuda:0", "cuda:1"]


@pytest.mark.slow
def test_verbs_of_the_command_line(queueing):
    command = queueing.workshop.command
    assert command("queue", "list").stderr.startswith("the queue is empty")
    assert command("queue", "pause").returncode == 0
    done = command("queue", "add", "tiny", "--set", "seed=1,2", "--name", "pair", "--device", "cpu")
    first, second = done.stdout.split()
    assert done.returncode == 0 and len(QueueDirectory(queueing.settings).entries()) == 2
    moved = command("queue", "move", second, "up")
    assert moved.returncode == 0 and moved.stderr == "1 tiny seed=2 device=cpu; 2 tiny seed=1 device=cpu\n"
    assert command("queue", "hold", first[-4:]).stdout.strip() == first
    listed = json.loads(command("queue", "list", "--json").stdout)
    assert listed["paused"] is True
    assert [(each["id"], each["position"], each["status"], each["reason"]) for each in listed["entries"]] == [
        (second, 1, "waiting", "the queue is paused"),
        (first, 2, "held", "held"),
    ]
    assert listed["entries"][0]["place"] == "cpu" and listed["entries"][0]["memory"] is None
    assert "pair" in listed["entries"][0]["name"]
    assert command("queue", "release", first).returncode == 0
    assert command("queue", "remove", second).returncode == 0
    assert command("queue", "resume").returncode == 0
    queueing.await_statuses("running")
    assert command("queue", "start", first).returncode == 2
    wrong = command("queue", "add", "tiny", "--set", "epoch=2")
    assert wrong.returncode == 2 and "did you mean" in wrong.stderr and len(wrong.stderr.splitlines()) == 1
    missing = command("queue", "remove", "nobody")
    assert missing.returncode == 2 and "queue list" in missing.stderr
    assert "running" in command("queue", "list").stdout
