"""The hand-labelled pictures of a source dataset: their regions and groups, and what a set of one class is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeseg.data.boxes import Box, box_rows, read_boxes
from pipeseg.data.description import read_description
from pipeseg.data.draw import Group
from pipeseg.data.fingerprint import digest_file, fingerprint_folder
from pipeseg.data.folder import DatasetFolder, images_by_stem
from pipeseg.data.groups import source_groups
from pipeseg.data.names import case_twins, same_form
from pipeseg.data.parallel import threaded
from pipeseg.data.pictures import picture_size, read_mask
from pipeseg.data.via import Region, polygons_of, rasterise, read_via
from pipeseg.errors import BadInput, did_you_mean

BILLION = 10**9
# grey from which a mask's pixel belongs to the box
BOX_LEVEL = 128


@dataclass(frozen=True, slots=True)
class HandLabels:
    """What a person drew in one source, checked against its pictures.

    Attributes:
        images: every picture of the source, by file name.
        regions: of the labelled pictures, by file name; an empty list means "looked at, nothing there".
        groups: of every picture, by file name; `groups_from` says who found them.
        labels: what a class is called for people, by key, where the source says so.
        fingerprint: of the source's pictures and masks; `labels_digest` is the SHA-256 of its labels.csv.
    """

    folder: Path
    images: dict[str, Path]
    regions: dict[str, list[Region]]
    groups: dict[str, str]
    groups_from: str
    labels: dict[str, str]
    fingerprint: str
    labels_digest: str

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        search: bool | None = None,
        say: Callable[[str], None] = lambda sentence: None,
        tick: Callable[[int, int], None] = lambda done, total: None,
    ) -> "HandLabels":
        """Read the labels of a source, and find its duplicate groups (see `source_groups`) where they are not known.

        Raises:
            BadInput: no labels, a labelled picture that is missing, a region without a class among others with one,
                a class that cannot be part of a file name, two pictures of one stem, a broken dataset.json.
        """
        file = folder / "labels.csv"
        drawn = read_via(file)
        by_name = {same_form(image.name): image for image in images_by_stem(folder).values()}
        if missing := sorted(name for name in drawn if same_form(name) not in by_name):
            raise BadInput(f"{file}: names {missing[0]}, which is not in images/; add it or remove its rows")
        regions: dict[str, list[Region]] = {}
        for name, found in drawn.items():
            regions.setdefault(by_name[same_form(name)].name, []).extend(found)
        _check_classes(file, regions)
        images = {image.name: image for image in by_name.values()}
        for first, second in case_twins(images):
            say(f"{folder / 'images'}: {first} and {second} are one file on Windows and macOS; rename one")
        groups, origin = source_groups(folder, images, search=search, say=say, tick=tick)
        return cls(
            folder,
            images,
            regions,
            groups,
            origin,
            read_description(folder).get("classes", {}),
            fingerprint_folder(folder, tick),
            digest_file(file),
        )

    @classmethod
    def of_boxes(
        cls,
        folder: Path,
        defect_class: str | None,
        *,
        say: Callable[[str], None] = lambda sentence: None,
        tick: Callable[[int, int], None] = lambda done, total: None,
    ) -> "HandLabels":
        """Take every detection box for a hand-drawn rectangle; a picture without a box counts as looked at.

        Args:
            defect_class: what the masks show where there is no boxes.csv: they are the filled boxes of one class then.

        Raises:
            BadInput: as `open`.
        """
        file = folder / "boxes.csv"
        by_name = {same_form(image.name): image for image in images_by_stem(folder).values()}
        images = {image.name: image for image in by_name.values()}
        regions: dict[str, list[Region]] = {name: [] for name in images}
        fingerprint = fingerprint_folder(folder, tick)
        if file.exists():
            for key in sorted({key for _, key, _ in box_rows(file, lambda *_: None)}):
                for name, boxes in read_boxes(file, key).items():
                    if same_form(name) not in by_name:
                        say(f"{file}: names {name}, which is not in images/")
                        continue
                    regions[by_name[same_form(name)].name] += [found for box in boxes if (found := _filled(box, key))]
        else:
            for sample in DatasetFolder.open(folder).samples:
                shapes = polygons_of(read_mask(sample.mask) >= BOX_LEVEL)
                regions[sample.name] = [Region(points, defect_class) for points in shapes]
        _check_classes(file, regions)
        groups, origin = source_groups(folder, images, say=say, tick=tick)
        labels = read_description(folder).get("classes", {})
        digest = digest_file(file) if file.exists() else fingerprint
        return cls(folder, images, regions, groups, origin, labels, fingerprint, digest)

    @property
    def classes(self) -> list[str | None]:
        """The classes that the labels name, sorted; [None] when they name none."""
        return classes_of(self.regions)

    def of_class(self, defect_class: str | None) -> dict[str, list[Region]]:
        """Return the regions of one class by file name, of the pictures that can be trusted to show all of them.

        Left out is a picture with a box of the class where only other classes are drawn: nobody knows whether the
        box is wrong or the polygon missing. One without any region was looked at, and its box is wrong.

        Raises:
            BadInput: the labels do not name the class, or the boxes cannot be read.
        """
        if defect_class not in self.classes:
            names = [name for name in self.classes if name]
            hint = did_you_mean(defect_class or "", names)
            raise BadInput(
                f"{self.folder / 'labels.csv'}: holds no class {defect_class!r}{hint}"
                f" (known: {', '.join(names) or 'none'})"
            )
        boxes = self.folder / "boxes.csv"
        boxed = {same_form(name) for name in read_boxes(boxes, defect_class)} if boxes.exists() else set()
        wanted = {}
        for name, found in self.regions.items():
            of_class = [region for region in found if region.defect_class == defect_class]
            if of_class or not found or same_form(name) not in boxed:
                wanted[name] = of_class
        return wanted

    def groups_with(self, defect_class: str | None, wanted: dict[str, list[Region]]) -> list[Group]:
        """Return the groups of the pictures in `wanted` with their share of defect pixels.

        Left out is a group whose regions cover no pixel: it is neither with the defect nor without.

        Raises:
            BadInput: a picture that cannot be read.
        """
        members: dict[str, list[str]] = {}
        for name in sorted(wanted):
            members.setdefault(self.groups[name], []).append(name)

        def measure(group: str) -> Group | None:
            areas = [self._area(name, wanted[name]) for name in members[group]]
            area, pixels = (sum(part) for part in zip(*areas, strict=True))
            if not area and any(wanted[name] for name in members[group]):
                return None
            others = {region.defect_class for name in members[group] for region in self.regions[name]}
            others -= {defect_class}
            share = -(-area * BILLION // pixels)  # rounded up: one pixel is a defect too
            return Group(group, tuple(members[group]), share, tuple(sorted(name for name in others if name)))

        return [group for group in threaded(measure, members) if group]

    def _area(self, name: str, regions: list[Region]) -> tuple[int, int]:
        """Return (defect pixels, all pixels) of a picture; its size comes from the header."""
        height, width = picture_size(self.images[name])
        return int(np.count_nonzero(rasterise(regions, height, width))) if regions else 0, height * width


def _filled(box: Box, defect_class: str) -> Region | None:
    """Return a box as the region of the pixels that `fill_boxes` fills; None where these are none."""
    left, top, right, bottom = (round(side) for side in box)
    if right <= left or bottom <= top:
        return None
    # corners of a region are centres of pixels, and its outline belongs to it
    corners = [(left, top), (right - 1, top), (right - 1, bottom - 1), (left, bottom - 1)]
    return Region(np.array(corners, float), defect_class)


def classes_of(regions: dict[str, list[Region]]) -> list[str | None]:
    """Return the classes that the hand labels name, sorted; [None] when they name none."""
    named = {region.defect_class for found in regions.values() for region in found}
    return sorted(name for name in named if name) or [None]


def _check_classes(file: Path, regions: dict[str, list[Region]]) -> None:
    classes = classes_of(regions)
    for name, found in sorted(regions.items()):
        if None not in classes and any(region.defect_class is None for region in found):
            raise BadInput(
                f"{file}: a region of {name} has no defect_class, others have one; choose it in the annotator"
            )
    # it becomes part of the sets' names
    if wrong := [name for name in classes if name and (set(name) & set('/\\:*?"<>|\0') or name != name.strip())]:
        raise BadInput(f"{file}: class {wrong[0]!r} cannot be part of a file name; rename it")
