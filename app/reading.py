"""What the dashboard reads from disk, in threads: plain functions over `experiments/`, heavy imports inside."""

import traceback
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.state_folder import state_folder
from pipeseg.errors import BadInput
from pipeseg.settings import Settings

if TYPE_CHECKING:
    from experiments.folders import Experiment
    from experiments.runs import RunView

LOG_NAME = "dashboard.log"


def has_datasets(settings: Settings) -> bool:
    try:
        return any(entry.is_dir() and not entry.name.startswith(".") for entry in settings.datasets_dir.iterdir())
    except OSError:
        return False


def describe(experiment: "Experiment") -> tuple[str, list[tuple[str, str]], str, str | None]:
    """Return README text, facts of the config, config text, and what is wrong with the folder."""
    from experiments.config_file import read_text
    from pipeseg.config import ConfigError, parse_yaml

    try:
        readme = experiment.readme.read_text(encoding="utf-8", errors="replace")
    except OSError:
        readme = ""
    if not experiment.config_file.is_file():
        return readme, [], "", experiment.problem
    try:
        text = read_text(experiment.config_file)
        facts = config_facts(parse_yaml(text))
    except ConfigError as error:
        return readme, [], text, experiment.problem or str(error)
    except BadInput as error:
        return readme, [], "", str(error)
    return readme, facts, text, experiment.problem


def stamp(experiment: "Experiment") -> tuple[object, ...]:
    """Return what changes whenever README or config do."""

    def of(path: Path) -> object:
        try:
            stat = path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    return of(experiment.readme), of(experiment.config_file)


def config_facts(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what one wants to know of a config at a glance, as (word, text)."""

    def joined(*parts: object) -> str:
        return " · ".join(str(part) for part in parts if part not in (None, ""))

    def named(value: object) -> str:
        if not isinstance(value, dict):
            return value if isinstance(value, str) else ""
        arguments = value.get("args") if isinstance(value.get("args"), dict) else {}
        encoder = arguments.get("encoder_name")
        others = {key.removeprefix("encoder_"): item for key, item in arguments.items() if key != "encoder_name"}
        parts = (f"{key} {'none' if item is None else item}" for key, item in others.items())
        return joined(value.get("name"), encoder, *parts)

    size = values.get("image_size")
    schedule = joined(
        *(f"{values[key]} {word}" for key, word in (("epochs", "epochs"),) if key in values),
        *(f"{word} {values[key]}" for key, word in (("batch_size", "batch"), ("learning_rate", "lr")) if key in values),
        f"{size[0]}×{size[1]} px" if isinstance(size, list) and len(size) == 2 else "",
    )
    classes = values.get("classes")
    rows = [
        ("stage", str(values.get("stage", "baseline"))),
        ("class", str(values.get("defect_class") or "")),
        ("classes", ", ".join(map(str, classes)) if isinstance(classes, list) else ""),
        ("seeds", ", ".join(map(str, values["seeds"])) if isinstance(values.get("seeds"), list) else ""),
        ("source", str(values.get("source_dataset") or "")),
        ("train", str(values.get("train_dataset") or "")),
        ("val", str(values.get("validation_dataset") or values.get("validataion_dataset") or "")),
        ("test", str(values.get("evaluation_dataset") or "")),
        ("model", named(values.get("model"))),
        ("loss", named(values.get("criterion"))),
        ("refiner", named(values.get("refiner"))),
        ("schedule", schedule),
    ]
    return [(word, text) for word, text in rows if text]


def first_choice(experiments: "list[Experiment]", runs: "list[RunView]") -> str | None:
    """Return which experiment to open with: what runs, else what ran last, the study, the first that works."""
    names = {experiment.name for experiment in experiments}
    known = [run for run in runs if run.experiment in names]
    # a study starts runs of other experiments; it is what a person wants to see then
    active = sorted((run for run in known if run.is_active), key=lambda run: run.stage != "study")
    for run in [*active, *known]:
        return run.experiment
    usable = [experiment.name for experiment in experiments if not experiment.problem]
    studies = [name for name in usable if "study" in name]
    return (studies + usable + sorted(names) + [None])[0]


def comparable(runs: "Iterable[RunView]") -> frozenset[str]:
    """Return the runs that can be in the comparison: finished, and no longer on their way to MLflow."""
    return frozenset(
        run.run_id
        for run in runs
        if run.stage in ("baseline", "final", "equal_budget", "full_masks")
        and run.status == "finished"
        and run.info.get("upload") not in ("pending", "uploading")
    )


def sentence(error: BaseException, settings: Settings) -> str:
    """Return an error as one sentence for the user."""
    text = str(error).strip().splitlines()
    if isinstance(error, BadInput) and text:
        return text[0]
    return f"{text[0] if text else type(error).__name__} ({type(error).__name__}; details in {log_file(settings)})"


def log_file(settings: Settings) -> Path:
    """Return the dashboard's log; who only looks has it with what is the user's own."""
    return (state_folder() if settings.read_only else settings.runs_dir) / LOG_NAME


def log_error(settings: Settings, error: BaseException) -> None:
    """Append the traceback to the dashboard's log; a disk that is full must not take the dashboard down."""
    lines = traceback.format_exception(error)
    try:
        log_file(settings).parent.mkdir(parents=True, exist_ok=True)
        with open(log_file(settings), "a", encoding="utf-8") as file:
            file.write(f"--- {datetime.now().isoformat(timespec='seconds')}\n{''.join(lines)}")
    except OSError:
        return
