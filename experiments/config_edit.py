"""Changing keys in the text of a config: only what was changed is written anew, every other character stays.

ruamel.yaml says where each key and value stands; the text is cut and filled there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.config_diff import ABSENT, same
from experiments.config_page import CannotEdit, Order, Page, Path, nested, write
from pipeseg.errors import BadInput

__all__ = ["applied", "edit", "parse_value", "write"]


def edit(text: str, changes: Mapping[str, object], order: Sequence[str] = (), source: str = "config.yaml") -> str:
    """Return `text` with each dotted key set, or removed where the value is `ABSENT`; the result is not validated.

    Args:
        order: dotted keys in the order in which new ones should stand.

    Raises:
        ConfigError: `text` is not YAML, or a key on the way holds a single value.
        BadInput: the key shares its value with another one.
    """
    from pipeseg.config import ConfigError, parse_yaml

    before = parse_yaml(text, source) if text.strip() else {}
    for key, value in changes.items():
        path = tuple(key.split("."))
        try:
            after = _edit(text, path, value, Order(order), source)
        except CannotEdit:
            raise BadInput(f"{source}: {key}: cannot be changed here; change it in the text") from None
        if after == text:
            if value is ABSENT and _holds(before, path):
                raise BadInput(f"{source}: {key}: comes from another key (<<); change it in the text")
            continue
        try:
            values = parse_yaml(after, source)
        except ConfigError:  # an anchor went that others refer to
            values = None
        if values is None or not _is_as_wanted(before, values, path, value, shares="&" in text):
            raise BadInput(f"{source}: {key}: cannot be changed here, it shares its value; change it in the text")
        text, before = after, values
    return text


def _edit(text: str, path: Path, value: object, order: Order, source: str) -> str:
    from pipeseg.config import ConfigError

    page = Page(text)
    if page.root is None:
        return text if value is ABSENT else page.appended(path, value)
    chain: list[tuple[Any, Any, Any]] = []  # (mapping, key, value) from the root down
    node, rest = page.root, path
    while True:
        found = page.find(node, rest)
        if found is None:
            done = path[: len(path) - len(rest)]
            return text if value is ABSENT else page.added(node, rest, value, order, done)
        key, child, rest = found
        chain.append((node, key, child))
        if not rest:
            break
        if not page.is_mapping(child) or page.is_alias(key, child):
            if value is ABSENT:
                return text
            if page.is_null(child):
                return page.replaced(key, child, nested(rest, value))
            held = ".".join(path[: len(path) - len(rest)])
            raise ConfigError(source, [(".".join(path), f"{held} holds a single value, no sub-keys")])
        node = child
    if value is ABSENT:
        return page.removed(chain)
    if isinstance(value, Mapping) and value and page.is_mapping(child) and child.value:
        old = page.plain(child)
        if not page.is_alias(key, child) and isinstance(old, dict):
            # one by one, so that comments stay at the keys that stay
            for name in [name for name in old if name not in value]:
                text = _edit(text, (*path, name), ABSENT, order, source)
            for name, entry in value.items():
                text = _edit(text, (*path, str(name)), entry, order, source)
            return text
    return page.replaced(key, child, value)


def parse_value(text: str) -> object:
    """Read a value as YAML, as it would be read behind a key.

    Raises:
        BadInput: it is no YAML.
    """
    from pipeseg.config import ConfigError, parse_yaml

    try:
        return parse_yaml(f"k: {text}")["k"]
    except ConfigError:
        raise BadInput(f"{text!r} is not YAML; put it in quotes") from None


def _is_as_wanted(before: Any, after: Any, path: Path, value: object, shares: bool) -> bool:
    if not shares:
        return same(after, applied(before, path, value))
    for length in range(len(path), 0, -1):
        name = ".".join(path[:length])
        if isinstance(after, dict) and name in after:
            return (
                same(after[name], value)
                if length == len(path)
                else _is_as_wanted({}, after[name], path[length:], value, shares)
            )
    return value is ABSENT


def _holds(values: Any, path: Path) -> bool:
    """Tell whether plain values hold a key, whose parts may themselves hold dots."""
    for length in range(len(path), 0, -1):
        if isinstance(values, dict) and (name := ".".join(path[:length])) in values:
            return length == len(path) or _holds(values[name], path[length:])
    return False


def applied(values: Any, path: Path, value: object) -> Any:
    """Return plain values with one key changed."""
    values = dict(values) if isinstance(values, dict) else {}
    for length in range(len(path), 0, -1):
        name = ".".join(path[:length])
        if name in values:
            break
    else:
        name, length = path[0], 1
    rest = path[length:]
    if rest:
        if value is ABSENT and not isinstance(values.get(name), dict):
            return values
        values[name] = applied(values.get(name), rest, value)
    elif value is ABSENT:
        values.pop(name, None)
    else:
        values[name] = list(value) if isinstance(value, tuple) else value
    return values
