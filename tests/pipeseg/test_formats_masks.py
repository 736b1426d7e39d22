"""Pictures with masks: black and white, by number, by palette, by colour; soft, smeared and mismatched ones."""

import numpy as np
import pytest
from foreign import HEIGHT, WIDTH, boxes_of, photo, read, reasons_of
from PIL import Image

from pipeseg.data.formats import read_source
from pipeseg.data.regions import rasterise
from pipeseg.errors import BadInput

IDS = np.zeros((HEIGHT, WIDTH), np.uint8)
IDS[5:15, 5:20], IDS[20:35, 30:50], IDS[24:30, 36:44] = 1, 3, 0


def mask(path, levels: np.ndarray, palette: bool = False, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.frombytes("P", levels.shape[::-1], levels.tobytes()) if palette else Image.fromarray(levels)
    if palette:
        picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0] + [200] * 756)
    picture.save(path, **options)


@pytest.fixture
def folder(tmp_path):
    photo(tmp_path / "images" / "a.jpg")
    return tmp_path


def of_class(one, name: str) -> np.ndarray:
    return rasterise([region for region in one.regions if region.defect_class == name], HEIGHT, WIDTH) > 0


@pytest.mark.parametrize("name", ["masks/a.png", "mask/a_mask.png", "ground_truth/a.PNG", "labels/a.png", "gt/x/a.tif"])
@pytest.mark.parametrize("white", [255, 1])
def test_black_and_white(folder, name, white):
    mask(folder / name, np.where(IDS, white, 0).astype(np.uint8))
    source = read(folder)
    (one,) = source.annotations
    assert source.format == "masks" and one.hand_labelled and source.all_problems == []
    assert np.array_equal(of_class(one, "defect"), IDS > 0)
    assert boxes_of(source) == {"a.jpg": [("defect", (30, 20, 50, 35)), ("defect", (5, 5, 20, 15))]} or boxes_of(
        source
    ) == {"a.jpg": [("defect", (5, 5, 20, 15)), ("defect", (30, 20, 50, 35))]}
    assert read(folder, classes=["crack"]).classes == ("crack",)


@pytest.mark.parametrize("palette", [False, True])
def test_classes_by_number(folder, palette):
    mask(folder / "masks" / "a.png", IDS, palette)
    (one,) = read(folder).annotations
    assert np.array_equal(of_class(one, "class_1"), IDS == 1) and np.array_equal(of_class(one, "class_3"), IDS == 3)
    # names in the order of the numbers, or of the levels that occur
    assert read(folder, classes=["x", "y", "z"]).classes == ("x", "z")
    assert read(folder, classes=["x", "z"]).classes == ("x", "z")
    with pytest.raises(BadInput, match=r"hold 2 levels \(1, 3\), --classes names 1"):
        read_source(folder, classes=["x"])


def test_the_void_of_class_masks_is_not_drawn(folder):
    levels = IDS.copy()
    levels[0] = 255
    mask(folder / "masks" / "a.png", levels, palette=True)
    source = read(folder)
    assert source.classes == ("class_1", "class_3") and "level 255 in 1 masks" in reasons_of(source)
    assert not rasterise(source.annotations[0].regions, HEIGHT, WIDTH)[0].any()


def test_classes_by_colour(folder):
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 0], [0, 0, 255]], np.uint8)
    mask(folder / "masks" / "a.png", colours[IDS])
    (one,) = read(folder, classes=["blue", "red"]).annotations
    assert np.array_equal(of_class(one, "red"), IDS == 1) and np.array_equal(of_class(one, "blue"), IDS == 3)
    assert read(folder).classes == ("class_0000ff", "class_ff0000")


def test_soft_and_smeared_masks_are_cut_and_named(folder):
    soft = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    mask(folder / "masks" / "a.png", soft)
    source = read(folder)
    assert np.array_equal(of_class(source.annotations[0], "defect"), soft >= 128) and "cut at 128" in reasons_of(source)
    photo(folder / "images" / "b.jpg")
    mask(folder / "masks" / "b.jpg", np.where(IDS, 255, 0).astype(np.uint8), quality=60)
    source = read(folder)
    smeared = of_class(source.annotations[1], "defect")
    assert (smeared != (IDS > 0)).mean() < 0.01 and "b.jpg: b.jpg: a JPEG" in reasons_of(source)


def test_coarse_masks(folder):
    mask(folder / "masks" / "a.png", np.where(IDS, 255, 0).astype(np.uint8))
    (one,) = read(folder, masks_are="box").annotations
    assert not one.hand_labelled and not one.regions and len(one.boxes) == 2
    assert one.mask == folder / "masks" / "a.png"
    assert len(read(folder, min_box=18).annotations[0].boxes) == 1


def test_an_empty_mask_was_looked_at(folder):
    mask(folder / "masks" / "a.png", np.zeros((HEIGHT, WIDTH), np.uint8))
    photo(folder / "images" / "b.jpg")
    first, second = read(folder).annotations
    assert first.hand_labelled and not first.regions and not second.hand_labelled


def test_masks_that_fit_no_picture(folder):
    mask(folder / "masks" / "a.png", IDS[:, :-1])
    mask(folder / "masks" / "gone.png", IDS)
    photo(folder / "images" / "b.jpg")
    Image.fromarray(np.full((HEIGHT, WIDTH), 3000, np.uint16)).save(folder / "masks" / "b.png")
    photo(folder / "images" / "c.jpg")
    mask(folder / "masks" / "c.png", IDS)
    mask(folder / "masks" / "c_mask.png", IDS)
    source = read(folder)
    reasons = reasons_of(source)
    assert "a.jpg: a.png: mask is 59x40, the picture is 60x40" in reasons
    assert "masks/gone.png: a mask without picture" in reasons and "8-bit" in reasons
    assert "masks/c_mask.png: a second mask for images/c.jpg" in reasons
    # nothing drawn is not "nothing there" where the mask could not be used
    assert [one.hand_labelled for one in source.annotations] == [False, False, True]


def test_equal_stems_share_no_mask(folder):
    photo(folder / "images" / "a.png")
    mask(folder / "masks" / "a.png", IDS)
    source = read(folder)
    assert not any(one.regions for one in source.annotations)
    assert "could belong to images/a.jpg or images/a.png" in reasons_of(source)


def test_equal_names_in_two_splits(tmp_path):
    for part, levels in (("train", IDS), ("val", np.zeros_like(IDS))):
        photo(tmp_path / "images" / part / "1.jpg")
        mask(tmp_path / "masks" / part / "1.png", levels)
    found = {one.name: len(one.regions) for one in read(tmp_path).annotations}
    assert found == {"images__train__1.jpg": 2, "images__val__1.jpg": 0}
