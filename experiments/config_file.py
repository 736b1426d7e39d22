"""A `config.yaml` as a person edits it: the text is what counts, so comments, order and quotes survive every change."""

import json
import re
from collections.abc import Iterator, Mapping, MutableMapping
from difflib import SequenceMatcher
from io import StringIO
from pathlib import Path
from typing import Any

from pipeseg.errors import BadInput, os_error_sentence
from pipeseg.run_directory import write_atomically

WARNING = "warning: "


def read_text(path: Path) -> str:
    """Return the text of a config file, line ends as `\\n`.

    Raises:
        BadInput: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{path}: is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise BadInput(os_error_sentence(error)) from error


def find_problems(text: str, source: str = "config.yaml") -> list[tuple[str, str]]:
    """Return (dotted key, sentence) for every mistake in `text`; the key is `""` for the file as a whole."""
    return _check(text, source)[0]


def check_text(text: str, source: str = "config.yaml") -> list[tuple[str, str]]:
    """Return every mistake, as `find_problems`; where there is none, the warnings, each beginning with `warning: `."""
    problems, warnings = _check(text, source)
    return problems or [("", WARNING + warning) for warning in warnings]


def _check(text: str, source: str) -> tuple[list[tuple[str, str]], list[str]]:
    from pipeseg.config import ConfigError, check_config, parse_yaml

    try:
        return [], check_config(parse_yaml(text, source), source)[1]
    except ConfigError as error:
        return error.problems, []


def describe_keys(stage: str) -> list[tuple[str, str, str]]:
    """Return (dotted key, default, explanation) of every key that a config of this stage may hold.

    The default is YAML text; `""` for a key that must be there.
    """
    from pipeseg.schema import STAGES

    return list(_describe(STAGES[stage], ""))


def set_values(text: str, values: Mapping[str, Any], source: str = "config.yaml") -> str:
    """Return `text` with each dotted key set; everything else stays as the person wrote it.

    Raises:
        ConfigError: with every mistake that the new text would have; unknown keys among them.
    """
    from pipeseg.config import ConfigError, parse_yaml

    parse_yaml(text, source)
    yaml = _round_trip(text)
    document = yaml.load(text)
    aliases = _aliases(document)
    for key, value in values.items():
        *parents, leaf = key.split(".")
        node = document
        for depth, part in enumerate(parents):
            if node.get(part) is None:
                node[part] = type(document)()
            node = node[part]
            if not isinstance(node, MutableMapping):
                raise ConfigError(
                    source, [(key, f"{'.'.join(parents[: depth + 1])} holds a single value, no sub-keys")]
                )
        if not parents and leaf not in node and aliases.get(leaf) in node:
            leaf = aliases[leaf]
        _put(node, leaf, value)
    changed = _keep_lines(text, _dump(yaml, yaml.load(text)), _dump(yaml, document))
    if problems := find_problems(changed, source):
        raise ConfigError(source, problems)
    return changed


def save(path: Path, text: str) -> None:
    """Replace the file by `text`, atomically, with the line ends that it had.

    Raises:
        ConfigError: the text is not a valid config; the file stays as it was.
        BadInput: the file cannot be written.
    """
    from pipeseg.config import ConfigError

    if problems := find_problems(text, str(path)):
        raise ConfigError(str(path), problems)
    try:
        had_crlf = path.is_file() and b"\r\n" in path.read_bytes()
        text = text.replace("\r\n", "\n")
        write_atomically(path, text.replace("\n", "\r\n") if had_crlf else text)
    except OSError as error:
        raise BadInput(os_error_sentence(error)) from error


def _describe(section: Any, prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in section.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            yield from _describe(field.annotation, f"{prefix}{name}.")
        else:
            default = "" if field.is_required() else json.dumps(field.get_default(call_default_factory=True))
            yield prefix + name, default, field.description or ""


def _dump(yaml: Any, document: Any) -> str:
    output = StringIO()
    yaml.dump(document, output)
    return output.getvalue()


def _keep_lines(text: str, plain: str, changed: str) -> str:
    """Put into `text` only the lines that differ between `plain` and `changed`, as ruamel writes both.

    What ruamel would tidy on the way (indents that it does not remember) stays as the person wrote it.
    """
    from pipeseg.config import ConfigError, parse_yaml

    written, before, after = (part.splitlines(keepends=True) for part in (text, plain, changed))
    if len(written) != len(before):
        return changed
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    merged = "".join(
        line
        for tag, low, high, new_low, new_high in matcher.get_opcodes()
        for line in (written[low:high] if tag == "equal" else after[new_low:new_high])
    )
    try:
        return merged if parse_yaml(merged) == parse_yaml(changed) else changed
    except ConfigError:  # a new line under an indent that it does not fit
        return changed


def _round_trip(text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.util import load_yaml_guess_indent

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1 << 16  # never fold a long line that the person wrote as one
    yaml.explicit_start = text.startswith("---")
    # null is written as the empty string by default, which reads like a forgotten value
    yaml.representer.add_representer(
        type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    _, indent, offset = load_yaml_guess_indent(text)
    nested = re.search(r"^[\w-]+:[ \t]*(?:#.*)?\n(?:[ \t]*(?:#.*)?\n)*( +)[\w-]+:", text, re.MULTILINE)
    yaml.indent(mapping=len(nested[1]) if nested else 2, sequence=indent or 2, offset=offset or 0)
    return yaml


def _aliases(document: Mapping[str, Any]) -> dict[str, str]:
    """Return new spelling -> old spelling, so that a file keeps the spelling it has."""
    from pipeseg.schema import STAGES

    kind = STAGES.get(document.get("stage", "baseline"))
    return {new: old for old, new in kind.aliases.items()} if kind else {}


def _put(node: Any, key: str, value: Any) -> None:
    """Set one key in place: the style of a list (one line or many) and of quotes belongs to the person."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq
    from ruamel.yaml.scalarstring import ScalarString

    old = node.get(key)
    if isinstance(value, Mapping) and isinstance(old, CommentedMap):
        for name in [name for name in old if name not in value]:
            del old[name]
        for name, entry in value.items():
            _put(old, name, entry)
    elif isinstance(value, (list, tuple)) and isinstance(old, CommentedSeq):
        # item by item: an assignment to the whole slice would drop the comment behind the list
        for index, entry in enumerate(value):
            if index < len(old):
                old[index] = entry
            else:
                old.append(entry)
        del old[len(value) :]
    elif isinstance(value, (list, tuple)):
        node[key] = CommentedSeq(value)
        node[key].fa.set_flow_style()
    elif isinstance(value, Mapping):
        node[key] = CommentedMap(value)
    elif isinstance(value, str) and isinstance(old, ScalarString) and "\n" not in value:
        node[key] = type(old)(value)
    elif old != value or type(old) is bool or isinstance(value, bool) or key not in node:
        node[key] = value
