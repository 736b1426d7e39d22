"""Small networks that learn what boxes show, each from a part of the dataset, and judge the rest of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, dropout, one_hot

from pipeseg.data.audit.describe import PLACES, mirrored
from pipeseg.data.audit.examples import FOLDS, Examples

EPOCHS, FEWEST_STEPS = 15, 400
BATCH = 128
# of a batch: the rest are empty windows
DRAWN = 0.625
WIDTH, PLACE_WIDTH, LAST_WIDTH = 128, 32, 64
HIDE_INPUT, HIDE = 0.3, 0.5
RATE, DECAY = 2e-3, 0.05
# labels are wrong now and then: none is learned as if it were certain (Szegedy et al. 2016, section 7), and between
# two examples lies their mixture (Zhang et al. 2018, mixup, equation 1)
SMOOTHING, MIXING = 0.05, 0.3
_AT_ONCE = 256


def out_of_fold(
    examples: Examples, rows: np.ndarray, classes: int, seed: int, tick: Callable[[int, int], None]
) -> np.ndarray:
    """Return float32 (len(rows), classes + 1): what the windows `rows` show, the last column standing for nothing.

    One network for each margin and fold learns from the other folds; no window is judged by a network that has seen
    its group. Windows of part -1 are judged by all. The same on every call, whatever the number of cores.
    """
    before = torch.get_num_threads()
    # sums in another order would round differently
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            networks = _learn(examples, classes, np.random.default_rng(seed), tick)
            return _judge(networks, examples, rows, classes)
    finally:
        torch.set_num_threads(before)


class _Networks(nn.Module):
    """`count` equal networks side by side: one batched product for all is faster than a small one for each."""

    def __init__(self, count: int, numbers: int, answers: int, mean: torch.Tensor, scale: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.seen = _Layers(count, numbers, WIDTH)
        self.placed = _Layers(count, PLACES, PLACE_WIDTH)
        self.both = _Layers(count, WIDTH + PLACE_WIDTH, LAST_WIDTH)
        self.answer = _Layers(count, LAST_WIDTH, answers)

    def forward(self, numbers: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Return logits (M, B, answers) of float32 (M, B, D) and (M, B, PLACES), M networks."""
        seen = dropout((numbers - self.mean) * self.scale, HIDE_INPUT, self.training)
        seen = dropout(self.seen(seen).relu(), HIDE, self.training)
        both = self.both(torch.cat([seen, self.placed(places).relu()], 2)).relu()
        return self.answer(dropout(both, HIDE / 2, self.training))


class _Layers(nn.Module):
    def __init__(self, count: int, before: int, after: int) -> None:
        super().__init__()
        # as nn.Linear begins
        reach = before**-0.5
        self.weight = nn.Parameter(torch.empty(count, before, after).uniform_(-reach, reach))
        self.bias = nn.Parameter(torch.empty(count, 1, after).uniform_(-reach, reach))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


def _learn(
    examples: Examples, classes: int, random: np.random.Generator, tick: Callable[[int, int], None]
) -> _Networks:
    views = examples.parts.shape[1]
    seats = [(view, fold) for view in range(views) for fold in range(FOLDS)]
    drawn, empty = [], []
    for view, fold in seats:
        others = (examples.parts[:, view] >= 0) & (examples.parts[:, view] != fold)
        drawn.append(_in_turn(np.flatnonzero(others & (examples.labels < classes)), examples.labels))
        empty.append(np.flatnonzero(others & (examples.labels == classes)))
    networks = _Networks(len(seats), examples.numbers.shape[2], classes + 1, *_scales(examples, random))
    learned = (sum(len(rows) for rows, _ in drawn) + sum(map(len, empty))) / len(seats)
    steps = max(FEWEST_STEPS, round(EPOCHS * learned / BATCH))
    optimiser = torch.optim.AdamW(networks.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    half = round(BATCH * DRAWN)
    columns = np.array([view for view, _ in seats])[:, None]
    labels = torch.from_numpy(examples.labels)
    mirror = torch.from_numpy(mirrored())
    for step in range(steps):
        picked = [place[np.searchsorted(bounds, random.uniform(size=half))] for place, bounds in drawn]
        rows = np.stack([np.r_[some, random.choice(e, BATCH - half)] for some, e in zip(picked, empty, strict=True)])
        flip = torch.from_numpy(random.integers(2, size=rows.shape))
        numbers = torch.from_numpy(examples.numbers[rows, columns]).float()
        numbers = torch.where(flip[..., None] > 0, numbers[..., mirror], numbers)
        places = torch.from_numpy(examples.places[rows, flip.numpy()])
        truth = one_hot(labels[rows], classes + 1).float()
        share = random.beta(MIXING, MIXING, (*rows.shape, 1)).astype(np.float32)
        share = torch.from_numpy(np.maximum(share, 1 - share))
        other = torch.from_numpy(random.permutation(BATCH))
        numbers, places, truth = (x * share + x[:, other] * (1 - share) for x in (numbers, places, truth))
        answers = networks(numbers, places)
        # a mean over each batch, summed over the networks, which have no weight in common
        loss = cross_entropy(answers.flatten(0, 1), truth.flatten(0, 1), label_smoothing=SMOOTHING) * len(seats)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        tick(step + 1, steps)
    return networks.eval()


def _in_turn(rows: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return `rows` and the bounds in [0, 1] up to which each of them is drawn: rare classes more often than they are.

    By the square root of their share: half way between as they come and all alike.
    """
    weights = np.bincount(labels[rows])[labels[rows]] ** -0.5
    bounds = np.cumsum(weights / weights.sum())
    bounds[-1] = 1
    return rows, bounds


def _scales(examples: Examples, random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and 1 / spread of each number, float32 (M, 1, D), from a sample."""
    some = np.sort(random.choice(len(examples.labels), min(4000, len(examples.labels)), replace=False))
    sample = examples.numbers[some].astype(np.float32)
    mean, spread = sample.mean(0), sample.std(0) + 0.05
    return tuple(torch.from_numpy(np.repeat(x, FOLDS, 0)[:, None]) for x in (mean, 1 / spread))


def _judge(networks: _Networks, examples: Examples, rows: np.ndarray, classes: int) -> np.ndarray:
    views = examples.parts.shape[1]
    mirror = mirrored()
    answers = np.zeros((len(rows), classes + 1), np.float32)
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        parts = examples.parts[some]
        numbers = np.repeat(examples.numbers[some].astype(np.float32).swapaxes(0, 1), FOLDS, 0)
        # (M, B): which networks may speak of which window
        folds = np.arange(FOLDS)[:, None]
        may = np.concatenate([(parts[:, view] == folds) | (parts[:, view] < 0) for view in range(views)])
        with torch.inference_mode():
            for flip in (0, 1):
                shown = torch.from_numpy(numbers[..., mirror] if flip else numbers)
                where = torch.from_numpy(examples.places[some, flip]).expand(len(may), -1, -1)
                said = networks(shown, where).softmax(2).numpy()
                answers[start : start + len(some)] += (said * may[..., None]).sum(0)
    return answers / answers.sum(1, keepdims=True)
