"""From an audit to a cleaned dataset: what is withdrawn and why. Nothing is deleted; see `pipeseg.data.quarantine`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pipeseg.data.audit.audit import box_masks, count_classes
from pipeseg.data.audit.findings import Audit
from pipeseg.data.description import read_description
from pipeseg.data.duplicates import group_names
from pipeseg.data.formats import Source
from pipeseg.data.formats.own import NAME as OWN
from pipeseg.data.importing import safe_keys
from pipeseg.data.names import same_form
from pipeseg.data.quarantine import Cleaned, Entry, Withdrawn, numbered, part, write_cleaned
from pipeseg.errors import BadInput, did_you_mean

SUFFIX = "_CLEAN"
# masks with one of these notes cannot be used; they are drawn again from the boxes
SPOILT_MASK = {"mask_size", "mask_unreadable"}
# the only reason that says "nothing is there": without such a box the picture is clean, without others it is unlabelled
NOTHING_THERE = "false"


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person decided about the cleaning.

    Attributes:
        keep_duplicates: copies stay; their common group keeps them in one set all the same.
        drop: classes that go, by name.
        min_images: classes of fewer pictures go as well; counted after everything else was withdrawn.
        spare: files whose suspects and copies stay where they are.
    """

    keep_duplicates: bool = False
    drop: tuple[str, ...] = ()
    min_images: int = 0
    spare: tuple[str, ...] = ()


def clean(
    source: Source,
    audit: Audit,
    target: Path,
    choices: Choices = Choices(),
    *,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> Cleaned:
    """Write the cleaned dataset `target` and return what it is made of; the source is not touched.

    Raises:
        BadInput: a class or file that the source does not hold, nothing would be left, or `target` cannot be written.
    """
    check_choices(choices, source)
    if source.format != OWN and any(one.mask and not one.boxes for one in source.annotations):
        raise BadInput(
            f"{source.path}: its masks are no boxes of ours; import it first (import_dataset.py), then clean"
        )
    entries = read_entries(source, audit)
    keys = safe_keys(audit.class_counts)
    entries, withdrawn = portable(entries, numbered(plan(entries, audit, choices)), keys)
    cleaned = Cleaned(
        entries=entries,
        withdrawn=withdrawn,
        labels={key: source.labels.get(name) or name for name, key in keys.items()},
        has_boxes=any(entry.boxes for entry in entries) or (source.path / "boxes.csv").is_file(),
        has_labels=any(entry.hand_labelled for entry in entries),
        facts={
            "source": source.path.name,
            "source_fingerprint": read_description(source.path).get("fingerprint"),
            "parameters": {**asdict(choices), "content": audit.content},
            "audit": audit.summary(),
        },
    )
    write_cleaned(target, cleaned, tick)
    return cleaned


def read_entries(source: Source, audit: Audit) -> tuple[Entry, ...]:
    """Return every picture of the source with its labels, its own mask where it is sound, and its group."""
    groups = group_names([one.name for one in source.annotations], audit.duplicates, source.groups)
    spoilt = {note.file for note in audit.notes if note.kind in SPOILT_MASK}
    masks = {name: mask for name, mask in box_masks(source).items() if name not in spoilt}
    return tuple(
        Entry(
            name=one.name,
            image=one.image,
            boxes=one.boxes,
            regions=one.regions,
            hand_labelled=one.hand_labelled,
            mask=masks.get(one.name),
            group=groups[one.name],
        )
        for one in source.annotations
    )


def portable(
    entries: Iterable[Entry], withdrawn: Iterable[Withdrawn], keys: Mapping[str, str]
) -> tuple[tuple[Entry, ...], tuple[Withdrawn, ...]]:
    """Return both with the names that an import would have given them, which every system can hold.

    Args:
        keys: class -> key, for every class of the source.
    """
    return (
        tuple(
            replace(
                entry,
                name=same_form(entry.name),
                boxes=tuple((keys[key], box) for key, box in entry.boxes),
                regions=tuple(replace(one, defect_class=keys.get(one.defect_class or "")) for one in entry.regions),
            )
            for entry in entries
        ),
        tuple(
            replace(
                item,
                file=same_form(item.file),
                item=same_form(item.item),
                defect_class=keys.get(item.defect_class, item.defect_class),
            )
            for item in withdrawn
        ),
    )


def plan(entries: Sequence[Entry], audit: Audit, choices: Choices) -> list[Withdrawn]:
    """Return what is to be withdrawn. Pure: files, labels and findings in, a list out."""
    spared = set(choices.spare)
    items = _shared_stems(entries)
    gone = _pictures(items)
    items += [Withdrawn(u.file, "picture", "unreadable", u.reason) for u in audit.unreadable if u.file not in gone]
    items += [
        Withdrawn(s.file, "box", s.kind, s.reason, s.defect_class, s.box)
        for s in audit.suspects
        if s.file not in spared
    ]
    if not choices.keep_duplicates:
        items += _copies(entries, audit, items, spared)
    items += _unlabelled(entries, items)
    return items + _dropped(entries, items, choices)


def _pictures(items: Iterable[Withdrawn]) -> set[str]:
    return {item.file for item in items if item.what == "picture"}


def _shared_stems(entries: Sequence[Entry]) -> list[Withdrawn]:
    """Pictures of one stem would share a mask, and whose labels are whose is a guess: all of them go."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        found.setdefault(same_form(Path(entry.name).stem), []).append(entry.name)
    return [
        Withdrawn(name, "picture", "stem", f"{' and '.join(names)} share one mask name; rename one")
        for names in found.values()
        if len(names) > 1
        for name in names
    ]


def _copies(
    entries: Sequence[Entry], audit: Audit, items: Sequence[Withdrawn], spared: Collection[str]
) -> list[Withdrawn]:
    """Every copy but the best of its group; hand-labelled ones go only where another holds the very same pixels."""
    by_name = {entry.name: entry for entry in entries}
    gone = _pictures(items)
    suspects = Counter(item.file for item in items if item.what == "box")
    exact = {(pair.first, pair.second) for pair in audit.duplicates.pairs if pair.kind == "exact"}
    exact |= {(second, first) for first, second in exact}

    def rank(name: str) -> tuple:
        entry = by_name[name]
        labelled = bool(entry.boxes or entry.regions)
        # more bytes: less was lost when the picture was saved again
        return (not entry.hand_labelled, not labelled, suspects[name], -entry.image.stat().st_size, name)

    copies = []
    for group in audit.duplicates.groups:
        order = sorted((name for name in group if name in by_name and name not in gone), key=rank)
        kept: list[str] = []
        for name in order:
            same = next((other for other in kept if (name, other) in exact), None)
            precious = by_name[name].hand_labelled and same is None
            if not kept or precious or name in spared:
                kept.append(name)
                continue
            what = f"the same pixels as {same}" if same else f"a copy of {kept[0]}"
            copies.append(Withdrawn(name, "picture", "duplicate", what))
    return copies


def _unlabelled(entries: Sequence[Entry], items: Sequence[Withdrawn]) -> list[Withdrawn]:
    """A picture whose every label is in doubt is no proof of a clean pipe: it goes with its labels."""
    boxes: dict[str, list[Withdrawn]] = {}
    for item in items:
        if item.what == "box":
            boxes.setdefault(item.file, []).append(item)
    gone = _pictures(items)
    found = []
    for entry in entries:
        doubts = boxes.get(entry.name, [])
        if entry.name in gone or entry.hand_labelled or all(item.kind == NOTHING_THERE for item in doubts):
            continue
        if not part(entry, doubts).boxes:
            kinds = ", ".join(sorted({item.kind for item in doubts}))
            found.append(Withdrawn(entry.name, "picture", "unlabelled", f"no sound label is left ({kinds})"))
    return found


def _dropped(entries: Sequence[Entry], items: Sequence[Withdrawn], choices: Choices) -> list[Withdrawn]:
    """The labels of dropped classes, and the pictures that hold nothing else: they show a defect, so are not clean."""
    by_file: dict[str, list[Withdrawn]] = {}
    for item in items:
        by_file.setdefault(item.file, []).append(item)
    left = {entry.name: _classes(entry, by_file.get(entry.name, [])) for entry in entries}
    pictures = Counter(key for keys in left.values() for key in keys)
    every = {key for entry in entries for key in entry.classes if key}
    small = {key for key in every if pictures[key] < choices.min_images}
    found = []
    for entry in entries:
        keys = left[entry.name] & ({*choices.drop} | small)
        for key in sorted(keys):
            why = "dropped on demand" if key in choices.drop else f"only {pictures[key]} pictures of this class"
            found.append(Withdrawn(entry.name, "class", "dropped_class", f"{key}: {why}", key))
        if keys and keys == left[entry.name]:
            reason = f"shows {', '.join(sorted(keys))} only, which was dropped"
            found.append(Withdrawn(entry.name, "picture", "dropped_class", reason))
    return found


def _classes(entry: Entry, items: Sequence[Withdrawn]) -> set[str]:
    parted = part(entry, items)
    named = {key for key, _ in parted.boxes} | {region.defect_class for region in parted.regions}
    return {key for key in named if key}


def check_choices(choices: Choices, source: Source) -> None:
    """Refuse choices that name what the source does not hold.

    Raises:
        BadInput: an unknown class or file.
    """
    known = [key for key, count in count_classes(source).items() if count.pictures]
    for key in choices.drop:
        if key not in known:
            raise BadInput(f"--drop: no class {key!r}{did_you_mean(key, known)} (known: {', '.join(known) or 'none'})")
    names = {annotation.name for annotation in source.annotations}
    for name in choices.spare:
        if name not in names:
            raise BadInput(f"--except: {source.path} holds no picture {name!r}{did_you_mean(name, sorted(names))}")
