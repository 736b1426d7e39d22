"""Pictures of every kind: read as a person sees them, or refused in one sentence before they cost memory."""

import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from pipeseg.data.pictures import (
    MAX_PIXELS,
    check_picture,
    encode_mask,
    is_turned,
    picture_size,
    read_image,
    read_levels,
    read_mask,
)
from pipeseg.errors import BadInput
from pipeseg.settings import ROOT

# four corners of different brightness: any flip or turn shows
CORNERS = np.zeros((20, 30), np.uint8)
CORNERS[:10, :15], CORNERS[:10, 15:], CORNERS[10:, :15], CORNERS[10:, 15:] = 240, 170, 90, 10
COLOURS = np.stack([CORNERS, np.roll(CORNERS, 5, 0), 255 - CORNERS], 2)


def refused(path, read=read_image) -> str:
    with pytest.raises(BadInput) as caught:
        read(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


def png(path, header: bytes, data: bytes) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def bomb(path, width: int, height: int) -> None:
    """Write a PNG whose header claims a size; its data are a few bytes."""
    png(path, struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), zlib.compress(b"\0" * 99))


def sixteen_bit_rgb(path) -> None:
    rows = b"".join(b"\0" + bytes(8 * 6) for _ in range(8))
    png(path, struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0), zlib.compress(rows))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_exif_turns_the_picture_as_every_viewer_does(tmp_path, orientation, suffix):
    upright = Image.fromarray(np.dstack([CORNERS] * 3))
    inverse = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = upright if inverse is None else upright.transpose(inverse)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a{suffix}"
    stored.save(path, exif=exif)
    image = read_image(path)
    assert image.shape == (20, 30, 3) and picture_size(path) == (20, 30)
    assert np.abs(image.astype(int) - CORNERS[..., None]).mean() < 8
    # Pillow itself turns a TIFF while it reads it
    assert is_turned(path) == (orientation > 1 and suffix != ".tif")


def test_a_mask_is_turned_with_its_picture(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(CORNERS).transpose(Image.Transpose.ROTATE_90).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_mask(tmp_path / "a.png"), CORNERS)
    assert np.array_equal(read_levels(tmp_path / "a.png")[0], CORNERS)


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    picture = Image.fromarray(COLOURS).convert(mode)
    suffix = ".tif" if mode in ("CMYK", "YCbCr") else ".png"
    picture.save(tmp_path / f"a{suffix}")
    image = read_image(tmp_path / f"a{suffix}")
    assert image.dtype == np.uint8 and image.shape == (20, 30, 3)
    assert np.array_equal(image, np.asarray(picture.convert("RGB")))


def test_a_cmyk_jpeg_is_not_inverted(tmp_path):
    Image.fromarray(COLOURS).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - COLOURS).mean() < 12


def test_transparency_is_dropped(tmp_path, recwarn):
    Image.fromarray(np.dstack([COLOURS, CORNERS])).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), COLOURS)
    palette = Image.fromarray(COLOURS).convert("P")
    palette.save(tmp_path / "p.png", transparency=bytes(range(256)))
    assert np.array_equal(read_image(tmp_path / "p.png"), np.asarray(palette.convert("RGB")))
    assert not list(recwarn)


@pytest.mark.parametrize("read", [read_image, read_mask, read_levels, picture_size, check_picture])
def test_sixteen_bits_and_floats_are_refused(tmp_path, read):
    Image.fromarray(np.full((8, 8), 3000, np.uint16)).save(tmp_path / "grey.png")
    Image.fromarray(np.full((8, 8), 0.5, np.float32)).save(tmp_path / "float.tif")
    sixteen_bit_rgb(tmp_path / "colour.png")
    for name in ("grey.png", "float.tif", "colour.png"):
        assert "8-bit" in refused(tmp_path / name, read), name


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("read", [read_image, read_mask, picture_size, check_picture])
@pytest.mark.parametrize(("width", "height"), [(10_000, 10_000), (30_000, 30_000), (100_000, 100_000)])
def test_a_bomb_is_refused_by_its_header(tmp_path, read, width, height):
    bomb(tmp_path / "bomb.png", width, height)
    assert "64 megapixels" in refused(tmp_path / "bomb.png", read)


MEASURE = """
import resource, sys
from pathlib import Path
from pipeseg.data.pictures import read_image
from pipeseg.errors import BadInput
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_image(Path(sys.argv[1]))
except BadInput as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has another unit elsewhere")
def test_a_whole_picture_of_a_hundred_megapixels_costs_no_memory_and_no_second_sentence(tmp_path):
    packer = zlib.compressobj(1)
    data = b"".join(packer.compress(bytes(10_001 * 100)) for _ in range(100)) + packer.flush()
    png(tmp_path / "large.png", struct.pack(">IIBBBBB", 10_000, 10_000, 8, 0, 0, 0, 0), data)
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "large.png")]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT, timeout=60, check=True)
    sentence, megabytes = ended.stdout.splitlines()
    assert "10000x10000 pixels, the limit is 64 megapixels" in sentence and ended.stderr == ""
    assert int(megabytes) < 50


def test_the_limit_itself_is_allowed(tmp_path):
    bomb(tmp_path / "a.png", 8000, MAX_PIXELS // 8000)
    assert picture_size(tmp_path / "a.png") == (MAX_PIXELS // 8000, 8000)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp"])
@pytest.mark.parametrize("read", [read_image, check_picture])
def test_truncated_files_are_refused(tmp_path, suffix, read):
    path = tmp_path / f"a{suffix}"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    read(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert "cannot be read" in refused(path, read)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8\xff\xe0", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_what_is_no_picture(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    for read in (read_image, read_mask, picture_size, check_picture, is_turned):
        refused(tmp_path / "a.jpg", read)
    assert "no such file" in refused(tmp_path / "b.jpg")


@pytest.mark.filterwarnings("ignore")
def test_random_damage_is_answered_with_one_sentence(tmp_path):
    random = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    for suffix in (".jpg", ".png", ".tif", ".webp", ".bmp"):
        path = tmp_path / f"a{suffix}"
        Image.fromarray(COLOURS).save(path, exif=exif) if suffix != ".bmp" else Image.fromarray(COLOURS).save(path)
        whole = np.frombuffer(path.read_bytes(), np.uint8)
        survived = 0
        for _ in range(60):
            spoilt = whole.copy()
            places = random.integers(0, min(len(spoilt), 400), 4)
            spoilt[places] = random.integers(0, 256, 4)
            path.write_bytes(spoilt.tobytes())
            try:
                read_image(path)
                survived += 1
            except BadInput as error:
                assert "\n" not in str(error)
        assert survived < 60


def test_a_palette_mask_of_colours_is_refused_and_one_of_greys_read_right(tmp_path):
    ids = (np.arange(600).reshape(20, 30) % 3).astype(np.uint8)
    picture = Image.frombytes("P", (30, 20), ids)
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "colours.png")
    # red and green would become 76 and 150
    assert "import_dataset.py turns class masks" in refused(tmp_path / "colours.png", read_mask)
    levels, lossy = read_levels(tmp_path / "colours.png")
    assert np.array_equal(levels, ids) and not lossy
    picture.putpalette([0, 0, 0, 255, 255, 255, 128, 128, 128])
    picture.save(tmp_path / "greys.png")
    assert np.array_equal(read_mask(tmp_path / "greys.png"), np.array([0, 255, 128], np.uint8)[ids])


def test_masks_of_colours_or_in_the_alpha_channel_are_refused(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "rgb.png")
    assert "a mask of colours" in refused(tmp_path / "rgb.png", read_mask)
    assert np.array_equal(read_levels(tmp_path / "rgb.png")[0], COLOURS.astype(int) @ np.array([1 << 16, 1 << 8, 1]))
    Image.fromarray(np.dstack([np.zeros((20, 30, 3), np.uint8), CORNERS])).save(tmp_path / "alpha.png")
    assert "transparency" in refused(tmp_path / "alpha.png", read_mask)
    # what a JPEG makes of grey is grey
    Image.fromarray(np.dstack([CORNERS] * 3)).save(tmp_path / "grey.jpg")
    assert np.abs(read_mask(tmp_path / "grey.jpg").astype(int) - CORNERS).mean() < 5
    assert read_levels(tmp_path / "grey.jpg")[1]


@pytest.mark.parametrize("quickly", [True, False])
def test_a_mask_is_read_as_it_was_encoded(tmp_path, quickly):
    soft = np.random.default_rng(0).integers(0, 256, (13, 7), dtype=np.uint8)
    for mask in (soft, CORNERS, soft[::2, ::3], np.zeros((1, 1), np.uint8)):
        (tmp_path / "mask.png").write_bytes(encode_mask(mask, quickly=quickly))
        assert np.array_equal(read_mask(tmp_path / "mask.png"), mask)
