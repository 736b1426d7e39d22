"""A `config.yaml` as a person edits it: the text is what counts, so comments, order and quotes survive every change."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments.config_edit import edit
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

    changed = edit(text, renamed(parse_yaml(text, source), values), source=source)
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


def renamed(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes under the spelling of each key that the file has: an old one stays."""
    from pipeseg.schema import STAGES

    kind = STAGES.get(str(document.get("stage", "baseline")))
    old = {new: old for old, new in kind.aliases.items() if old in document and new not in document} if kind else {}
    return {old.get(key, key): value for key, value in changes.items()}
