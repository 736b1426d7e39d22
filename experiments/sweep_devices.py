"""Which GPU, or GPUs, a run of a sweep or study gets, where there are several and its config does not say which."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from experiments import launcher
from experiments.nvml import nvml
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

VARIABLE = "CUDA_VISIBLE_DEVICES"
# of run.json
DEVICE_KEY = "cuda_visible_devices"
# a training on fewer cores waits for its pictures
CORES_PER_JOB = 4


def start(
    settings: Settings,
    run: RunDirectory,
    devices: Sequence[str],
    working: Iterable[RunDirectory],
    environment: Mapping[str, str] | None = None,
) -> None:
    """Start a prepared run on the devices with the fewest of the runs that work; see `launcher.start`."""
    from pipeseg.config import read_yaml

    device, config = None, read_yaml(run.config_file)
    count = config.get("devices", 1)
    if config.get("device") == "auto" or (config.get("device") == "cuda" and count > 1):
        device = pick_device(devices, [str(each.read_info().get(DEVICE_KEY)) for each in working], count)
    if device != run.read_info().get(DEVICE_KEY):
        run.update(**{DEVICE_KEY: device})
    launcher.start(settings, run, {**(environment or {}), **({VARIABLE: device} if device else {})})


def auto_jobs(devices: Sequence[str], cores: int, each: int = 1) -> int:
    """Return how many runs work at a time where nobody says it: one per device, without a device one per 4 cores.

    Args:
        each: devices that a run takes.
    """
    return max(1, len(devices) // each if devices else cores // CORES_PER_JOB)


def pick_device(devices: Sequence[str], in_use: Collection[str], count: int = 1) -> str | None:
    """Return the device with the fewest runs, the first of several; None where there is no choice.

    Args:
        devices: as `CUDA_VISIBLE_DEVICES` names them.
        in_use: the devices of every run that works, one entry a run.
        count: how many are wanted, with commas between them.
    """
    if len(devices) < 2 or len(devices) <= count:
        return None
    working = [name for names in in_use for name in names.split(",")]
    chosen = sorted(devices, key=working.count)[:count]
    return ",".join(name for name in devices if name in chosen)


def list_devices(environment: Mapping[str, str]) -> list[str]:
    """Return the CUDA devices that this process may use, as `CUDA_VISIBLE_DEVICES` names them; [] without a driver."""
    if VARIABLE in environment:
        names = [name.strip() for name in environment[VARIABLE].split(",")]
        # what follows a name that is none is not visible either (CUDA programming guide, environment variables)
        end = next((place for place, name in enumerate(names) if name in ("", "-1", "NoDevFiles")), len(names))
        return names[:end]
    # the driver counts by slot, CUDA by speed: a UUID means the same to both
    return [gpu.uuid for gpu in nvml.gpus()]
