"""Pascal VOC: one XML file per picture, with boxes."""

from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element

from pipeseg.data.formats.assemble import assemble
from pipeseg.data.formats.documents import number, read_xml_document
from pipeseg.data.formats.source import Draft, Item, Options, Problem, Source
from pipeseg.data.formats.tree import Tree
from pipeseg.data.names import same_form
from pipeseg.errors import BadInput

NAME = "voc"


def detect(tree: Tree) -> bool:
    return any(_is_annotation(tree.root / file) for file in tree.with_suffix(".xml")[:20])


def read(path: Path, tree: Tree, options: Options) -> Source:
    """Read VOC files. Corners are taken as they are: tools do not agree whether VOC counts pixels from 0 or 1."""
    problems: list[Problem] = []
    drafts: dict[Path, Draft] = {}
    origin: dict[Path, Path] = {}
    for file in tree.with_suffix(".xml"):
        try:
            root = read_xml_document(tree.root / file)
        except BadInput as error:
            problems.append(Problem(file.as_posix(), str(error)))
            continue
        if root.tag != "annotation":
            continue
        picture, reason = _picture_of(file, (root.findtext("filename") or "").strip(), tree)
        if picture is None:
            problems.append(Problem(file.as_posix(), reason))
        elif picture in drafts:
            problems.append(Problem(file.as_posix(), f"a second file for {picture}, beside {origin[picture]}"))
        else:
            drafts[picture], origin[picture] = _draft(root, file.name), file
    return assemble(path, NAME, tree, drafts, options, problems=problems)


def _picture_of(file: Path, named: str, tree: Tree) -> tuple[Path | None, str]:
    """Return the one picture that the file's content or name means, else why there is none.

    Annotators that are handed renamed pictures leave the old name inside: when both names exist, nobody knows.
    """
    same_stem = tree.of_stem.get(same_form(file.stem), [])
    if named:
        inside, reasons = tree.resolve([named])
        if named in inside:
            picture = inside[named]
            if same_stem and picture not in same_stem:
                return None, f"says {named}, but {same_stem[0]} has its own name; paired with neither"
            return picture, ""
        if reasons[named].startswith("could be"):
            # the same name in several folders: beside the file or in the folder that mirrors its own
            same = [p for p in same_stem if p.name == PurePosixPath(named.replace("\\", "/")).name]
            near = [p for p in same if p.parent == file.parent]
            near = near or [p for p in same if p.parent.parts[:-1] == file.parent.parts[:-1]]
            return (near[0], "") if len(near) == 1 else (None, f"{named}: {reasons[named]}")
    if len(same_stem) > 1:
        return None, f"could belong to {' or '.join(map(str, same_stem))}; paired with none, rename one"
    return (same_stem[0], "") if same_stem else (None, f"labels {named or file.stem}, but there is no such picture")


def _draft(root: Element, shown: str) -> Draft:
    draft = Draft()
    try:
        height, width = (int(number(root.findtext(f"size/{side}"))) for side in ("height", "width"))
        # tools that do not know write 0
        draft.declared = (height, width) if height > 0 and width > 0 else None
    except ValueError:
        draft.problems.append(f"{shown}: no size of the picture; taken from the picture itself")
    for index, element in enumerate(root.iter("object")):
        name = (element.findtext("name") or "").strip()
        try:
            if not name:
                raise ValueError("no name")
            corners = [number(element.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")]
        except ValueError as error:
            draft.problems.append(f"{shown}: object {index} ({name}): {error}")
        else:
            draft.items.append(Item(name, (corners[0], corners[1], corners[2], corners[3])))
    return draft


def _is_annotation(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return b"<annotation" in file.read(4096)
    except OSError:
        return False
