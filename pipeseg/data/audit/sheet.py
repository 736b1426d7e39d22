"""A sheet of thumbnails, bounded whatever was found: duplicate groups side by side, suspect boxes in their pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase

from PIL import Image, ImageDraw

from pipeseg.data.audit.findings import Audit, SuspectBox
from pipeseg.data.boxes import Box
from pipeseg.data.pictures import read_image
from pipeseg.errors import BadInput

THUMB = 176
CAPTION = 16
GAP = 2
COLUMNS = 6
MOST_GROUPS = 16
MOST_SUSPECTS = 36
PAPER, INK, MARK, RIM = "#ffffff", "#202020", "#ff2a2a", "#ffffff"


@dataclass(frozen=True, slots=True)
class Thumb:
    """One picture on the sheet: `caption` is its number there, e.g. `D1 a` or `S3 twice`."""

    file: str
    caption: str
    box: Box | None = None


def chosen_groups(audit: Audit) -> list[tuple[str, ...]]:
    """Return the duplicate groups that the sheet shows."""
    return list(audit.duplicates.groups[:MOST_GROUPS])


def chosen_suspects(audit: Audit) -> list[SuspectBox]:
    """Return the suspect boxes that the sheet shows: of every kind some, so that no kind hides another."""
    by_kind: dict[str, list[SuspectBox]] = {}
    for suspect in audit.suspects:
        by_kind.setdefault(suspect.kind, []).append(suspect)
    chosen: list[SuspectBox] = []
    depth = 0
    while len(chosen) < min(MOST_SUSPECTS, len(audit.suspects)):
        chosen += [found[depth] for _, found in sorted(by_kind.items()) if depth < len(found)]
        depth += 1
    return sorted(chosen[:MOST_SUSPECTS], key=lambda suspect: (suspect.kind, suspect.file, suspect.box))


def draw_sheet(audit: Audit, images: Mapping[str, Path]) -> Image.Image | None:
    """Draw the sheet; None when there is nothing to show."""
    rows: list[Sequence[Thumb]] = []
    for number, group in enumerate(chosen_groups(audit), 1):
        letters = zip(group[: 2 * COLUMNS], ascii_lowercase, strict=False)
        rows += _rows([Thumb(file, f"D{number} {letter}") for file, letter in letters])
    suspects = chosen_suspects(audit)
    rows += _rows([Thumb(s.file, f"S{number} {s.kind}", s.box) for number, s in enumerate(suspects, 1)])
    if not rows:
        return None
    strips = [_strip(row, images) for row in rows]
    sheet = Image.new("RGB", (COLUMNS * THUMB, sum(strip.height for strip in strips)), PAPER)
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    return sheet


def _strip(row: Sequence[Thumb], images: Mapping[str, Path]) -> Image.Image:
    """Draw one row, as high as its highest picture."""
    pictures = [_thumbnail(images[thumb.file], thumb.box) for thumb in row]
    height = max(picture.height for picture in pictures)
    strip = Image.new("RGB", (COLUMNS * THUMB, CAPTION + height + GAP), PAPER)
    pen = ImageDraw.Draw(strip)
    for column, (thumb, picture) in enumerate(zip(row, pictures, strict=True)):
        pen.text((column * THUMB + 3, 2), thumb.caption, fill=INK)
        strip.paste(picture, (column * THUMB, CAPTION))
    return strip


def _rows(thumbs: Sequence[Thumb]) -> Iterable[Sequence[Thumb]]:
    return [thumbs[start : start + COLUMNS] for start in range(0, len(thumbs), COLUMNS)]


def _thumbnail(path: Path, box: Box | None) -> Image.Image:
    try:
        picture = Image.fromarray(read_image(path))
    except BadInput:  # it is in the list of unreadable files: here an empty frame is enough
        return Image.new("RGB", (THUMB - 2, THUMB - 2), "#c0c0c0")
    width, height = picture.size
    picture.thumbnail((THUMB - 2, THUMB - 2))
    if box is not None:
        scale_x, scale_y = picture.width / width, picture.height / height
        # clipped into the picture, so that a box outside shows on its rim
        x = sorted(min(max(corner * scale_x, 0), picture.width - 1) for corner in (box[0], box[2]))
        y = sorted(min(max(corner * scale_y, 0), picture.height - 1) for corner in (box[1], box[3]))
        pen = ImageDraw.Draw(picture)
        pen.rectangle((x[0] - 1, y[0] - 1, x[1] + 1, y[1] + 1), outline=RIM, width=4)
        pen.rectangle((x[0], y[0], x[1], y[1]), outline=MARK, width=2)
    return picture
