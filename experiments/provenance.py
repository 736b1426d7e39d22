"""Where a run comes from: code, packages, machine, data. Recorded so that it can be made again."""

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from experiments.preflight import dataset_names
from experiments.processes import this_host
from pipeseg.run_directory import read_json
from pipeseg.schema import Config
from pipeseg.settings import Settings

GIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class GitState:
    """The code at the start of a run.

    Attributes:
        commit: hash of HEAD; None without git, without a repository or before the first commit.
        diff: what `git apply` needs on top of the commit, new files named in comments; `""` when nothing changed.
        changed: number of files that differ from the commit, new ones among them.
    """

    commit: str | None
    dirty: bool
    diff: str
    changed: int = 0


def capture(settings: Settings, config: Config) -> tuple[dict[str, Any], GitState]:
    """Return the keys of `run.json` that say where a run comes from, and the git state (its diff gets its own file)."""
    git = read_git(settings.root)
    info = {
        "user": settings.user,
        "host": this_host(),
        "git_commit": git.commit,
        "git_dirty": git.dirty,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": package_versions(settings.root / "requirements.txt"),
        "datasets": dataset_fingerprints(settings, config),
        "class_label": class_label(settings, config),
    }
    return info, git


def read_git(root: Path) -> GitState:
    """Read the state of the repository at `root`; never fails, for an experiment must not need git."""
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=all", "--", ".")
    if not changed:
        return GitState(commit.strip() if commit else None, False, "")
    untracked = [
        f"# new file, not in this diff: {line[3:]}\n" for line in changed.splitlines() if line.startswith("??")
    ]
    diff = _git(root, "diff", "HEAD", "--", ".") if commit else ""
    diff = "".join(untracked) + (diff or "")
    return GitState(commit.strip() if commit else None, True, diff, len(changed.splitlines()))


def package_versions(requirements: Path) -> dict[str, str]:
    """Return name -> installed version for the packages that `requirements.txt` names; absent ones are left out."""
    try:
        lines = requirements.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    versions = {}
    for line in lines:
        if found := re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", line):
            try:
                versions[found[1]] = metadata.version(found[1])
            except metadata.PackageNotFoundError:
                continue
    return versions


def dataset_fingerprints(settings: Settings, config: Config) -> dict[str, dict[str, Any]]:
    """Return config key -> name and content fingerprint (None for a dataset without `dataset.json`)."""
    return {
        key: {"name": name, "fingerprint": read_json(settings.datasets_dir / name / "dataset.json").get("fingerprint")}
        for key, name in dataset_names(config).items()
    }


def class_label(settings: Settings, config: Config) -> str | None:
    """Return what the test set calls the class in its users' language, e.g. `Отложения`; None where it does not say."""
    name = dataset_names(config).get("evaluation_dataset")
    return read_json(settings.datasets_dir / name / "dataset.json").get("class_label") if name else None


def _git(root: Path, *arguments: str) -> str | None:
    # no optional locks: a look at the state must not get in the way of a commit that a person makes now
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "-c", "core.quotepath=false", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_SECONDS,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", errors="replace") if done.returncode == 0 else None
