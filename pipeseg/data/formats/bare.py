"""Pictures alone, without a word about them."""

from pathlib import Path

from pipeseg.data.formats.assemble import assemble
from pipeseg.data.formats.source import Options, Problem, Source
from pipeseg.data.formats.tree import Tree

NAME = "images"
_ANNOTATIONS = {".csv", ".json", ".xml", ".yaml", ".yml"}


def detect(tree: Tree) -> bool:
    return tree.chosen is None and bool(tree.pictures)


def read(path: Path, tree: Tree, options: Options) -> Source:
    """Read pictures; every file that looks like annotations is named, for nobody has read it."""
    strange = [file for file in tree.files if file.suffix.lower() in _ANNOTATIONS and len(file.parts) < 3]
    problems = [Problem(file.as_posix(), "not read: no annotation of a known format") for file in strange]
    return assemble(path, NAME, tree, {}, options, problems=problems)
