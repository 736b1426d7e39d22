"""An audit as text: rows for the terminal, and a Markdown page for people."""

from __future__ import annotations

from collections.abc import Iterable

from pipeseg.data.audit.findings import Audit, Note
from pipeseg.data.audit.sheet import chosen_groups, chosen_suspects

EXAMPLES = 2
MOST_ROWS = 200
NAMES = {
    "unreadable": "pictures that cannot be read",
    "duplicates": "duplicate groups",
    "conflicts": "copies labelled differently",
    "outside": "boxes outside the picture",
    "tiny": "boxes without area, or tiny",
    "whole": "boxes around the whole picture",
    "twice": "boxes drawn twice",
    "false": "boxes around nothing",
    "wrong_class": "boxes of a wrong class",
    "not_judged": "classes that nothing was learned of",
    "aspect": "very long boxes",
    "size": "boxes of unusual size",
    "two_classes": "two classes in one place",
    "size_of_picture": "pictures of odd size",
    "sizes": "mixed sizes",
    "mode": "pictures that are not 8-bit RGB",
    "exif": "pictures with EXIF rotation",
    "frames": "pictures of several frames",
    "mask_missing": "pictures without mask",
    "mask_size": "masks of another size",
    "mask_empty": "empty masks beside boxes",
    "mask_boxes": "masks that disagree with boxes",
    "mask_unreadable": "masks that cannot be read",
    "source": "remarks of the reader",
}
Row = tuple[str, str, str, str]


def finding_rows(audit: Audit) -> list[Row]:
    """Return (what, how many, when cleaned, for example), the most serious first; only what was found."""
    rows: list[Row] = []
    if audit.unreadable:
        found = [f"{item.file}: {item.reason}" for item in audit.unreadable]
        rows.append((NAMES["unreadable"], str(len(found)), "withdrawn", _examples(found)))
    if audit.duplicates.groups:
        copies = sum(len(group) - 1 for group in audit.duplicates.groups)
        found = [" = ".join(group[:4]) for group in audit.duplicates.groups]
        count = f"{len(audit.duplicates.groups)} ({copies} copies)"
        rows.append((NAMES["duplicates"], count, "one is kept", _examples(found)))
    suspects: dict[str, list[str]] = {}
    for suspect in audit.suspects:
        suspects.setdefault(suspect.kind, []).append(f"{suspect.file}: {suspect.defect_class}")
    for kind, found in sorted(suspects.items()):
        rows.append((_name(kind), str(len(found)), "withdrawn", _examples(found)))
    if audit.conflicts:
        found = [f"{conflict.first}: {conflict.reason}" for conflict in audit.conflicts]
        rows.append((NAMES["conflicts"], str(len(found)), "look", _examples(found)))
    for kind, notes in _by_kind(audit.notes):
        found = [f"{note.file}: {note.reason}" if note.file else note.reason for note in notes]
        rows.append((_name(kind), str(len(found)), "look", _examples(found)))
    return rows


def class_rows(audit: Audit) -> list[Row]:
    """Return (class, pictures, boxes, hand regions)."""
    return [
        (name, str(count.pictures), str(count.boxes), str(count.regions)) for name, count in audit.class_counts.items()
    ]


def headline(audit: Audit) -> str:
    """Return one line: what was looked at."""
    sizes = [f"{w}x{h}" for (w, h), _ in sorted(audit.sizes.items(), key=lambda entry: -entry[1])]
    shown = ", ".join(sizes[:2]) + (f" and {len(sizes) - 2} more sizes" if len(sizes) > 2 else "")
    hand = f", {len(audit.hand_labelled)} labelled by hand" if audit.hand_labelled else ""
    return f"{audit.name}: {audit.pictures} pictures ({audit.format}{f', {shown}' if shown else ''}){hand}"


def markdown(audit: Audit, sheet: str | None) -> str:
    """Return the report as Markdown; `sheet` is the file name of the thumbnails beside it."""
    lines = [f"# Audit of {_cell(audit.name)}", "", headline(audit), ""]
    if not audit.content and any(count.boxes for count in audit.class_counts.values()):
        lines += ["What the boxes show was not looked at.", ""]
    elif audit.judged:
        lines += [f"Networks that learned from the other boxes have judged {audit.judged} boxes by what they show.", ""]
    lines += _table(("class", "pictures", "boxes", "hand regions"), class_rows(audit))
    lines += ["## Findings", ""]
    rows = finding_rows(audit)
    lines += _table(("what", "found", "when cleaned", "for example"), rows) if rows else ["Nothing.", ""]
    if sheet:
        lines += [f"![thumbnails: D copies of one picture, S suspect boxes]({sheet})", ""]
    shown = chosen_groups(audit)
    groups = [(_number("D", i, len(shown)), ", ".join(g)) for i, g in enumerate(audit.duplicates.groups, 1)]
    lines += _section("Duplicate groups", ("no.", "files"), groups)
    places = {(s.file, s.box, s.reason): i for i, s in enumerate(chosen_suspects(audit), 1)}
    lines += _section(
        "Suspect boxes",
        ("no.", "file", "class", "box", "reason"),
        [
            (
                f"S{places[key]}" if (key := (s.file, s.box, s.reason)) in places else "",
                s.file,
                s.defect_class,
                " ".join(f"{corner:g}" for corner in s.box),
                s.reason,
            )
            for s in audit.suspects
        ],
    )
    conflicts = [(c.first, c.second, c.kind, c.reason) for c in audit.conflicts]
    lines += _section("Copies labelled differently", ("file", "copy", "kind", "difference"), conflicts)
    lines += _section("Unreadable", ("file", "reason"), [(item.file, item.reason) for item in audit.unreadable])
    lines += _section("Notes", ("file", "kind", "note"), [(n.file, n.kind, n.reason) for n in audit.notes])
    return "\n".join(lines).rstrip("\n") + "\n"


def _section(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    more = [f"... and {len(rows) - MOST_ROWS} more, all of them in the JSON report", ""]
    return [f"## {title}", "", *_table(columns, rows[:MOST_ROWS]), *(more if len(rows) > MOST_ROWS else [])]


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    head = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return [*head, *("| " + " | ".join(map(_cell, row)) + " |" for row in rows), ""]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _number(letter: str, number: int, shown: int) -> str:
    return f"{letter}{number}" if number <= shown else ""


def _examples(found: list[str]) -> str:
    more = f"; {len(found) - EXAMPLES} more" if len(found) > EXAMPLES else ""
    return "; ".join(found[:EXAMPLES]) + more


def _name(kind: str) -> str:
    return NAMES.get(kind, kind.replace("_", " "))


def _by_kind(notes: Iterable[Note]) -> list[tuple[str, list[Note]]]:
    kinds: dict[str, list[Note]] = {}
    for note in notes:
        kinds.setdefault(note.kind, []).append(note)
    return sorted(kinds.items())
