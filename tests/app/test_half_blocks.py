"""Pixels as lines of the terminal, and pictures as pixels: colours, sizes, boxes, what is cut off."""

from pathlib import Path

import pytest
from PIL import Image

from app.painting import CLASS_COLOURS, Look, Painter, Window
from app.picture_store import PictureStore, Unreadable
from app.widgets.half_blocks import SHADES, Glyph, Label, outline, strips
from experiments.dataset_reports import Finding
from experiments.pictures import PictureFacts, Pictures

RED, BLUE, BLACK = (255, 0, 0), (0, 0, 255), (0, 0, 0)


def pixels(*rows: list[tuple[int, int, int]]) -> bytes:
    return bytes(value for row in rows for pixel in row for value in pixel)


def colours(strip: object) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    """Character, colour and background of every cell."""
    cells = []
    for text, style, _ in strip:  # type: ignore[attr-defined]
        pair = tuple(style.color.triplet), tuple(style.bgcolor.triplet)
        cells += [(character, *pair) for character in text]
    return cells


def test_a_cell_holds_the_upper_and_the_lower_pixel() -> None:
    (line,) = strips(pixels([RED, BLUE], [BLUE, BLUE]), 2, 2)
    assert colours(line) == [("▀", RED, BLUE), ("▀", BLUE, BLUE)]


def test_neighbours_of_one_colour_are_one_segment() -> None:
    (line,) = strips(pixels([RED] * 5, [BLUE] * 5), 5, 2)
    assert [text for text, *_ in line] == ["▀▀▀▀▀"] and line.cell_length == 5


def test_an_odd_last_row_is_black_below() -> None:
    lines = strips(pixels([RED], [BLUE], [RED]), 1, 3)
    assert colours(lines[1]) == [("▀", RED, BLACK)]


def test_labels_cover_the_picture_and_are_cut_at_its_edge() -> None:
    (line,) = strips(
        pixels([RED] * 4, [RED] * 4), 4, 2, labels=[Label(2, 0, "dep", (250, 250, 0)), Label(0, 9, "x", RED)]
    )
    assert line.text == "▀▀de"
    assert colours(line)[2] == ("d", BLACK, (250, 250, 0))


def test_a_label_is_readable_on_dark_and_on_bright() -> None:
    (line,) = strips(
        pixels([RED] * 2, [RED] * 2), 2, 2, labels=[Label(0, 0, "a", (0, 0, 90)), Label(1, 0, "b", (230, 230, 230))]
    )
    assert [colour for _, colour, _ in colours(line)] == [(255, 255, 255), BLACK]


def test_an_outline_is_closed() -> None:
    lines = strips(bytes(5 * 6 * 3), 5, 6, glyphs=outline(0, 0, 3, 2))
    assert [line.text[:4] for line in lines] == ["┌──┐", "│▀▀│", "└──┘"]


def test_without_colour_brightness_is_a_character() -> None:
    (line,) = strips(pixels([BLACK, (255,) * 3], [BLACK, (255,) * 3]), 2, 2, shaded=True, glyphs=[Glyph(7, 7, "x")])
    assert line.text == SHADES[0] + SHADES[-1]
    assert all(style.color is None and style.bgcolor is None for _, style, _ in line)


def test_bytes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="are not 3 x 2"):
        strips(b"123", 3, 2)


# -- painting --------------------------------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    """One grey picture of 200 x 100 with a box, a polygon, a mask and a suspect."""
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    Image.new("RGB", (200, 100), (100, 100, 100)).save(tmp_path / "images" / "a.png")
    mask = Image.new("L", (200, 100))
    mask.paste(255, (100, 0, 200, 100))
    mask.save(tmp_path / "masks" / "a.png")
    facts = PictureFacts(
        "a.png",
        tmp_path / "images" / "a.png",
        boxes=(("crack", (20.0, 20.0, 60.0, 60.0)),),
        regions=(("leak", ((110.0, 10.0), (190.0, 10.0), (190.0, 90.0), (110.0, 90.0))),),
        findings=(Finding("suspect", "a.png", "missed: x", (120.0, 20.0, 180.0, 80.0), "leak"),),
    )
    return Pictures("d", tmp_path, ("a.png",), ("crack", "leak"), {}, known={"a.png": facts})


def pixel(frame: object, x: int, y: int) -> tuple[int, ...]:
    at = 3 * (y * frame.width + x)  # type: ignore[attr-defined]
    return tuple(frame.pixels[at : at + 3])  # type: ignore[attr-defined]


def near(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= 6 for a, b in zip(first, second, strict=True))


def test_a_picture_is_as_large_as_its_room_allows_and_not_distorted(pictures: Pictures) -> None:
    painter = Painter(pictures)
    for columns, rows, size in ((100, 40, (100, 50)), (200, 20, (80, 40)), (300, 300, (300, 150)), (1, 1, (1, 1))):
        frame = painter.paint("a.png", columns, rows, Window(), Look())
        assert (frame.width, frame.height) == size


def test_boxes_are_lines_of_one_pixel_after_scaling(pictures: Pictures) -> None:
    frame = Painter(pictures).paint("a.png", 100, 40, Window(), Look(mask=False, hand=False))
    crack = CLASS_COLOURS[0]
    assert near(pixel(frame, 10, 20), crack) and near(pixel(frame, 29, 20), crack)
    assert near(pixel(frame, 20, 10), crack) and near(pixel(frame, 20, 29), crack)
    assert near(pixel(frame, 11, 20), (100, 100, 100)) and near(pixel(frame, 30, 20), (100, 100, 100))
    assert [label.text for label in frame.labels] == ["crack", "!leak"]


def test_each_layer_can_be_left_out(pictures: Pictures) -> None:
    painter, grey = Painter(pictures), (100, 100, 100)
    bare = painter.paint("a.png", 100, 40, Window(), Look(mask=False, boxes=False, hand=False))
    assert set(bare.pixels) == {100} and not bare.labels
    masked = painter.paint("a.png", 100, 40, Window(), Look(boxes=False, hand=False))
    assert near(pixel(masked, 40, 25), grey) and not near(pixel(masked, 75, 25), grey)
    drawn = painter.paint("a.png", 100, 40, Window(), Look(mask=False, boxes=False))
    assert not near(pixel(drawn, 75, 25), grey) and near(pixel(drawn, 52, 25), grey)


def test_without_colour_everything_is_grey_and_boxes_are_characters(pictures: Pictures) -> None:
    frame = Painter(pictures).paint("a.png", 100, 40, Window(), Look(colours="grey"))
    assert all(len(set(frame.pixels[at : at + 3])) == 1 for at in range(0, len(frame.pixels), 3))
    assert {glyph.character for glyph in frame.glyphs} == set("┌┐└┘─│")
    assert "l" in [label.text for label in frame.labels]  # where the polygon is
    assert max(frame.pixels) >= 252  # its edge


def test_zooming_in_shows_a_part_and_stays_inside(pictures: Pictures) -> None:
    window = Window().zoomed(4)
    frame = Painter(pictures).paint("a.png", 100, 25, window.moved(-9, -9), Look(mask=False, hand=False))
    assert (frame.width, frame.height) == (100, 50)
    assert near(pixel(frame, 40, 45), CLASS_COLOURS[0])  # corner of the box, 20 px from both edges, at 2 x
    assert window.moved(-9, -9) == Window(4, 0.125, 0.125) and window.zoomed(0.01) == Window()


def test_copies_stand_side_by_side(pictures: Pictures) -> None:
    frame = Painter(pictures).paint_group(["a.png"] * 20, 120, 30, Look(boxes=False))
    captions = [label.text for label in frame.labels]
    assert (frame.width, frame.height) == (120, 60) and len(captions) == 12 and "20 in all" in captions[-1]


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8\xff\xe0 torn"])
def test_what_cannot_be_read_is_one_sentence(pictures: Pictures, content: bytes) -> None:
    (pictures.folder / "images" / "a.png").write_bytes(content)
    frame = Painter(pictures).paint("a.png", 80, 20, Window(), Look())
    assert frame.problem and frame.problem.startswith("a.png: cannot be read")


def test_a_mask_of_another_size_is_told_not_drawn(pictures: Pictures) -> None:
    Image.new("L", (10, 10), 255).save(pictures.folder / "masks" / "a.png")
    frame = Painter(pictures).paint("a.png", 80, 20, Window(), Look(boxes=False, hand=False))
    assert "its mask is 10×10" in frame.facts and set(frame.pixels) == {100}


# -- reading ---------------------------------------------------------------------------------------------------------


def test_a_large_jpeg_is_decoded_small_until_it_is_zoomed_into(tmp_path: Path) -> None:
    Image.effect_noise((3840, 2160), 60).convert("RGB").save(tmp_path / "large.jpg")
    store = PictureStore()
    small = store.read(tmp_path / "large.jpg", "RGB", 200)
    assert max(small.image.size) == 256 and (small.width, small.height) == (3840, 2160)
    assert store.read(tmp_path / "large.jpg", "RGB", None).image.size == (3840, 2160)


def test_a_turned_photograph_is_seen_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "turned.jpg", exif=exif)
    decoded = PictureStore().read(tmp_path / "turned.jpg", "RGB", 256)
    assert decoded.image.size == (20, 40) and (decoded.width, decoded.height) == (20, 40)


def test_sixteen_bits_are_stretched_not_cut(tmp_path: Path) -> None:
    picture = Image.new("I;16", (4, 4), 1000)
    picture.putpixel((0, 0), 60000)
    picture.save(tmp_path / "deep.png")
    image = PictureStore().read(tmp_path / "deep.png", "RGB", 256).image
    assert image.getpixel((0, 0)) == (255, 255, 255) and image.getpixel((3, 3)) == (0, 0, 0)


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    Image.new("1", (16000, 16000)).save(tmp_path / "bomb.png")
    with pytest.raises(Unreadable, match="too many"):
        PictureStore().read(tmp_path / "bomb.png", "RGB", 256)


def test_only_so_many_pictures_are_kept(tmp_path: Path) -> None:
    from app import picture_store

    store = PictureStore()
    for index in range(picture_store.KEPT + 5):
        Image.new("RGB", (4, 4)).save(tmp_path / f"{index}.png")
        store.read(tmp_path / f"{index}.png", "RGB", 256)
    assert len(store._small) == picture_store.KEPT
