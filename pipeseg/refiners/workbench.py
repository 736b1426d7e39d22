"""Puts pictures, teachers and a refiner together: calibration, refinement at native size, all cores busy."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from pipeseg.data.folder import Sample
from pipeseg.data.loading import CACHE_BYTES
from pipeseg.data.parallel import threaded
from pipeseg.errors import BadInput, RunFailed
from pipeseg.refiners.base import NEUTRAL, BoxPicture, Calibration, Refiner, View
from pipeseg.refiners.box_answers import BoxNetworks, answered_in_boxes
from pipeseg.refiners.calibration import FEWEST_TO_SHIFT, HandFills, count_logits, find_shift
from pipeseg.refiners.source import Boxed
from pipeseg.refiners.teachers import Looked, Size, Teachers, answered, look, native, probability_of
from pipeseg.run import Run
from pipeseg.training.memory import is_out_of_memory

# a mean fill that strays farther from the hand masks' is said aloud, unless it is within so many standard errors
FILL_TOLERANCE, CHANCE = 0.02, 2.0

BoxesOf = Callable[[Sample, tuple[int, int]], Boxed]
Finish = Callable[[Sample, BoxPicture], object]


@dataclass(slots=True)
class Workbench:
    """What refining needs beside the pictures; remembers what the teachers said of the pictures to refine.

    Attributes:
        boxed: the pictures to refine.
        teachers: None where no refiner asks for one.
        box_networks: what the teachers became that learned about boxes.
    """

    run: Run
    boxed: Sequence[Sample]
    boxes_of: BoxesOf
    teachers: Teachers | None
    batch_size: int
    box_networks: Mapping[View, BoxNetworks] = field(default_factory=dict)
    _said: dict[View, "_Said"] = field(default_factory=dict)

    def calibrate(self, refiner: Refiner, hand: HandFills | None) -> tuple[Calibration, dict[str, float | int | str]]:
        """Return the refiner's calibration on the pictures to refine, and the facts behind it."""
        if hand is None or not (refiner.calibrates or refiner.finds_false_boxes):
            return NEUTRAL, {}
        facts: dict[str, float | int | str] = {
            "hand_boxes": len(hand.values),
            "hand_boxes_with_nothing_in_them": hand.false,
            "hand_boxes_from": hand.origin,
        }
        lowest = hand.lowest if refiner.finds_false_boxes else 0.0
        if not refiner.calibrates or len(hand.values) < FEWEST_TO_SHIFT:
            if refiner.calibrates:
                self.run.warn(f"{len(hand.values)} hand boxes are too few to know their fill; nothing is calibrated")
            return Calibration(0.0, lowest), {**facts, "lowest_fill": lowest}
        assert refiner.view is not None
        said = self._listen(refiner.view)
        if not len(said.counts):
            raise BadInput("source_dataset: every box of the pictures to refine lies outside them; mend boxes.csv")
        shift, fill, error = find_shift(said.counts, hand, refiner.cut)
        if not abs(fill - hand.mean) <= max(FILL_TOLERANCE, CHANCE * error):
            self.run.warn(
                f"{refiner.name}: boxes are filled to {fill:.0%}, hand masks fill {hand.mean:.0%} of theirs: the"
                " teachers tell too little apart; train them longer"
            )
        facts |= {"hand_fill": hand.mean, "reached_fill": fill, "fill_error": error}
        facts |= {"shift": shift, "lowest_fill": lowest}
        return Calibration(shift, lowest), facts

    def refine(self, refiner: Refiner, samples: Sequence[Sample], finish: Finish, phase: str = "refine") -> None:
        """Hand each picture, as `refiner` wants to see it, to `finish`, which works in threads of its own."""
        tick = Ticker(self.run, len(samples), phase)

        def work(item: tuple[Looked, np.ndarray | None]) -> None:
            looked, logits = item
            inside, places = self.boxes_of(looked.sample, looked.shape)
            probability = None if logits is None else probability_of(native(logits, looked.shape))
            finish(looked.sample, BoxPicture(inside, places, probability, looked.image))

        # closed before the caller clears away what the threads write into
        with (
            _threads(refiner.view) as pool,
            closing(self._answers(refiner, samples, pool, tick.obey)) as answers,
            closing(threaded(work, answers, pool=pool, ahead=self._ahead(refiner.view, refiner.needs_image))) as done,
        ):
            for _ in done:
                tick()

    def _ahead(self, view: View | None, keep_image: bool) -> int:
        """Return how many pictures more may wait: a batch, to be read and finished while networks look at another.

        None of those that are kept whole, which may be large.
        """
        whole = keep_image or (view is not None and view.crops is not None)
        return 0 if whole else self.batch_size

    def _answers(
        self, refiner: Refiner, samples: Sequence[Sample], pool: ThreadPoolExecutor, between: Callable[[], None]
    ) -> Iterator[tuple[Looked, np.ndarray | None]]:
        view = refiner.view
        said = self._said[view].answers if samples is self.boxed and view in self._said else None
        if view is not None and said is None:
            yield from self._ask(view, samples, refiner.needs_image, pool, between)
        elif said is not None and not refiner.needs_image:
            for sample, (shape, logits) in zip(samples, said, strict=True):
                yield Looked(sample, shape, {}, None), logits
        else:
            with closing(look(samples, [], pool, keep_image=refiner.needs_image)) as pictures:
                for index, looked in enumerate(pictures):
                    yield looked, None if said is None else said[index][1]

    def _ask(
        self,
        view: View,
        samples: Sequence[Sample],
        keep_image: bool,
        pool: ThreadPoolExecutor,
        between: Callable[[], None],
    ) -> Iterator[tuple[Looked, np.ndarray]]:
        assert self.teachers is not None
        sizes = [] if view.crops else self.teachers.sizes(view)
        keep_image, ahead = keep_image or view.crops is not None, self._ahead(view, keep_image)
        with closing(look(samples, sizes, pool, keep_image=keep_image, ahead=ahead)) as pictures:
            try:
                if view.crops:
                    boxed = ((each, self.boxes_of(each.sample, each.shape)[1]) for each in pictures)
                    yield from answered_in_boxes(self.box_networks[view], boxed, self.batch_size, between)
                else:
                    yield from answered(self.teachers, view, pictures, self.batch_size, between)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                raise RunFailed(f"out of memory with {self.batch_size} pictures at once; lower batch_size") from error

    def _listen(self, view: View) -> "_Said":
        """Ask the teachers about every picture to refine, once."""
        if view in self._said:
            return self._said[view]
        assert self.teachers is not None
        tick = Ticker(self.run, len(self.boxed), "calibrate")
        answers: list[tuple[Size, np.ndarray]] = []
        held = 0

        def count(item: tuple[Looked, np.ndarray]) -> tuple[tuple[Size, np.ndarray], list[np.ndarray]]:
            looked, found = item
            inside, places = self.boxes_of(looked.sample, looked.shape)
            whole = native(found, looked.shape)
            return (looked.shape, found), [count_logits(whole[place][inside[place]]) for place in places]

        counts: list[np.ndarray] = []
        with (
            _threads(view) as pool,
            closing(self._ask(view, self.boxed, False, pool, tick.obey)) as asked,
            closing(threaded(count, asked, pool=pool, ahead=self._ahead(view, False))) as done,
        ):
            for answer, of_picture in done:
                held += answer[1].nbytes
                # what memory does not hold is asked for a second time
                if held <= CACHE_BYTES:
                    answers.append(answer)
                else:
                    answers.clear()
                counts += of_picture
                tick()
        self._said[view] = _Said(answers or None, np.array(counts))
        return self._said[view]


def _threads(view: View | None) -> ThreadPoolExecutor:
    """Return the threads that read pictures and finish them: on every core where no network looks at them, else half.

    More threads than cores wait for the interpreter, and for each other: measured with one network on two cores, ms a
    picture: 2.1 with one thread beside the network's, 2.6 with two, 2.9 with four.
    """
    cores = os.cpu_count() or 1
    return ThreadPoolExecutor(cores if view is None else max(1, cores // 2))


@dataclass(frozen=True, slots=True)
class _Said:
    """What the teachers said: (its own size, logits float32 (h, w)) of each picture, and `count_logits` of every box.

    There are no answers where memory does not hold them.
    """

    answers: list[tuple[Size, np.ndarray]] | None
    counts: np.ndarray


class Ticker:
    """Tells how far a phase is, with the seconds left, and hears whether to stop."""

    def __init__(self, run: Run, total: int, phase: str):
        self.run, self.total, self.phase = run, total, phase
        self.done, self.started = 0, time.monotonic()

    def __call__(self) -> None:
        self.done += 1
        pace = (time.monotonic() - self.started) / self.done
        self.run.progress(
            self.done,
            self.total,
            force=self.done == self.total,
            phase=self.phase,
            eta_seconds=round(pace * (self.total - self.done), 1),
            images_per_second=round(1 / pace, 1) if pace else None,
        )
        self.obey()

    def obey(self) -> None:
        self.run.obey(lambda: None)
