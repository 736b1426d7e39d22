"""A contact sheet of the first pictures to draw: boxes, and what the networks see in them."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from pipeseg.data.audit.sheet import CAPTION, COLUMNS, GAP, INK, MARK, PAPER, THUMB
from pipeseg.data.pictures import read_image
from pipeseg.next_masks.ranking import Ranked

MOST = 24
SEEN = "#30e060"


def draw_sheet(chosen: Sequence[Ranked]) -> Image.Image:
    """Draw the first pictures in rows, each below its rank, uncertainty and distance; boxes red, predictions green."""
    cells = [_thumbnail(ranked) for ranked in chosen[:MOST]]
    rows = [range(start, min(start + COLUMNS, len(cells))) for start in range(0, len(cells), COLUMNS)]
    heights = [CAPTION + max(cells[place].height for place in row) + GAP for row in rows]
    sheet = Image.new("RGB", (COLUMNS * THUMB, sum(heights)), PAPER)
    pen = ImageDraw.Draw(sheet)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        for column, place in enumerate(row):
            ranked = chosen[place]
            caption = f"{ranked.rank}  u {ranked.candidate.uncertainty:.2f}  d {ranked.pick.distance:.2f}"
            pen.text((column * THUMB + 3, top + 2), caption, fill=INK)
            sheet.paste(cells[place], (column * THUMB, top + CAPTION))
        top += height
    return sheet


def _thumbnail(ranked: Ranked) -> Image.Image:
    picture = Image.fromarray(read_image(ranked.candidate.sample.image))
    width, height = picture.size
    scale = (THUMB - GAP) / max(width, height)
    picture = picture.resize((max(1, round(width * scale)), max(1, round(height * scale))))
    pen = ImageDraw.Draw(picture)
    for boxes in ranked.candidate.boxes.values():
        for x_min, y_min, x_max, y_max in boxes:
            # sorted and cut: a box drawn from its other corner, or beyond the picture, is shown as well
            x = sorted(min(max(side * scale, 0), picture.width - 1) for side in (x_min, x_max))
            y = sorted(min(max(side * scale, 0), picture.height - 1) for side in (y_min, y_max))
            pen.rectangle((x[0], y[0], x[1], y[1]), outline=MARK)
    for region in ranked.candidate.outlines:
        corners = [(float(x * scale), float(y * scale)) for x, y in region.points]
        pen.line([*corners, corners[0]], fill=SEEN, width=2)
    return picture
