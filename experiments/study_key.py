"""What a step of a study was made from, as one hash: the same key means the same result, so a run serves again.

A key is made of the resolved config, the content of the datasets that are read, the teachers' weights, the packages
that compute, and the code: the source of the experiment's script and of every part of `pipeseg` that it can reach.
"""

import ast
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from experiments.folders import Experiment
from experiments.preflight import dataset_names
from pipeseg.data.names import PARTS, same_form
from pipeseg.errors import BadInput
from pipeseg.registry import LOSSES, MODELS, REFINERS
from pipeseg.run_directory import read_json
from pipeseg.schema import Config, RefineConfig
from pipeseg.settings import Settings

# keys of a config that change what is shown, recorded or how fast it goes, not what comes out; teachers and
# what a training starts from count by their weights, and `replace` is a permission
DISPLAY_KEYS = {
    *("experiment_name", "track_experiment", "visualization_samples", "device", "num_workers", "checkpoint_minutes"),
    *("baseline_run", "start_from", "replace"),
}
PACKAGES = ("torch", "torchvision", "timm", "segmentation-models-pytorch", "opencv-python-headless", "numpy", "scipy")
# they carry what a run says, or know names, and decide nothing
CARRIERS = {
    *("pipeseg.errors", "pipeseg.events", "pipeseg.run", "pipeseg.run_directory", "pipeseg.settings"),
    *("pipeseg.registry", "pipeseg.schema_study"),
}
CALLER = "experiments.entry"
# beside the folders of a dataset
TABLES = ("labels.csv", "boxes.csv")
_MODULE = re.compile(r"pipeseg(?:\.[A-Za-z_]\w*)+")

_contents: dict[Path, tuple[str, str]] = {}


def step_key(
    settings: Settings,
    experiment: Experiment,
    config: Config,
    teachers: Sequence[Path] = (),
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> str:
    """Return the key of a run, SHA-256 in hex; every dataset that it reads is there.

    Args:
        teachers: files of weights that the run uses.
        tick: told (done, total) while files are hashed.

    Raises:
        BadInput: the experiment's script is no Python.
    """
    from experiments.provenance import package_versions
    from pipeseg.data.fingerprint import digest_file

    values = {key: value for key, value in config.model_dump(mode="json").items() if key not in DISPLAY_KEYS}
    versions = package_versions(settings.root / "requirements.txt")
    parts = {
        "config": values,
        "files": {text: digest_file(Path(text)) for text in _files_in(values)},
        "data": {name: content_of(settings.datasets_dir / name, tick) for name in dataset_names(config).values()},
        "teachers": [digest_file(path) for path in teachers],
        "tracking": settings.tracking_uri if config.track_experiment else None,
        "packages": {name: versions.get(name) for name in PACKAGES},
        "code": code_version(settings.root, experiment.script, _chosen(config)),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _chosen(config: Config) -> list[str]:
    """Return the modules of the registry's models, losses and refiners that a config names."""
    if isinstance(config, RefineConfig):
        # a refiner may choose among the others, and the teacher's network is named by its weights
        targets = [*REFINERS.values(), *MODELS.values()]
    else:
        words = set(_texts(config.model_dump(mode="json")))
        targets = [target for table in (MODELS, LOSSES) for name, target in table.items() if name in words]
    return sorted({target.partition(":")[0] for target in targets})


def _files_in(value: Any) -> Iterator[str]:
    """Return what a config names as a file, such as encoder weights."""
    return (text for text in _texts(value) if "/" in text and Path(text).is_file())


def _texts(value: Any) -> Iterator[str]:
    """Yield every text within a config's values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)


def content_of(folder: Path, tick: Callable[[int, int], None] = lambda done, total: None) -> str:
    """Return the SHA-256 (hex) of all that a run can learn from a dataset: pictures, masks, tables, duplicate groups.

    What was hashed once in this process is hashed again when a file's size or time has changed.
    """
    from pipeseg.data.fingerprint import digest_file, fingerprint_of
    from pipeseg.data.parallel import threaded

    described = folder / "dataset.json"
    candidates = [*(path for part in PARTS for path in (folder / part).rglob("*")), *(folder / name for name in TABLES)]
    files = sorted((path for path in candidates if path.is_file() and not path.name.startswith(".")), key=str)
    stats = [(str(path), path.stat()) for path in [*files, *([described] if described.is_file() else [])]]
    stamp = repr([(name, stat.st_size, stat.st_mtime_ns, stat.st_ino) for name, stat in stats])
    if (known := _contents.get(folder)) and known[0] == stamp:
        return known[1]
    sums = {}
    for done, (path, content) in enumerate(zip(files, threaded(digest_file, files), strict=True), 1):
        sums[same_form(path.relative_to(folder).as_posix())] = content
        tick(done, len(files))
    groups = json.dumps(read_json(described).get("groups", {}), sort_keys=True)
    sums["groups"] = hashlib.sha256(groups.encode()).hexdigest()
    content = fingerprint_of(sums)
    _contents[folder] = stamp, content
    return content


def code_version(root: Path, script: Path, modules: Iterable[str] = ()) -> str:
    """Return the SHA-256 (hex) of the code that decides what a script's run becomes; comments and docstrings are free.

    Args:
        root: folder of the package `pipeseg`.
        modules: of `pipeseg`, used as well though nothing imports them by name.
    """
    total = hashlib.sha256()
    for name, path in _reachable(root, script, modules):
        digest, _ = _read(path, path.stat().st_mtime_ns)
        total.update(f"{name}\0{digest}\0".encode())
    return total.hexdigest()


def _reachable(root: Path, script: Path, modules: Iterable[str]) -> list[tuple[str, Path]]:
    """Return the script, what it takes from `experiments`, and every part of `pipeseg` that these import, by name."""
    found = {name: path for name in modules if (path := _file_of(root, name))} | _direct(root, script)
    waiting = [*found.values(), script]
    found[""] = script
    while waiting:
        path = waiting.pop()
        _, names = _read(path, path.stat().st_mtime_ns)
        for name in names:
            module = _file_of(root, name)
            if module and name not in found and name not in CARRIERS:
                found[name] = module
                waiting.append(module)
    return sorted(found.items())


def _direct(root: Path, script: Path) -> dict[str, Path]:
    """Return the parts of `experiments` that do the script's work, by name."""
    names = {name for name in _imports(_parse(script)) if name.startswith("experiments.") and name != CALLER}
    return {name: path for name in names if (path := _file_of(root, name))}


def _file_of(root: Path, name: str) -> Path | None:
    path = root.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


@lru_cache(maxsize=512)
def _read(path: Path, changed: int) -> tuple[str, tuple[str, ...]]:
    """Return (hash of the code without docstrings, names of the `pipeseg` modules that it may import) of a source file.

    Args:
        changed: time stamp of the file, so that an edit is seen.
    """
    tree = _parse(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            del node.body[0]
    names = {name for name in _imports(tree) if name.startswith("pipeseg.")}
    # some modules are imported by a text that names them
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    names |= {name for text in texts for name in _MODULE.findall(text)}
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(sorted(names))


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise BadInput(f"{path}: line {error.lineno}: not Python ({error.msg}); mend it") from None


def _imports(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
