"""The end of a run: the best checkpoint, scored on the test set once; and the last one, to be shown beside it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from pipeseg.data.build import link_or_copy
from pipeseg.data.loading import DEFECT_LEVEL, Pictures
from pipeseg.data.scored_pictures import ScoredPictures
from pipeseg.errors import RunFailed
from pipeseg.metrics import Scores
from pipeseg.run import Run
from pipeseg.training.checkpoint import Checkpoint, load_weights, save_checkpoint
from pipeseg.training.evaluate import evaluate, summarise
from pipeseg.training.results import write_per_image, write_prediction, write_summary
from pipeseg.training.threshold import choose_threshold

if TYPE_CHECKING:
    from pipeseg.training.loop import Trainer


def report(trainer: "Trainer") -> None:
    """Score the best checkpoint on the test set, once, and write `results/`.

    What the last weights reach there is `test_last/...`: it chooses nothing, it shows what the choice on val was worth.
    """
    run, config, test, best = trainer.run, trainer.config, trainer.sets.test, trainer.best
    if best is None:
        raise RunFailed(f"val/{config.save_by_metric} was never a number, so no checkpoint could be chosen")
    of_last = None if best.step == trainer.step else _score_last(trainer)
    load_weights(trainer.model, run.directory.best_checkpoint)
    threshold = trainer.threshold
    if config.threshold == "auto":
        threshold = _choose_threshold(trainer, best)
    several = len(config.classes) > 1
    found = {}
    for channel, pictures in enumerate(test):
        name = str(config.classes[channel])
        results = run.directory.results / name if several else run.directory.results
        found[name] = _score(trainer, pictures, channel, threshold, results)
    values = summarise(found)
    write_summary(run.directory.results / "summary.json", _summary(trainer, best, threshold, values))
    _keep_model(run)
    step, epoch = trainer.step, trainer.epoch
    scored = {"test": values, "test_last": values if of_last is None else of_last}
    metrics = {f"{kind}/{name}": value for kind, each in scored.items() for name, value in each.items()}
    run.metrics(metrics, step=step, epoch=epoch)
    run.progress(step, trainer.total, force=True, epoch=epoch, epochs=config.epochs, phase="done")
    count = sum(map(len, test))
    run.message(f"test/iou {values['iou']:.4f} on {count} pictures, checkpoint of epoch {best.epoch}")


def _score_last(trainer: "Trainer") -> dict[str, float]:
    """Score the weights after the last step on the test set; their threshold is chosen as the best ones' is."""
    run, config, sets = trainer.run, trainer.config, trainer.sets
    model, threshold, batch = trainer.learner.scored_model, trainer.threshold, trainer.scoring_batch
    if config.threshold == "auto":
        threshold, _ = choose_threshold(model, sets.validation, trainer.hardware, batch_size=batch)

    def between(done: int, total: int) -> None:
        run.progress(done, total, phase="test of the last weights")
        run.obey(lambda: None)

    found = {}
    for channel, pictures in enumerate(sets.test):
        found[str(config.classes[channel])] = evaluate(
            model,
            pictures,
            trainer.hardware,
            batch_size=batch,
            soft=config.evaluation_metrics == "soft",
            threshold=threshold,
            channel=channel,
            criterion=trainer.criterion,
            between=between,
        )
    return summarise(found)


def _score(
    trainer: "Trainer", pictures: Pictures, channel: int, threshold: float, results: Path
) -> tuple[Scores, float]:
    """Score one class on its test set and leave a table, every prediction and some pictures in `results`."""
    run, config = trainer.run, trainer.config
    kept = ScoredPictures(len(pictures))
    drawn = _spread(len(pictures), config.visualization_samples)
    sizes: list[tuple[int, int]] = []

    def see(index: int, mask: np.ndarray, probability: Tensor) -> None:
        sizes.append((mask.shape[0], mask.shape[1]))
        sample, predicted = pictures.samples[index], (probability >= threshold).cpu().numpy()
        kept.add(sample.image, mask >= DEFECT_LEVEL, predicted)
        if index in drawn:
            write_prediction(results / "predictions", sample, mask, predicted)

    def between(done: int, total: int) -> None:
        run.progress(done, total, phase="test")
        run.obey(lambda: None)

    scores, loss = evaluate(
        trainer.model,
        pictures,
        trainer.hardware,
        batch_size=trainer.scoring_batch,
        soft=config.evaluation_metrics == "soft",
        threshold=threshold,
        channel=channel,
        criterion=trainer.criterion,
        between=between,
        see=see,
    )
    write_per_image(results / "per_image.csv", pictures.samples, sizes, scores)
    kept.write(results / "test_pictures.zip")
    return scores, loss


def _choose_threshold(trainer: "Trainer", best: Checkpoint) -> float:
    """Choose the threshold on val and write it into the checkpoint: whoever predicts with it later uses the same."""
    run = trainer.run
    threshold, iou = choose_threshold(
        trainer.model, trainer.sets.validation, trainer.hardware, batch_size=trainer.scoring_batch
    )
    save_checkpoint(run.directory.best_checkpoint, trainer.model, replace(best, threshold=threshold))
    run.message(f"threshold {threshold:.3f}, chosen on val: IoU {iou:.4f} there")
    return threshold


def _keep_model(run: Run) -> None:
    """Put the chosen weights into MODELS_DIR as well: they stay when the run directory is cleared away."""
    models = run.settings.models_dir
    models.mkdir(parents=True, exist_ok=True)
    kept = models / f"{run.directory.run_id}.safetensors"
    # there from an attempt that broke off while it reported
    kept.unlink(missing_ok=True)
    link_or_copy(run.directory.best_checkpoint, kept)


def _summary(trainer: "Trainer", best: Checkpoint, threshold: float, values: dict[str, float]) -> dict[str, Any]:
    return {
        "test": values,
        "best": {"epoch": best.epoch, "step": best.step, "score": best.score, "metric": f"val/{best.metric}"},
        "chosen_by": trainer.chosen_by,
        "total_steps": trainer.step,
        "start_steps": trainer.run.directory.read_info().get("start", {}).get("steps", 0),
        "images": sum(map(len, trainer.sets.test)),
        "threshold": threshold,
        "test_fingerprint": trainer.run.directory.read_info()["datasets"]["test"]["fingerprint"],
        "train_seconds": round(trainer.seconds, 1),
    }


def _spread(count: int, wanted: int) -> set[int]:
    """Return up to `wanted` indices spread evenly over `count` pictures: the same ones in every run of a test set."""
    return set(np.linspace(0, count - 1, min(count, wanted), dtype=int).tolist()) if wanted else set()
