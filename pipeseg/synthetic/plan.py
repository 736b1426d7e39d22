"""Which scene becomes which pictures, and which pictures are copied under which names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeseg.synthetic.options import Options

VIDEO_SHARE = 0.15  # of the scenes, which come as two or three neighbouring frames
NEAR = ("recompressed", "caption", "cropped", "gain", "frame")
TURNED = ("flipped", "rotated")
# Shares of the pictures that come once more: as the same bytes, nearly the same, or mirrored or turned.
EXACT_SHARE, NEAR_SHARE, TURNED_SHARE = 0.01, 0.02, 0.01


@dataclass(frozen=True, slots=True)
class Copy:
    """A picture that is another one again: of frame ``frame`` of its job, named ``stem``.

    ``kind`` is ``exact``, one of :data:`NEAR` or one of :data:`TURNED`.
    """

    stem: str
    frame: int
    kind: str


@dataclass(frozen=True, slots=True)
class Job:
    """One scene to draw: pictures ``first .. first + frames - 1`` (counted from 1) form one group with their copies."""

    scene: int
    primary: str | None
    first: int
    frames: int
    hand_frames: int  # how many of the frames a person labelled, the first ones
    copies: tuple[Copy, ...] = ()

    @property
    def stems(self) -> list[str]:
        return [stem_of(number) for number in range(self.first, self.first + self.frames)]


def stem_of(number: int) -> str:
    """The name of picture ``number`` without its suffix."""
    return f"sample_{number:04d}"


def plan(options: Options) -> list[Job]:
    """The scenes of a dataset, classes and copies mixed in their numbering; the same for the same options."""
    rng = np.random.default_rng([options.seed, 0x9A1])
    jobs = _scenes(options, rng)
    copies = _copies(jobs, options, rng)
    # A number says nothing about its picture: scenes (whose frames are neighbours) and copies are dealt together.
    places: list[tuple[int, int | None]] = [(scene, None) for scene in range(len(jobs))]
    places += [(scene, index) for scene, kinds in enumerate(copies) for index in range(len(kinds))]
    number, first, stems = 1, {}, {}
    for choice in rng.permutation(len(places)):
        scene, index = places[int(choice)]
        if index is None:
            first[scene] = number
            number += jobs[scene].frames
        else:
            stems[scene, index] = stem_of(number)
            number += 1
    numbered = [
        replace(
            job,
            first=first[job.scene],
            copies=tuple(Copy(stems[job.scene, i], *copy) for i, copy in enumerate(copies[job.scene])),
        )
        for job in jobs
    ]
    return sorted(numbered, key=lambda job: job.first)


def _scenes(options: Options, rng: np.random.Generator) -> list[Job]:
    wanted: list[tuple[str | None, int, int]] = [(key, *options.pictures_of(key)) for key in options.classes]
    wanted.append((None, options.clean, round(options.clean / 4)))
    jobs: list[Job] = []
    for key, images, hand in wanted:
        while images > 0:
            frames = int(rng.integers(2, 4)) if rng.uniform() < VIDEO_SHARE else 1
            frames = min(frames, images)
            labelled = min(frames, hand)
            jobs.append(Job(len(jobs), key, 0, frames, labelled))
            images, hand = images - frames, hand - labelled
    return jobs


def _copies(jobs: Sequence[Job], options: Options, rng: np.random.Generator) -> list[list[tuple[int, str]]]:
    """Per job the copies to make: (frame, kind)."""
    originals = [(job.scene, frame) for job in jobs for frame in range(job.frames)]
    counts = [round(share * options.duplicates * len(originals)) for share in (EXACT_SHARE, NEAR_SHARE, TURNED_SHARE)]
    # Taking turns, so that a small dataset holds every kind as well.
    kinds = ["exact"] * counts[0]
    kinds += [NEAR[i % len(NEAR)] for i in range(counts[1])] + [TURNED[i % len(TURNED)] for i in range(counts[2])]
    order = rng.permutation(len(originals))
    copies: list[list[tuple[int, str]]] = [[] for _ in jobs]
    for i, kind in enumerate(kinds):
        scene, frame = originals[int(order[i % len(order)])]
        copies[scene].append((frame, kind))
    return copies
