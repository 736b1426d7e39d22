"""The next masks to draw: uncertainty as it is defined, no two alike, nothing that is drawn or copied already."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeseg.data.boxes import fill_boxes
from pipeseg.data.regions import rasterise
from pipeseg.data.via import COLUMNS, region_rows
from pipeseg.errors import BadInput
from pipeseg.models import build_unet_attention
from pipeseg.next_masks import selection
from pipeseg.next_masks.folder import check_folder
from pipeseg.next_masks.networks import choose_networks, pooled
from pipeseg.next_masks.project import write_project
from pipeseg.next_masks.ranking import outlines_of, rank_pictures
from pipeseg.next_masks.selection import choose, distances
from pipeseg.next_masks.uncertainty import agreement, expected_iou, mass_outside
from pipeseg.training.checkpoint import Checkpoint, save_checkpoint
from pipeseg.training.device import Hardware

BOX = (10, 5, 50, 40)
HAND, FREE = range(6), range(6, 20)


def square(value: float, inside: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (probability, boxes) of an 8x8 picture whose left half is the box."""
    box = torch.zeros(8, 8, dtype=torch.bool)
    box[:, :4] = True
    return torch.where(box if inside else ~box, value, 0.0), box


def test_expected_iou_is_the_mean_iou_over_drawn_truths():
    # the definition, by Monte Carlo: truths drawn pixel by pixel from the probabilities
    generator = torch.Generator().manual_seed(0)
    box = torch.zeros(24, 24, dtype=torch.bool)
    box[:, :12] = True
    probability = torch.where(box, torch.rand(24, 24, generator=generator), 0.0)
    predicted = probability >= 0.5
    drawn = torch.rand(4000, 24, 24, generator=generator) < probability
    inter, union = (drawn & predicted).sum((1, 2)), (drawn | predicted).sum((1, 2))
    assert expected_iou(probability, box, 0.5) == pytest.approx(float((inter / union).mean()), abs=0.002)


def test_expected_iou_at_its_ends():
    sure, box = square(1.0)
    assert expected_iou(sure, box, 0.5) == 1
    assert expected_iou(square(0.6)[0], box, 0.5) == pytest.approx(0.6)
    # nothing is predicted where a box says there is something
    assert expected_iou(square(0.3)[0], box, 0.5) == 0 and expected_iou(torch.zeros(8, 8), box, 0.5) == 0
    # as much is predicted outside of the box: a miss of the box, or a false alarm
    both = sure + square(1.0, inside=False)[0]
    assert expected_iou(both, box, 0.5) == 0.5 and mass_outside(both, box, 0.5) == 0.5
    assert mass_outside(sure, box, 0.5) == mass_outside(torch.zeros(8, 8), box, 0.5) == 0


def test_agreement_is_the_mean_pairwise_soft_iou():
    generator = torch.Generator().manual_seed(1)
    voices, box = torch.rand(3, 8, 8, generator=generator), square(1.0)[1]
    low = [torch.minimum(voices[a], voices[b])[box].sum() for a, b in ((0, 1), (0, 2), (1, 2))]
    high = [torch.maximum(voices[a], voices[b])[box].sum() for a, b in ((0, 1), (0, 2), (1, 2))]
    assert agreement(voices, box) == pytest.approx(float(np.mean([a / b for a, b in zip(low, high, strict=True)])))
    assert agreement(voices[:1], box) == agreement(voices[[0, 0]], box) == 1
    assert agreement(torch.stack([voices[0] * box, voices[0] * ~box]), ~box) == 0


def unit(angles: list[float]) -> np.ndarray:
    return np.stack([np.cos(np.radians(angles)), np.sin(np.radians(angles))], 1)


def test_many_alike_come_before_a_hard_one_that_is_like_no_other(monkeypatch):
    monkeypatch.setattr(selection, "NEIGHBOURS", 1)
    features, uncertainty = unit([0, 1, 2, 80]), np.array([0.5, 0.5, 0.5, 1.0])
    first, second, *_ = choose(uncertainty, features, list("abcd"), features[:0], 2)
    assert (first.index, first.distance) == (2, np.sqrt(2))
    *near, far = np.cos(np.radians([1, 2, 78]))
    assert first.score == pytest.approx(0.5 * (1 + sum(near)) + far)
    assert second.index == 3 and second.distance == pytest.approx(2 * np.sin(np.radians(39)))
    assert second.score == pytest.approx(1 - far)


def test_of_equally_many_those_in_uncertain_company_come_first(monkeypatch):
    monkeypatch.setattr(selection, "NEIGHBOURS", 2)
    features = unit([0, 2, 88, 90])
    # the first is the most uncertain, but the one beside it is not
    picks = choose(np.array([0.9, 0.0, 0.6, 0.6]), features, list("abcd"), features[:0], 2)
    assert picks[0].index in (2, 3) and picks[1].index in (0, 1)
    assert picks[0].score == pytest.approx(
        0.6 * (1 + np.cos(np.radians(2))) + 0.45 * np.cos(np.radians([86, 88])).sum()
    )
    assert choose(np.zeros(0), features[:0], [], features, 3) == []


def test_no_two_copies_and_nothing_beside_a_drawn_picture():
    features, uncertainty = unit([0, 30, 60, 90]), np.ones(4)
    picks = choose(uncertainty, features, ["a", "b", "b", "c"], unit([90]), 4)
    # the last one looks just as a drawn one
    assert [pick.index for pick in picks] == [1, 0, 3]
    assert picks[-1].distance == pytest.approx(0, abs=1e-6) and picks[-1].score == pytest.approx(0, abs=1e-6)
    many = unit(list(np.linspace(0, 90, 2000)))
    expected = [min(np.linalg.norm(row - many, axis=1)) for row in features]
    assert distances(features, many) == pytest.approx(expected, abs=1e-6)


def test_bounds_of_before_lead_to_the_same_choice_as_looking_at_all(monkeypatch):
    monkeypatch.setattr(selection, "NEIGHBOURS", 1)
    random = np.random.default_rng(0)
    features, drawn = (rows / np.linalg.norm(rows, axis=1)[:, None] for rows in np.split(random.random((70, 5)), [60]))
    uncertainty = random.random(60)
    covered, expected = (features @ drawn.T).max(1), []
    for _ in range(20):
        gains = uncertainty @ np.maximum(0, features @ features.T - covered[:, None])
        expected.append((int(gains.argmax()), gains.max()))
        covered = np.maximum(covered, features @ features[expected[-1][0]])
    picks = choose(uncertainty, features, [str(place) for place in range(60)], drawn, 20)
    assert [pick.index for pick in picks] == [index for index, _ in expected]
    assert [pick.score for pick in picks] == pytest.approx([gain for _, gain in expected])


def test_features_are_pooled_within_the_boxes():
    features = torch.zeros(2, 4, 4)
    features[0, :, :2], features[1, :, 2:] = 3, 5
    left = np.zeros((64, 64), bool)
    left[:, :32] = True
    assert pooled(features, left).tolist() == [1, 0] and pooled(features, ~left).tolist() == [0, 1]
    assert pooled(features, np.zeros((64, 64), bool)) == pytest.approx(np.array([3, 5]) / np.sqrt(34))


def test_outlines_have_few_corners_and_stay_close():
    yy, xx = np.mgrid[:80, :80]
    mask = (yy - 40) ** 2 + (xx - 30) ** 2 < 400
    mask[40, 30] = False  # a hole, and a speck: neither is worth correcting
    mask[2, 2] = True
    [region] = outlines_of(mask, "crack")
    again = rasterise([region], 80, 80) > 0
    assert len(region.points) < 30 and region.defect_class == "crack"
    assert (again & mask).sum() / (again | mask).sum() > 0.93


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Two networks that say something different everywhere, trained at sizes that no picture has."""
    folder = tmp_path_factory.mktemp("asked")
    args = {"encoder_name": "tu-mobilenetv3_small_050", "decoder_channels": [16, 16, 8, 8, 8]}
    for seed, size in ((5, (96, 64)), (6, (64, 96))):
        torch.manual_seed(seed)
        model = build_unet_attention(**args, encoder_weights=None)
        with torch.no_grad():
            model.segmentation_head[0].weight.mul_(20)
        header = Checkpoint({"name": "UNetAttention", "args": args}, size, 0.5, 1, 1, 0.5, "iou", "deposition", "t")
        save_checkpoint(folder / f"{seed}.safetensors", model, header)
    return sorted(folder.iterdir())


@pytest.fixture
def source(own_tiny):
    """Twenty pictures of two sizes: 6 hand-labelled; p006 copies one of them, p007 one of the test set, p008 p009."""
    folder = own_tiny.add_dataset("tiny", range(20), ((64, 64), (56, 80)))
    groups = {f"p{index:03}.png": f"g{index:03}" for index in range(20)}
    groups |= {"p006.png": "g001", "p007.png": "g040", "p008.png": "g009"}
    (folder / "dataset.json").write_text(json.dumps({"groups": groups, "classes": {"deposition": "Отложения"}}))
    rows = [f"p{index:03}.png,deposition,{','.join(map(str, BOX))}" for index in range(19)]
    rows += ["p019.png,obstacle,1,1,9,9"]
    (folder / "boxes.csv").write_text("\n".join(["filename,defect_class,x_min,y_min,x_max,y_max", *rows]) + "\n")
    region = outlines_of(fill_boxes([BOX], 56, 64), "deposition")
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for index in HAND:
            table.writerows(region_rows(f"p{index:03}.png", region))
    facts = {"source": "tiny", "defect_class": "deposition", "set": "test", "splits": {"test": []}}
    # of another copy of the archive: its names say nothing, its groups do
    own_tiny.add_dataset("tiny_deposition_EVAL", range(40, 42), **facts)
    return folder


def asked(checkpoints, wanted=("deposition",)):
    return choose_networks(checkpoints, Hardware.choose("cpu", "float32"), wanted)


@pytest.mark.slow
def test_what_is_ranked(source, checkpoints):
    networks, classes = asked(checkpoints)
    told = []
    ranking = rank_pictures(source, classes, networks, 99, batch_size=4, tick=lambda *now: told.append(now))
    names = [ranked.candidate.sample.name for ranked in ranking.chosen]
    free = {f"p{index:03}.png" for index in FREE} - {"p006.png", "p007.png", "p019.png"}
    assert set(names) <= free and set(names) | {"p008.png", "p009.png"} == free
    assert len({"p008.png", "p009.png"} & set(names)) == 1 and len(names) == len(set(names)) == 10
    assert (ranking.candidates, ranking.drawn) == (11, 6) and told[-1] == (17, 17) and told == sorted(told)
    scores = [ranked.pick.score for ranked in ranking.chosen]
    assert scores == sorted(scores, reverse=True) and scores[0] > 0
    for ranked in ranking.chosen:
        candidate = ranked.candidate
        assert candidate.uncertainty == pytest.approx(1 - candidate.expected_iou)
        assert 0 <= candidate.outside <= 1 and 0 < ranked.pick.distance <= ranked.hand_distance + 1e-6
        for region in candidate.outlines:
            assert (region.points >= BOX[:2]).all() and (region.points < BOX[2:]).all()
    # the same again, and in other batches
    again = rank_pictures(source, classes, networks, 3, batch_size=16)
    assert [ranked.candidate.sample.name for ranked in again.chosen] == names[:3]


@pytest.mark.slow
def test_an_unsure_network_is_told_from_one_that_repeats_itself(source, checkpoints):
    alone, classes = asked(checkpoints[:1])
    both, _ = asked(checkpoints)
    one, two = (rank_pictures(source, classes, networks, 99).chosen for networks in (alone, both))
    mean = [np.mean([ranked.candidate.agreement for ranked in chosen]) for chosen in (one, two)]
    assert mean[1] < mean[0] < 1


def test_networks_that_see_nothing_are_told(source, checkpoints):
    networks, classes = asked(checkpoints[:1])
    networks[0].header = replace(networks[0].header, threshold=1.1)
    ranking = rank_pictures(source, classes, networks, 2)
    assert ranking.blind == ranking.candidates == 11
    assert [ranked.candidate.uncertainty for ranked in ranking.chosen] == [1, 1]


def test_the_folder_to_draw_in(source, checkpoints, tmp_path):
    networks, classes = asked(checkpoints)
    ranking = rank_pictures(source, classes, networks, 4)
    out = tmp_path / "to draw"
    check_folder(out, force=False)
    write_project(out, "tiny", {"deposition": "Отложения"}, ranking.chosen)
    names = [ranked.candidate.sample.name for ranked in ranking.chosen]
    assert sorted(path.name for path in out.iterdir()) == [
        *("images", "next_masks.csv", "next_masks.png", "via_project.json"),
    ]
    assert sorted(path.name for path in (out / "images").iterdir()) == sorted(names)
    project = json.loads((out / "via_project.json").read_text(encoding="utf-8"))
    assert project["_via_settings"]["core"]["default_filepath"] == "images/"
    assert [project["_via_img_metadata"][key]["filename"] for key in project["_via_image_id_list"]] == names
    assert project["_via_attributes"]["region"]["defect_class"]["options"] == {"deposition": "Отложения"}
    for ranked, entry in zip(ranking.chosen, project["_via_img_metadata"].values(), strict=True):
        assert entry["size"] == (out / "images" / entry["filename"]).stat().st_size
        assert entry["file_attributes"] == {"drawn": "no"}
        shapes = [region["shape_attributes"]["name"] for region in entry["regions"]]
        assert shapes == ["rect"] + ["polygon"] * len(ranked.candidate.outlines)
    with (out / "next_masks.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["rank"], row["file"]) for row in rows] == [(str(n), name) for n, name in enumerate(names, 1)]
    with pytest.raises(BadInput, match="maybe work; --force"):
        check_folder(out, force=False)
    check_folder(out, force=True)
    with pytest.raises(BadInput, match=r"holds no next_masks\.csv"):
        check_folder(tmp_path, force=True)


def test_networks_and_classes_that_do_not_meet(checkpoints):
    with pytest.raises(BadInput, match="'depositon'; did you mean 'deposition'"):
        asked(checkpoints, ("depositon",))
    assert asked(checkpoints, ())[1] == ["deposition"]


def test_nothing_left_to_draw(source, checkpoints):
    networks, _ = asked(checkpoints)
    with pytest.raises(BadInput, match="no picture with a box of 'rupture' is left"):
        rank_pictures(source, ["rupture"], networks, 4)
