"""The pictures behind a comparison: which gained most, lost most, and are worst, with both predictions side by side."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from experiments.comparing import Scored, read_pairing
from experiments.drawing import COLOURS, HAND, drawn
from experiments.pairing import Pairing
from experiments.picture_archives import first_of_both
from experiments.table_sections import name
from experiments.tracking import PICTURES, TrackedRun, TrackingReader

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pipeseg.data.scored_pictures import ScoredPicture

# pictures beside each other, three panels each
ACROSS = 2
PANEL = 1.9
KINDS = {
    "lost": "where the final lost most against the baseline",
    "gained": "where the final gained most over the baseline",
    "worst": "where the final is worst",
}


def contact_sheets(
    pairings: Sequence[Pairing], reader: TrackingReader, top: int, say: Callable[[str], None]
) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, PNG) per class and kind: the picture with its hand mask, the baseline's and the final's masks.

    The pictures are chosen by IoU averaged over seeds; the masks are those of the first seed that both sides have.
    Everything comes from MLflow: each run keeps its test pictures, small, with truth and prediction.

    Args:
        top: pictures of each kind.
        say: told which class has no pictures, and why.

    Raises:
        StoreUnreachable: the tracking store does not answer.
    """
    for pairing in pairings:
        scored, _, _ = read_pairing(pairing, lambda run: reader.per_image(run, "iou"), "iou")
        if scored is None:
            say(f"{pairing.defect_class}: no pictures: the runs have no per-image iou in MLflow")
            continue
        chosen = choose(scored, top)
        files = {file for kind in chosen.values() for file in kind}
        sides = [_pictures(run, files, reader, say) for run in first_of_both(pairing)]
        if None in sides:
            continue
        for kind, listed in chosen.items():
            shown = [file for file in listed if all(side and file in side for side in sides)]
            if shown:
                yield f"{_plain(pairing.defect_class)}_{kind}.png", _sheet(scored, kind, shown, *sides)


def choose(scored: Scored, top: int) -> dict[str, list[str]]:
    """Return up to `top` files of each of `KINDS`, the most telling first; a kind without any is empty."""
    base, final = scored.values[:, 0], scored.values[:, 1]
    change = final - base

    def first(order: "np.ndarray", among: "np.ndarray") -> list[str]:
        return [scored.files[index] for index in order.argsort(kind="stable") if among[index]][:top]

    return {"lost": first(change, change < 0), "gained": first(-change, change > 0), "worst": first(final, final >= 0)}


def _pictures(
    run: TrackedRun, files: set[str], reader: TrackingReader, say: Callable[[str], None]
) -> "dict[str, ScoredPicture] | None":
    from pipeseg.data.scored_pictures import read_scored_pictures

    with reader.artifact(run, f"{run.results}/{PICTURES}") as path:
        if path is None:
            say(f"{run.defect_class}: no pictures: {run.run_id} kept none of its test pictures; train it again")
            return None
        try:
            return read_scored_pictures(path, files)
        except ValueError as error:
            say(f"{run.defect_class}: no pictures: {run.run_id}: {error}")
            return None


def _sheet(
    scored: Scored,
    kind: str,
    files: Sequence[str],
    baseline: "dict[str, ScoredPicture]",
    final: "dict[str, ScoredPicture]",
) -> bytes:
    place = {file: index for index, file in enumerate(scored.files)}
    rows = -(-len(files) // ACROSS)
    across = min(ACROSS, len(files))

    def fill(figure: "Figure") -> None:
        seeds = max(map(len, scored.by_seed.values()))
        several = f" (IoU over {seeds} seeds, masks of the first)" if seeds > 1 else ""
        figure.suptitle(f"{name(scored.row)}: {KINDS[kind]}{several}", fontsize=11, x=0.01, ha="left")
        panels = figure.subplots(rows, 3 * across, squeeze=False)
        for axes in panels.flat:
            axes.set_axis_off()
        for index, file in enumerate(files):
            row, column = divmod(index, across)
            values = scored.values[place[file], :2]
            _triple(panels[row, 3 * column : 3 * column + 3], file, values, baseline[file], final[file])

    return drawn(3 * across * PANEL, 0.4 + rows * (PANEL + 0.25), fill)


def _triple(
    panels: "np.ndarray", file: str, values: "np.ndarray", baseline: "ScoredPicture", final: "ScoredPicture"
) -> None:
    base, new = (float(value) for value in values)
    titles = (f"{_short(file)}\nhand mask", f"{100 * (new - base):+.1f} pp\nbaseline {base:.3f}", f"\nfinal {new:.3f}")
    masks = ((None, ""), (baseline.prediction, COLOURS["baseline"]), (final.prediction, COLOURS["final"]))
    for axes, title, (mask, colour) in zip(panels, titles, masks, strict=True):
        height, width = final.truth.shape
        axes.imshow(final.thumbnail, extent=(0, width, height, 0))
        axes.set_title(title, fontsize=7.5, loc="left", pad=3)
        if mask is not None:
            _tint(axes, mask, colour)
        _outline(axes, final.truth, HAND, 1.2)


def _tint(axes: "Axes", mask: "np.ndarray", colour: str) -> None:
    """Show a predicted mask as a tinted area with an edge, in the picture's own pixels."""
    import numpy as np
    from matplotlib.colors import to_rgb

    height, width = mask.shape
    layer = np.zeros((height, width, 4), np.float32)
    layer[..., :3] = to_rgb(colour)
    layer[..., 3] = 0.4 * mask
    axes.imshow(layer, extent=(0, width, height, 0), interpolation="nearest")
    _outline(axes, mask, colour, 1.0)


def _outline(axes: "Axes", mask: "np.ndarray", colour: str, width: float) -> None:
    import numpy as np

    if mask.any():
        # a frame of background closes the line of a mask that touches the edge
        framed = np.pad(mask, 1).astype(np.float32)
        rows, columns = (np.arange(-0.5, size + 1) for size in mask.shape)
        axes.contour(columns, rows, framed, levels=[0.5], colors=[colour], linewidths=width)


def _short(file: str, longest: int = 26) -> str:
    return file if len(file) <= longest else f"…{file[-longest + 1 :]}"


def _plain(text: str) -> str:
    """Return a class name as a part of a file name."""
    return re.sub(r"[^\w.-]+", "_", text).strip(".") or "class"
