"""The proof of a split: it holds for what was just made, and every way to spoil it is named."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from pipeseg.data.build import building
from pipeseg.data.families import find_sets, must_be_apart
from pipeseg.data.fingerprint import fingerprint_folder
from pipeseg.data.hand import HandLabels
from pipeseg.data.pictures import read_mask
from pipeseg.data.splits import SplitRatios, split_labels
from pipeseg.data.verify import overlaps_of, verify
from pipeseg.data.via import COLUMNS
from pipeseg.errors import BadInput

PREFIX = "pipes_deposition"
BASELINE, VAL, EVAL = (f"{PREFIX}_{suffix}" for suffix in ("BASELINE", "BASELINE_VAL", "EVAL"))


def textured(seed: int) -> np.ndarray:
    """Return a picture like no other: uint8 (96, 96, 3), blots of all sizes."""
    random = np.random.default_rng(seed)
    layers = [random.integers(0, 64, (size, size, 3), dtype=np.uint8) for size in (6, 12, 24, 96)]
    return sum(np.kron(layer, np.ones((96 // len(layer), 96 // len(layer), 1), np.uint8)) for layer in layers)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A source of 24 pictures in 12 groups, its sets with 2 folds, and a hybrid set."""
    datasets = tmp_path_factory.mktemp("datasets")
    source = datasets / "pipes"
    (source / "images").mkdir(parents=True)
    shape = json.dumps({"name": "rect", "x": 8, "y": 8, "width": 30, "height": 30})
    with (source / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for index in range(20):
            found = (shape, '{"defect_class": "deposition"}') if index < 16 else ("{}", "{}")
            writer.writerow([f"{index:02}.png", 1, "{}", 1, 0, *found])
    for index in range(24):
        Image.fromarray(textured(index)).save(source / "images" / f"{index:02}.png")
    groups = {f"{index:02}.png": f"g{index // 2:02}" for index in range(24)}
    (source / "dataset.json").write_text(json.dumps({"name": "pipes", "groups": groups}))
    sets = split_labels(HandLabels.open(source), "deposition", ratios=SplitRatios(), seed=0, folds=2)
    with building(datasets / f"{PREFIX}_H1") as hybrid:
        for name in ("20.png", "21.png", "22.png", "23.png"):
            hybrid.add(source / "images" / name, np.full((96, 96), 76, np.uint8))
        for name in sets[0].splits["train"]:
            hybrid.add(source / "images" / name, datasets / BASELINE / "masks" / name)
        members = ["20.png", "21.png", "22.png", "23.png", *sets[0].splits["train"]]
        facts = {"source": "pipes", "defect_class": "deposition", "set": "train"}
        hybrid.describe(**facts, groups={name: groups[name] for name in members})
    return datasets


@pytest.fixture
def datasets(made, tmp_path):
    """A copy that may be spoiled."""
    return shutil.copytree(made, tmp_path / "datasets")


def prove(*paths, search=False):
    return verify(list(paths), duplicate_search=search, tick=lambda step: lambda done, total: None)


def found(report) -> dict[str, set[tuple[str, ...]]]:
    """Return the sets that are named, by check."""
    checks: dict[str, set[tuple[str, ...]]] = {}
    for violation in report.violations:
        checks.setdefault(violation.check, set()).add(violation.sets)
        assert "\n" not in violation.text and all(name in violation.text for name in violation.sets)
        assert all(file in violation.text for file in violation.files)
    return checks


def accept(folder):
    """Write the description as if the set had been made as it is: the content checks have to stand alone."""
    facts = json.loads((folder / "dataset.json").read_text())
    names = sorted(path.name for path in (folder / "images").iterdir())
    facts["groups"] = {name: facts["groups"].get(name, name) for name in names}
    if "splits" in facts:
        facts["splits"][facts["set"]] = names
    facts["fingerprint"] = fingerprint_folder(folder)
    (folder / "dataset.json").write_text(json.dumps(facts))


def put(folder, picture, name, mask=255):
    """Add a picture (RGB array) to a set under a name."""
    Image.fromarray(picture).save(folder / "images" / name, quality=90)
    Image.fromarray(np.full(picture.shape[:2], mask, np.uint8)).save(folder / "masks" / f"{name.split('.')[0]}.png")


def a_test_picture(datasets) -> tuple[str, np.ndarray]:
    path = min((datasets / EVAL / "images").iterdir())
    return path.name, np.asarray(Image.open(path))


def test_what_was_just_made_is_proven(made):
    report = prove(made / "pipes", search=True)
    assert report.is_proven and not report.violations and not report.notes
    assert list(report.sets) == [
        EVAL,
        *(f"{PREFIX}_BASELINE_F{k}_VAL" for k in (1, 2)),
        VAL,
        BASELINE,
        *(f"{PREFIX}_BASELINE_F{k}" for k in (1, 2)),
        f"{PREFIX}_H1",
    ]
    assert {report.state(name, check) for name in report.sets for check in ("copies", "pixels", "masks")} == {"ok"}
    # a set stands for its siblings, and naming things twice changes nothing
    assert prove(made / EVAL, made / "pipes").sets == report.sets


def test_who_must_be_apart(made):
    sets = {chosen.name.removeprefix(f"{PREFIX}_"): chosen for chosen in find_sets(made / "pipes")}
    apart = {frozenset((one, two)) for one in sets for two in sets if one < two and must_be_apart(sets[one], sets[two])}
    others = sets.keys() - {"EVAL"}
    assert apart == {frozenset(("EVAL", other)) for other in others} | {
        frozenset(("BASELINE", "BASELINE_VAL")),
        frozenset(("BASELINE_F1", "BASELINE_F1_VAL")),
        frozenset(("BASELINE_F2", "BASELINE_F2_VAL")),
        frozenset(("BASELINE_F1_VAL", "BASELINE_F2_VAL")),
    }


@pytest.mark.parametrize("target", [BASELINE, VAL, f"{PREFIX}_H1", f"{PREFIX}_BASELINE_F2"])
def test_a_picture_copied_across_sets(datasets, target):
    name, _ = a_test_picture(datasets)
    for part in ("images", "masks"):
        shutil.copy(datasets / EVAL / part / name, datasets / target / part / name)
    checks = found(prove(datasets / "pipes"))
    assert checks["fingerprint"] == checks["files"] == {(target,)}
    assert checks["groups"] == checks["pixels"] == {(EVAL, target)}
    # a description that agrees with it helps nothing
    accept(datasets / target)
    checks = found(prove(datasets / "pipes"))
    assert checks == {"groups": {(EVAL, target)}, "pixels": {(EVAL, target)}}


def test_a_picture_copied_under_a_new_name(datasets):
    _, pixels = a_test_picture(datasets)
    put(datasets / BASELINE, pixels, "new.png")
    accept(datasets / BASELINE)
    report = prove(datasets / "pipes")
    assert found(report) == {"pixels": {(EVAL, BASELINE)}}
    assert report.violations[0].files[1] == "new.png"


@pytest.mark.parametrize(
    "change",
    [
        lambda pixels: np.rot90(pixels),
        lambda pixels: pixels[:, ::-1],
        lambda pixels: np.clip(pixels * 1.05, 0, 255).astype(np.uint8),
        lambda pixels: pixels,
    ],
    ids=["turned", "mirrored", "brighter", "saved again"],
)
def test_a_changed_copy_under_a_new_name(datasets, change):
    _, pixels = a_test_picture(datasets)
    put(datasets / VAL, np.ascontiguousarray(change(pixels)), "new.jpg")
    accept(datasets / VAL)
    assert prove(datasets / "pipes").is_proven
    report = prove(datasets / "pipes", search=True)
    assert found(report) == {"copies": {(EVAL, VAL)}}
    assert report.state(EVAL, "copies") == report.state(VAL, "copies") == "VIOLATED (1)"
    assert report.state(BASELINE, "copies") == "ok"


def test_a_copy_is_found_although_a_sibling_has_its_name(datasets):
    """Two pictures of one name, in sets that may share pictures: neither may hide the other."""
    _, pixels = a_test_picture(datasets)
    put(datasets / BASELINE, textured(99), "new.jpg")
    put(datasets / f"{PREFIX}_H1", np.ascontiguousarray(np.rot90(pixels)), "new.jpg")
    for name in (BASELINE, f"{PREFIX}_H1"):
        accept(datasets / name)
    assert found(prove(datasets / "pipes", search=True)) == {"copies": {(EVAL, f"{PREFIX}_H1")}}


def test_one_byte_of_a_mask(datasets):
    mask = min((datasets / VAL / "masks").iterdir())
    content = bytearray(mask.read_bytes())
    content[-20] ^= 1
    mask.write_bytes(content)
    report = prove(datasets / VAL)
    assert (VAL,) in found(report)["fingerprint"]
    assert report.violations[0].files == (f"masks/{mask.name}",)
    # the same without the list of checksums, which only helps
    (datasets / VAL / "checksums.sha256").unlink()
    report = prove(datasets / VAL)
    assert (VAL,) in found(report)["fingerprint"] and report.violations[0].files == ()


def test_one_pixel_of_a_mask(datasets):
    mask = min((datasets / EVAL / "masks").iterdir())
    values = read_mask(mask).copy()
    values[0, 0] = 128
    Image.fromarray(values).save(mask)
    checks = found(prove(datasets / EVAL))
    assert checks == {"fingerprint": {(EVAL,)}, "masks": {(EVAL,)}}
    values[0, 0] = 255
    Image.fromarray(values).save(mask)
    assert found(prove(datasets / EVAL)) == {"fingerprint": {(EVAL,)}}


@pytest.mark.parametrize("part", ["images", "masks"])
def test_a_removed_file(datasets, part):
    file = min((datasets / BASELINE / part).iterdir())
    file.unlink()
    report = prove(datasets / "pipes")
    checks = found(report)
    assert checks["fingerprint"] == checks["files"] == {(BASELINE,)}
    assert any(file.name in violation.text for violation in report.violations if violation.check == "files")


def test_what_does_not_belong_there(datasets):
    (datasets / BASELINE / "images" / "notes.txt").write_text("")
    (datasets / VAL / "masks" / "odd.png").write_bytes(min((datasets / VAL / "masks").iterdir()).read_bytes())
    (datasets / EVAL / "images" / ".DS_Store").write_text("")
    checks = found(prove(datasets / "pipes"))
    assert checks["files"] == checks["fingerprint"] == {(BASELINE,), (VAL,)}


def test_a_mask_of_another_size_and_a_picture_that_cannot_be_read(datasets):
    mask = min((datasets / VAL / "masks").iterdir())
    Image.fromarray(np.zeros((96, 95), np.uint8)).save(mask)
    picture = max((datasets / EVAL / "images").iterdir())
    content = picture.read_bytes()
    picture.unlink()
    picture.write_bytes(content[:-3000])
    for name in (VAL, EVAL):
        accept(datasets / name)
    report = prove(datasets / "pipes")
    assert found(report) == {"masks": {(VAL,), (EVAL,)}}
    texts = " ".join(violation.text for violation in report.violations)
    assert f"masks/{mask.name} is 95x96, its picture 96x96" in texts and f"images/{picture.name}" in texts


def test_groups_that_the_source_learned_later(datasets):
    file = datasets / "pipes" / "dataset.json"
    facts = json.loads(file.read_text())
    splits = json.loads((datasets / EVAL / "dataset.json").read_text())["splits"]
    facts["groups"][splits["train"][0]] = facts["groups"][splits["test"][0]]
    file.write_text(json.dumps(facts))
    checks = found(prove(datasets / "pipes"))
    assert checks.keys() == {"groups"} and (EVAL, BASELINE) in checks["groups"]


def test_a_source_that_has_changed_is_told_not_blamed(datasets):
    with (datasets / "pipes" / "labels.csv").open("a") as file:
        file.write("23.png,1,{},0,0,{},{}\n")
    Image.fromarray(textured(50)).save(datasets / "pipes" / "images" / "50.png")
    report = prove(datasets / "pipes")
    assert report.is_proven
    assert [note.split(" changed")[0] for note in report.notes] == ["pipes: pictures or masks", "pipes: labels.csv"]
    shutil.rmtree(datasets / "pipes")
    report = prove(datasets / EVAL)
    assert report.is_proven and "the source is not there" in report.notes[0]


def test_sets_of_two_draws(datasets):
    """A new split of another seed beside an old hybrid set."""
    labels = HandLabels.open(datasets / "pipes")
    assert overlaps_of(datasets / EVAL) == []
    split_labels(labels, "deposition", ratios=SplitRatios(), seed=5)
    said = overlaps_of(datasets / EVAL)
    assert any(f"{PREFIX}_H1 shares" in sentence and f"with {EVAL}" in sentence for sentence in said)
    assert (EVAL, f"{PREFIX}_H1") in found(prove(datasets / EVAL))["groups"]


def test_sets_that_say_nothing_are_not_proven(datasets):
    """The layout of an older archive: known by its names, nothing recorded."""
    for path in datasets.glob(f"{PREFIX}_*"):
        (path / "dataset.json").unlink()
    report = prove(datasets / "pipes")
    assert len(report.sets) == 8 and set(found(report)) == {"fingerprint"}
    name, _ = a_test_picture(datasets)
    for part in ("images", "masks"):
        shutil.copy(datasets / EVAL / part / name, datasets / BASELINE / part / name)
    assert found(prove(datasets / EVAL))["groups"] == {(EVAL, BASELINE)}


def test_what_cannot_be_proven_at_all(datasets):
    with pytest.raises(BadInput, match="no such dataset; did you mean 'pipes'"):
        prove(datasets / "pipe")
    shutil.copytree(datasets / "pipes", datasets / "other")
    with pytest.raises(BadInput, match="no train, val or test set was derived from it"):
        prove(datasets / "other")
    (datasets / "other" / "dataset.json").write_text("{")
    assert prove(datasets / "pipes").is_proven  # another dataset's fault is not this one's
    (datasets / VAL / "dataset.json").write_text('{"groups": []}')
    with pytest.raises(BadInput, match=f"{VAL}/dataset.json: groups must be a mapping"):
        prove(datasets / "pipes")


def test_a_name_that_another_source_continues(datasets):
    """`pipes_deposition` as a source of its own: its sets are not those of `pipes`."""
    shutil.copytree(datasets / "pipes", datasets / "pipes_old")
    shutil.copytree(datasets / EVAL, datasets / "pipes_old_EVAL")
    (datasets / "pipes_old_EVAL" / "dataset.json").unlink()
    assert "pipes_old_EVAL" not in prove(datasets / "pipes").sets
    assert list(prove(datasets / "pipes_old").sets) == ["pipes_old_EVAL"]
