"""What a person wants to know before a run starts: one `Check` per fact, each found by itself and told as it comes."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.folders import Experiment, find_experiment
from experiments.gpus import GIB, Gpu, memory_needed, read_gpus
from experiments.health import DISK_WARN_GIB, Check, free_disk, tracking_store
from experiments.preflight import check_datasets, dataset_names
from experiments.provenance import read_git
from experiments.queue_plan import MACHINE, occupied
from experiments.run_view import RunView
from experiments.runs import list_runs
from experiments.sweep_grid import combinations, differing
from pipeseg.errors import BadInput, first_line
from pipeseg.run_directory import read_json
from pipeseg.settings import Settings

if TYPE_CHECKING:
    from pipeseg.schema import Config

# the newest runs whose size says what the next one will write
SIZED = 5
_COMMIT = 8


@dataclass(frozen=True, slots=True)
class Launch:
    """A launch that could be: what every fact is found out from.

    Attributes:
        configs: one for each run; several for a sweep, whose first stands for all where one is enough.
        device: as wished: auto, cpu or cuda:N.
        runs: all, newest first.
    """

    settings: Settings
    experiment: Experiment
    configs: "Sequence[Config]"
    warnings: Sequence[str]
    device: str
    runs: Sequence[RunView]
    gpus: Callable[[], list[Gpu]]

    @property
    def config(self) -> "Config":
        return self.configs[0]

    def earlier(self) -> Iterator[RunView]:
        """Yield the runs of this experiment that have finished, newest first."""
        return (run for run in self.runs if run.experiment == self.experiment.name and run.status == "finished")


def check_launch(
    settings: Settings,
    experiment: Experiment | str,
    overrides: Sequence[str] = (),
    device: str = "auto",
    gpus: Callable[[], list[Gpu]] = read_gpus,
) -> Iterator[Check]:
    """Yield the facts as they are found: first `config`, then the others in whatever order they are ready.

    A fact that fails keeps the run from starting; one that warns does not.

    Args:
        overrides: as typed; lists of values are checked as the sweep that they are.

    Raises:
        BadInput: there is no such experiment.
    """
    if isinstance(experiment, str):
        experiment = find_experiment(settings, experiment)
    try:
        configs, warnings = _resolve(experiment, overrides, device)
    except BadInput as error:
        yield Check("config", "fail", str(error), "mend it in the editor, or override the key")
        return
    launch = Launch(settings, experiment, configs, warnings, device, list_runs(settings), gpus)
    yield from _config(launch)
    with ThreadPoolExecutor(len(FACTS)) as pool:
        names: dict[Future[list[Check]], str] = {pool.submit(fact, launch): name for name, fact in FACTS.items()}
        for future in as_completed(names):
            try:
                yield from future.result()
            except Exception as error:
                yield Check(names[future], "warn", f"cannot be told ({type(error).__name__}: {first_line(error)})")


def can_start(checks: Collection[Check]) -> bool:
    return all(check.state != "fail" for check in checks)


def _resolve(experiment: Experiment, overrides: Sequence[str], device: str) -> "tuple[list[Config], list[str]]":
    from experiments.queue import with_device
    from pipeseg.config import load_config

    if not experiment.script.is_file():
        raise BadInput(f"{experiment.script}: no such file; copy one from another experiment")
    configs, warnings = [], []
    grid = combinations(with_device(overrides, device))
    places = differing(grid)
    for texts in grid:
        try:
            config, told = load_config(experiment.config_file, texts)
        except BadInput as error:
            label = " ".join(texts[place] for place in places)
            raise BadInput(f"{label}: {error}" if label else str(error)) from error
        configs.append(config)
        warnings += [text for text in told if text not in warnings]
    return configs, warnings


def _config(launch: Launch) -> list[Check]:
    config = launch.config
    epochs = getattr(config, "epochs", None)
    many = f"{len(launch.configs)} runs" if len(launch.configs) > 1 else None
    parts = (many, config.stage, config.defect_class, f"{epochs} epochs" if epochs else None)
    check = Check("config", "ok", "valid: " + ", ".join(part for part in parts if part))
    return [check, *(Check("warning", "warn", text) for text in launch.warnings)]


def _data(launch: Launch) -> list[Check]:
    told = (text for config in launch.configs for text in check_datasets(launch.settings, config))
    problems = list(dict.fromkeys(told))
    if problems:
        return [Check("data", "fail", problem) for problem in problems]
    names = dict.fromkeys(name for config in launch.configs for name in dataset_names(config).values())
    folder = launch.settings.datasets_dir
    counted = [f"{name} {sum(1 for _ in _files(folder / name / 'images')):,}" for name in names]
    return [Check("data", "ok", f"{' · '.join(counted)} pictures")]


def _same_data(launch: Launch) -> list[Check]:
    """Compare what the datasets hold with what the last run learned from."""
    last = next((run for run in launch.earlier() if _fingerprints(run.info)), None)
    if last is None:
        return [Check("data since", "ok", "no earlier run to compare with")]
    known = _fingerprints(last.info)
    changed = [
        name
        for name in dict.fromkeys(dataset_names(launch.config).values())
        if name in known and _has_changed(launch.settings.datasets_dir / name, known[name], last)
    ]
    if changed:
        text = f"{', '.join(changed)} changed since {last.run_id}; the two cannot be compared"
        return [Check("data since", "warn", text)]
    others = [name for name in dict.fromkeys(dataset_names(launch.config).values()) if name not in known]
    if others:
        return [Check("data since", "ok", f"{', '.join(others)}: not what {last.run_id} used")]
    return [Check("data since", "ok", f"as {last.run_id} used it")]


def _fingerprints(info: Mapping[str, Any]) -> dict[str, str]:
    """Return dataset name -> content fingerprint, as `run.json` has them."""
    found: dict[str, str] = {}
    for each in (info.get("datasets") or {}).values():
        if isinstance(each, dict):
            found |= each.get("fingerprints") or {str(each.get("name")): each.get("fingerprint")}
    return {name: content for name, content in found.items() if content}


def _has_changed(folder: Path, known: str, run: RunView) -> bool:
    from pipeseg.data.fingerprint import fingerprint_folder
    from pipeseg.data.names import PARTS

    if read_json(folder / "dataset.json").get("fingerprint") == known and "train" not in (
        run.info.get("datasets") or {}
    ):
        return False
    # what nobody has touched since need not be read; a folder's time tells of files that are gone
    paths = [folder, *(path for part in PARTS for path in (folder / part, *(folder / part).rglob("*")))]
    times = [max(stat.st_mtime, stat.st_ctime) for path in paths if path.exists() and (stat := path.stat())]
    if max(times, default=0.0) < run.created:
        return False
    return fingerprint_folder(folder) != known


def _device(launch: Launch) -> list[Check]:
    config, gpus = launch.config, launch.gpus()
    busy = occupied(launch.runs, gpus)
    if config.stage == "study":
        where = ", ".join(f"{gpu.device} {gpu.free:.1f} GiB free" for gpu in gpus) or "no GPU: its runs share the CPU"
        return [_with_work("device", where, busy, [MACHINE, *busy])]
    device, count = getattr(config, "device", "cpu"), getattr(config, "devices", 1)
    if count > 1 and device != "cpu":
        return [_several(launch, gpus, count, busy)]
    if device == "mps":
        return [Check("device", "ok", "mps")]
    if device == "cpu" or (device == "auto" and not gpus):
        text = "the CPU" if device == "cpu" else "no GPU here: the CPU"
        text += f", {count} processes" if count > 1 else ""
        check = _with_work("device", text, busy, [MACHINE, "cpu"])
        slow = device == "auto" and check.state == "ok"
        return [Check("device", "warn", f"{text}, which is slow") if slow else check]
    wanted = gpus[:1] if device in ("auto", "cuda") else [gpu for gpu in gpus if gpu.device == device]
    if not wanted:
        there = ", ".join(gpu.device for gpu in gpus) or "no GPU"
        return [Check("device", "fail", f"{device} is not there ({there}); choose another, or cpu")]
    gpu, needed = wanted[0], memory_needed(launch.settings, launch.experiment.name, config)
    text = f"{gpu.device} {gpu.model}, {gpu.free:.1f} of {gpu.total:.1f} GiB free"
    if needed and gpu.free < needed[0]:
        return [Check("device", "warn", f"{text}; needs {needed[0]:.1f} GiB ({needed[1]}): queue it")]
    return [_with_work("device", text, busy, [MACHINE, gpu.device])]


def _several(launch: Launch, gpus: Sequence[Gpu], count: int, busy: Mapping[str, str]) -> Check:
    """Check the GPUs of a training that takes several; what it asks for is there or it cannot start."""
    if len(gpus) < count:
        there = ", ".join(gpu.device for gpu in gpus) or "no GPU"
        return Check("device", "fail", f"devices: {count} GPUs are not there ({there}); lower devices, or device: cpu")
    needed = memory_needed(launch.settings, launch.experiment.name, launch.config)
    text = ", ".join(f"{gpu.device} {gpu.free:.1f} of {gpu.total:.1f} GiB free" for gpu in gpus[:count])
    if needed and min(gpu.free for gpu in gpus[:count]) < needed[0]:
        return Check("device", "warn", f"{text}; needs {needed[0]:.1f} GiB on each ({needed[1]}): queue it")
    return _with_work("device", text, busy, [MACHINE, *(gpu.device for gpu in gpus[:count])])


def _with_work(name: str, text: str, busy: Mapping[str, str], places: Sequence[str]) -> Check:
    if run := next((busy[place] for place in places if place in busy), None):
        return Check(name, "warn", f"{text}; {run} works there: queue it, or both get slower")
    return Check(name, "ok", text)


def _disk(launch: Launch) -> list[Check]:
    free = free_disk(launch.settings)
    sizes = [_size(run.path) for _, run in zip(range(SIZED), launch.earlier(), strict=False)]
    # the largest: a full disk in the middle of a training costs more than a warning
    need = max(sizes, default=0) * len(launch.configs) / GIB
    text = f"{free:.1f} GiB free, " + (
        f"a run like this writes {_amount(need)}" if sizes else "no earlier run to judge by"
    )
    if free < max(need, 0.1):
        return [Check("disk", "fail", f"{text}; free some, or move RUNS_DIR to a larger disk")]
    return [Check("disk", "warn" if free < need + DISK_WARN_GIB / 5 else "ok", text)]


def _amount(gib: float) -> str:
    unit, size = next((pair for pair in (("GiB", 1), ("MiB", 2**10)) if gib * pair[1] >= 0.1), ("KiB", 2**20))
    return f"{gib * size:.1f} {unit}"


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _tracking(launch: Launch) -> list[Check]:
    if not launch.config.track_experiment:
        return [Check("tracking", "ok", "not recorded (track_experiment: false)")]
    (found,) = tracking_store(launch.settings)
    if found.state != "fail":
        return [Check("tracking", found.state, found.detail, found.mend)]
    # a run keeps everything in its own directory until the store answers
    return [Check("tracking", "warn", f"{found.detail}; the run is uploaded later by `sync`", found.mend)]


def _code(launch: Launch) -> list[Check]:
    git = read_git(launch.settings.root)
    if git.commit is None:
        return [Check("code", "warn", "no git commit: the run cannot say what code it came from")]
    commit = f"commit {git.commit[:_COMMIT]}"
    if not git.dirty:
        return [Check("code", "ok", f"{commit}, nothing changed")]
    files = f"{git.changed} file{'' if git.changed == 1 else 's'}"
    return [Check("code", "warn", f"{commit}, dirty: {files}; the run keeps the difference in git.diff")]


def _same_run(launch: Launch) -> list[Check]:
    """Look for a run of the same config; what only names, shows or speeds up does not count."""
    from pipeseg.config import dump_config

    wanted = [_essence(dump_config(config)) for config in launch.configs]
    found: dict[int, RunView] = {}
    for run in launch.runs:
        if run.experiment == launch.experiment.name and (run.is_active or run.status == "finished"):
            try:
                essence = _essence(run.directory.config_file.read_text(encoding="utf-8"))
            except OSError:
                continue
            if essence in wanted:
                found.setdefault(wanted.index(essence), run)
    if not found:
        return [Check("run before", "ok", "never")]
    run = found[min(found)]
    score = run.test.get("iou")
    result = f"test IoU {score:.3f}" if score is not None else run.status
    of = f"{len(found)} of {len(wanted)} runs, e.g. " if len(wanted) > 1 else ""
    return [Check("run before", "warn", f"the same config was run: {of}{run.run_id}, {result}")]


def _essence(text: str) -> str:
    """Return a resolved config without the keys that do not change what comes out; both were written by one writer."""
    from experiments.study_key import DISPLAY_KEYS

    ignored = DISPLAY_KEYS - {"baseline_run", "start_from"}
    kept, skipping = [], False
    for line in text.splitlines():
        if line[:1] not in (" ", "-", "#", ""):
            skipping = line.partition(":")[0] in ignored
        if not skipping and line:
            kept.append(line)
    return "\n".join(sorted(kept))


def _start(launch: Launch) -> list[Check]:
    from experiments.start import find_start
    from pipeseg.schema import TrainConfig

    if not isinstance(launch.config, TrainConfig) or launch.config.start_from is None:
        return []
    try:
        weights = find_start(launch.settings, launch.config)
    except BadInput as error:
        return [Check("start from", "fail", str(error))]
    return [Check("start from", "ok", f"the best weights of {weights.parent.parent.name}")] if weights else []


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())


# in the order in which they are shown; `config` comes before them
FACTS: dict[str, Callable[[Launch], list[Check]]] = {
    "data": _data,
    "data since": _same_data,
    "start from": _start,
    "device": _device,
    "disk": _disk,
    "tracking": _tracking,
    "code": _code,
    "run before": _same_run,
}
NAMES = ("config", "warning", *FACTS)
