"""From `config.yaml` to a checked config and back. No torch in here.

`load_config(path, overrides)` is the one way from a file to a checked `Config`; every mistake is reported by its dotted
key with the mend. pydantic checks (types, ranges), ruamel.yaml reads (YAML 1.2, comments kept by the editor).
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeseg.errors import BadInput, did_you_mean
from pipeseg.schema import STAGES, Config, Section, TrainConfig


class ConfigError(BadInput):
    """A config that cannot be used.

    Attributes:
        problems: (dotted key, sentence) for every mistake found; the key is `""` for the file as a whole.
    """

    def __init__(self, source: str, problems: list[tuple[str, str]]):
        self.source = source
        self.problems = problems
        super().__init__(
            "; ".join(f"{source}: {key}: {text}" if key else f"{source}: {text}" for key, text in problems)
        )


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file into a plain mapping.

    Raises:
        ConfigError: no such file, no YAML, or no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(str(path), [("", "no such file; every experiment folder holds a config.yaml")]) from None
    except UnicodeDecodeError:
        raise ConfigError(str(path), [("", "is not UTF-8 text; save it as UTF-8")]) from None
    except OSError as error:
        raise ConfigError(str(path), [("", error.strerror or str(error))]) from None
    return parse_yaml(text, str(path))


def parse_yaml(text: str, source: str = "config.yaml") -> dict[str, Any]:
    """Parse YAML text into a plain mapping; `ConfigError` names the line of a mistake."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        values = YAML(typ="safe").load(text)
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigError(source, [("", f"{line}not YAML ({error.problem or error.context})")]) from None
    except YAMLError as error:
        raise ConfigError(source, [("", f"not YAML ({str(error).splitlines()[0]})")]) from None
    if not isinstance(values, dict):
        raise ConfigError(source, [("", "must be a mapping of `key: value` lines")])
    return values


def parse_override(text: str) -> tuple[str, Any]:
    """Split `key.sub=value` and read the value as YAML: `epochs=2`, `image_size=[128, 160]`, `model.args.x=null`.

    Raises:
        ConfigError: no `=`, an empty key, or a value that is not YAML.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    key, equals, value = text.partition("=")
    if not equals or not all(part.strip() for part in key.split(".")):
        raise ConfigError("--set", [("", f"{text!r} is not of the form key=value or key.sub=value")])
    try:
        return key.strip(), YAML(typ="safe").load(value)
    except YAMLError:
        raise ConfigError("--set", [(key, f"the value {value!r} is not YAML; put it in quotes")]) from None


def apply_overrides(values: dict[str, Any], overrides: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return a copy of `values` with each dotted key set; mappings on the way are made."""
    from copy import deepcopy

    values = deepcopy(values)
    for key, value in overrides:
        *parents, leaf = key.split(".")
        node = values
        for depth, part in enumerate(parents):
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise ConfigError(
                    "--set", [(key, f"{'.'.join(parents[: depth + 1])} holds a single value, no sub-keys")]
                )
        node[leaf] = value
    return values


def check_config(values: Mapping[str, Any], source: str = "config.yaml") -> tuple[Config, list[str]]:
    """Turn plain values into a checked config.

    Returns:
        The config and warnings for the user (old spellings that were understood).

    Raises:
        ConfigError: with every mistake, by dotted key.
    """
    values = dict(values)
    stage = values.get("stage", "baseline")
    if not isinstance(stage, str) or stage not in STAGES:
        hint = did_you_mean(str(stage), list(STAGES))
        raise ConfigError(source, [("stage", f"must be one of {', '.join(STAGES)} (got {stage!r}){hint}")])
    kind = STAGES[stage]
    warnings = []
    for old, new in kind.aliases.items():
        if old in values:
            if new in values:
                raise ConfigError(source, [(old, f"is an old spelling of {new}, and both are set; remove one")])
            values = {new if key == old else key: value for key, value in values.items()}
            warnings.append(f"{source}: {old}: read as {new}; rename the key")
    try:
        return kind.model_validate(values), warnings
    except ValidationError as error:
        # one line per key: a number or a word that both do not fit are two problems for pydantic
        problems: dict[str, str] = {}
        for key, text in (_explain(kind, problem) for problem in error.errors()):
            problems.setdefault(key, text)
        raise ConfigError(source, list(problems.items())) from None


def load_config(path: Path, overrides: Iterable[str] = ()) -> tuple[Config, list[str]]:
    """Read, override and check a config file; see `check_config`."""
    values, changes = read_yaml(path), [parse_override(text) for text in overrides]
    for old, new in TrainConfig.aliases.items():
        # an override by the new name replaces what the file says under the old one
        if new in dict(changes):
            values.pop(old, None)
    return check_config(apply_overrides(values, changes), str(path))


def dump_config(config: Config) -> str:
    """Return the resolved config as YAML text; `load_config` of it gives the same config."""
    from io import StringIO

    from ruamel.yaml import YAML

    yaml, text = YAML(), StringIO()
    yaml.default_flow_style = None
    yaml.width = 120
    yaml.dump(config.model_dump(mode="json"), text)
    return text.getvalue()


def _explain(kind: type[Section], problem: Any) -> tuple[str, str]:
    """Put one pydantic error into our words: (dotted key, sentence)."""
    # `batch_size.constrained-int` and `batch_size.literal['auto']` are ways to read one key
    loc = [str(part) for part in problem["loc"] if not re.match(r"(constrained-|literal\[)", str(part))]
    key, auto = ".".join(loc), " or auto" if len(loc) < len(problem["loc"]) else ""
    context = problem.get("ctx", {})
    match problem["type"]:
        case "extra_forbidden":
            known = _keys_at(kind, problem["loc"][:-1])
            name = str(problem["loc"][-1])
            return key, f"unknown key{did_you_mean(name, known) or f' (known: {chr(44).join(known)})'}"
        case "missing":
            return key, "is missing; add it"
        case "value_error":
            return key, str(context["error"])
        case _:
            return key, f"{problem['msg'][0].lower()}{problem['msg'][1:]}{auto} (got {problem['input']!r})"


def _keys_at(kind: type[Section], location: tuple[int | str, ...]) -> list[str]:
    for part in location:
        kind = kind.model_fields[str(part)].annotation  # type: ignore[assignment]
    return list(kind.model_fields)
