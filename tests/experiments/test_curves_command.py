"""`python -m experiments curves`: the charts' points without a screen."""

import csv
import json
import math
from io import StringIO

import pytest

from pipeseg.run_directory import RunDirectory

STEPS = 400


def values(step: int) -> dict[str, float]:
    loss = math.nan if step == 150 else 9.0 if step == 222 else 1.0 / step
    return {"train/loss": loss, "train/learning_rate": 0.1} | ({"val/iou": step / 1000} if step % 10 == 0 else {})


@pytest.fixture
def two_runs(workshop) -> tuple[RunDirectory, RunDirectory]:
    """A baseline and a final; ten steps are an epoch, a step takes two seconds."""
    events = [{"time": 1000.0, "kind": "status", "status": "running"}]
    for step in range(1, STEPS + 1):
        events.append(
            {"time": 1000 + 2 * step, "kind": "metrics", "step": step, "epoch": -(-step // 10), "values": values(step)}
        )
    text = "".join(json.dumps(event) + "\n" for event in events)
    made = []
    for number, stage in enumerate(("baseline", "final")):
        known = {"stage": stage, "defect_class": "deposition", "created": float(number)}
        made.append(workshop.write_run(f"r{number}-{stage}", exit_code=0, events=text, **known))
        made[-1].config_file.write_text("seed: 1\n", encoding="utf-8")
    return made[0], made[1]


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


def test_points_of_several_runs_as_csv(workshop, two_runs):
    done = workshop.command("curves", "r0", "r1", "--metric", "val/iou", "--x", "epoch", "--csv")
    assert done.returncode == 0 and done.stderr == ""
    rows = table(done.stdout)
    assert len(rows) == 2 * STEPS // 10 and {row["run"] for row in rows} == {"r0-baseline", "r1-final"}
    assert (rows[4]["step"], float(rows[4]["epoch"]), float(rows[4]["value"])) == ("50", 5.0, 0.05)


def test_thinned_points_keep_spikes_and_gaps(workshop, two_runs):
    rows = table(workshop.command("curves", "r0", "--metric", "train/loss", "--points", "40", "--csv").stdout)
    assert 10 <= len(rows) <= 50
    assert any(row["value"] == "9.0" for row in rows) and [row["step"] for row in rows if not row["value"]] == ["150"]


def test_smoothing_and_window_as_json(workshop, two_runs):
    options = ["--metric", "val/iou", "--smooth", "0.9", "--x", "time", "--from", "20", "--to", "60", "--json"]
    answer = json.loads(workshop.command("curves", "r1", *options).stdout)
    (curve,) = answer["curves"]
    assert curve["x"] == [20.0, 40.0, 60.0] and curve["value"] == [0.01, 0.02, 0.03]
    state, expected = 0.0, []
    for count, y in enumerate(curve["value"], 1):
        state = 0.9 * state + 0.1 * y
        expected.append(state / (1 - 0.9**count))
    assert curve["smoothed"] == pytest.approx(expected)


def test_json_has_null_for_a_gap(workshop, two_runs):
    options = ["--metric", "train/loss", "--from", "149", "--to", "151", "--json"]
    (curve,) = json.loads(workshop.command("curves", "r1", *options).stdout, parse_constant=pytest.fail)["curves"]
    assert curve["value"] == [1 / 149, None, 1 / 151]


def test_values_at_a_place_and_the_summary(workshop, two_runs):
    done = workshop.command("curves", "r1", "--baseline", "--at", "23", "--json")
    found = {(c["run"], c["metric"]): c for c in json.loads(done.stdout)["curves"]}
    assert found["r1-final", "val/iou"]["step"] == [20.0] and found["r0-baseline", "train/loss"]["step"] == [23.0]
    summary = workshop.command("curves", "r1").stdout
    assert "9.0000 @ 222" in summary and "0.4000 @ 400" in summary and "learning_rate" not in summary


@pytest.mark.slow
def test_a_picture_is_written(workshop, two_runs, tmp_path):
    from PIL import Image

    file = tmp_path / "curves.png"
    done = workshop.command("curves", "r1", "--baseline", "--smooth", "0.6", "--log", "--png", str(file))
    assert done.returncode == 0 and done.stdout == "" and "wrote" in done.stderr
    with Image.open(file) as picture:
        assert picture.format == "PNG" and picture.width > picture.height
        blank = max(count for count, _colour in picture.convert("RGB").getcolors(1 << 24))
        assert blank < picture.width * picture.height  # something is drawn


@pytest.mark.slow
def test_bad_input_is_one_sentence(workshop, two_runs):
    for arguments, words in [
        (["r1", "--metric", "val/io"], "did you mean 'val/iou'"),
        (["r1", "--x", "epok"], "did you mean 'epoch'"),
        (["r0", "--baseline"], "--baseline"),
        (["r1", "--json", "--csv"], "only one of them"),
        (["r1", "--log"], "--png"),
        (["nothing"], "no run 'nothing'"),
    ]:
        done = workshop.command("curves", *arguments)
        assert done.returncode == 2 and words in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
