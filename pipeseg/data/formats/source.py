"""What every annotation format is read into: pictures with their boxes and regions, and what was odd about them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeseg.data.boxes import Box
from pipeseg.data.regions import Region


@dataclass(frozen=True, slots=True)
class Problem:
    """One odd thing: the file that it was found in or about, and one sentence."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """One picture and what is known about it.

    Attributes:
        boxes: (class, (x_min, y_min, x_max, y_max)), pixels of the picture as a person sees it, half-open; as given by
            the source, also where they are absurd; made from the regions where the source gives none.
        regions: hand-drawn polygons.
        hand_labelled: a person has drawn the masks of this picture; without regions: looked at, nothing there.
        problems: sentences; what they speak of was left out unless they say otherwise.
        name: unique in its source: the file's name, or `folder__name` where two folders hold the same.
        mask: a box mask that the source brings along; it counts where there are no boxes.
    """

    image: Path
    boxes: tuple[tuple[str, Box], ...] = ()
    regions: tuple[Region, ...] = ()
    hand_labelled: bool = False
    problems: tuple[str, ...] = ()
    name: str = ""
    mask: Path | None = None

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.image.name)


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset as somebody left it.

    Attributes:
        classes: keys as the source writes them.
        annotations: one for each picture, sorted by name.
        problems: what belongs to no picture (a label for a missing file); see `all_problems` for the rest.
        labels: class -> what people read, where the source tells.
        groups: picture name -> group of copies, where the source tells.
    """

    path: Path
    format: str
    classes: tuple[str, ...]
    annotations: tuple[Annotation, ...]
    problems: tuple[Problem, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_problems(self) -> list[Problem]:
        """Those of no picture, then those of each picture in order."""
        found = list(self.problems)
        return found + [Problem(one.name, reason) for one in self.annotations for reason in one.problems]


@dataclass(frozen=True, slots=True)
class Item:
    """One annotated object: a box, or a polygon, or both.

    Attributes:
        defect_class: None stands for the only class of the source.
        points: float64 (N, 2), N >= 3.
        rectangle: the polygon is a mere rectangle, which may be meant as a box.
        continued: another polygon of the object before, whose box holds it as well.
    """

    defect_class: str | None
    box: Box | None = None
    points: np.ndarray | None = None
    rectangle: bool = False
    continued: bool = False


@dataclass(slots=True)
class Draft:
    """What a reader collects about one picture.

    Attributes:
        looked_at: whether a person has drawn its masks; None: yes if it has items and each of them has a polygon.
        broken: shapes that were left out; a picture that has no other is not "looked at, nothing there".
        declared: (height, width) that the annotation file claims.
    """

    items: list[Item] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    looked_at: bool | None = None
    broken: int = 0
    declared: tuple[int, int] | None = None
    mask: Path | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """What a person can tell about a source.

    Attributes:
        classes: names for numbers (YOLO ids, levels of masks), or the only class.
        masks_are: "hand" or "box"; None lets the reader judge.
        tick: told (done, total) while pictures have to be decoded.
        min_box: smallest longer side in pixels of a box that is made from a region.
    """

    classes: Sequence[str] = ()
    masks_are: str | None = None
    min_box: float = 0
    tick: Callable[[int, int], None] = lambda done, total: None
