"""Boxes that look like something else: what the networks learn, whom they judge, and what is not said."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from pipeseg.data.audit.audit import audit
from pipeseg.data.audit.contents import FEWEST, Content, evened_out, judge_contents
from pipeseg.data.audit.describe import NUMBERS, PLACES
from pipeseg.data.audit.examples import FOLDS, Examples
from pipeseg.data.audit.report import finding_rows, markdown
from pipeseg.data.formats import read_source
from pipeseg.settings import ROOT
from pipeseg.synthetic.generate import generate
from pipeseg.synthetic.options import Options

COLOURS = {"crack": (200, 40, 40), "leak": (40, 60, 200)}
BOX = (8.0, 20.0, 28.0, 44.0)
EMPTY = (36.0, 4.0, 60.0, 30.0)


def write_pictures(folder, count, size=64):
    """Write `count` noisy pictures with one coloured block at BOX, cracks and leaks by turns: name -> path, class."""
    images, shown = {}, {}
    for index in range(count):
        random = np.random.default_rng(index)
        pixels = random.integers(90, 140, (size, size, 3), dtype=np.uint8)
        name = f"p{index:03}.png"
        shown[name] = sorted(COLOURS)[index % 2]
        x_min, y_min, x_max, y_max = map(int, BOX)
        pixels[y_min:y_max, x_min:x_max] = COLOURS[shown[name]] + random.integers(-20, 20, (24, 20, 3))
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name)
        images[name] = folder / name
    return images, shown


def content(folder, count=2 * FEWEST + 20):
    """Blocks with their classes, but a leak called crack (p001) and boxes around nothing (p004, p007)."""
    images, shown = write_pictures(folder, count)
    boxes = {name: [(kind, BOX)] for name, kind in shown.items()}
    boxes["p001.png"] = [("crack", BOX)]
    boxes["p004.png"].append(("crack", EMPTY))
    boxes["p007.png"].append(("leak", EMPTY))
    return Content(images, dict.fromkeys(images, (64, 64)), boxes)


@pytest.fixture
def short(monkeypatch):
    """Blocks are learned in seconds."""
    for name, value in {"FEWEST_STEPS": 60, "EPOCHS": 1, "BATCH": 32, "WIDTH": 24}.items():
        monkeypatch.setattr(f"pipeseg.data.audit.network.{name}", value)


@pytest.mark.slow
def test_planted_mistakes_are_found_with_reason_and_score(tmp_path, short):
    given = content(tmp_path)
    ticks = []
    found = judge_contents(given, workers=2, tick=lambda done, total: ticks.append(done / total))
    suspects = {(one.file, one.defect_class, one.box): one for one in found.suspects}
    assert set(suspects) == {("p001.png", "crack", BOX), ("p004.png", "crack", EMPTY), ("p007.png", "leak", EMPTY)}
    wrong = suspects["p001.png", "crack", BOX]
    assert wrong.reason.startswith("wrong_class: looks like leak, not crack (") and 0.6 <= wrong.score <= 1
    assert suspects["p004.png", "crack", EMPTY].reason.startswith("false: looks like nothing rather than crack (")
    assert found.judged == sum(map(len, given.boxes.values())) and not found.not_judged
    assert ticks == sorted(ticks) and ticks[-1] == 1


@pytest.mark.slow
def test_the_same_again_whatever_the_threads_and_the_order(tmp_path, short):
    given = content(tmp_path)
    found = judge_contents(given, workers=3)
    turned = Content(
        dict(reversed(given.images.items())), given.sizes, dict(reversed(given.boxes.items())), groups=given.groups
    )
    assert found.suspects and judge_contents(turned, workers=1) == found


@pytest.mark.slow
def test_what_polygons_bear_out_is_learned_from_but_not_judged(tmp_path, short):
    given = content(tmp_path)
    known = frozenset({("p001.png", "crack", BOX), ("p000.png", "crack", BOX)})
    found = judge_contents(Content(given.images, given.sizes, given.boxes, known))
    assert found.judged == sum(map(len, given.boxes.values())) - 2
    assert {one.file for one in found.suspects} == {"p004.png", "p007.png"}


@pytest.mark.slow
def test_one_class_can_only_look_like_nothing(tmp_path, short):
    given = content(tmp_path)
    boxes = {name: [("crack", box) for _, box in found] for name, found in given.boxes.items()}
    found = judge_contents(Content(given.images, given.sizes, boxes))
    assert {(one.file, one.kind) for one in found.suspects} == {("p004.png", "false"), ("p007.png", "false")}


def test_copies_do_not_make_a_class_large_enough(tmp_path):
    given = content(tmp_path)
    cracks = [name for name, found in given.boxes.items() if found[0][0] == "crack"]
    assert len(cracks) > FEWEST
    boxes = {name: given.boxes[name] for name in cracks}
    # they count as one less than needed
    found = judge_contents(Content(given.images, given.sizes, boxes, groups=[cracks[: -FEWEST + 2]]))
    assert found.judged == 0 and not found.suspects
    assert f"in {FEWEST - 1} different pictures; {FEWEST} are needed" in found.not_judged["crack"]


def test_without_empty_places_nothing_is_judged(tmp_path, monkeypatch):
    given = content(tmp_path)
    everywhere = [(0, 0, 64, 64), (0, 0, 40, 40), (24, 0, 64, 40), (0, 24, 40, 64), (24, 24, 64, 64), (12, 12, 52, 52)]
    grid = [(x, y) for x in range(0, 60, 4) for y in range(0, 60, 4)]
    for wide, high in ((10, 10), (18, 18), (28, 28), (24, 8), (8, 24)):
        everywhere += [(x, y, x + wide, y + high) for x, y in grid]
    monkeypatch.setattr("pipeseg.data.audit.windows.EMPTY", 1)
    few = Content(given.images, given.sizes, given.boxes, taken=dict.fromkeys(given.images, everywhere))
    found = judge_contents(few)
    assert found.suspects == () and found.judged == 0
    assert all("without a box" in reason for reason in found.not_judged.values()) and len(found.not_judged) == 2


@pytest.mark.slow
def test_a_copy_with_another_class_needs_less_to_be_believed(tmp_path, short, monkeypatch):
    given = content(tmp_path)
    monkeypatch.setattr("pipeseg.data.audit.contents.SURE", 2.0)
    place = ("p001.png", "crack", BOX)
    (found,) = judge_contents(
        Content(given.images, given.sizes, given.boxes, rivals={place: {"leak"}, ("p003.png", "leak", BOX): {"crack"}})
    ).suspects
    assert (found.file, found.defect_class, found.box) == place
    assert found.reason.startswith("wrong_class: looks like leak, not crack (as its copy says, ")


@pytest.mark.slow
def test_boxes_beyond_the_limit_are_judged_by_networks_that_saw_none_of_them(tmp_path, short, monkeypatch):
    monkeypatch.setattr("pipeseg.data.audit.contents.MOST_LEARNED", 50)
    given = content(tmp_path)
    found = judge_contents(given)
    assert found.judged == sum(map(len, given.boxes.values()))
    assert {one.file for one in found.suspects} == {"p001.png", "p004.png", "p007.png"}


def test_no_network_judges_what_it_has_learned(short):
    """Labels that nothing explains: whoever had seen a window would know its label, out of fold nobody does."""
    from pipeseg.data.audit.network import out_of_fold

    random = np.random.default_rng(0)
    labels = random.integers(3, size=240)
    numbers = random.normal(size=(240, 2, NUMBERS)).astype(np.float16)
    parts = np.stack([np.arange(240) % FOLDS, np.arange(240) // FOLDS % FOLDS], 1)
    examples = Examples(numbers, np.zeros((240, 2, PLACES), np.float32), labels, parts)
    said = out_of_fold(examples, np.arange(240), 2, 0, lambda done, total: None)
    assert said.shape == (240, 3) and said.sum(1) == pytest.approx(np.ones(240), abs=1e-5)
    assert (said.argmax(1) == labels).mean() < 0.5


def test_a_class_that_is_told_with_little_confidence_is_doubted_less():
    # easy ones are told with 90 %, hard ones with 30 %: 0.5 against 0.3 is no sign of a mistake then
    said = np.array([[0.9, 0.1], [0.9, 0.1], [0.5, 0.5], [0.8, 0.2], [0.8, 0.2]])
    labels = np.array([0, 0, 1, 1, 1])
    even = evened_out(said, labels)
    assert even.sum(1) == pytest.approx(np.ones(5))
    assert even[2] == pytest.approx(np.array([0.5 / 0.9, 0.5 / 0.3]) / (0.5 / 0.9 + 0.5 / 0.3))
    # but never by more than that: a class that is never recognised is not read into everything
    hopeless = evened_out(np.array([[0.99, 0.01], [0.99, 0.01]]), np.array([0, 1]))
    assert hopeless[1, 0] > 0.9


def test_too_few_boxes_are_said_not_to_be_judged_and_cost_nothing(tmp_path):
    _, shown = write_pictures(tmp_path / "set" / "images", 12)
    rows = [f"{name},{kind},8,20,28,44" for name, kind in shown.items()]
    (tmp_path / "set" / "boxes.csv").write_text("\n".join(["filename,defect_class,x_min,y_min,x_max,y_max", *rows, ""]))
    found = audit(read_source(tmp_path / "set"))
    values = json.loads(json.dumps(found.as_json()))
    assert found.suspects == () and values["boxes_judged"] == 0
    assert set(values["classes_not_judged"]) == {"crack", "leak"}
    assert "6 different pictures" in values["classes_not_judged"]["crack"]
    assert any("nothing was learned" in row[0] for row in finding_rows(found))
    assert "25 are needed" in markdown(found, None)
    assert audit(read_source(tmp_path / "set"), learn=False).not_judged == {}
    # torch is not even imported
    program = "import sys; from pathlib import Path; from pipeseg.data.formats import read_source\n"
    program += "from pipeseg.data.audit.audit import audit\n"
    program += f"audit(read_source(Path({str(tmp_path / 'set')!r}))); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)


@pytest.mark.slow
def test_injected_mistakes_of_generated_pictures_are_found(tmp_path):
    options = Options(70, 20, 20, 128, 160, ("deposition", "rupture", "disconnection"), seed=5, errors=2.0)
    generate(tmp_path / "sample", options)
    told = json.loads((tmp_path / "sample" / "truth.json").read_text())["boxes"]
    wrong = {(one["filename"], one["defect_class"], *one["box"]) for one in told if one["kind"] != "missed"}
    found = audit(read_source(tmp_path / "sample"), workers=1)
    suspects = {(one.file, one.defect_class, *one.box) for one in found.suspects}
    right = suspects & wrong
    assert len(wrong) > 50 and len(right) >= 0.9 * len(suspects) and len(right) >= 0.8 * len(wrong)
    # most of these lie in pictures that nobody drew in
    assert found.judged > 100 and {one.kind for one in found.suspects if one.score} == {"false", "wrong_class"}
