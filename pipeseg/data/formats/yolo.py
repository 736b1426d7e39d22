"""YOLO: one `.txt` per picture with `class cx cy w h` or `class x1 y1 x2 y2 ...`, all relative to its size."""

import math
from pathlib import Path

import numpy as np

from pipeseg.data.formats.assemble import assemble, sizes_of
from pipeseg.data.formats.source import Draft, Item, Options, Problem, Source
from pipeseg.data.formats.tree import Tree
from pipeseg.data.names import same_form
from pipeseg.errors import BadInput

NAME = "yolo"
_NAME_FILES = ("classes.txt", "obj.names", "classes.names", "labels.txt", "_darknet.labels")
# a label file names a class, then 4 numbers of a box or at least 6 of a polygon; detectors add a confidence to a box
_BOX, _BOX_AND_CONFIDENCE, _POLYGON = 4, 5, 6


def detect(tree: Tree) -> bool:
    return (tree.chosen is None or tree.chosen.suffix.lower() in (".yaml", ".yml")) and any(
        _looks_right(tree.root / file) for file in _label_files(tree)
    )


def read(path: Path, tree: Tree, options: Options) -> Source:
    """Read a YOLO folder: labels beside the pictures, or in `labels/` where the pictures are in `images/`.

    Raises:
        BadInput: a list of class names that cannot be read.
    """
    names = dict(enumerate(options.classes)) or _class_names(tree)
    problems: list[Problem] = []
    pairs: dict[Path, Path] = {}
    for file in _label_files(tree):
        match _pictures_of(file, tree):
            case [picture] if picture not in pairs:
                pairs[picture] = file
            case [picture]:
                problems.append(Problem(str(file), f"a second label file for {picture}, beside {pairs[picture]}"))
            case []:
                if _looks_right(tree.root / file) or "labels" in _lower(file.parent.parts):
                    problems.append(Problem(str(file), "a label file without picture"))
            case several:
                reason = f"could belong to {' or '.join(map(str, several))}; paired with none, rename one"
                problems.append(Problem(str(file), reason))
    sizes = sizes_of(tree, list(pairs))
    drafts = {}
    for picture, file in pairs.items():
        draft = drafts[picture] = Draft()
        if picture in sizes:
            _read_labels(tree.root / file, names, sizes[picture], draft)
        else:
            draft.problems.append("its labels are relative to a size that cannot be read")
    has_polygons = any(item.points is not None for draft in drafts.values() for item in draft.items)
    for draft in drafts.values():
        # in a dataset of polygons an empty file says: looked at, nothing there
        if has_polygons and not draft.items and not draft.problems:
            draft.looked_at = True
    return assemble(path, NAME, tree, drafts, options, problems=problems, classes=names.values())


def _read_labels(file: Path, names: dict[int, str], size: tuple[int, int], draft: Draft) -> None:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        draft.problems.append(f"{file.name}: cannot be read ({error})")
        draft.broken += 1
        return
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                draft.items.append(_item(line.split(), names, size))
            except ValueError as error:
                draft.problems.append(f"{file.name}: line {number}: {error}")
                draft.broken += 1


def _item(words: list[str], names: dict[int, str], size: tuple[int, int]) -> Item:
    """Raises ValueError with the reason, a part of a sentence."""
    try:
        number, *values = map(float, words)
    except ValueError:
        raise ValueError(f"not numbers ({' '.join(words)[:40]!r})") from None
    if not all(map(math.isfinite, (number, *values))):
        raise ValueError("not finite numbers")
    if number != int(number) or number < 0 or (names and int(number) not in names):
        raise ValueError(f"class {words[0]} is unknown (there are {len(names)} names)")
    key = names.get(int(number), f"class_{int(number)}")
    height, width = size
    if len(values) in (_BOX, _BOX_AND_CONFIDENCE):
        cx, cy, w, h = values[:_BOX]
        x, y = (cx - w / 2) * width, (cy - h / 2) * height
        return Item(key, (x, y, x + w * width, y + h * height))
    if len(values) < _POLYGON or len(values) % 2:
        raise ValueError(f"{len(values)} numbers are neither a box (4) nor a polygon (6, 8, ...)")
    return Item(key, points=np.array(values, float).reshape(-1, 2) * (width, height))


def _label_files(tree: Tree) -> list[Path]:
    names = {*_NAME_FILES, "train.txt", "val.txt", "valid.txt", "test.txt"}
    texts = [file for file in tree.files if file.suffix.lower() == ".txt" and file.name.lower() not in names]
    return [file for file in texts if not file.name.lower().startswith(("readme", "license", "requirements"))]


def _pictures_of(file: Path, tree: Tree) -> list[Path]:
    folders = {file.parent}
    lower = _lower(file.parent.parts)
    if "labels" in lower:
        at = len(lower) - 1 - lower[::-1].index("labels")
        # labels/train beside images/train, or beside train itself
        before, after = file.parent.parts[:at], file.parent.parts[at + 1 :]
        folders |= {Path(*before, "images", *after), Path(*before, *after)}
    found = [tree.by_stem.get((same_form(folder.as_posix()), same_form(file.stem)), []) for folder in sorted(folders)]
    return [picture for pictures in found for picture in pictures]


def _looks_right(file: Path) -> bool:
    """Whether the first line is one of labels; an empty file says nothing."""
    try:
        with file.open(encoding="utf-8-sig") as stream:
            words = stream.readline(100_000).split()
        return len(words) >= 1 + _BOX and all(math.isfinite(float(word)) for word in words[:5])
    except (OSError, ValueError):  # UnicodeDecodeError is a ValueError
        return False


def _lower(parts: tuple[str, ...]) -> list[str]:
    return [part.lower() for part in parts]


def _class_names(tree: Tree) -> dict[int, str]:
    """Return names by number from a list of names or a YAML file; {} where there is neither."""
    chosen = [tree.chosen] if tree.chosen else []
    for file in [*chosen, *(f for f in tree.files if f.suffix.lower() in (".yaml", ".yml") and len(f.parts) == 1)]:
        if names := _yaml_names(tree.root / file):
            return names
    # the shortest path first: the list of the whole dataset
    lists = [f for f in tree.files if f.name.lower() in _NAME_FILES or f.suffix.lower() == ".names"]
    for file in sorted(lists, key=lambda f: (len(f.parts), f)):
        try:
            lines = (tree.root / file).read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise BadInput(f"{tree.root / file}: not text in UTF-8 ({error}); save it as UTF-8") from None
        return {number: line.strip() for number, line in enumerate(lines) if line.strip()}
    return {}


def _yaml_names(path: Path) -> dict[int, str]:
    from ruamel.yaml import YAML, YAMLError

    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8-sig"))
    except (YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not YAML in UTF-8 ({' '.join(str(error).split())})") from None
    names = content.get("names") if isinstance(content, dict) else None
    try:
        match names:
            case list():
                return {number: str(name) for number, name in enumerate(names)}
            case dict():
                return {int(number): str(name) for number, name in names.items()}
    except ValueError:
        raise BadInput(f"{path}: names must be a list, or a mapping number -> name") from None
    return {}
