"""What a config asks for, built: the network, the weights that it starts from, the loss."""

from pathlib import Path

from torch import nn

from pipeseg.data.fingerprint import digest_file
from pipeseg.errors import BadInput
from pipeseg.registry import LOSSES, MODELS, build
from pipeseg.run import Run
from pipeseg.schema import CriterionConfig, ModelConfig, TrainConfig
from pipeseg.training.checkpoint import UNNAMED_CLASS, load_weights, read_header


def build_model(config: ModelConfig, run: Run, classes: int = 1, *, from_scratch: bool = True) -> nn.Module:
    """Build the network with one output per class; says so first, because weights may have to be downloaded.

    Args:
        from_scratch: all weights come from elsewhere if not, so that the encoder's own are not needed.
    """
    if not from_scratch:
        return build(MODELS, config.name, **{**config.args, "encoder_weights": None, "classes": classes})
    weights = config.args.get("encoder_weights", "imagenet")
    run.message(f"building {config.name}" + (f" with {weights} weights" if weights else ", weights random"))
    return build(MODELS, config.name, **{**config.args, "classes": classes})


def take_weights(model: nn.Module, start: Path, run: Run) -> None:
    """Fill the network with the weights of another run's checkpoint and record them.

    Raises:
        BadInput: they are of another network or of other classes.
    """
    config, header = run.config, read_header(start)
    assert isinstance(config, TrainConfig)
    wanted = tuple(str(each or UNNAMED_CLASS) for each in config.classes)
    if header.classes != wanted:
        raise BadInput(f"start_from: {header.run_id} learned {', '.join(header.classes)}, not {', '.join(wanted)}")
    try:
        load_weights(model, start)
    except RuntimeError:
        raise BadInput(
            f"start_from: {header.run_id} is of another network ({header.model['name']}); give both runs the same model"
        ) from None
    facts = {"run_id": header.run_id, "weights_sha256": digest_file(start), "steps": header.step}
    run.directory.update(start=facts)
    run.message(f"starts from the weights of {header.run_id}, step {header.step}")


def check_size(model: nn.Module, size: tuple[int, int]) -> None:
    """Check that the network takes pictures of `size` (height, width); `BadInput` says why not."""
    # imported when a network has been built: the networks' library takes seconds
    from pipeseg import models

    models.check_size(model, size)


def build_loss(config: CriterionConfig) -> nn.Module:
    """Build the loss; `BadInput` names an argument that it does not take."""
    try:
        return build(LOSSES, config.name, **config.args)
    except TypeError as error:
        raise BadInput(f"criterion.args: {config.name}: {str(error).split('()')[-1].strip()}") from error


def count_parameters(model: nn.Module) -> str:
    """Return how many weights a network has, in words: `24.4 M`."""
    return f"{sum(parameter.numel() for parameter in model.parameters()) / 1e6:.1f} M"
