"""Which baseline a final run is compared with while it works."""

from experiments.runs import finished_runs
from pipeseg.run_directory import RunDirectory
from pipeseg.settings import Settings

COMPARED_STAGES = ("final", "equal_budget", "full_masks")


def baseline_of(settings: Settings, directory: RunDirectory) -> RunDirectory | None:
    """Return the newest finished baseline of the same class, of the same seed if possible; None for other stages."""
    run = directory.read_info()
    if run.get("stage") not in COMPARED_STAGES:
        return None
    of_class = [
        found
        for found in finished_runs(settings, ("baseline",))
        if found.read_info().get("defect_class") == run.get("defect_class") and found.path != directory.path
    ]
    seed = _seed(directory)
    return next((found for found in of_class if _seed(found) == seed), of_class[0] if of_class else None)


def _seed(directory: RunDirectory) -> object:
    from pipeseg.config import ConfigError, read_yaml

    try:
        return read_yaml(directory.config_file).get("seed")
    except ConfigError:
        return None
