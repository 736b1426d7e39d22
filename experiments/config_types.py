"""What a key of a config takes, from the schema: type and range in words, choices, and how typed text is read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from experiments.config_diff import ABSENT

_WORDS = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "string": "text",
    "object": "mapping",
    "array": "list",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One value that can be chosen, and what it means."""

    value: object
    help: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a key takes.

    Attributes:
        words: type and range, as a person reads them.
        choices: values to choose from.
        closed: whether nothing else is possible.
        is_text: typed text is taken as it is, not read as YAML.
        is_list: typed text may leave the brackets out.
        is_nullable: `null` is a value.
    """

    words: str
    choices: tuple[Choice, ...] = ()
    closed: bool = False
    is_text: bool = False
    is_list: bool = False
    is_nullable: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One key of the schema; `default` is `ABSENT` where the key must be there."""

    key: str
    kind: Kind
    default: object
    help: str


@cache
def fields_of(stage: str) -> tuple[Field, ...]:
    """Return every key that a config of this stage may hold, sections before what is in them, in the schema's order."""
    from pipeseg.schema import STAGES

    kind = STAGES[stage]
    schema = kind.model_json_schema()
    return tuple(_fields(kind, schema, schema.get("$defs", {}), ""))


def _fields(section: Any, schema: Mapping[str, Any], definitions: Mapping[str, Any], prefix: str) -> Iterator[Field]:
    for name, field in section.model_fields.items():
        told = schema["properties"][name]
        default = ABSENT if field.is_required() else field.get_default(call_default_factory=True)
        if hasattr(default, "model_dump"):
            default = default.model_dump(mode="json")
        if isinstance(default, tuple):
            default = list(default)
        yield Field(prefix + name, kind_of(told), default, field.description or "")
        if (inner := _section_of(field.annotation)) is not None:
            yield from _fields(inner, definitions[inner.__name__], definitions, f"{prefix}{name}.")


def _section_of(annotation: Any) -> Any:
    """Return the section that a field holds, also one that may be null."""
    for each in (annotation, *getattr(annotation, "__args__", ())):
        if hasattr(each, "model_fields"):
            return each
    return None


def kind_of(told: Mapping[str, Any]) -> Kind:
    """Turn one property of a JSON schema into words and choices."""
    options = told.get("anyOf", [told])
    names = {option.get("type") or ("object" if "$ref" in option else "") for option in options}
    choices, closed, words = [], True, []
    for option in options:
        if "enum" in option or "const" in option:
            values = option.get("enum") or [option["const"]]
            choices += [Choice(value) for value in values]
            words.append(" | ".join(map(str, values)))
        elif option.get("type") == "boolean":
            choices += [Choice(True), Choice(False)]
            words.append("true | false")
        elif option.get("type") == "null":
            choices.append(Choice(None))
            words.append("null")
        else:
            closed = False
            words.append(_words(option))
    # a lone `null` is no list of choices; together with others it is one
    return Kind(
        words=" | ".join(words),
        choices=tuple(choices) if any(choice.value is not None for choice in choices) else (),
        closed=closed and bool(choices),
        is_text="string" in names and names <= {"string", "null", "array"},
        is_list="array" in names,
        is_nullable="null" in names,
    )


def _words(option: Mapping[str, Any]) -> str:
    if "$ref" in option:
        return "section"
    word = _WORDS.get(option.get("type", ""), "value")
    if option.get("type") == "array":
        if "prefixItems" in option:
            return "[" + ", ".join(_words(item) for item in option["prefixItems"]) + "]"
        items = option.get("items", {})
        return f"list of {' | '.join(items['enum'])}" if "enum" in items else f"list of {_words(items)}s"
    bounds = [
        f"{sign} {option[key]:g}" if isinstance(option[key], float) else f"{sign} {option[key]}"
        for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if key in option
    ]
    return " ".join([word, ", ".join(bounds)]) if bounds else word


def typed(kind: Kind, text: str) -> object:
    """Return what a person means who types `text` as a value.

    Raises:
        BadInput: it is no YAML where it has to be.
    """
    from experiments.config_edit import parse_value

    text = text.strip()
    if kind.is_nullable and text in ("", "null", "~"):
        return None
    brackets = text.startswith(("[", "{"))
    if kind.is_text and not (brackets and kind.is_list):
        return text
    if kind.is_list and not kind.is_text and not brackets and parse_value(text or "[]") not in ("auto", None):
        return parse_value(f"[{text}]")
    return parse_value(text)
