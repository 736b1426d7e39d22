"""Which weights a person means: a run, the latest one, a run directory or a file."""

from pathlib import Path

from experiments.runs import find_run, list_runs, matching
from pipeseg.errors import BadInput
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

WEIGHTS = (".safetensors", ".onnx")


def find_checkpoint(settings: Settings, text: str) -> Path:
    """Return the file of weights that `text` names.

    Args:
        text: `latest` (the newest finished run with a checkpoint), `latest:EXPERIMENT` (of that experiment), a run's
            id or its beginning (also of one whose directory is gone but whose weights MODELS_DIR keeps), a run
            directory, or a .safetensors or .onnx file.

    Raises:
        BadInput: none or several of them.
    """
    word, _, experiment = text.partition(":")
    if word == "latest":
        return _latest(settings, experiment)
    path = Path(text).expanduser()
    if path.is_file():
        if path.suffix.lower() not in WEIGHTS:
            raise BadInput(f"{path}: is no file of weights; name a {' or '.join(WEIGHTS)} file, or a run")
        return path
    if path.is_dir() and (path / "checkpoints").is_dir():
        return _best(RunDirectory(path))
    if path.suffix.lower() in WEIGHTS:
        raise BadInput(f"{path}: no such file; `python -m experiments runs` lists the runs")
    if path.is_dir() and len(path.parts) > 1:
        raise BadInput(f"{path}: is no run directory (checkpoints/ is missing)")
    kept = sorted(settings.models_dir.glob("*.safetensors"))
    try:
        return _best(find_run(settings, text))
    except BadInput:
        matches = matching({file.stem: file for file in kept}, text)
        if len(matches) != 1:
            raise
        return matches[0]


def _latest(settings: Settings, experiment: str) -> Path:
    for run in list_runs(settings):
        checkpoint = RunDirectory(run.path).best_checkpoint
        if run.status == "finished" and experiment in ("", run.experiment) and checkpoint.is_file():
            return checkpoint
    of = f" of {experiment}" if experiment else ""
    raise BadInput(f"{settings.runs_dir}: no finished run{of} with a checkpoint; name a run or a .safetensors file")


def _best(directory: RunDirectory) -> Path:
    if not directory.best_checkpoint.is_file():
        raise BadInput(f"{directory.run_id}: has no checkpoints/best.safetensors; choose another run")
    return directory.best_checkpoint
