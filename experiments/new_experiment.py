"""A new experiment: a copy of another, with a name and a title of its own."""

import os
import re
import secrets
import shutil
from pathlib import Path

from experiments.folders import CONFIG, README, Experiment, find_experiment
from pipeseg.errors import BadInput, os_error_sentence
from pipeseg.settings import Settings

_PART = re.compile(r"[a-z][a-z0-9_-]*")
_LONGEST = 64
_LEFT_BEHIND = ("__pycache__", "*.pyc", ".*")


def name_problem(settings: Settings, name: str) -> str | None:
    """Return why `name` cannot be the name of a new experiment, None where it can; `/` makes it a nested one."""
    if not name:
        return "type a name"
    for part in name.split("/"):
        if not part:
            return "a part between two / is empty"
        if not _PART.fullmatch(part):
            if part != part.lower() and _PART.fullmatch(part.lower()):
                return f"{part}: small letters only"
            return f"{part}: begin with a letter; then letters a-z, digits, _ and -"
    if len(name) > _LONGEST:
        return f"longer than {_LONGEST} letters"
    if name == "latest":
        return "latest means the newest run; take another name"
    folder = settings.experiments_dir / name
    if folder.exists():
        return f"{name} is there already"
    above = next((parent for parent in folder.parents if parent.exists()), settings.experiments_dir)
    if not above.is_dir():
        return f"{above} is a file"
    if any(entry.name.casefold() == folder.name.casefold() for entry in _entries(folder.parent)):
        return f"{name} is there already, in other letters"
    return None


def title_of(name: str) -> str:
    """Return a heading for a name: `deeper/wide_unet` -> `Deeper: wide unet`."""
    text = ": ".join(re.sub(r"[_-]+", " ", part).strip() for part in name.split("/"))
    return text[:1].upper() + text[1:]


def create(settings: Settings, name: str, source: str) -> Experiment:
    """Copy the experiment `source` into a new folder; it appears whole or not at all.

    README and `experiment_name` get the new title, everything else stays, comments of the config too.

    Raises:
        BadInput: no such source, a name that cannot be used, or a folder that cannot be written.
    """
    from experiments.config_edit import edit
    from experiments.config_file import read_text
    from pipeseg.run_directory import write_atomically

    if problem := name_problem(settings, name):
        raise BadInput(f"{name}: {problem}" if name and not problem.startswith(name) else problem)
    template = find_experiment(settings, source)
    for file in (template.config_file, template.script):
        if not file.is_file():
            raise BadInput(f"{file}: no such file, so {template.name} cannot be copied; copy another experiment")
    title, target = title_of(name), settings.experiments_dir / name
    config = edit(read_text(template.config_file), {"experiment_name": title}, source=str(template.config_file))
    made = _make_parents(target.parent)
    draft = target.parent / f".{target.name}.{secrets.token_hex(4)}"
    try:
        shutil.copytree(template.path, draft, ignore=_own_files(template.path), symlinks=True)
        write_atomically(draft / CONFIG, config)
        write_atomically(draft / README, _retitled(draft / README, title))
        os.rename(draft, target)
    except (OSError, BadInput) as error:
        shutil.rmtree(draft, ignore_errors=True)
        for folder in reversed(made):
            if not any(folder.iterdir()):
                folder.rmdir()
        if isinstance(error, BadInput):
            raise
        raise BadInput(os_error_sentence(error)) from error
    return find_experiment(settings, name)


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _make_parents(folder: Path) -> list[Path]:
    """Make a folder and those above it; return the ones that were not there."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()][::-1]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(os_error_sentence(error)) from error
    return missing


def _own_files(root: Path):
    """Leave out what belongs to no experiment, and experiments that lie inside this one."""
    ignore = shutil.ignore_patterns(*_LEFT_BEHIND)

    def ignored(folder: str, names: list[str]) -> set[str]:
        inner = {name for name in names if (Path(folder, name) / CONFIG).is_file()}
        return set(ignore(folder, names)) | inner

    return ignored


def _retitled(readme: Path, title: str) -> str:
    try:
        text = readme.read_text(encoding="utf-8")
    except FileNotFoundError:
        return f"# {title}\n"
    except UnicodeDecodeError:
        raise BadInput(f"{readme}: is not UTF-8 text; save it as UTF-8") from None
    changed, count = re.subn(r"^#+[ \t]+.*$", lambda _: f"# {title}", text, count=1, flags=re.MULTILINE)
    return changed if count else f"# {title}\n\n{text}"
