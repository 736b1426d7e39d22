"""Export: a dataset of ours for annotators and other programs, as COCO, VIA or YOLO."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeseg.data.boxes import Box
from pipeseg.data.build import link_or_copy
from pipeseg.data.formats import Annotation, Source, read_source
from pipeseg.data.names import same_form
from pipeseg.data.parallel import threaded
from pipeseg.data.pictures import picture_size, read_mask
from pipeseg.data.regions import Region, polygons_of, rasterise
from pipeseg.data.rle import encode
from pipeseg.data.via import COLUMNS, DRAWN, HINT, polygon_shape
from pipeseg.errors import BadInput
from pipeseg.run_directory import write_atomically, write_json

FORMATS = ("coco", "via", "via-csv", "yolo")
# a soft mask is a defect from here
DEFECT_LEVEL = 128
ONLY_CLASS = "defect"


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export has written."""

    path: Path
    pictures: int
    boxes: int
    regions: int


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture with what goes out: regions where it is hand-labelled, else boxes.

    Attributes:
        suggested: the regions are a network's, and the boxes show where to draw; a person will correct them.
    """

    name: str
    image: Path
    height: int
    width: int
    boxes: tuple[tuple[str, Box], ...]
    regions: tuple[Region, ...]
    suggested: bool = False


def export_dataset(
    folder: Path,
    out: Path,
    format: str,
    *,
    masks: bool = False,
    simplify: float = 0,
    polygons: bool = False,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> Exported:
    """Write the dataset in `folder` to `out`: a .json (coco, via), a .csv (via-csv) or a folder (yolo).

    Hand-labelled pictures go out with their regions, the others with their boxes: both would be every object twice.

    Args:
        masks: instead, the connected parts of `masks/` (refined ones, say), cut at half.
        simplify: how far, in pixels, an outline traced from a mask may stray from it; 0 = not at all.
        polygons: in COCO write regions as polygons, which more annotators can edit; default: run lengths, which are
            the very pixels that we train on, where the same polygon is half a pixel larger or smaller for others.

    Raises:
        BadInput: no dataset there, a picture or mask that cannot be read, or a disk that refuses.
    """
    if format not in FORMATS:
        raise BadInput(f"format {format!r} is not known (known: {', '.join(FORMATS)})")
    source = read_source(folder, "own")
    keys = list(source.classes) or [ONLY_CLASS]
    if masks and len(keys) > 1:
        raise BadInput(f"{folder}: masks/ unites {len(keys)} classes; export a dataset derived for one class")
    pictures = _pictures(source, keys[0] if masks else None, simplify, tick)
    match format:
        case "coco":
            return _write_coco(source, keys, pictures, out, polygons)
        case "via":
            return _write_via(source, keys, pictures, out)
        case "via-csv":
            return _write_via_csv(pictures, out)
    return _write_yolo(keys, pictures, out)


def _pictures(
    source: Source, mask_class: str | None, simplify: float, tick: Callable[[int, int], None]
) -> Iterator[Picture]:
    def prepare(annotation: Annotation) -> Picture:
        height, width = picture_size(annotation.image)
        boxes, regions = annotation.boxes, annotation.regions
        if mask_class:
            if annotation.mask is None:
                raise BadInput(f"{annotation.image}: picture without mask; export without --masks")
            boxes, regions = (), tuple(_regions_of(annotation.mask, mask_class, simplify, (height, width)))
        elif annotation.hand_labelled:
            boxes = ()
        regions = tuple(Region(r.points, r.defect_class or ONLY_CLASS) for r in regions)
        return Picture(same_form(annotation.name), annotation.image, height, width, boxes, regions)

    for done, picture in enumerate(threaded(prepare, source.annotations), 1):
        yield picture
        tick(done, len(source.annotations))


def _regions_of(path: Path, key: str, simplify: float, size: tuple[int, int]) -> Iterator[Region]:
    mask = read_mask(path) >= DEFECT_LEVEL
    if mask.shape != size:
        raise BadInput(f"{path}: mask is {mask.shape[1]}x{mask.shape[0]}, its picture is {size[1]}x{size[0]}")
    for points in polygons_of(mask):
        if simplify > 0:
            fewer = cv2.approxPolyDP(points.astype(np.int32), simplify, True).reshape(-1, 2)
            points = fewer.astype(float) if len(fewer) >= 3 else points
        yield Region(points, key)


def _write_coco(source: Source, keys: list[str], pictures: Iterator[Picture], out: Path, polygons: bool) -> Exported:
    number_of = {key: number for number, key in enumerate(keys, 1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    total_boxes = total_regions = 0
    for picture in pictures:
        images.append(
            {"id": len(images) + 1, "file_name": picture.name, "height": picture.height, "width": picture.width}
        )
        found = [(key, _coco_box(box)) for key, box in picture.boxes]
        found += [(region.defect_class, _coco_region(region, picture, polygons)) for region in picture.regions]
        total_boxes, total_regions = total_boxes + len(picture.boxes), total_regions + len(picture.regions)
        for key, parts in found:
            number = number_of.setdefault(key, len(number_of) + 1)
            facts = {"id": len(annotations) + 1, "image_id": len(images), "category_id": number, "iscrowd": 0}
            annotations.append({**facts, **parts})
    content = {
        "info": {"description": source.path.name, "version": "1.0"},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": key, "supercategory": ""} for key, number in number_of.items()],
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    write_json(out, content)
    return Exported(out, len(images), total_boxes, total_regions)


def _coco_box(box: Box) -> dict[str, Any]:
    x_min, y_min, x_max, y_max = (_short(value) for value in box)
    # the box again as a polygon: readers that want a mask fail where there is none, and ours knows it for a box
    outline = [[x_min, y_min, x_max, y_min, x_max, y_max, x_min, y_max]]
    width, height = _short(x_max - x_min), _short(y_max - y_min)
    return {"bbox": [x_min, y_min, width, height], "area": _short(width * height), "segmentation": outline}


def _coco_region(region: Region, picture: Picture, polygons: bool) -> dict[str, Any]:
    mask = rasterise([region], picture.height, picture.width)
    x, y, width, height = cv2.boundingRect(mask)
    segmentation: Any = {"size": [picture.height, picture.width], "counts": encode(mask)}
    if polygons:
        segmentation = [[_short(value) for value in region.points.reshape(-1).tolist()]]
    return {"bbox": [x, y, width, height], "area": int(np.count_nonzero(mask)), "segmentation": segmentation}


def _write_via(source: Source, keys: list[str], pictures: Iterator[Picture], out: Path) -> Exported:
    labels = {key: source.labels.get(key, key) for key in keys}
    out.parent.mkdir(parents=True, exist_ok=True)
    return write_via_project(source.path.name, labels, pictures, out)


def write_via_project(
    name: str, labels: Mapping[str, str], pictures: Iterable[Picture], out: Path, images: str = ""
) -> Exported:
    """Write a VIA 2 project.

    Args:
        labels: what people read for a class, by its key.
        images: folder of the pictures as VIA finds it, from the folder of its via.html; it ends with a slash.
    """
    entries: dict[str, Any] = {}
    total_boxes = total_regions = 0
    suggested = False
    for picture in pictures:
        # VIA knows a picture by its name and size: so it takes one that a person adds by hand for the same
        size = picture.image.stat().st_size
        hint = {HINT: "box"} if picture.suggested else {}
        regions = [
            {
                "shape_attributes": shape,
                "region_attributes": {"defect_class": key, **(hint if shape["name"] == "rect" else {})},
            }
            for key, shape in _shapes(picture)
        ]
        of_file = {DRAWN: "no"} if picture.suggested else {}
        entry = {"filename": picture.name, "size": size, "regions": regions, "file_attributes": of_file}
        entries[f"{picture.name}{size}"] = entry
        total_boxes, total_regions = total_boxes + len(picture.boxes), total_regions + len(picture.regions)
        suggested |= picture.suggested
    of_region = {"defect_class": _choice("", dict(labels))}
    of_file = {}
    if suggested:
        of_region[HINT] = _choice("box: where the detector saw it; ignored", {"box": "detection box"})
        of_file[DRAWN] = _choice("yes once the outlines are right", {"no": "not yet", "yes": "yes"})
    content = {
        "_via_settings": {
            "ui": {},
            "core": {"buffer_size": 18, "filepath": {}, "default_filepath": images},
            "project": {"name": name},
        },
        "_via_img_metadata": entries,
        "_via_attributes": {"region": of_region, "file": of_file},
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": list(entries),
    }
    write_json(out, content)
    return Exported(out, len(entries), total_boxes, total_regions)


def _choice(description: str, options: dict[str, str]) -> dict[str, Any]:
    return {"type": "dropdown", "description": description, "options": options, "default_options": {}}


def _write_via_csv(pictures: Iterator[Picture], out: Path) -> Exported:
    import json

    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(COLUMNS)
    count = total_boxes = total_regions = 0
    for picture in pictures:
        size, shapes = picture.image.stat().st_size, _shapes(picture)
        for number, (key, shape) in enumerate(shapes):
            attributes = json.dumps({"defect_class": key}, ensure_ascii=False)
            table.writerow([picture.name, size, "{}", len(shapes), number, json.dumps(shape), attributes])
        if not shapes:
            table.writerow([picture.name, size, "{}", 0, 0, "{}", "{}"])
        count += 1
        total_boxes, total_regions = total_boxes + len(picture.boxes), total_regions + len(picture.regions)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, text.getvalue())
    return Exported(out, count, total_boxes, total_regions)


def _shapes(picture: Picture) -> list[tuple[str, dict[str, Any]]]:
    shapes: list[tuple[str, dict[str, Any]]] = []
    for key, (x_min, y_min, x_max, y_max) in picture.boxes:
        x, y, width, height = map(_short, (x_min, y_min, x_max - x_min, y_max - y_min))
        shapes.append((key, {"name": "rect", "x": x, "y": y, "width": width, "height": height}))
    return shapes + [(region.defect_class or ONLY_CLASS, polygon_shape(region.points)) for region in picture.regions]


def _write_yolo(keys: list[str], pictures: Iterator[Picture], out: Path) -> Exported:
    from pipeseg.data.build import building

    number_of = {key: number for number, key in enumerate(keys)}
    count = total_boxes = total_regions = 0
    if out.exists():
        raise BadInput(f"{out}: exists already; remove it or choose another place")
    with building(out) as writer:
        (writer.folder / "masks").rmdir()
        (writer.folder / "labels").mkdir()
        for picture in pictures:
            link_or_copy(picture.image, writer.folder / "images" / picture.name)
            lines = []
            for key, (x_min, y_min, x_max, y_max) in picture.boxes:
                centre = ((x_min + x_max) / 2 / picture.width, (y_min + y_max) / 2 / picture.height)
                size = ((x_max - x_min) / picture.width, (y_max - y_min) / picture.height)
                lines.append((number_of.setdefault(key, len(number_of)), *centre, *size))
            for region in picture.regions:
                relative = (region.points / (picture.width, picture.height)).reshape(-1)
                lines.append((number_of.setdefault(region.defect_class, len(number_of)), *relative.tolist()))
            text = "".join(f"{number} {' '.join(f'{value:.6f}' for value in values)}\n" for number, *values in lines)
            label = writer.folder / "labels" / f"{Path(picture.name).stem}.txt"
            label.write_text(text, encoding="utf-8")
            count += 1
            total_boxes, total_regions = total_boxes + len(picture.boxes), total_regions + len(picture.regions)
        (writer.folder / "classes.txt").write_text("".join(f"{key}\n" for key in number_of), encoding="utf-8")
    return Exported(out, count, total_boxes, total_regions)


def _short(value: float) -> float | int:
    value = round(value, 3)
    return int(value) if value == int(value) else value
