"""`dataset.json` of a dataset folder, read strictly: one that is broken must not pass for one that says nothing."""

import json
from pathlib import Path
from typing import Any

from pipeseg.errors import BadInput, os_error_sentence

FILE = "dataset.json"
# `parameters.chosen` of a hybrid dataset whose refined masks were not worth learning from: it holds hand masks alone
NO_REFINER = "none"


def read_description(folder: Path) -> dict[str, Any]:
    """Return the content of `folder/dataset.json` with `groups` as `file -> group` text, `{}` where there is no file.

    Raises:
        BadInput: not JSON, or `groups`, `splits`, `classes` or `fingerprint` of another shape than we write.
    """
    path = folder / FILE
    try:
        facts = json.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise BadInput(os_error_sentence(error)) from error
    except ValueError as error:
        raise BadInput(f"{path}: not JSON in UTF-8 ({error}); mend it or take it away") from None
    if not isinstance(facts, dict):
        raise BadInput(f"{path}: holds no JSON object; mend it or take it away")
    # a number is a fine name for a group
    _check(path, facts, "groups", "file -> group", lambda value: isinstance(value, str | int))
    _check(path, facts, "splits", "set -> list of files", _is_names)
    _check(path, facts, "classes", "key -> label", lambda value: isinstance(value, str | None))
    if not isinstance(facts.get("fingerprint", ""), str):
        raise BadInput(f"{path}: fingerprint is no text; mend it or make the dataset again")
    if "groups" in facts:
        facts["groups"] = {name: str(group) for name, group in facts["groups"].items()}
    return facts


def _check(path: Path, facts: dict[str, Any], key: str, shape: str, is_right: Any) -> None:
    mapping = facts.get(key, {})
    if not isinstance(mapping, dict):
        raise BadInput(f"{path}: {key} must be a mapping {shape}; mend it or make the dataset again")
    for name, value in mapping.items():
        if not is_right(value) or isinstance(value, bool):
            raise BadInput(f"{path}: {key}: {name!r} holds {value!r:.40}; the mapping must be {shape}")


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)
