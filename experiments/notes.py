"""What a person says about a run: a note, tags, and whether it is put aside; kept in `notes.json` of its directory."""

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeseg.errors import BadInput
from pipeseg.run_directory import RunDirectory, read_json, write_json

TAG = re.compile(r"[\w.:/+-]{1,60}")
NOTE_LENGTH = 4000


@dataclass(frozen=True, slots=True)
class Notes:
    """Attributes:
    text: one note, of any length up to `NOTE_LENGTH` characters.
    tags: words without spaces, in the order in which they were given.
    archived: hidden in lists and never chosen by itself; nothing is deleted.
    """

    text: str = ""
    tags: tuple[str, ...] = ()
    archived: bool = False

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Notes":
        """Make sense of a `notes.json`; what is not as it should be counts as not said."""
        text, tags = values.get("note"), values.get("tags")
        return cls(
            text if isinstance(text, str) else "",
            tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
            values.get("archived") is True,
        )

    def changed(
        self,
        text: str | None = None,
        add: Iterable[str] = (),
        remove: Iterable[str] = (),
        archived: bool | None = None,
    ) -> "Notes":
        """Return the notes with changes; None leaves something as it is.

        Raises:
            BadInput: a tag that is no word, or a note that is too long.
        """
        add, gone = [check_tag(tag) for tag in add], set(remove)
        if text is not None and len(text) > NOTE_LENGTH:
            raise BadInput(f"the note has {len(text)} characters; {NOTE_LENGTH} are kept, shorten it")
        tags = tuple(tag for tag in dict.fromkeys([*self.tags, *add]) if tag not in gone)
        return replace(
            self,
            text=self.text if text is None else text.strip(),
            tags=tags,
            archived=self.archived if archived is None else archived,
        )

    def mlflow_tags(self) -> dict[str, str]:
        """Return them as the tags of an MLflow run; what is not said is an empty text, for a tag cannot be unsaid."""
        return {"note": self.text, "tags": " ".join(self.tags), "archived": "true" if self.archived else ""}

    @classmethod
    def of_mlflow(cls, tags: Mapping[str, str]) -> "Notes":
        return cls(tags.get("note", ""), tuple(tags.get("tags", "").split()), tags.get("archived") == "true")


def check_tag(text: str) -> str:
    """Return a tag as it is kept.

    Raises:
        BadInput: it is no word.
    """
    if not TAG.fullmatch(text):
        raise BadInput(f"tag {text!r}: a tag is one word of letters, digits and . : / + - _")
    return text


def read_notes(directory: RunDirectory) -> Notes:
    return Notes.of(read_json(directory.notes_file))


def change_notes(
    directory: RunDirectory,
    *,
    text: str | None = None,
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    archived: bool | None = None,
) -> Notes:
    """Change what is said about a run and return it; the file is written only when something is new.

    Raises:
        BadInput: see `Notes.changed`.
        OSError: the directory cannot be written.
    """
    from filelock import FileLock

    with FileLock(directory.path / ".notes.lock"):
        before = read_notes(directory)
        notes = before.changed(text, add, remove, archived)
        if notes != before:
            said = {"note": notes.text, "tags": list(notes.tags), "archived": notes.archived, "changed": time.time()}
            write_json(directory.notes_file, said)
    return notes
