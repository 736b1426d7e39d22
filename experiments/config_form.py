"""A config as a form: every key that it may hold, what it takes, what it means, and what stands in the text."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from experiments.config_diff import ABSENT, as_text, same
from experiments.config_types import Choice, Field, Kind, fields_of, typed
from pipeseg.settings import Settings

WARNING = "warning: "
_STEPS = ("clean", "split", "baseline", "refine", "final")
GROUPS: dict[str, tuple[str, ...]] = {
    "Experiment": (
        *("stage", "seed", "experiment_name", "track_experiment", "defect_class", "defect_classes", "classes"),
        *("seeds", "arms", "teachers", "multilabel", "reuse"),
    ),
    "Data": (
        *("source_dataset", "cleaned_dataset", "train_dataset", "validation_dataset", "evaluation_dataset"),
        *("baseline_dataset", "hybrid_dataset", "full_dataset", "labels", "test", "validation", "content", "learn"),
        *("keep_duplicates", "drop", "min_images", "replace"),
    ),
    "Steps": _STEPS,
    "Refining": ("baseline_run", "teacher_dataset", "refiner"),
    "Network": ("image_size", "model", "start_from"),
    "Loss": ("criterion", "boxes"),
    "Training": (
        *("epochs", "steps_per_epoch", "batch_size", "micro_batch", "learning_rate", "schedule", "warmup_steps"),
        *("optimizer", "weight_decay", "clip_norm", "ema_decay", "early_stop", "augment"),
    ),
    "Scores": (
        *("validation_metrics", "evaluation_metrics", "threshold", "scoring_per_epoch", "save_by_metric"),
        "visualization_samples",
    ),
    "Machine": (
        *("device", "devices", "precision", "deterministic", "compile", "num_workers", "checkpoint_minutes", "jobs"),
    ),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the form.

    Attributes:
        key: dotted; `name` is what is left of it under the heading of its section.
        value: what the text says, `ABSENT` where it says nothing and `default` holds.
        default: `ABSENT` for a key that must be there, or that the schema does not know.
        problem: what is wrong with the value, or None; a warning begins with `warning: `.
    """

    key: str
    group: str
    kind: Kind
    value: object
    default: object
    help: str
    problem: str | None = None

    @property
    def is_set(self) -> bool:
        return self.value is not ABSENT

    @property
    def is_missing(self) -> bool:
        return not self.is_set and self.default is ABSENT

    @property
    def shown(self) -> object:
        return self.value if self.is_set else self.default


@dataclass(frozen=True, slots=True)
class Form:
    """A config text as rows.

    Attributes:
        values: the text as plain values.
        problems: (dotted key, sentence), as `experiments.config_file.check_text` returns them.
        is_readable: whether the text is YAML at all; without it there are no entries.
    """

    text: str
    entries: tuple[Entry, ...]
    values: Mapping[str, Any]
    problems: tuple[tuple[str, str], ...]
    is_readable: bool = True

    def entry(self, key: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.key == key), None)

    @property
    def is_valid(self) -> bool:
        return all(text.startswith(WARNING) for _, text in self.problems)


def read_form(text: str, settings: Settings | None = None) -> Form:
    """Return the form of a config text.

    Args:
        settings: to offer the datasets that are there, and to warn of those that are not.
    """
    from pipeseg.config import ConfigError, parse_yaml

    try:
        values = parse_yaml(text)
    except ConfigError as error:
        return Form(text, (), {}, tuple(error.problems), is_readable=False)
    problems = _problems(values, settings)
    entries = _with_problems(_entries(values, _dataset_choices(settings, values)), problems)
    return Form(text, entries, values, tuple(problems))


def order_of(values: Mapping[str, Any]) -> list[str]:
    """Return the keys that a config of this stage may hold, in the order of the schema."""
    return [field.key for field in fields_of(_stage(values))]


def problem_of(form: Form, key: str, value: object) -> str | None:
    """Return what would be wrong with this key, were it set to `value`; mistakes elsewhere do not count."""
    from experiments.config_edit import applied

    values = dict(form.values)
    for name, each in changes_for(form, key, value).items():
        values = applied(values, tuple(name.split(".")), each)
    rows = _with_problems(_entries(values, {}), _problems(values, None))
    row = next((entry for entry in rows if entry.key == key), None)
    found = row.problem if row else None
    return None if found is None or found.startswith(WARNING) else found


def changes_for(form: Form, key: str, value: object) -> dict[str, object]:
    """Return what to write into the text so that `key` holds `value`: the spelling and the sections that it has."""
    from experiments.config_file import renamed

    section, _, rest = key.partition(".")
    held = form.values.get(section)
    if rest and isinstance(held, str):  # a name alone, as `refiner: crops`
        if rest == "name":
            return {section: value} if value is not ABSENT else {section: ABSENT}
        whole: dict[str, object] = {"name": held}
        for part in reversed(rest.split(".")[1:]):
            value = {part: value}
        return {section: whole | {"args": value}}
    return renamed(form.values, {key: value})


def changed_text(form: Form, key: str, value: object) -> str:
    """Return the text with `key` set to `value`, or without it (`ABSENT`).

    Raises:
        BadInput: the text cannot be changed there.
    """
    from experiments.config_edit import edit

    return edit(form.text, changes_for(form, key, value), order_of(form.values))


def read_typed(entry: Entry, text: str) -> object:
    """Return the value that typed text means for this key; see `experiments.config_types.typed`."""
    for choice in entry.kind.choices:
        if as_text(choice.value) == text.strip():
            return choice.value
    return typed(entry.kind, text)


def next_choice(entry: Entry) -> object:
    """Return the choice after the one that holds; `ABSENT` where there is nothing to choose."""
    values = [choice.value for choice in entry.kind.choices]
    if not values:
        return ABSENT
    places = [index for index, value in enumerate(values) if same(value, entry.shown)]
    return values[(places[0] + 1) % len(values)] if places else values[0]


# -- rows ----------------------------------------------------------------------------------------------------------


def _stage(values: Mapping[str, Any]) -> str:
    from pipeseg.schema import STAGES

    stage = values.get("stage", "baseline")
    return stage if isinstance(stage, str) and stage in STAGES else "baseline"


def _entries(values: Mapping[str, Any], datasets: Mapping[str, tuple[Choice, ...]]) -> list[Entry]:
    from pipeseg.schema import STAGES

    stage = _stage(values)
    aliases = STAGES[stage].aliases
    values = {aliases.get(key, key): value for key, value in values.items()}
    rows = []
    for field in fields_of(stage):
        rows += _rows(field, values, datasets, is_study=stage == "study")
    known = {field.key for field in fields_of(stage)}
    for key, value in values.items():
        if str(key) not in known:  # unknown: told with its problem, so that it can be removed
            rows.append(Entry(str(key), "Unknown", Kind("unknown key"), value, ABSENT, ""))
    titles = [*GROUPS, "Other", "Unknown"]
    places = {key: place for keys in GROUPS.values() for place, key in enumerate(keys)}
    return sorted(rows, key=lambda row: (titles.index(row.group), places.get(row.key.partition(".")[0], 0)))


def _rows(
    field: Field, values: Mapping[str, Any], datasets: Mapping[str, tuple[Choice, ...]], is_study: bool
) -> Iterator[Entry]:
    value, holder = _value_at(values, field.key)
    group = _group(field.key.partition(".")[0], is_study)
    kind = replace(field.kind, choices=datasets[field.key]) if field.key in datasets else _kind(field)
    if field.kind.words == "section":  # only what is in it is a row, unless it is something else
        if not isinstance(value, Mapping) and value is not ABSENT and not isinstance(value, str):
            yield Entry(field.key, group, Kind("section"), value, field.default, field.help)
        return
    if field.kind.words == "section | null":
        on = isinstance(value, Mapping)
        switch = Kind("section | null", (Choice(None, "off"), Choice({}, "on")), is_nullable=True)
        yield Entry(field.key, group, switch, {} if on and not value else value, field.default, field.help)
        return
    if holder is None:  # of a section that is null
        return
    parent, _, leaf = field.key.rpartition(".")
    if is_study and field.key in _STEPS and isinstance(value, Mapping):
        yield Entry(field.key, group, field.kind, value, field.default, field.help)
        yield from _overrides(field.key, value, group)
        return
    if leaf != "args" or not parent:
        yield Entry(field.key, group, kind, value, field.default, field.help)
        return
    yield from _arguments(field, parent, holder, value, group)


def _kind(field: Field) -> Kind:
    """The schema's kind, with the names of the registries."""
    from pipeseg.registry import LOSSES_HELP, MODELS_HELP, REFINERS_HELP

    tables = {"model.name": MODELS_HELP, "criterion.name": LOSSES_HELP, "refiner.name": REFINERS_HELP}
    if (table := tables.get(field.key)) is None:
        if field.key == "device":
            names = (Choice("auto", "the best there is"), Choice("cpu"), Choice("cuda"), Choice("mps", "Apple"))
            return replace(field.kind, choices=names)
        return field.kind
    return replace(field.kind, choices=tuple(Choice(*item) for item in table.items()), closed=True, words="name")


def _arguments(field: Field, parent: str, holder: Mapping[str, Any], value: object, group: str) -> Iterator[Entry]:
    """The arguments of what is named beside them: what the text holds, and what else is known."""
    from pipeseg.registry import ENCODERS
    from pipeseg.registry_args import known_arguments

    if value is not ABSENT and not isinstance(value, Mapping):
        yield Entry(field.key, group, field.kind, value, field.default, field.help)
        return
    name = holder.get("name")
    if name is None:
        name = next(
            (
                each.default
                for each in fields_of("refine" if parent == "refiner" else "baseline")
                if each.key == f"{parent}.name"
            ),
            None,
        )
    known = known_arguments(parent, name)
    held = dict(value) if isinstance(value, Mapping) else {}
    if not known and not held:
        yield Entry(field.key, group, field.kind, value, field.default, field.help)
    for key in [*known, *(key for key in held if key not in known)]:
        told = known.get(key)
        choices = tuple(map(Choice, told.choices)) if told else ()
        if key == "encoder_name":
            choices = tuple(Choice(*item) for item in ENCODERS.items())
        if key == "encoder_weights":
            choices = (Choice("imagenet", "downloaded once"), Choice(None, "random"))
        words = "name" if key == "encoder_name" else _type_words(told.default if told else held[key])
        kind = Kind(words, choices, closed=bool(told and told.choices), is_nullable=bool(told and told.default is None))
        yield Entry(
            f"{field.key}.{key}",
            group,
            kind,
            held.get(key, ABSENT),
            told.default if told else ABSENT,
            told.help if told else "argument that is handed on as it is",
        )


def _overrides(step: str, value: Mapping[str, Any], group: str) -> Iterator[Entry]:
    """What a study changes in the config of one of its steps, with the types of that config."""
    known = {field.key: field for field in fields_of(step)}
    for key, each in _flat_known(value, known):
        field = known.get(key)
        kind = _kind(field) if field else Kind("value")
        yield Entry(f"{step}.{key}", group, kind, each, ABSENT, field.help if field else "")


def _flat_known(values: Mapping[str, Any], known: Mapping[str, Field], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        path = f"{prefix}{key}"
        is_section = path in known and known[path].kind.words.startswith("section")
        if isinstance(value, Mapping) and value and (is_section or path not in known):
            yield from _flat_known(value, known, f"{path}.")
        else:
            yield path, value


def _value_at(values: Mapping[str, Any], key: str) -> tuple[object, Mapping[str, Any] | None]:
    """Return the value of a key and the mapping that it is in; None where that is null in the text or by default."""
    *parents, leaf = key.split(".")
    node: Any = values
    for parent in parents:
        node = node.get(parent, ABSENT)
        if node is ABSENT:
            if parent == "boxes":
                return ABSENT, None
            node = {}
        if isinstance(node, str):
            node = {"name": node}
        if not isinstance(node, Mapping):
            return ABSENT, None
    return node.get(leaf, ABSENT), node


def _group(key: str, is_study: bool) -> str:
    if key == "clean" and not is_study:
        return "Data"
    return next((title for title, keys in GROUPS.items() if key in keys), "Other")


def _type_words(value: object) -> str:
    names = {bool: "true | false", int: "number", float: "number", str: "text", list: "list", dict: "mapping"}
    return names.get(type(value), "value")


# -- datasets and problems -----------------------------------------------------------------------------------------

_READ = ("source_dataset", "train_dataset", "validation_dataset", "evaluation_dataset", "baseline_dataset")


def _dataset_choices(settings: Settings | None, values: Mapping[str, Any]) -> dict[str, tuple[Choice, ...]]:
    from experiments.preflight import dataset_folders

    if settings is None:
        return {}
    names = sorted(dataset_folders(settings.datasets_dir))
    defect_class = values.get("defect_class")
    patterns = []
    if isinstance(defect_class, str) and defect_class:
        middle = re.compile(rf"(?<=_){re.escape(defect_class)}(?=_|$)")
        patterns = [pattern for name in names if (pattern := middle.sub("{defect_class}", name)) != name]
    choices = tuple(Choice(pattern, f"of {defect_class} now") for pattern in patterns) + tuple(map(Choice, names))
    return dict.fromkeys((*_READ, "teacher_dataset", "full_dataset"), choices)


def _problems(values: Mapping[str, Any], settings: Settings | None) -> list[tuple[str, str]]:
    """Mistakes by key; where there is none, warnings: old spellings, datasets that are not there."""
    from experiments.preflight import check_datasets
    from pipeseg.config import ConfigError, check_config

    try:
        config, warnings = check_config(values)
    except ConfigError as error:
        return error.problems
    found = [("", WARNING + warning) for warning in warnings]
    for sentence in check_datasets(settings, config) if settings else []:
        key, colon, rest = sentence.partition(": ")
        is_key = colon and key in values
        found.append((key, WARNING + rest) if is_key else ("", WARNING + sentence))
    return found


def _with_problems(entries: Sequence[Entry], problems: Sequence[tuple[str, str]]) -> tuple[Entry, ...]:
    """Put each problem at the row that it means: its own, that of the argument it names, or the nearest above."""
    keys = {entry.key for entry in entries}
    at: dict[str, str] = {}
    for key, text in problems:
        words = text.removeprefix(WARNING)
        named = re.match(r"([\w.]+): ", words)
        deeper = f"{key}.{named[1]}" if key and named else named[1] if named else key
        row = next((each for each in (*_upwards(deeper), *_upwards(key)) if each in keys), None)
        if row is None and key:
            row = next((each for each in keys if each.startswith(f"{key}.")), None)
        if row is not None:
            at.setdefault(row, text)
    return tuple(replace(entry, problem=at[entry.key]) if entry.key in at else entry for entry in entries)


def _upwards(key: str) -> Iterator[str]:
    while key:
        yield key
        key = key.rpartition(".")[0]
