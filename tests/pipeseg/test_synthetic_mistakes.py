"""The mistakes that the generator puts into boxes, and the pictures that it copies: as many as said, and recorded."""

from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipeseg.errors import BadInput
from pipeseg.synthetic.copies import FLIPS, TURNS, Taken, conflicting, near_copy, turned_copy
from pipeseg.synthetic.generate import truth_of
from pipeseg.synthetic.mistakes import Box, Drawn, box_mask, draw_boxes, loosened, other_class, tight_box
from pipeseg.synthetic.options import ALL_CLASSES, Options
from pipeseg.synthetic.picture import draw_scene
from pipeseg.synthetic.plan import NEAR, TURNED, Copy, Job, plan

HEIGHT, WIDTH = 60, 80


def block(top=20, left=20, height=20, width=30):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top : top + height, left : left + width] = True
    return mask


def draw_many(instances, times, errors=1.0, classes=ALL_CLASSES):
    rng = np.random.default_rng(2)
    return [draw_boxes(instances, classes, HEIGHT, WIDTH, rng, errors) for _ in range(times)]


def taken(seed=0):
    """A picture with structure everywhere, two defects and their boxes."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    instances = [("obstacle", block()), ("deposition", block(45, 5, 15, 60))]
    return Taken(image, instances, tuple(Drawn(key, tight_box(mask)) for key, mask in instances))


def decode(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def test_loosened_boxes_stay_within_the_error_model():
    rng = np.random.default_rng(1)
    box = Box(100, 60, 180, 110)
    for _ in range(300):
        loose = loosened(box, 256, 320, rng)
        for side, outwards, size in (
            (loose.x_min, box.x_min - loose.x_min, 80),
            (loose.y_min, box.y_min - loose.y_min, 50),
            (loose.x_max, loose.x_max - box.x_max, 80),
            (loose.y_max, loose.y_max - box.y_max, 50),
        ):
            assert side >= 0 and -0.03 * size - 1 <= outwards <= 0.15 * size + 1


def test_mistakes_are_as_frequent_as_promised():
    kinds = Counter(item.kind for drawn in draw_many([("obstacle", block())], 4000) for item in drawn)
    for kind, share in (("false", 0.05), ("missed", 0.05), ("wrong_class", 0.03), ("absurd", 0.02), ("twice", 0.01)):
        assert abs(kinds[kind] / 4000 - share) < 4 * np.sqrt(share / 4000), (kind, kinds)
    assert kinds["merged"] == 0
    double = Counter(item.kind for drawn in draw_many([("obstacle", block())] * 2, 1000) for item in drawn)
    assert 0.15 < double["merged"] / 1000 < 0.25


@pytest.mark.parametrize(("errors", "most"), [(0.0, 0), (0.5, 110), (3.0, 560)])
def test_the_rate_scales_all_mistakes(errors, most):
    drawn = draw_many([("obstacle", block())], 1000, errors)
    wrong = sum(item.kind != "true" for items in drawn for item in items)
    assert wrong <= most and (wrong > 0.6 * most) == (most > 0)
    if not errors:
        assert all(len(items) == 1 for items in drawn)


def test_a_wrong_class_is_the_look_alike_where_the_dataset_has_it():
    rng = np.random.default_rng(0)
    pairs = [("rupture", "deformation"), ("disconnection", "misalignment"), ("obstacle", "deposition")]
    for first, second in pairs:
        assert other_class(first, ALL_CLASSES, rng) == second and other_class(second, ALL_CLASSES, rng) == first
    assert other_class("rupture", ("rupture", "obstacle"), rng) == "obstacle"
    assert other_class("rupture", ("rupture",), rng) is None
    for items in draw_many([("rupture", block())], 500):
        for item in items:
            assert item.kind != "wrong_class" or (item.defect_class, item.true_class) == ("deformation", "rupture")


def test_absurd_boxes_are_whole_empty_or_outside_and_their_masks_are_cut_off():
    found = Counter()
    for items in draw_many([("obstacle", block())], 6000):
        assert box_mask(items, HEIGHT, WIDTH).shape == (HEIGHT, WIDTH)
        for item in items:
            if item.kind != "absurd":
                assert item.box == item.box.clipped(HEIGHT, WIDTH)
                continue
            b = item.box
            if b == Box(0, 0, WIDTH, HEIGHT):
                found["whole"] += 1
            elif b.x_min == b.x_max or b.y_min == b.y_max:
                found["empty"] += 1
                assert not box_mask([item], HEIGHT, WIDTH).any()
            else:
                inside = b.clipped(HEIGHT, WIDTH)
                assert inside != b
                gone = inside.x_min >= inside.x_max
                found["outside" if gone else "beyond the rim"] += 1
                assert box_mask([item], HEIGHT, WIDTH).any() != gone
    assert len(found) == 4 and min(found.values()) > 10, found


def test_a_false_box_lies_where_nothing_is():
    for items in draw_many([("obstacle", block())], 1500):
        for item in items:
            if item.kind == "false":
                b = item.box
                assert block()[b.y_min : b.y_max, b.x_min : b.x_max].mean() < 0.1


@pytest.mark.parametrize("transform", [*FLIPS, *TURNS])
def test_turned_copies_carry_their_boxes_and_masks(transform):
    original, rng = taken(), np.random.default_rng(0)
    kind = "flipped" if transform in FLIPS else "rotated"
    names = {}
    while transform not in names:
        copy, name = turned_copy(original, kind, rng)
        names[name] = copy
    copy = names[transform]
    turns = {"flipped": 0, "rotated_90": 1, "rotated_180": 2, "rotated_270": 3, "flipped_rotated_180": 2}[transform]
    mirrored = original.image[:, ::-1] if kind == "flipped" else original.image
    assert np.array_equal(copy.image, np.rot90(mirrored, turns))
    for (key, mask), item in zip(copy.instances, copy.drawn, strict=True):
        assert mask.shape == copy.image.shape[:2]
        assert item == Drawn(key, tight_box(mask))


@pytest.mark.parametrize("kind", ["recompressed", "cropped", "gain"])
def test_near_copies_look_the_same_and_are_not(kind):
    for seed in range(5):
        original = taken(seed)
        copy = near_copy(original, kind, np.random.default_rng(seed))
        assert copy.image.shape == original.image.shape and not np.array_equal(copy.image, original.image)
        assert np.corrcoef(copy.image.ravel(), original.image.ravel())[0, 1] > 0.9
        for (key, mask), item in zip(copy.instances, copy.drawn, strict=True):
            tight = tight_box(mask)
            assert item.defect_class == key
            assert max(abs(a - b) for a, b in zip(tight.as_list(), item.box.as_list(), strict=True)) <= 2


def test_copies_sometimes_contradict_their_originals_and_say_so():
    original, rng = taken(), np.random.default_rng(0)
    changed = 0
    for _ in range(400):
        drawn = conflicting(original.drawn, ALL_CLASSES, rng)
        wrong = [item for item in drawn if item.kind == "wrong_class"]
        assert [item.box for item in drawn] == [item.box for item in original.drawn] and len(wrong) <= 1
        assert all(item.true_class != item.defect_class for item in wrong)
        changed += bool(wrong)
    assert 0.12 < changed / 400 < 0.28
    assert conflicting((), ALL_CLASSES, rng) == ()


def test_every_kind_of_copy_of_a_drawn_scene():
    kinds = ("exact", *NEAR, *TURNED)
    planned = tuple(Copy(f"sample_{number:04d}", 0, kind) for number, kind in enumerate(kinds, start=9))
    job = Job(5, "deposition", 1, 1, 1, planned)
    options = Options(height=96, width=128, classes=ALL_CLASSES, errors=0.0)
    original, *copies = draw_scene(job, options)
    first = original.files["images/sample_0001.jpg"]
    assert original.duplicate is None and {p.group for p in copies} == {original.group}
    for copy, kind in zip(copies, kinds, strict=True):
        stem, data = copy.filename[:-4], copy.files[f"images/{copy.filename}"]
        assert (data == first) == (kind == "exact"), kind
        assert (copy.duplicate.of, copy.duplicate.kind) == (original.filename, kind)
        assert (copy.duplicate.transform == "same") == (kind not in TURNED)
        image, truth = decode(data), decode(copy.files[f"truth/deposition/{stem}.png"]) > 0
        assert image.shape[:2] == truth.shape == decode(copy.files[f"masks/{stem}.png"]).shape
        boxes = [item.box for item in copy.drawn if "deposition" in (item.defect_class, item.true_class)]
        covered = np.zeros_like(truth)
        for b in boxes:
            covered[b.y_min : b.y_max, b.x_min : b.x_max] = True
        assert (truth & covered).sum() > 0.85 * truth.sum(), kind
        if kind in ("gain", "recompressed", "cropped", "frame"):
            correlation = np.corrcoef(decode(first).ravel(), image.ravel())[0, 1]
            assert correlation > 0.8, (kind, correlation)
    truth = truth_of([original, *copies])
    assert [entry["kind"] for entry in truth["duplicates"]] == list(kinds)
    conflicts = {entry["file"] for entry in truth["duplicates"] if entry["conflict"]}
    assert conflicts == {entry["filename"] for entry in truth["boxes"]}


def test_the_plan_counts_primaries_hand_labels_videos_and_copies():
    options = Options(images_per_class=60, hand_per_class=25, clean=20)
    jobs = plan(options)
    for key, images, hand in [*((k, 60, 25) for k in options.classes), (None, 20, 5)]:
        mine = [job for job in jobs if job.primary == key]
        assert (sum(j.frames for j in mine), sum(j.hand_frames for j in mine)) == (images, hand)
    copies = [copy for job in jobs for copy in job.copies]
    stems = [stem for job in jobs for stem in job.stems] + [copy.stem for copy in copies]
    assert sorted(stems) == [f"sample_{i:04d}" for i in range(1, 209)]
    assert all(copy.frame < job.frames for job in jobs for copy in job.copies)
    assert {job.frames for job in jobs} == {1, 2, 3}
    kinds = Counter("near" if copy.kind in NEAR else copy.kind for copy in copies)
    assert kinds == {"exact": 2, "near": 4, "flipped": 1, "rotated": 1}
    assert plan(options) == jobs and plan(replace(options, seed=1)) != jobs


def test_copies_can_be_turned_off_and_their_names_do_not_give_them_away():
    assert not any(job.copies for job in plan(Options(duplicates=0.0)))
    jobs = plan(Options(images_per_class=200, duplicates=2.0))
    total = sum(job.frames + len(job.copies) for job in jobs)
    places = [int(copy.stem[-4:]) / total for job in jobs for copy in job.copies]
    assert len(places) > 40 and 0.4 < np.mean(places) < 0.6 and min(places) < 0.15 and max(places) > 0.85


@pytest.mark.parametrize("given", [{"errors": -0.1}, {"duplicates": 11.0}, {"mix": "evn"}, {"errors": float("nan")}])
def test_rates_out_of_range_are_named(given):
    (name,) = given
    with pytest.raises(BadInput, match=f"--{name}"):
        Options(**given)
