"""Sweeps: checked as a whole, worked on by a process of their own, and never lost, whatever is killed."""

import os
import signal
from dataclasses import replace

import psutil
import pytest
from small_workshop import CONFIG
from sweeping import UNLUCKY, Sweeping, end_all, kill_run, kill_runner
from waiting import wait_until

from experiments import launcher, sweeps
from experiments.mlflow_records import start_tags
from experiments.runs import list_runs
from pipeseg.config import load_config
from pipeseg.errors import BadInput

pytestmark = pytest.mark.slow
posix_only = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


@pytest.fixture
def sweeping(workshop):
    made = Sweeping(workshop)
    yield made
    end_all(made)


def test_every_run_is_done_in_order_and_a_failing_one_does_not_stop_the_rest(sweeping):
    sweeping.open_gate()
    done = sweeping.workshop.command(
        *("launch", "tiny", "--set", "learning_rate=1e-4,3e-4", "--set", f"seed={UNLUCKY},2", "--set", "epochs=2"),
        *("--name", "rates", "--wait"),
    )
    sweep = sweeps.find_sweep(sweeping.settings, done.stdout.strip())
    assert done.returncode == 1, done.stderr
    failed = f"learning_rate=1e-4 seed={UNLUCKY}; learning_rate=3e-4 seed={UNLUCKY}"
    assert done.stderr.splitlines()[-1] == f"2 of 4 runs failed: {failed}"
    now = sweeping.view(sweep)
    assert (now.status, now.name, now.done) == ("failed", "rates", 4)
    assert [each.status for each in now.combinations] == ["failed", "finished", "failed", "finished"]
    begun = [each.run.created for each in now.combinations]
    assert begun == sorted(begun)
    # one after another: each began when the one before had ended
    assert all(run.ended <= later for run, later in zip([e.run for e in now.combinations], begun[1:], strict=False))
    run = now.combinations[1].run
    assert run.info["overrides"] == ["learning_rate=1e-4", "seed=2", "epochs=2"]
    assert run.name == "rates: learning_rate=1e-4 seed=2" and run.info["sweep"] == sweep.sweep_id
    config, _ = load_config(run.directory.config_file)
    assert (config.learning_rate, config.seed, config.epochs) == (1e-4, 2, 2)
    assert start_tags(run.directory, {})["sweep"] == sweep.sweep_id
    assert "✓ learning_rate=1e-4 seed=2: finished, val IoU 0.7500, test IoU 0.6250" in done.stderr


def test_a_stopped_sweep_goes_on_where_it_was(sweeping):
    sweeping.open_gate(1)
    sweep = sweeping.launch("seed=1,2,3")
    sweeping.await_statuses(sweep, "finished", "running", "waiting")
    done = sweeping.workshop.command("stop", sweep.sweep_id, "--wait")
    assert (done.returncode, done.stdout.strip()) == (0, sweep.sweep_id), done.stderr
    assert sweeping.statuses(sweep) == ["finished", "stopped", "waiting"]
    assert sweeping.view(sweep).status == "stopped" and sweep.read_exit()["code"] == 130
    stopped = sweeping.run(sweep, 1)
    assert '"which": "last"' in stopped.events_file.read_text()  # with a checkpoint
    again = sweeping.workshop.command("stop", sweep.sweep_id)
    assert again.returncode == 2 and "it has stopped" in again.stderr

    sweeping.open_gate()
    done = sweeping.workshop.command("resume", sweep.sweep_id, "--wait")
    assert done.returncode == 0, done.stderr
    assert sweeping.view(sweep).status == "finished"
    assert sweeping.run(sweep, 1) == stopped and sweeping.attempts(sweep) == [1, 2, 1]
    assert len(list_runs(sweeping.settings)) == 3
    done = sweeping.workshop.command("resume", sweep.sweep_id)
    assert done.returncode == 2 and "nothing is left to do" in done.stderr


@posix_only
def test_a_run_outlives_the_kill_of_its_sweep_and_is_found_again(sweeping):
    sweep = sweeping.launch("seed=1,2")
    sweeping.await_statuses(sweep, "running", "waiting")
    kill_runner(sweep)
    assert sweeping.view(sweep).status == "lost" and sweeping.statuses(sweep) == ["running", "waiting"]
    sweeps.resume(sweeping.settings, sweep)
    with pytest.raises(BadInput, match="works on it"):
        sweeps.resume(sweeping.settings, sweep)
    sweeping.open_gate()
    assert sweeping.await_end(sweep) == "finished"
    assert sweeping.attempts(sweep) == [1, 1] and len(list_runs(sweeping.settings)) == 2


@posix_only
def test_a_sweep_goes_on_after_a_loss_of_power(sweeping):
    sweeping.open_gate(1)
    sweep = sweeping.launch("seed=1,2,3")
    sweeping.await_statuses(sweep, "finished", "running", "waiting")
    kill_runner(sweep)
    kill_run(sweeping.run(sweep, 1))
    assert sweeping.view(sweep).status == "lost"
    sweeping.open_gate()
    sweeps.resume(sweeping.settings, sweep)
    assert sweeping.await_end(sweep) == "finished" and sweep.read_exit()["code"] == 0
    assert sweeping.attempts(sweep) == [1, 2, 1] and len(list_runs(sweeping.settings)) == 3


@posix_only
def test_the_runs_of_a_sweep_whose_process_is_gone_can_be_stopped(sweeping):
    sweep = sweeping.launch("seed=1,2")
    sweeping.await_statuses(sweep, "running", "waiting")
    kill_runner(sweep)
    done = sweeping.workshop.command("stop", sweep.sweep_id, "--wait")
    assert done.returncode == 0 and sweeping.statuses(sweep) == ["stopped", "waiting"]


@posix_only
def test_two_at_once_cannot_both_go_on(sweeping):
    sweep = sweeping.launch("seed=1,2")
    sweeping.await_statuses(sweep, "running", "waiting")
    kill_runner(sweep)
    both = [sweeping.workshop.open_command("resume", sweep.sweep_id) for _ in range(2)]
    ends = [(process.communicate(timeout=60)[1], process.returncode) for process in both]
    assert sorted(code for _, code in ends) == [0, 2], ends
    refusal = next(words for words, code in ends if code == 2)
    assert "works on it" in refusal and len(refusal.splitlines()) == 1
    sweeping.open_gate()
    assert sweeping.await_end(sweep) == "finished" and sweeping.attempts(sweep) == [1, 1]


def test_failed_runs_are_tried_again_only_when_asked(sweeping):
    sweeping.open_gate()
    sweep = sweeping.launch(f"seed={UNLUCKY},2")
    assert sweeping.await_end(sweep) == "failed" and sweep.read_exit()["code"] == 1
    with pytest.raises(BadInput, match="--retry-failed"):
        sweeps.resume(sweeping.settings, sweep)
    # whatever was wrong with the code has been mended
    (sweeping.settings.experiments_dir / "tiny" / "experiment.py").write_text(
        (sweeping.settings.experiments_dir / "tiny" / "experiment.py").read_text().replace("== 13", "== -1")
    )
    done = sweeping.workshop.command("resume", sweep.sweep_id, "--retry-failed", "--wait")
    assert done.returncode == 0 and sweeping.view(sweep).status == "finished", done.stderr
    assert sweeping.attempts(sweep) == [2, 1] and len(list_runs(sweeping.settings)) == 2


@posix_only
def test_a_run_that_was_terminated_is_broken_off_not_failed(sweeping):
    sweep = sweeping.launch("seed=1,2")
    sweeping.await_statuses(sweep, "running", "waiting")
    pid = wait_until(lambda: sweeping.run(sweep, 0).read_info().get("pid"))
    sweeping.open_gate(2)
    os.kill(pid, signal.SIGTERM)
    assert sweeping.await_end(sweep) == "failed"
    sweeping.open_gate()
    sweeps.resume(sweeping.settings, sweep)
    assert sweeping.await_end(sweep) == "finished" and sweeping.attempts(sweep) == [2, 1]


def test_several_runs_at_a_time(sweeping):
    sweep = sweeping.launch("seed=1,2,3", jobs=2)
    sweeping.await_statuses(sweep, "running", "running", "waiting")
    sweeping.open_gate(2)
    sweeping.await_statuses(sweep, "running", "finished", "running")
    sweeps.stop(sweeping.settings, sweep)
    assert sweeping.await_end(sweep) == "stopped"
    assert sweeping.statuses(sweep) == ["stopped", "finished", "stopped"]
    sweeps.resume(sweeping.settings, sweep, jobs=1)
    sweeping.await_statuses(sweep, "running", "finished", "stopped")
    sweeping.open_gate()
    assert sweeping.await_end(sweep) == "finished"


def test_runs_at_the_same_time_get_different_devices(sweeping, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b")
    script = sweeping.settings.experiments_dir / "tiny" / "experiment.py"
    told = 'run.status("running")\nimport os; print("sees", os.environ["CUDA_VISIBLE_DEVICES"], flush=True)'
    script.write_text(script.read_text().replace('run.status("running")', told, 1))
    sweep = sweeping.launch("seed=1,2", jobs=2)
    sweeping.await_statuses(sweep, "running", "running")
    third = sweeping.launch("device=cpu", "seed=3,4")  # which asks for a device is left alone
    sweeping.open_gate()
    assert [sweeping.await_end(each) for each in (sweep, third)] == ["finished", "finished"]
    logs = [sweeping.run(*place).log_file.read_text() for place in ((sweep, 0), (sweep, 1), (third, 0))]
    assert [line for log in logs for line in log.splitlines() if "sees" in line] == [
        "sees GPU-a",
        "sees GPU-b",
        "sees GPU-a,GPU-b",
    ]


def test_later_runs_do_not_see_an_edit_of_the_config(sweeping):
    sweep = sweeping.launch("seed=1,2")
    sweeping.await_statuses(sweep, "running", "waiting")
    file = sweeping.settings.experiments_dir / "tiny" / "config.yaml"
    file.write_text(CONFIG.replace("epochs: 3", "epochs: 9"))
    sweeping.open_gate()
    assert sweeping.await_end(sweep) == "finished"
    assert load_config(sweeping.run(sweep, 1).config_file)[0].epochs == 3


def test_a_run_that_cannot_begin_any_more_is_named_and_the_rest_is_done(sweeping):
    gone = sweeping.settings.datasets_dir / "sample_deposition_EVAL"
    sweeping.workshop.add_dataset("other")
    sweep = sweeping.launch("evaluation_dataset=sample,sample_deposition_EVAL,other")
    sweeping.await_statuses(sweep, "running", "waiting", "waiting")
    gone.rename(sweeping.workshop.root / "gone")
    sweeping.open_gate()
    assert sweeping.await_end(sweep) == "failed" and sweep.read_exit()["code"] == 1
    now = sweeping.view(sweep)
    assert [each.status for each in now.combinations] == ["finished", "failed", "finished"]
    assert "sample_deposition_EVAL: no such dataset" in now.combinations[1].refused
    (sweeping.workshop.root / "gone").rename(gone)
    sweeps.resume(sweeping.settings, sweep)  # it has never begun, so nothing of it has failed
    assert sweeping.await_end(sweep) == "finished"


def test_a_run_that_a_person_stopped_is_left_alone_until_the_sweep_goes_on(sweeping):
    sweep = sweeping.launch("seed=1,2")
    sweeping.await_statuses(sweep, "running", "waiting")
    sweeping.open_gate(2)
    assert sweeping.workshop.command("stop", sweeping.run(sweep, 0).run_id).returncode == 0
    assert sweeping.await_end(sweep) == "stopped" and sweep.read_exit()["code"] == 130
    assert sweeping.statuses(sweep) == ["stopped", "finished"]


@posix_only
def test_a_sweep_outlives_its_terminal_and_stops_when_the_system_asks(sweeping):
    sweep = sweeping.launch("seed=1,2")
    sweeping.await_statuses(sweep, "running", "waiting")
    runner = psutil.Process(sweep.read_session()["pid"])
    assert os.getsid(runner.pid) == runner.pid and runner.terminal() is None
    os.kill(runner.pid, signal.SIGHUP)
    sweeping.open_gate(1)
    sweeping.await_statuses(sweep, "finished", "running")
    os.kill(runner.pid, signal.SIGTERM)
    assert sweeping.await_end(sweep) == "stopped" and sweeping.statuses(sweep) == ["finished", "stopped"]


@posix_only
def test_ctrl_c_while_waiting_detaches(sweeping):
    parent = sweeping.workshop.open_command("launch", "tiny", "--set", "seed=1,2", "--wait")
    sweep = sweeps.find_sweep(sweeping.settings, parent.stdout.readline().strip())
    sweeping.await_statuses(sweep, "running", "waiting")
    parent.send_signal(signal.SIGINT)
    _, told = parent.communicate(timeout=30)
    assert parent.returncode == 130 and f"stop {sweep.sweep_id}" in told and "Traceback" not in told
    assert sweep.is_worked_on()
    sweeping.open_gate()
    assert sweeping.await_end(sweep) == "finished"


def test_a_sweep_whose_start_was_cut_short_begins_its_prepared_run(sweeping):
    sweep = sweeps.prepare(sweeping.settings, "tiny", ["seed=1,2"])
    facts = {"sweep": sweep.sweep_id, "sweep_place": 0, "created": 1.0}
    prepared = launcher.prepare(sweeping.settings, "tiny", ["seed=1"], facts=facts)
    sweeping.open_gate()
    sweeps.resume(sweeping.settings, sweep)
    assert sweeping.await_end(sweep) == "finished"
    assert sweeping.run(sweep, 0) == prepared and len(list_runs(sweeping.settings)) == 2


def test_a_broken_tracking_store_holds_no_sweep_up(sweeping):
    # nothing listens there
    settings = replace(sweeping.settings, tracking_uri="http://127.0.0.1:9")
    sweeping.open_gate()
    sweep = sweeps.launch(settings, "tiny", ["seed=1,2", "track_experiment=true"])
    assert sweeping.await_end(sweep) == "finished"
    for place in range(2):
        wait_until(lambda place=place: sweeping.run(sweep, place).read_info()["upload"] == "unreachable", 120)
