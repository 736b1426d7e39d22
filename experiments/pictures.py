"""The pictures of one dataset with everything known about each: boxes, hand polygons, mask, copies, findings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from experiments.dataset_reports import Finding, read_report
from experiments.datasets import DatasetView, find_dataset, picture_names
from pipeseg.settings import Settings

Box = tuple[float, float, float, float]
Points = tuple[tuple[float, float], ...]
ANNOTATIONS = ("boxes.csv", "labels.csv", "labels")


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """One picture.

    Attributes:
        mask: its mask, None where there is none.
        mask_class: the class that the mask is about; None for a mask of all classes.
        boxes: (class, (x_min, y_min, x_max, y_max)), pixels, half-open.
        regions: (class, corners) of the hand polygons.
        hand_labelled: a person has looked at it; without regions: nothing is there.
        group: what its copies share.
        findings: what the last audit says about it.
    """

    name: str
    image: Path
    mask: Path | None = None
    mask_class: str | None = None
    boxes: tuple[tuple[str, Box], ...] = ()
    regions: tuple[tuple[str, Points], ...] = ()
    hand_labelled: bool = False
    group: str | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def classes(self) -> set[str]:
        return {key for key, _ in (*self.boxes, *self.regions)}

    @property
    def drawn_boxes(self) -> list[tuple[str, Box, bool]]:
        """Every box with its class and whether the audit suspects it; suspects that are no box of ours come last."""
        suspects = [finding for finding in self.findings if finding.kind == "suspect" and finding.box]
        drawn = [
            (key, box, any(_same(box, suspect.box) and suspect.defect_class in (None, key) for suspect in suspects))
            for key, box in self.boxes
        ]
        known = [box for _, box in self.boxes]
        missed = [each for each in suspects if each.box and not any(_same(box, each.box) for box in known)]
        return drawn + [(each.defect_class or "", each.box, True) for each in missed if each.box]


@dataclass(slots=True)
class Pictures:
    """The pictures of a dataset, in the order of their names.

    Attributes:
        classes: in the order in which they have their colours.
        labels: class -> label.
        problems: what could not be read of the annotations.
    """

    name: str
    folder: Path
    names: tuple[str, ...]
    classes: tuple[str, ...]
    labels: dict[str, str]
    known: dict[str, PictureFacts] = field(default_factory=dict)
    copies_of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    mask_class: str | None = None
    problems: tuple[str, ...] = ()

    def facts(self, name: str) -> PictureFacts:
        """Return what is known about a picture; its mask is looked for now."""
        known = self.known.get(name) or PictureFacts(name, self.folder / "images" / name)
        mask = self.folder / "masks" / f"{Path(name).stem}.png"
        return replace(known, mask=mask if mask.is_file() else None, mask_class=self.mask_class)

    @property
    def has_masks(self) -> bool:
        return (self.folder / "masks").is_dir()

    def short(self, key: str) -> str:
        """Return the shortest beginning of a class that no other class has, e.g. `dep` beside `dis`."""
        for length in range(1, len(key) + 1):
            if not any(other != key and other.startswith(key[:length]) for other in self.classes):
                return key[:length]
        return key or "?"

    def copies(self, name: str) -> tuple[str, ...]:
        """Return the group of copies that a picture belongs to, only the members that are here; `()` for none."""
        return self.copies_of.get(name, ())

    def having(self, key: str | None) -> tuple[str, ...]:
        """Return the pictures that hold a class; all for None, those that hold no class for `""`."""
        if key is None:
            return self.names
        classes = {name: facts.classes for name, facts in self.known.items()}
        if not key:
            return tuple(name for name in self.names if not classes.get(name))
        return tuple(name for name in self.names if key in classes.get(name, ()))

    def finding_names(self) -> list[str]:
        """Return the pictures that an audit has something to say about, in order."""
        return [name for name in self.names if name in self.known and self.known[name].findings]


def read_pictures(settings: Settings, name: str) -> Pictures:
    """Read everything about the pictures of a dataset but the pictures themselves.

    A derived dataset borrows boxes and hand polygons from the dataset that it was made from.

    Raises:
        BadInput: no such dataset, or its annotations cannot be read.
    """
    view = find_dataset(settings, name)
    names = picture_names(view.path)
    origin = view
    if not has_annotations(view.path) and view.source and (settings.datasets_dir / view.source).is_dir():
        origin = find_dataset(settings, view.source)
    annotated, problems = read_annotations(origin.path) if has_annotations(origin.path) else ({}, ())
    groups = read_groups(view.path)
    report = read_report(settings, view.path) or read_report(settings, origin.path)
    findings = _by_file(report.findings if report else ())
    known: dict[str, PictureFacts] = {}
    for each in names:
        facts = annotated.get(each) or PictureFacts(each, view.path / "images" / each)
        known[each] = replace(
            facts,
            image=view.path / "images" / each,
            group=groups.get(each),
            findings=tuple(findings.get(each, ())),
        )
    classes = _class_order(origin, view, annotated.values())
    return Pictures(
        name=name,
        folder=view.path,
        names=names,
        classes=classes,
        labels={**origin.classes, **{key: label for key, label in view.classes.items() if label}},
        known=known,
        copies_of=_copies_of(names, groups, report.findings if report else ()),
        # one class and a part of a split: its masks are about that class alone
        mask_class=next(iter(view.classes)) if view.part and len(view.classes) == 1 else None,
        problems=problems,
    )


def has_annotations(folder: Path) -> bool:
    return any((folder / name).exists() for name in ANNOTATIONS)


def read_annotations(folder: Path) -> tuple[dict[str, PictureFacts], tuple[str, ...]]:
    """Return picture name -> boxes and hand polygons, and the sentences about what could not be read.

    Raises:
        BadInput: the annotations are in no known form.
    """
    from pipeseg.data.formats import read_source

    source = read_source(folder)
    known = {}
    for annotation in source.annotations:
        known[annotation.image.name] = PictureFacts(
            annotation.image.name,
            annotation.image,
            boxes=tuple((key, tuple(map(float, box))) for key, box in annotation.boxes),
            regions=tuple((region.defect_class or "", _points(region.points)) for region in annotation.regions),
            hand_labelled=annotation.hand_labelled,
        )
    return known, tuple(f"{problem.file}: {problem.reason}" for problem in source.problems)


def read_groups(folder: Path) -> dict[str, str]:
    """Return picture name -> group, as `dataset.json` says."""
    from pipeseg.run_directory import read_json

    groups = read_json(folder / "dataset.json").get("groups")
    return {str(file): str(group) for file, group in groups.items()} if isinstance(groups, dict) else {}


def _copies_of(
    names: Sequence[str], groups: Mapping[str, str], findings: Sequence[Finding]
) -> dict[str, tuple[str, ...]]:
    """Return picture name -> its copies and itself; what the audit found counts more than the groups known before."""
    by_group: dict[str, list[str]] = {}
    for name in names:
        if name in groups:
            by_group.setdefault(groups[name], []).append(name)
    here = set(names)
    found = [[name for name in each.members if name in here] for each in findings if each.kind == "duplicate"]
    return {name: tuple(members) for members in (*by_group.values(), *found) if len(members) > 1 for name in members}


def _points(points: object) -> Points:
    return tuple((float(x), float(y)) for x, y in points)  # type: ignore[attr-defined]


def _by_file(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        for name in finding.members or (finding.file,):
            found.setdefault(name, []).append(finding)
    return found


def _class_order(origin: DatasetView, view: DatasetView, annotated: object) -> tuple[str, ...]:
    """The order of the source, so that a class has one colour in all sets made from it."""
    keys = dict.fromkeys((*origin.classes, *view.classes))
    for facts in annotated:  # type: ignore[attr-defined]
        keys.update(dict.fromkeys(sorted(facts.classes)))
    return tuple(key for key in keys if key)


def _same(first: Box, second: Box | None) -> bool:
    return second is not None and all(abs(a - b) < 0.51 for a, b in zip(first, second, strict=True))
