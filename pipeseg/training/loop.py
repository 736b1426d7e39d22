"""Trains one model: learn on train, choose on val, report once on test."""

import math
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from pipeseg.data.loading import Batch
from pipeseg.errors import BadInput, RunFailed
from pipeseg.run import Run
from pipeseg.schema import TrainConfig
from pipeseg.training.checkpoint import Checkpoint, load_training, read_header, save_checkpoint
from pipeseg.training.device import Hardware, generator_states, restore_generators, seed_everything
from pipeseg.training.evaluate import SCORING_BATCH, evaluate, summarise
from pipeseg.training.memory import describe_memory, is_out_of_memory, peak_memory
from pipeseg.training.networks import build_loss, build_model, check_size, count_parameters, take_weights
from pipeseg.training.optim import learning_rate
from pipeseg.training.report import report
from pipeseg.training.sets import Sets, load_sets, record_datasets, without_idle_boxes
from pipeseg.training.step import Learner
from pipeseg.training.steps import batches_from, count_steps
from pipeseg.training.threshold import DEFAULT_THRESHOLD
from pipeseg.training.waits import Waits

if TYPE_CHECKING:
    from pipeseg.training.ranks import Ranks

# points of train/loss per epoch: the only moments when the loop waits for the device
POINTS_PER_EPOCH = 20


def train(run: Run, start: Path | None = None) -> None:
    """Do the whole run of a `TrainConfig`; everything it finds goes to `run` and into its directory.

    A run directory that holds a `last` checkpoint goes on from it. On a CPU, the weights and the journal then become
    what they would have become without the break, bit by bit.

    Args:
        start: checkpoint of the same network, whose weights the training starts from; of no use to one that goes on.

    Raises:
        BadInput: data, model, loss, start or device cannot be used; nothing has been learned yet.
        RunFailed: the loss is no number any more, memory ran out, or another rank has ended.
        StopRequested: a person stopped it; `last` is saved.
    """
    config = run.config
    assert isinstance(config, TrainConfig)
    seed_everything(config.seed, deterministic=config.deterministic)
    hardware = Hardware.choose(config.device, config.precision, config.devices)
    # before the data are read: a mistake in its arguments is told at once
    criterion = build_loss(config.criterion).to(hardware.device)
    if config.devices == 1:
        _train(run, start, config, hardware, criterion)
        return
    # nothing of this is loaded where it is not needed
    from pipeseg.training.ranks import Ranks

    with Ranks(run, hardware) as ranks:
        _train(run, start, config, hardware, criterion, ranks)


def _train(
    run: Run,
    start: Path | None,
    config: TrainConfig,
    hardware: Hardware,
    criterion: nn.Module,
    ranks: "Ranks | None" = None,
) -> None:
    sets = load_sets(run, config)
    record_datasets(run, sets)
    config = without_idle_boxes(run, config, sets.train)
    goes_on = run.directory.last_checkpoint.exists()
    begun = start is not None or goes_on
    model = build_model(config.model, run, len(config.classes), from_scratch=not begun).to(hardware.device)
    if start is not None and not goes_on:
        take_weights(model, start, run)
    check_size(model, config.image_size)
    size = "x".join(map(str, config.image_size))
    where = hardware.describe() + (f", {config.devices} devices" if ranks else "")
    run.message(f"{config.model.name} on {where}, {size} px, {count_parameters(model)} parameters")
    trainer = Trainer(run, config, hardware, model, criterion, sets, ranks)
    try:
        if goes_on:
            trainer.restore()
        trainer.learn()
        trainer.choose()
        report(trainer)
        if (peak := peak_memory(hardware.device)) is not None:
            run.directory.update(gpu_memory_peak=peak)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        # outside of a step, which reports it with its own numbers
        numbers = describe_memory(hardware.device)
        where = f"out of memory on {hardware.describe()} ({numbers})"
        raise RunFailed(f"{where}; lower image_size or batch_size") from error


@dataclass(slots=True)
class Trainer:
    """The loop; the best checkpoint is chosen on val alone.

    Attributes:
        step: optimizer steps done; `scored` is the step after which val was scored last.
        seconds: spent in the loop, over all attempts of a run that was resumed.
        chosen_by: who chose the weights that are reported, `rule` (the best on val) or `person`.
        ranks: the others that learn with this one; None where there is one device.
    """

    run: Run
    config: TrainConfig
    hardware: Hardware
    model: nn.Module
    criterion: nn.Module
    sets: Sets
    ranks: "Ranks | None" = None
    step: int = 0
    scored: int = 0
    best: Checkpoint | None = None
    seconds: float = 0.0
    chosen_by: str = "rule"
    steps_per_epoch: int = field(init=False)
    learner: Learner = field(init=False)
    _latest: Checkpoint | None = None
    _waited: int = 0
    _waits: Waits = field(default_factory=Waits)
    _began: float = field(default_factory=time.monotonic)
    _saved: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.steps_per_epoch = count_steps(self.config, self.sets.train)
        exchange = self.ranks.exchange(self.model) if self.ranks else None
        self.learner = Learner(self.config, self.hardware, self.model, self.criterion, self.run.warn, exchange)

    @property
    def total(self) -> int:
        return self.steps_per_epoch * self.config.epochs

    @property
    def threshold(self) -> float:
        """What val is scored at while training goes on; `auto` is chosen at the end, on the best checkpoint."""
        return DEFAULT_THRESHOLD if self.config.threshold == "auto" else self.config.threshold

    @property
    def scoring_batch(self) -> int:
        """Pictures scored at once; where memory ran out, no more than are learned at once."""
        return self.learner.micro if self.learner.shrunk else max(self.config.pictures_per_device, SCORING_BATCH)

    @property
    def epoch(self) -> int:
        """Epoch of the last step done, from 1."""
        return max(1, math.ceil(self.step / self.steps_per_epoch))

    def learn(self) -> None:
        """Run every step that is left; validates `scoring_per_epoch` times an epoch, the last time at its end."""
        config, run = self.config, self.run
        loader = self.batches()
        if self.ranks:
            self.ranks.connect()
        point_every = max(1, self.steps_per_epoch // POINTS_PER_EPOCH)
        self._began, first = time.monotonic(), self.step
        self.model.train()
        if self._due and self.scored < self.step:
            # the break came between a step and the end of its validation
            self._validate()
        for batch in self._waits.over(() if self._is_over() else loader):
            run.obey(self.save_last)
            if time.monotonic() - self._saved > 60 * config.checkpoint_minutes:
                self.save_last()
            if self.ranks:
                self.ranks.begin(self.step)
            self.learner.learn(batch, learning_rate(config, self.step, self.total), self.step / self.total)
            self.step += 1
            if self.step % point_every == 0:
                self._point()
            self._tell(first)
            if self._due:
                self._validate()
                if self._is_over():
                    break
        self.seconds, self._began = self._spent(), time.monotonic()
        if self.ranks:
            self.ranks.close()

    def batches(self) -> Iterable[Batch]:
        """Return the batch of every step that is left."""
        return batches_from(self.step, self.total, self.config, self.sets.train, self.hardware.device)

    def choose(self) -> None:
        """Let a person at the terminal take the last weights instead of the best ones; the rule is the best on val."""
        best, last, person = self.best, self._latest, self.run.person
        if person is None or best is None or last is None or last.step <= best.step:
            return
        options = [
            f"{name}: epoch {each.epoch}, val/{each.metric} {each.score:.4f}"
            for name, each in (("best", best), ("last", last))
        ]
        answer = person.choose("Which weights become the model, and are scored on the test set?", options)
        if answer is not None:
            self.chosen_by = "person"
        if answer == 1:
            self.best = last
            self.save_last()
            self._save_best()

    def _is_over(self) -> bool:
        """Whether `early_stop` says that waiting for a better score is enough."""
        patience = self.config.early_stop
        over = patience is not None and self._waited >= patience
        if over:
            self.run.message(f"no better val/{self.config.save_by_metric} in {self._waited} validations: early stop")
        return over

    def _spent(self) -> float:
        return self.seconds + time.monotonic() - self._began

    @property
    def _due(self) -> bool:
        """Whether val is to be scored after this step: `scoring_per_epoch` times an epoch, evenly."""
        times = min(self.config.scoring_per_epoch, self.steps_per_epoch)
        within = self.step - (self.epoch - 1) * self.steps_per_epoch
        return self.step > 0 and any(within == math.ceil(self.steps_per_epoch * n / times) for n in range(1, times + 1))

    def _point(self) -> None:
        """Write the mean training loss since the last point; a loss that is no number ends the run."""
        loss = self.learner.take_loss()
        if loss is None:
            return
        rate = self.learner.optimizer.param_groups[0]["lr"]
        self.run.metrics({"train/loss": loss, "train/learning_rate": rate}, step=self.step, epoch=self.epoch)
        if not math.isfinite(loss):
            raise RunFailed(f"train/loss is {loss} at step {self.step}; lower learning_rate, or set precision: float32")

    def _tell(self, first: int) -> None:
        """Tell how far the loop is; speed is measured over the steps since `first`, where this attempt began."""
        pace = (time.monotonic() - self._began) / (self.step - first)
        self.run.progress(
            self.step,
            self.total,
            force=self.step == self.total,
            epoch=self.epoch,
            epochs=self.config.epochs,
            images_per_second=round(self.config.pictures_per_step / pace, 2),
            eta_seconds=round(pace * (self.total - self.step), 1),
            loader_share=self._waits.share,
            phase="train",
        )

    def _validate(self) -> None:
        self._point()
        found = {}
        for channel, pictures in enumerate(self.sets.validation):
            found[str(self.config.classes[channel])] = evaluate(
                self.learner.scored_model,
                pictures,
                self.hardware,
                batch_size=self.scoring_batch,
                soft=self.config.validation_metrics == "soft",
                threshold=self.threshold,
                channel=channel,
                criterion=self.criterion,
                between=lambda done, total: self.run.obey(self.save_last),
            )
        values = summarise(found)
        loss = values["loss"]
        self.run.metrics({f"val/{name}": value for name, value in values.items()}, step=self.step, epoch=self.epoch)
        if not math.isfinite(loss):
            # the last step broke the weights: binary scores would be numbers all the same
            raise RunFailed(f"val/loss is {loss} at step {self.step}; lower learning_rate, or set precision: float32")
        self.scored = self.step
        metric = self.config.save_by_metric
        score = values[metric]
        self._latest = replace(self._header(), score=score, metric=metric)
        better = self._is_better(score, lower=metric == "loss")
        self._waited = 0 if better else self._waited + 1
        if better:
            self.best = self._latest
        # `last` first: it knows of the new best, and holds the same weights should the break come between the two
        self.save_last()
        if better:
            self._save_best()

    def _is_better(self, score: float, *, lower: bool) -> bool:
        if math.isnan(score):
            return False
        if self.best is None or self.best.score is None:
            return True
        return score < self.best.score if lower else score > self.best.score

    def save_last(self) -> None:
        """Write `last`: at every validation, every `checkpoint_minutes`, before a pause or stop, and when asked."""
        path = self.run.directory.last_checkpoint
        if self.ranks:
            self.ranks.settle()
        save_checkpoint(path, self.model, self._header(), self._state())
        self._saved = time.monotonic()
        self._tell_checkpoint(path)

    def _save_best(self) -> None:
        assert self.best is not None
        save_checkpoint(self.run.directory.best_checkpoint, self.learner.scored_model, self.best)
        self._tell_checkpoint(self.run.directory.best_checkpoint, score=self.best.score)

    def _state(self) -> dict[str, Any]:
        """Everything beside the weights that decides what the next step does, or what the journal will say."""
        return {
            "step": self.step,
            "scored": self.scored,
            "seconds": self._spent(),
            "best": asdict(self.best) if self.best else None,
            "waited": self._waited,
            "learner": self.learner.state(),
            "generators": generator_states(),
        }

    def restore(self) -> None:
        """Stand where `last` was written.

        Raises:
            BadInput: `last` is of another network, or its `best` is gone.
        """
        path, best = self.run.directory.last_checkpoint, self.run.directory.best_checkpoint
        try:
            state = load_training(self.model, path)
            self.learner.restore(state["learner"])
        except RuntimeError as error:
            raise BadInput(f"{path}: is of another network than the run's config ({error})".splitlines()[0]) from error
        except KeyError as error:
            raise BadInput(f"{path}: was written by another version ({error} is missing); launch a new run") from error
        self.step, self.scored, self.seconds = state["step"], state["scored"], state["seconds"]
        self._waited = state["waited"]
        self.best = Checkpoint(**state["best"]) if state["best"] else None
        if self.best and not (best.exists() and read_header(best).step == self.best.step):
            if self.best.step != self.step:
                raise BadInput(f"{best}: is missing, and val chose it at step {self.best.step}; launch a new run")
            self._save_best()
        self.run.message(f"goes on after step {self.step} of {self.total}")
        restore_generators(state["generators"])

    def _tell_checkpoint(self, path: Path, **fields: float) -> None:
        # relative, because run directories are moved and copied
        place = path.relative_to(self.run.directory.path).as_posix()
        self.run.emit("checkpoint", which=path.stem, path=place, step=self.step, epoch=self.epoch, **fields)

    def _header(self) -> Checkpoint:
        return Checkpoint(
            model=self.config.model.model_dump(),
            image_size=self.config.image_size,
            threshold=self.threshold,
            step=self.step,
            epoch=self.epoch,
            score=None,
            metric=self.config.save_by_metric,
            defect_class=self.config.defect_class,
            defect_classes=tuple(self.config.defect_classes or ()),
            run_id=self.run.directory.run_id,
        )
