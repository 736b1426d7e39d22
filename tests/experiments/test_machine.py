"""What the machine does. Of NVML only the driver's own module is stood in for: there may be no card here."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psutil
import pynvml
import pytest
from waiting import wait_until

from experiments.health import _driver
from experiments.machine import Machine, gpus_of_run
from experiments.nvml import RETRY_SECONDS, TTL_SECONDS, Gpu, Nvml, nvml
from experiments.processes import started_at, this_host
from experiments.sweep_devices import list_devices
from pipeseg.settings import Settings

GIB = 1 << 30


class Driver:
    """Two cards as pynvml tells of them; the second one, a slice, tells less."""

    def __init__(self) -> None:
        self.asked, self.is_there = 0, True

    def nvmlInit(self) -> None:
        if not self.is_there:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_DRIVER_NOT_LOADED)

    def nvmlDeviceGetCount(self) -> int:
        self.asked += 1
        if not self.is_there:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return f"GPU-{handle}"

    def nvmlDeviceGetName(self, handle: int) -> bytes:
        return b"A card"

    def nvmlSystemGetDriverVersion(self) -> bytes:
        return b"580.1"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(used=(30 if handle == 0 else 75) * GIB, total=80 * GIB, free=0)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:
        if handle == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return SimpleNamespace(gpu=87, memory=10)

    def nvmlDeviceGetTemperature(self, handle: int, sensor: int) -> int:
        return 64

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        return 350_000

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=os.getpid())] if handle == 1 else []


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    made = Driver()
    for name in dir(made):
        if name.startswith("nvml"):
            monkeypatch.setattr(pynvml, name, getattr(made, name))
    nvml.__init__()  # what another test was told is forgotten
    yield made
    nvml.__init__()


def own_run() -> dict[str, Any]:
    return {"pid": os.getpid(), "pid_started": started_at(os.getpid()), "host": this_host()}


def test_a_card_tells_what_it_can(driver: Driver) -> None:
    first, second = Nvml().gpus()
    assert (first.name, first.uuid, first.utilisation, first.temperature) == ("A card", "GPU-0", 0.87, 64)
    assert (first.memory_used, first.memory_free, first.power) == (30 * GIB, 50 * GIB, 350.0)
    assert second.utilisation is None and second.pids == {os.getpid()}


def test_one_answer_serves_everybody_who_asks_within_a_moment(driver: Driver) -> None:
    now = [0.0]
    reader = Nvml(clock=lambda: now[0])
    for moment in (0.0, 0.5, TTL_SECONDS - 0.01):
        now[0] = moment
        reader.gpus()
    assert driver.asked == 1
    now[0] = TTL_SECONDS
    reader.gpus()
    assert driver.asked == 2


def test_a_driver_that_comes_and_goes_is_no_error(driver: Driver) -> None:
    now = [0.0]
    reader = Nvml(clock=lambda: now[0])
    driver.is_there = False
    assert reader.gpus() == () and reader.driver_version() is None
    driver.is_there = True
    now[0] = RETRY_SECONDS - 1
    assert reader.gpus() == ()
    now[0] = RETRY_SECONDS
    assert len(reader.gpus()) == 2 and reader.driver_version() == "580.1"
    driver.is_there = False
    now[0] += TTL_SECONDS
    assert reader.gpus() == ()


def test_health_and_sweeps_are_told_of_the_same_cards(driver: Driver) -> None:
    assert list_devices({}) == ["GPU-0", "GPU-1"]
    first, second = _driver(Settings.load())
    assert (first.name, first.state) == ("GPU 0", "ok")
    assert first.detail == "A card, driver 580.1, 50.0 of 80.0 GiB free"
    assert second.state == "warn" and "nvidia-smi" in second.mend


CARDS = tuple(Gpu(index, f"GPU-{index}", "A card", pids=frozenset({100 + index})) for index in range(3))


@pytest.mark.parametrize(
    ("pids", "given", "device", "indices"),
    [
        ({101, 7}, None, "auto", [1]),
        ({101, 102}, "GPU-0", "auto", [1, 2]),  # what the driver sees counts more than what was given
        ({7}, "GPU-2", "auto", [2]),
        ({7}, "0,2", "auto", [0, 2]),
        ({7}, None, "cuda:1", [1]),
        ({7}, None, "cuda", [0]),
        ({7}, None, "auto", []),
        ({7}, None, "cpu", []),
    ],
)
def test_the_cards_of_a_run(pids: set[int], given: str | None, device: str, indices: list[int]) -> None:
    assert [gpu.index for gpu in gpus_of_run(CARDS, frozenset(pids), given, device)] == indices


def test_the_only_card_is_the_one_that_auto_means() -> None:
    assert gpus_of_run(CARDS[:1], frozenset(), None, "auto") == CARDS[:1]
    assert gpus_of_run((), frozenset({1}), None, "auto") == ()


def test_several_cards_are_the_first_ones() -> None:
    assert (
        gpus_of_run(CARDS, frozenset(), None, "auto", 2)
        == gpus_of_run(CARDS, frozenset(), None, "cuda", 2)
        == CARDS[:2]
    )
    assert gpus_of_run(CARDS, frozenset(), None, "cpu", 2) == ()


def test_what_a_run_and_its_children_take_is_measured(driver: Driver) -> None:
    program = (
        "import subprocess, sys, time; kept = bytearray(60_000_000)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'while True: pass'])\n"
        "sys.stdin.read(); child.kill()"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
    try:
        info = {"pid": process.pid, "pid_started": started_at(process.pid), "host": this_host()}
        machine = Machine()
        wait_until(lambda: len(psutil.Process(process.pid).children()) == 1)
        assert machine.look(info).run.cores is None
        reading = wait_until(lambda: (seen := machine.look(info)).run.cores > 0.2 and seen)
        assert reading.run.count == 2 and reading.run.memory > 60_000_000
        assert 0 <= reading.host.cpu <= 1 and 0 < reading.host.memory_used < reading.host.memory_total
        assert reading.gpus == ()  # the driver knows neither process on a card, and there are two
        assert [gpu.index for gpu in machine.look(own_run()).gpus] == [1]
    finally:
        process.communicate(b"")


def test_a_run_that_is_elsewhere_or_gone_takes_nothing() -> None:
    machine = Machine()
    assert machine.look({**own_run(), "host": "another"}).run is None
    assert machine.look({**own_run(), "pid_started": time.time() - 10_000}).run is None
    assert machine.look().run is None


@pytest.mark.slow
def test_the_command_tells_of_machine_and_run(workshop: Any, running: Any) -> None:
    record = json.loads(workshop.command("machine", running.run_id, "--json").stdout)
    assert record["run"]["count"] >= 1 and record["host"]["cores"] >= 1 and isinstance(record["gpus"], list)
    assert "host" in workshop.command("machine").stdout
    assert workshop.command("machine", "nothing").returncode == 2


@pytest.mark.slow
def test_the_log_of_a_run_is_filtered_by_the_command(workshop: Any, running: Any) -> None:
    follower = workshop.open_command("logs", running.run_id, "-f", "--filter", "LOG !hello")
    assert workshop.command("logs", "--filter", "re:^hel+o").stdout == "hello from the log\n"
    workshop.gate.touch()
    rest, _ = follower.communicate(timeout=30)
    assert rest == "goodbye from the log\n" and follower.returncode == 0
    for text, words in (("re:(", "no regular expression"), (" ", "--filter: is empty")):
        done = workshop.command("logs", "--filter", text)
        assert done.returncode == 2 and words in done.stderr and done.stdout == ""
