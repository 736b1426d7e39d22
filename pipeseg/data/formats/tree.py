"""The files below a folder, and which picture an annotation means: found for certain, or not at all."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pipeseg.data.formats.documents import json_kind, read_json_document
from pipeseg.data.formats.source import Problem
from pipeseg.data.names import IMAGE_SUFFIXES, same_form
from pipeseg.errors import BadInput, os_error_sentence

# folders whose pictures are masks, never photographs
MASK_FOLDERS = {"masks", "mask", "truth", "ground_truth", "gt", "segmentationclass", "segmentationobject"}
# and these where there are pictures elsewhere
LABEL_FOLDERS = {"labels", "label", "annotations", "annotation"}
# what cleaning sets aside, and what archives of macOS carry along
SKIPPED_FOLDERS = {"quarantine", "__macosx"}


@dataclass(frozen=True)
class Tree:
    """The files of a source.

    Attributes:
        files: paths relative to `root`, sorted; hidden ones are left out.
        chosen: the one annotation file that the person pointed at, else None.
        problems: files that cannot be used at all.
    """

    root: Path
    files: tuple[Path, ...]
    chosen: Path | None = None
    problems: list[Problem] = field(default_factory=list)

    @classmethod
    def scan(cls, path: Path) -> "Tree":
        """List what is below `path` (links followed, circles noticed), or beside and below the annotation file `path`.

        Raises:
            BadInput: no such place, or one that cannot be read.
        """
        if not path.exists():
            raise BadInput(f"{path}: no such file or folder")
        root = path if path.is_dir() else path.parent
        # annotations/a.json beside images/
        if not path.is_dir() and root.name.lower() in LABEL_FOLDERS:
            root = root.parent
        problems: list[Problem] = []
        try:
            files = sorted(_walk(root, problems))
        except OSError as error:
            raise BadInput(os_error_sentence(error)) from error
        return cls(root, tuple(files), None if path.is_dir() else path.relative_to(root), problems)

    def with_suffix(self, *suffixes: str) -> list[Path]:
        """Return the annotation files of a kind; only the chosen one where there is one."""
        files = [self.chosen] if self.chosen else self.files
        return [file for file in files if file.suffix.lower() in suffixes]

    @cached_property
    def json_kinds(self) -> dict[Path, str]:
        """What each JSON file holds, see `json_kind`; each is looked into once."""
        return {file: json_kind(self.root / file) for file in self.with_suffix(".json")}

    def of_kind(self, kind: str) -> list[Path]:
        return [file for file, found in self.json_kinds.items() if found == kind]

    def broken_json(self) -> list[Problem]:
        """Name the JSON files that cannot be read, with the line where they break."""
        problems = []
        for file in self.of_kind("broken"):
            try:
                read_json_document(self.root / file)
            except BadInput as error:
                problems.append(Problem(file.as_posix(), str(error)))
        return problems

    @cached_property
    def pictures(self) -> list[Path]:
        """Photographs: pictures outside of mask folders."""
        masks = set(self.masks)
        return [file for file in self._all_pictures if file not in masks]

    @cached_property
    def masks(self) -> list[Path]:
        certain = [file for file in self._all_pictures if _in_folder(file, MASK_FOLDERS)]
        either = [file for file in self._all_pictures if _in_folder(file, LABEL_FOLDERS | MASK_FOLDERS)]
        return either if len(either) < len(self._all_pictures) else certain

    @cached_property
    def _all_pictures(self) -> list[Path]:
        return [file for file in self.files if file.suffix.lower() in IMAGE_SUFFIXES]

    @cached_property
    def by_stem(self) -> dict[tuple[str, str], list[Path]]:
        """Photographs by (folder, stem), in one Unicode form."""
        found: dict[tuple[str, str], list[Path]] = defaultdict(list)
        for picture in self.pictures:
            found[same_form(picture.parent.as_posix()), same_form(picture.stem)].append(picture)
        return dict(found)

    @cached_property
    def of_stem(self) -> dict[str, list[Path]]:
        """Photographs of any folder by stem, in one Unicode form."""
        found: dict[str, list[Path]] = defaultdict(list)
        for (_, stem), pictures in self.by_stem.items():
            found[stem] += pictures
        return dict(found)

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = defaultdict(list)
        for picture in self.pictures:
            found[same_form(picture.name)].append(picture)
        return dict(found)

    @cached_property
    def _by_folded_name(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = defaultdict(list)
        for picture in self.pictures:
            found[same_form(picture.name).casefold()].append(picture)
        return dict(found)

    @cached_property
    def _one_folder(self) -> bool:
        return len({picture.parent for picture in self.pictures}) <= 1

    def resolve(self, references: Iterable[str]) -> tuple[dict[str, Path], dict[str, str]]:
        """Find the picture that each name or path in an annotation file means.

        Slashes may lean either way, Unicode may be composed or not, and case may differ where that leaves one answer.

        Returns:
            (reference -> picture, reference -> why there is none). A picture that two references claim goes to neither.
        """
        found: dict[str, Path] = {}
        reasons: dict[str, str] = {}
        for reference in references:
            match self._candidates(reference):
                case []:
                    reasons[reference] = "labelled, but there is no such picture"
                case [picture]:
                    found[reference] = picture
                case several:
                    names = " or ".join(map(str, several[:3]))
                    reasons[reference] = f"could be {names}; name the folder in the annotation"
        claims: dict[Path, list[str]] = defaultdict(list)
        for reference, picture in found.items():
            claims[picture].append(reference)
        for picture, claimed in claims.items():
            if len(claimed) > 1:
                for reference in claimed:
                    others = ", ".join(other for other in claimed if other != reference)
                    reasons[reference] = f"means {picture}, as {others} does; paired with neither"
                    del found[reference]
        return found, reasons

    def _candidates(self, reference: str) -> list[Path]:
        wanted = same_form(reference.replace("\\", "/"))
        absolute = wanted.startswith("/") or wanted[1:2] == ":"
        parts = [part for part in wanted.split("/") if part not in ("", ".")]
        if not parts:
            return []
        path, name = "/".join(parts), parts[-1]
        for table, form in ((self._by_name, str), (self._by_folded_name, str.casefold)):
            same_name = table.get(form(name), [])
            if exact := [p for p in same_name if form(same_form(p.as_posix())) == form(path)]:
                return exact
            if inside := [p for p in same_name if f"/{form(same_form(p.as_posix()))}".endswith(f"/{form(path)}")]:
                return inside
            # a folder that is not there says nothing where all pictures lie in one, or on another machine
            if same_name and (absolute or self._one_folder):
                parent = [p for p in same_name if len(parts) > 1 and p.parent.name == parts[-2]]
                return parent or same_name
        return []


def printable(name: str) -> str:
    """Return a file name that any output can hold."""
    return os.fsencode(name).decode("utf-8", "replace")


def _in_folder(file: Path, names: set[str]) -> bool:
    return any(part.lower() in names for part in file.parent.parts)


def _walk(root: Path, problems: list[Problem]) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise error

    seen = set()
    for folder, children, names in os.walk(root, followlinks=True, onerror=refuse):
        real = os.path.realpath(folder)
        if real in seen:  # a link that points back up
            children.clear()
            continue
        seen.add(real)
        children[:] = [c for c in children if not c.startswith(".") and c.lower() not in SKIPPED_FOLDERS]
        for name in names:
            if name.startswith("."):
                continue
            path = Path(folder, name).relative_to(root)
            try:
                str(path).encode()
            except UnicodeEncodeError:
                problems.append(Problem(printable(str(path)), "the name is not UTF-8; rename the file"))
                continue
            yield path
