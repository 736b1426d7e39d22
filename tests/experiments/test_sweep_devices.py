"""Which GPU a run gets: pure, over lists of names."""

import pytest

from experiments.sweep_devices import list_devices, pick_device


def test_runs_are_spread_over_the_devices():
    devices, in_use = ["GPU-a", "GPU-b", "GPU-c"], []
    for _ in range(5):
        in_use.append(pick_device(devices, in_use))
    assert in_use == ["GPU-a", "GPU-b", "GPU-c", "GPU-a", "GPU-b"]
    in_use.remove("GPU-b")  # the run on it has ended; another still works there
    in_use.remove("GPU-c")
    assert pick_device(devices, in_use) == "GPU-c"


def test_runs_that_were_given_none_do_not_count():
    assert pick_device(["0", "1"], ["None", "None", "0"]) == "1"


@pytest.mark.parametrize("devices", [[], ["0"]])
def test_without_a_choice_nothing_is_set(devices):
    assert pick_device(devices, []) is None


@pytest.mark.parametrize(
    ("text", "devices"),
    [("0,1", ["0", "1"]), ("GPU-1f, GPU-2e", ["GPU-1f", "GPU-2e"]), ("", []), ("-1", []), ("2,-1,3", ["2"])],
)
def test_what_the_environment_allows_is_the_choice(text, devices):
    assert list_devices({"CUDA_VISIBLE_DEVICES": text}) == devices
