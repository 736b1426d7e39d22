"""What is told before a run starts: each fact from real folders, repositories and runs."""

import json
import os
import time
from dataclasses import replace

import pytest
from small_workshop import CONFIG

from experiments import launcher
from experiments.gpus import PEAK_KEY, Gpu, memory_needed
from experiments.health import Check
from experiments.launch_check import can_start, check_launch
from pipeseg.config import load_config
from pipeseg.data.fingerprint import fingerprint_folder
from pipeseg.errors import BadInput


def facts(workshop, *overrides: str, device: str = "auto", gpus=list) -> dict[str, Check]:
    return {check.name: check for check in check_launch(workshop.settings, "tiny", overrides, device, gpus)}


def gpu(free: float, index: int = 0) -> Gpu:
    return Gpu(index, f"GPU-{index}", "Test", free, 24.0)


@pytest.fixture
def ready(open_gate_workshop):
    return open_gate_workshop


def finished(workshop, *overrides: str):
    run = launcher.launch(workshop.settings, "tiny", overrides)
    assert launcher.wait(run) == 0
    return run


def test_a_first_run_of_a_good_config_can_start(ready):
    found = facts(ready)
    assert can_start(found.values())
    assert found["config"].detail == "valid: baseline, deposition, 3 epochs"
    splits = ("BASELINE 1", "BASELINE_VAL 1", "EVAL 1")
    assert found["data"].detail == " · ".join(f"sample_deposition_{split}" for split in splits) + " pictures"
    assert found["data since"].detail == "no earlier run to compare with"
    assert found["run before"].detail == "never"
    assert found["tracking"].detail.startswith("not recorded")
    assert (found["device"].state, found["device"].detail) == ("warn", "no GPU here: the CPU, which is slow")
    assert "no earlier run" in found["disk"].detail


def test_mistakes_keep_a_run_from_starting(ready):
    found = facts(ready, "epochs=none")
    assert list(found) == ["config"] and not can_start(found.values()) and "epochs" in found["config"].detail
    assert "seed=none" in facts(ready, "seed=1,none")["config"].detail
    (ready.settings.datasets_dir / "sample_deposition_EVAL" / "images" / "0.png").unlink()
    found = facts(ready)
    assert found["data"].state == "fail" and "no pictures here" in found["data"].detail
    assert not can_start(found.values())
    with pytest.raises(BadInput, match="did you mean 'tiny'"):
        list(check_launch(ready.settings, "tinyy"))


def test_a_run_to_start_from_must_be_there(ready):
    found = facts(ready, "start_from=baseline")
    assert found["start from"].state == "fail" and "no finished baseline" in found["start from"].detail


def test_the_same_config_is_found_whatever_it_is_called(ready):
    run = finished(ready, "seed=3", "experiment_name=one")
    same = facts(ready, "seed=3", "experiment_name=two", "num_workers=0")["run before"]
    assert same.state == "warn" and same.detail == f"the same config was run: {run.run_id}, test IoU 0.625"
    assert facts(ready, "seed=4")["run before"].state == "ok"
    several = facts(ready, "seed=3,4")
    assert several["run before"].detail.startswith("the same config was run: 1 of 2 runs")
    assert several["config"].detail.startswith("valid: 2 runs, ")


def test_changed_data_is_told(ready):
    folder = ready.settings.datasets_dir / "sample_deposition_EVAL"
    run = finished(ready)
    run.update(datasets={"test": {"name": folder.name, "fingerprint": fingerprint_folder(folder)}})
    assert "not what" in facts(ready)["data since"].detail  # the other two
    sets = {"test": "EVAL", "train": "BASELINE", "validation": "BASELINE_VAL"}
    paths = {part: ready.settings.datasets_dir / f"sample_deposition_{name}" for part, name in sets.items()}
    known = {part: {"name": path.name, "fingerprint": fingerprint_folder(path)} for part, path in paths.items()}
    run.update(datasets=known)
    assert facts(ready)["data since"].detail == f"as {run.run_id} used it"
    os.utime(folder / "images" / "0.png")  # newer, and the same
    assert facts(ready)["data since"].state == "ok"
    (folder / "masks" / "0.png").write_bytes(b"another")
    found = facts(ready)["data since"]
    assert found.state == "warn" and found.detail.startswith(f"{folder.name} changed since {run.run_id}")


def test_the_size_of_earlier_runs_says_what_the_next_one_writes(ready):
    run = finished(ready)
    (run.checkpoints / "best.safetensors").write_bytes(bytes(3 << 20))
    assert "a run like this writes 3.0 MiB" in facts(ready)["disk"].detail
    with open(run.checkpoints / "best.safetensors", "r+b") as file:
        file.truncate(1 << 43)  # sparse: 8 TiB that take no room
    found = facts(ready)["disk"]
    assert found.state == "fail" and "RUNS_DIR" in found.detail


def test_an_unreachable_server_only_warns(ready):
    ready = replace(ready, settings=replace(ready.settings, tracking_uri="http://127.0.0.1:9"))
    found = facts(ready, "track_experiment=true")
    assert found["tracking"].state == "warn" and "does not answer" in found["tracking"].detail
    assert can_start(found.values())


def test_devices(ready):
    found = facts(ready, device="cuda:1", gpus=lambda: [gpu(20.0)])["device"]
    assert found.state == "fail" and "cuda:1 is not there (cuda:0)" in found.detail
    assert facts(ready, device="cuda:1", gpus=lambda: [gpu(2.0), gpu(20.0, 1)])["device"].state == "ok"
    assert facts(ready, device="cpu")["device"].detail == "the CPU"
    found = facts(ready, gpus=lambda: [gpu(0.5)])["device"]
    assert found.state == "warn" and "0.5 of 24.0 GiB free; needs 1.0 GiB (a guess" in found.detail


def test_several_devices(ready):
    def found(*overrides: str, cards: tuple[float, ...]) -> Check:
        several = [gpu(free, index) for index, free in enumerate(cards)]
        return facts(ready, *overrides, gpus=lambda: several)["device"]

    fewer = found("devices=2", cards=(20.0,))
    assert fewer.state == "fail" and fewer.detail.startswith("devices: 2 GPUs are not there (cuda:0); lower devices")
    assert "are not there (no GPU)" in found("devices=2", cards=()).detail
    enough = found("devices=2", cards=(20.0, 10.0, 1.0))
    assert enough.state == "ok" and enough.detail == "cuda:0 20.0 of 24.0 GiB free, cuda:1 10.0 of 24.0 GiB free"
    tight = found("devices=2", cards=(20.0, 0.5))
    assert tight.state == "warn" and "needs 1.0 GiB on each (a guess" in tight.detail
    assert found("devices=2", "device=cpu", cards=()).detail == "the CPU, 2 processes"
    config = facts(ready, "devices=2", device="cuda:1")["config"]
    assert config.state == "fail" and "not cuda:1" in config.detail


def test_a_device_on_which_a_run_works_is_told(workshop, running):
    found = facts(workshop, gpus=lambda: [gpu(20.0)])["device"]
    assert found.state == "warn" and f"{running.run_id} works there" in found.detail


def test_the_last_run_of_this_size_says_how_much_memory_is_needed(ready):
    run = finished(ready)
    run.update(**{PEAK_KEY: 10.25})
    file = ready.settings.experiments_dir / "tiny" / "config.yaml"
    config, _ = load_config(file)
    assert memory_needed(ready.settings, "tiny", config) == (10.8, f"the peak of {run.run_id}")
    larger, _ = load_config(file, ["batch_size=64", "image_size=[512,512]"])
    amount, source = memory_needed(ready.settings, "tiny", larger)
    assert amount == 49.0 and "guess" in source
    assert memory_needed(ready.settings, "tiny", load_config(file, ["device=cpu"])[0]) is None


def test_old_spellings_are_told(ready):
    file = ready.settings.experiments_dir / "tiny" / "config.yaml"
    file.write_text(CONFIG.replace("validation_dataset", "validataion_dataset"))
    found = facts(ready)
    assert found["warning"].state == "warn" and "rename the key" in found["warning"].detail
    assert can_start(found.values())


@pytest.mark.slow
def test_the_command_line(ready):
    began = time.monotonic()
    done = ready.command("preflight", "tiny", "--set", "epochs=2", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0 and told["can_start"] and time.monotonic() - began < 60
    assert [check["name"] for check in told["checks"]][:2] == ["config", "data"]
    done = ready.command("preflight", "tiny", "--set", "epoch=2")
    assert done.returncode == 2 and done.stdout.startswith("✗ config") and "did you mean" in done.stdout
    assert ready.command("preflight", "nobody").returncode == 2
