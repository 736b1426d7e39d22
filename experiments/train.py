"""What the experiments that train do, in the process of their run."""

from experiments.start import find_start
from pipeseg.run import Run
from pipeseg.schema import TrainConfig


def train_from_start(run: Run) -> None:
    """Find the weights to start from and train; see `pipeseg.training.loop.train`."""
    from pipeseg.training.loop import train

    assert isinstance(run.config, TrainConfig)
    # a run that goes on has its own weights, and what it started from may be gone
    goes_on = run.directory.last_checkpoint.exists()
    train(run, None if goes_on else find_start(run.settings, run.config))
