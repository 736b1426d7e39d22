"""The experiment folders below `scripts/experiment/`: what a person can launch."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeseg.errors import BadInput, did_you_mean
from pipeseg.settings import Settings

CONFIG, SCRIPT, README = "config.yaml", "experiment.py", "README.md"

Stamp = tuple[int, int, int]
_checked: dict[Path, tuple[Stamp, str | None]] = {}
_readmes: dict[Path, tuple[Stamp, tuple[str, str]]] = {}


@dataclass(frozen=True, slots=True)
class Experiment:
    """One folder.

    Attributes:
        name: path below the experiments folder, `/` separated on every system.
        title, description: first heading and first paragraph of the README; the name and `""` where there is none.
        problem: one sentence why it cannot be launched as it stands, else None.
    """

    name: str
    path: Path
    title: str
    description: str
    readme: Path
    config_file: Path
    script: Path
    problem: str | None


def list_experiments(settings: Settings, *, check_configs: bool = True) -> list[Experiment]:
    """Return every experiment folder, nested ones too, sorted by name; broken ones carry their `problem`.

    Args:
        check_configs: also read each config (imports pydantic, 0.1 s); without it only missing files are noticed.
    """
    return [_describe(folder, settings, check_configs) for folder in _folders(settings.experiments_dir)]


def find_experiment(settings: Settings, name: str) -> Experiment:
    """Return the experiment called `name` (a path to its folder works too).

    Raises:
        BadInput: there is none; the sentence offers the closest name.
    """
    folders = list(_folders(settings.experiments_dir))
    wanted = name.replace(os.sep, "/").rstrip("/")
    for folder in folders:
        if wanted == _name(folder, settings) or (wanted and Path(name).resolve() == folder.resolve()):
            return _describe(folder, settings, check_config=True)
    known = [_name(folder, settings) for folder in folders]
    if not known:
        raise BadInput(
            f"{settings.experiments_dir}: no experiments here; each is a folder with {CONFIG} and {SCRIPT} "
            "(set EXPERIMENTS_DIR in .env if they live elsewhere)"
        )
    hint = did_you_mean(name, known) or f"; known: {', '.join(known)}"
    raise BadInput(f"no experiment {name!r} in {settings.experiments_dir}{hint}")


def _folders(root: Path) -> Iterator[Path]:
    seen = set()
    for folder, children, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link that points back up
            children.clear()
            continue
        seen.add(real)
        children[:] = sorted(child for child in children if not child.startswith((".", "__")))
        if Path(folder) != root and (CONFIG in files or SCRIPT in files):
            yield Path(folder)


def _name(folder: Path, settings: Settings) -> str:
    return folder.relative_to(settings.experiments_dir).as_posix()


def _describe(folder: Path, settings: Settings, check_config: bool) -> Experiment:
    name = _name(folder, settings)
    title, description = _read_readme(folder / README)
    config_file, script = folder / CONFIG, folder / SCRIPT
    if not config_file.is_file():
        problem = f"{config_file}: no such file; copy one from another experiment"
    elif not script.is_file():
        problem = f"{script}: no such file; copy one from another experiment"
    else:
        problem = _config_problem(config_file) if check_config else None
    return Experiment(name, folder, title or name, description, folder / README, config_file, script, problem)


def _config_problem(path: Path) -> str | None:
    """Return what is wrong with a config file; remembered until the file changes, for the dashboard asks often."""
    from pipeseg.config import ConfigError, load_config

    try:
        stamp = _stamp(path)
        if path not in _checked or _checked[path][0] != stamp:
            try:
                load_config(path)
                problem = None
            except ConfigError as error:
                problem = str(error)
            _checked[path] = (stamp, problem)
        return _checked[path][1]
    except OSError as error:
        return f"{path}: {error.strerror or error}"


def _stamp(path: Path) -> Stamp:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _read_readme(path: Path) -> tuple[str, str]:
    """Return title and description; remembered until the file changes, for the dashboard asks often."""
    try:
        stamp = _stamp(path)
        if path not in _readmes or _readmes[path][0] != stamp:
            _readmes[path] = (stamp, _title_and_paragraph(path.read_text(encoding="utf-8", errors="replace")))
    except OSError:
        return "", ""
    return _readmes[path][1]


def _title_and_paragraph(text: str) -> tuple[str, str]:
    """Return the first heading and the first paragraph of plain text (no pictures, tables, lists or code)."""
    title, paragraph, fenced = "", [], False
    for line in map(str.strip, text.splitlines()):
        if line.startswith(("```", "~~~")):
            fenced = not fenced
        elif fenced:
            continue
        elif heading := re.match(r"#+\s+(.*?)\s*#*$", line):
            if paragraph:
                break
            title = title or heading[1]
        elif line and not line.startswith(("![", "[![", "|", "<", "- ", "* ")):
            paragraph.append(line)
        elif paragraph:
            break
    return title, " ".join(paragraph).replace("**", "")
