"""The lines above the curves of a run, as markup: progress, gauges, the gravest verdict. Pure functions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.language import _
from app.text import SEVERITY_STYLES, ago, bar, duration, escape, gibibytes, quantity, score

if TYPE_CHECKING:
    from experiments.diagnosis import Verdict
    from experiments.machine import Reading
    from experiments.nvml import Gpu
    from experiments.runs import RunView

_STATUS_COLOURS = {"failed": "$error", "lost": "$error", "paused": "$warning", "stopped": "$warning"}
_SEPARATOR = " [$foreground 40%]·[/] "


def progress_line(run: "RunView", phase: str, room: int) -> str:
    """Return the bar with what fits beside it into `room` cells: how far, how long yet, epochs, steps."""
    step, total = run.step or 0, run.total or 0
    fraction = 1.0 if run.status == "finished" else step / total if total else 0.0
    width = max(8, min(40, room // 6))
    done, rest = bar(fraction, width)
    colour = _STATUS_COLOURS.get(run.status, "$primary")
    percent = f"{fraction:4.0%}"
    steps = _("step {step}/{total}").format(step=step, total=total) if total else ""
    epochs = _("epoch {epoch}/{epochs}").format(epoch=run.epoch or 0, epochs=run.epochs) if run.epochs else ""
    if run.is_active:
        left = _("ETA {time}").format(time=duration(run.eta_seconds)) if run.eta_seconds is not None else ""
        parts = [f"{percent} {phase or run.phase or ''}".rstrip(), left, epochs, steps]
    else:
        test = _("test IoU {score}").format(score=score(run.test["iou"])) if "iou" in run.test else ""
        took = run.ended - run.started if run.started and run.ended else None
        lasted = "" if took is None else _("took {time}").format(time=duration(took))
        parts = [percent, test, lasted, epochs, steps, ago(run.ended) if run.ended else ""]
    return f"[{colour}]{done}[/][$foreground 22%]{rest}[/] {fitting(parts, room - width - 1)}"


def gauge_line(run: "RunView", reading: "Reading | None", room: int) -> str:
    """Return speed, cards, memory and cores of a run that works, what fits of it; empty where nothing is known."""
    parts = []
    if run.images_per_second:
        parts.append(_("{speed} img/s").format(speed=quantity(run.images_per_second)))
    if run.loader_share is not None:
        parts.append(_("loading {share}").format(share=f"{run.loader_share:.0%}"))
    if reading is not None:
        parts += [_card(gpu) for gpu in reading.gpus]
        if tree := reading.run:
            busy = "" if tree.cores is None else _(" {cores} cores").format(cores=f"{tree.cores:.1f}")
            parts.append(_("run {memory}").format(memory=gibibytes(tree.memory)) + busy)
        host = reading.host
        parts.append(_("memory {used}").format(used=gibibytes(host.memory_used, host.memory_total)))
        if host.cpu is not None:
            parts.append(_("CPU {share}").format(share=f"{host.cpu:.0%}"))
    return fitting(parts, room)


def _card(gpu: "Gpu") -> str:
    parts = [_("GPU {index}").format(index=gpu.index)]
    if gpu.utilisation is not None:
        parts.append(f"{gpu.utilisation:.0%}")
    if gpu.memory_used is not None:
        parts.append(gibibytes(gpu.memory_used, gpu.memory_total))
    if gpu.temperature is not None:
        parts.append(f"{gpu.temperature} °C")
    return " ".join(parts)


def verdict_line(verdicts: "Sequence[Verdict]", room: int) -> str:
    """Return the gravest verdict in one line, with how many more there are and the key that tells all."""
    if not verdicts:
        return ""
    from experiments.diagnosis import GLYPHS

    first, more = verdicts[0], len(verdicts) - 1
    key = _("d tells more ({count} others)").format(count=more) if more else _("d tells more")
    text = f"{GLYPHS[first.severity]} {first.sentence}"
    space = room - len(key) - 2
    text = text if len(text) <= space else text[: max(1, space - 1)] + "…"
    return f"[{SEVERITY_STYLES[first.severity]} b]{escape(text)}[/]  [@click=app.diagnosis][$foreground 60%]{key}[/][/]"


def fitting(parts: Sequence[str], room: int) -> str:
    """Join what fits, the most important first; the rest is dropped whole rather than cut."""
    shown: list[str] = []
    for part in filter(None, parts):
        if len(" · ".join([*shown, part])) > room:
            break
        shown.append(part)
    return _SEPARATOR.join(map(escape, shown))
