"""Arrows run one way, app -> experiments -> pipeseg, and what is opened often loads nothing heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from pipeseg.settings import ROOT

LAYERS = ("pipeseg", "experiments", "app")  # each may import those before it
# what `experiments` may know of the library: the parts without torch
TORCH_FREE = {
    "schema",
    "config",
    "data",
    "errors",
    "events",
    "registry",
    "registry_args",
    "run",
    "run_directory",
    "settings",
}
# parts of those that are for training only
FOR_TRAINING = {"pipeseg.data.augment", "pipeseg.data.loading"}
# these run inside the training process, where torch is at home; no other part of `experiments` may import them
INSIDE_TRAINING = {"entry.py", "study.py", "teacher.py", "train.py"}
HEAVY = ("torch", "torchvision", "mlflow", "numpy", "cv2", "pandas", "segmentation_models_pytorch", "albumentations")


def imported_modules(file: Path) -> set[str]:
    """Return the absolute names that a source file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def source_files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules in memory after `statement` in a fresh interpreter."""
    program = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, encoding="utf-8", timeout=60).split())


@pytest.mark.parametrize("package", LAYERS)
def test_no_layer_imports_one_above_it(package):
    above = LAYERS[LAYERS.index(package) + 1 :]
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in source_files(package)
        for name in imported_modules(file)
        if name.partition(".")[0] in above
    ]
    assert not wrong


def test_experiments_and_app_know_only_the_torch_free_parts_of_the_library():
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for package in ("experiments", "app")
        for file in source_files(package)
        if not (package == "experiments" and file.name in INSIDE_TRAINING)
        for name in imported_modules(file)
        if name.startswith("pipeseg.") and (name.split(".")[1] not in TORCH_FREE or name in FOR_TRAINING)
    ]
    assert not wrong


def test_the_manager_does_not_import_what_runs_inside_training():
    inside = {f"experiments.{name.removesuffix('.py')}" for name in INSIDE_TRAINING}
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for package in ("experiments", "app")
        for file in source_files(package)
        if file.name not in INSIDE_TRAINING
        for name in imported_modules(file) & inside
    ]
    assert not wrong


@pytest.mark.parametrize(
    "statement",
    [
        "import experiments.runs, experiments.launcher",
        "import experiments.folders, experiments.config_file, experiments.supervisor",
        "import experiments.preflight, experiments.provenance",
        "import experiments.datasets, experiments.dataset_jobs, experiments.pictures, experiments.commands.datasets",
        "import experiments.commands.compare, experiments.commands.sync",
        "import experiments.sweeps, experiments.sweep_runner, experiments.commands.sweep",
        "import experiments.queue, experiments.queue_runner, experiments.launch_check, experiments.commands.queue",
        "import pipeseg.config, pipeseg.events, pipeseg.run",
    ],
)
def test_nothing_heavy_is_loaded(statement):
    assert not loaded_by(statement) & set(HEAVY)


def test_the_facade_of_the_dashboard_needs_no_validation_library():
    # first paint comes before pydantic (0.1 s) is loaded
    facade = "runs, experiments.launcher, experiments.folders, experiments.config_file, experiments.datasets"
    loaded = loaded_by(f"import experiments.{facade}")
    assert not loaded & {"pydantic", "ruamel", "textual", "typer"}
