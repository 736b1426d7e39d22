"""Which GPU a run gets: pure, over lists of names."""

import pytest

from experiments.sweep_devices import auto_jobs, list_devices, pick_device


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


def test_a_run_on_several_devices_gets_those_with_the_fewest_runs():
    devices = ["GPU-a", "GPU-b", "GPU-c"]
    assert pick_device(devices, ["GPU-a"], 2) == "GPU-b,GPU-c"
    assert pick_device(devices, ["GPU-b,GPU-c", "GPU-b"], 2) == "GPU-a,GPU-c"
    assert pick_device(devices, ["GPU-a,GPU-b"]) == "GPU-c"
    # all of them, or more than there are: nothing is left to choose, and the run says what is missing
    assert pick_device(devices, [], 3) is None and pick_device(devices, [], 4) is None


def test_as_many_runs_at_a_time_as_find_devices():
    assert [auto_jobs(["0", "1", "2", "3"], 8, each) for each in (1, 2, 3, 4, 5)] == [4, 2, 1, 1, 1]
    assert auto_jobs([], 8) == 2 and auto_jobs([], 1) == 1
