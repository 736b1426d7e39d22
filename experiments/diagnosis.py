"""What is wrong with a run, told from its facts, and what to do about it. Pure: facts in, verdicts out."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from experiments.run_facts import Points, RunFacts

CRITICAL, WARNING, NOTICE = "critical", "warning", "notice"
SEVERITIES = (CRITICAL, WARNING, NOTICE)
# beside the words, for nothing is told by colour alone
GLYPHS = {CRITICAL: "✗", WARNING: "!", NOTICE: "·"}

GIB = 1 << 30
WINDOW = 9
DISK_CRITICAL, DISK_WARNING = GIB // 2, 2 * GIB
STALL_SECONDS = 300.0
LOADER_SHARE = 0.5
IOU_GAIN = 0.005
MEMORY_SIGNS = ("out of memory", "outofmemoryerror", "defaultcpuallocator", "could not create a primitive", "bad_alloc")
# what a training says that goes on after it
SHRUNK = "at once, gradients are added up"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that is wrong.

    Attributes:
        kind: a word for programs: `nan`, `divergence`, `plateau`, `no-iou`, `overfitting`, `loader`, `memory`,
            `stalled`, `lost`, `failed`, `disk`.
        severity: one of `SEVERITIES`: it is broken, it goes wrong, it could go better.
        sentence: what is wrong, with the figures.
        what_to_do: one sentence.
        lines: of the log, that belong to it.
        run_id: of the run within a study that is meant; empty for the run itself.
    """

    kind: str
    severity: str
    sentence: str
    what_to_do: str
    lines: tuple[str, ...] = ()
    run_id: str = ""


def diagnose(facts: RunFacts) -> list[Verdict]:
    """Return everything that is wrong, the gravest first; [] for a healthy run."""
    found = [verdict for rule in RULES for verdict in rule(facts)]
    if any(verdict.kind in ("nan", "memory") and verdict.severity == CRITICAL for verdict in found):
        # the cause is told; that it failed is its consequence
        found = [verdict for verdict in found if verdict.kind != "failed"]
    return sorted(found, key=lambda verdict: SEVERITIES.index(verdict.severity))


def _not_a_number(facts: RunFacts) -> Iterator[Verdict]:
    """The last point of a loss is NaN or infinite."""
    for metric, step, value in facts.not_finite:
        name = "NaN" if math.isnan(value) else "infinite"
        yield Verdict(
            "nan",
            CRITICAL,
            f"{metric} is {name} at step {step:.0f}",
            "lower learning_rate, or set precision: float32, and launch it again; the best checkpoint is kept",
            facts.traceback(),
        )
        return


def _divergence(facts: RunFacts) -> Iterator[Verdict]:
    """train/loss is far over its minimum, and rising.

    Rule: over medians of 9 points, so that single steps do not count: the loss has come up from its minimum by at
    least half of what it had come down, and by at least the minimum itself; and the last 9 points lie over the 9
    before.
    """
    values = [value for _, value in facts.points("train/loss")]
    if len(values) < 3 * WINDOW or not _works(facts):
        return
    smooth = [median(values[at : at + WINDOW]) for at in range(len(values) - WINDOW + 1)]
    low, now, before = min(smooth), smooth[-1], smooth[-1 - WINDOW]
    if now - low < max(abs(smooth[0] - low) / 2, abs(low)) or now <= before:
        return
    at = int(facts.points("train/loss")[smooth.index(low) + WINDOW // 2][0])
    yield Verdict(
        "divergence",
        WARNING,
        f"train/loss rises: {_figure(now)} now, {_figure(low)} at step {at}",
        "stop it with s; launch it again with a lower learning_rate, or with warmup_steps or clip_norm",
    )


def _no_iou(facts: RunFacts) -> Iterator[Verdict]:
    """val/iou stays at 0: at least 5 validations and a fifth of the steps, none over 0.001."""
    points = facts.points("val/iou")
    if len(points) < 5 or facts.done < 0.2 or max(value for _, value in points) > 0.001:
        return
    yield Verdict(
        "no-iou",
        WARNING,
        f"val/iou has stayed at 0 for all {len(points)} validations",
        "look at the masks of train and val (7, then i), then raise learning_rate, or take a loss that counts overlap",
    )


def _plateau(facts: RunFacts) -> Iterator[Verdict]:
    """val/iou no longer rises, while much of the run is still to come.

    Rule: the last 40 % of the steps hold at least 10 validations, with at least 5 before; over medians of 3, so that
    one lucky validation does not count, the best among them is less than 0.005 over the best before; the median of
    their last third is less than 0.005 over that of their first even with the standard error of the two added, so
    that noise hides no rise; and more than a tenth of the run is left.
    """
    points = facts.points("val/iou")
    if facts.status != "running" or not 0 < facts.done < 0.9 or len(points) < 15:
        return
    last = points[-1][0]
    cut = last - 0.4 * last
    smooth = _medians_of_3(points)
    before = [value for step, value in smooth if step <= cut]
    after = [value for step, value in smooth if step > cut]
    if len(before) < 5 or len(after) < 10 or max(points, key=lambda point: point[1])[1] <= 0.001:
        return
    if max(after) - max(before) >= IOU_GAIN or _trend([value for step, value in points if step > cut]) >= IOU_GAIN:
        return
    best_step, best = max(points, key=lambda point: point[1])
    yield Verdict(
        "plateau",
        NOTICE,
        f"val/iou has not risen for {len(after)} validations: best {best:.3f} at step {best_step:.0f} of {facts.total}",
        "the best checkpoint is kept: stop it with s, or set early_stop; for more, lower learning_rate or add pictures",
    )


def _trend(values: Sequence[float]) -> float:
    """Return by how much the last third of some values lies over the first, at most: with the error of both medians."""
    third = max(1, len(values) // 3)
    # of a normal distribution: median of |a - b| is 0.954 deviations, a median is off by 1.25 deviations / sqrt(n)
    deviation = median(abs(after - before) for before, after in pairwise(values)) / 0.954
    return median(values[-third:]) - median(values[:third]) + 1.25 * deviation * math.sqrt(2 / third)


def _overfitting(facts: RunFacts) -> Iterator[Verdict]:
    """val/loss rises while train/loss falls, and val/iou gains nothing by it.

    Rule: over medians of 3, the minimum of val/loss lies at least 5 validations and 30 % of the steps back; val/loss is
    now over it by 10 % and by three times its usual change between two validations; train/loss, the median of 9
    points, is at least 5 % lower than it was then; and the trend of val/iou since then is no rise, as for a plateau.
    """
    val, train = _medians_of_3(facts.points("val/loss")), facts.points("train/loss")
    if len(val) < 10 or len(train) < 2 * WINDOW or not _works(facts):
        return
    place = min(range(len(val)), key=lambda index: val[index][1])
    (low_step, low), (now_step, _) = val[place], val[-1]
    now = median(value for _, value in val[-3:])
    noise = median(abs(after[1] - before[1]) for before, after in pairwise(facts.points("val/loss")))
    if len(val) - 1 - place < 5 or now_step - low_step < 0.3 * now_step:
        return
    if now - low < max(0.1 * abs(low), 3 * noise):
        return
    then = [value for step, value in train if step <= low_step][-WINDOW:]
    lately = [value for _, value in train[-WINDOW:]]
    if len(then) < 3 or median(then) - median(lately) < 0.05 * abs(median(then)):
        return
    iou = [value for step, value in facts.points("val/iou") if step > low_step]
    if len(iou) > 2 and _trend(iou) >= IOU_GAIN:
        return
    yield Verdict(
        "overfitting",
        WARNING,
        f"val/loss rises since step {low_step:.0f} ({_figure(low)} to {_figure(now)}) while train/loss falls",
        "the best checkpoint is kept: stop it with s; add pictures, augment or weight_decay, or take a smaller encoder",
    )


def _loader(facts: RunFacts) -> Iterator[Verdict]:
    """The last 10 or more looks at the progress say: half of the time or more is spent waiting for pictures."""
    if facts.status != "running" or len(facts.loader_shares) < 10:
        return
    share = median(facts.loader_shares)
    if share < LOADER_SHARE:
        return
    have = "" if facts.workers is None else f" (now {facts.workers})"
    mend = f"raise num_workers{have}: this machine has {facts.cores} cores"
    if facts.workers is not None and facts.workers >= facts.cores:
        mend = f"all {facts.cores} cores load already: prepare smaller pictures (image_size), or a faster disk"
    yield Verdict(
        "loader",
        WARNING,
        f"{share:.0%} of the time is spent waiting for pictures",
        f"{mend}; pictures on a local disk, no larger than image_size, load fastest",
    )


def _memory(facts: RunFacts) -> Iterator[Verdict]:
    """Memory ran out: the run failed by it, or went on with fewer pictures at once."""
    told = any(_is_memory(line) for line in (facts.error or "", *facts.traceback(), *facts.log[-20:]))
    if facts.status == "failed" and (told or facts.killed_by == "SIGKILL"):
        if told:
            sentence = "memory ran out"
            mend = "lower batch_size or image_size, or set batch_size: auto, and launch it again"
        else:
            sentence = "killed by SIGKILL, as the system does when the machine's memory runs out"
            mend = "lower num_workers or batch_size, end what else holds memory, then p lets it go on"
        quoted = facts.traceback() or tuple(line for line in facts.log if _is_memory(line))[-5:]
        yield Verdict("memory", CRITICAL, f"{sentence}{_after(facts.error)}", mend, quoted)
        return
    shrunk = [text for text in facts.warnings if SHRUNK in text]
    if shrunk and _works(facts):
        yield Verdict(
            "memory",
            NOTICE,
            f"memory ran out {len(shrunk)} times; the run goes on with fewer pictures at once",
            "nothing has to be done; a smaller batch_size or image_size would make each step faster",
            tuple(shrunk[-5:]),
        )


def _is_memory(text: str) -> bool:
    folded = text.casefold()
    return any(sign in folded for sign in MEMORY_SIGNS) and SHRUNK not in folded


def _stalled(facts: RunFacts) -> Iterator[Verdict]:
    """It works, but for 5 minutes, and three times as long as ever before, neither journal nor log has grown."""
    if facts.status not in ("running", "starting") or not (facts.here and facts.alive) or facts.last_sign is None:
        return
    silent = facts.now - facts.last_sign
    if silent < max(STALL_SECONDS, 3 * facts.longest_gap):
        return
    process = f"`py-spy dump --pid {facts.pid}`" if facts.pid else "the log"
    yield Verdict(
        "stalled",
        WARNING,
        f"nothing was heard of it for {silent / 60:.0f} min, though its process is alive",
        f"{process} shows where it hangs; stop it with s (a hung one: kill {facts.pid}), then p lets it go on",
        facts.log[-10:],
    )


def _lost(facts: RunFacts) -> Iterator[Verdict]:
    """Its processes are gone and nothing says how it ended."""
    if facts.status == "lost":
        yield Verdict(
            "lost",
            CRITICAL,
            "its process is gone without a word: a crash, a reboot, or somebody killed it",
            "p lets it go on from its last checkpoint; `journalctl -k` and the log may say why it ended",
            facts.traceback() or facts.log[-10:],
        )


def _failed(facts: RunFacts) -> Iterator[Verdict]:
    """It ended by an error."""
    if facts.status != "failed":
        return
    mend = "mend what the lines below name, then p lets it go on from its last checkpoint"
    if facts.exit_code == 2:
        mend = "correct what it names in the config or the data, and launch it again"
    yield Verdict(
        "failed", CRITICAL, facts.error or "it failed without a word", mend, facts.traceback() or facts.log[-10:]
    )


def _disk(facts: RunFacts) -> Iterator[Verdict]:
    """The disk of an active run has less than 2 GiB left, or less than three times what its checkpoints take."""
    if facts.disk_free is None or facts.status not in ("starting", "running", "paused") or not facts.here:
        return
    if facts.disk_free >= max(DISK_WARNING, 3 * facts.checkpoint_size):
        return
    critical = facts.disk_free < max(DISK_CRITICAL, facts.checkpoint_size)
    yield Verdict(
        "disk",
        CRITICAL if critical else WARNING,
        f"the disk of the runs has {facts.disk_free / GIB:.1f} GiB left",
        "free some space, or pause it with p first: a checkpoint that cannot be written ends the run",
    )


RULES: tuple[Callable[[RunFacts], Iterator[Verdict]], ...] = (
    _lost, _failed, _not_a_number, _memory, _disk, _stalled, _divergence, _no_iou, _overfitting, _loader, _plateau,
)  # fmt: skip


def _works(facts: RunFacts) -> bool:
    return facts.status in ("running", "paused")


def _medians_of_3(points: Points) -> Points:
    """Return every point as the median of it and its neighbours; the ends have only one."""
    values = [value for _, value in points]
    return [
        (step, median(values[max(0, index - 1) : index + 2]) if 0 < index < len(points) - 1 else _end(values, index))
        for index, (step, _) in enumerate(points)
    ]


def _end(values: Sequence[float], index: int) -> float:
    """At an end: the mean of the two values there, which one lucky value moves half as far."""
    near = values[:2] if index == 0 else values[-2:]
    return sum(near) / len(near)


def _after(text: str | None) -> str:
    return f": {text}" if text else ""


def _figure(value: float) -> str:
    return f"{value:.3g}"
