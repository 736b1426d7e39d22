"""Annotation formats, one file each, all read into a `Source`.

Our own readers, because a wrong pairing is worse than none: supervision (0.31) gives one label file to both a.jpg and
a.png, passes over labels without picture, and gives up at the first broken line; it and datumaro (1.13, 23 packages)
read no VIA.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from pipeseg.data.formats import bare, coco, labelme, masks, own, via, voc, yolo
from pipeseg.data.formats.source import Annotation, Options, Problem, Source
from pipeseg.data.formats.tree import Tree
from pipeseg.errors import BadInput, did_you_mean

__all__ = ["FORMATS", "Annotation", "Problem", "Source", "read_source"]

FORMATS: dict[str, ModuleType] = {module.NAME: module for module in (own, yolo, voc, coco, via, labelme, masks, bare)}
# read only where no other format has anything to say
_LAST = ("masks", "images")


def read_source(
    path: Path,
    format: str | None = None,
    *,
    classes: Sequence[str] = (),
    masks_are: str | None = None,
    min_box: float = 0,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> Source:
    """Read a dataset of any known layout: a folder, or one annotation file with the pictures beside or below it.

    Args:
        format: a key of FORMATS; None = find out.
        classes: names for numbered classes, or the name of the only class.
        masks_are: "hand": polygons and masks were drawn by a person; "box": they are filled boxes; None: by a person,
            except in pictures where every shape is a rectangle.
        min_box: smallest longer side in pixels of a box that is made from a polygon or a mask.
        tick: told (done, total) where masks have to be decoded.

    Raises:
        BadInput: no such place, an unknown or ambiguous format, no picture, or a file that breaks the whole source.
    """
    if masks_are not in (None, "hand", "box"):
        raise BadInput(f"masks_are is {masks_are!r}; it can be hand or box")
    if path.suffix.lower() == ".zip" and path.is_file():
        raise BadInput(f"{path}: is an archive; import_dataset.py unpacks it")
    tree = Tree.scan(path)
    module = _chosen(format) if format else _detected(path, tree)
    return module.read(path, tree, Options(tuple(classes), masks_are, min_box, tick))


def _chosen(name: str) -> ModuleType:
    if name not in FORMATS:
        hint = did_you_mean(name, list(FORMATS))
        raise BadInput(f"format {name!r} is not known{hint} (known: {', '.join(FORMATS)})")
    return FORMATS[name]


def _detected(path: Path, tree: Tree) -> ModuleType:
    # ours may carry labels of others along
    if own.detect(tree):
        return own
    found = [name for name, module in FORMATS.items() if name not in _LAST and module.detect(tree)]
    if not found and (broken := tree.broken_json()):
        # most likely the annotations: pictures without them would be a surprise
        raise BadInput(broken[0].reason)
    if not found:
        found = [name for name in _LAST if name in FORMATS and FORMATS[name].detect(tree)][:1]
    match found:
        case [name]:
            return FORMATS[name]
        case []:
            raise BadInput(f"{path}: holds no picture and no annotation of a known format ({', '.join(FORMATS)})")
    raise BadInput(f"{path}: could be {' or '.join(found)}; say which with --format")
