"""All curves of one run, put together from the pieces that a journal gives."""

from collections.abc import Mapping
from typing import Any

from experiments.curves.axis import Axis, Epochs
from experiments.curves.series import Series
from pipeseg.events import LineReader
from pipeseg.run_directory import RunDirectory

# of these a run has one point: they are results, no curves
NO_CURVES = ("test/", "test_last/")


class RunCurves:
    """Series by metric, with what places their points on an axis.

    Attributes:
        start: unix seconds of the first event of the journal, None before it.
    """

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}
        self.epochs = Epochs()
        self.start: float | None = None

    def take(self, event: Mapping[str, Any]) -> None:
        """Take in one event of the journal; what is no metric only tells when the run began."""
        time = event.get("time")
        if not isinstance(time, int | float):
            time = self.start or 0.0
        elif self.start is None:
            self.start = time
        match event:
            case {"kind": "metrics", "step": int() | float() as step, "values": dict() as values}:
                for name, value in values.items():
                    if isinstance(value, int | float) and not name.startswith(NO_CURVES):
                        if (series := self.series.get(name)) is None:
                            series = self.series[name] = Series()
                        series.append(step, value, time)
                if isinstance(epoch := event.get("epoch"), int | float):
                    self.epochs.add(step, epoch)

    def join(self, piece: "RunCurves") -> None:
        """Append a piece that was made elsewhere."""
        if self.start is None:
            self.start = piece.start
        for name, series in piece.series.items():
            self.series.setdefault(name, Series()).join(series)
        self.epochs.join(piece.epochs)

    def axis(self, kind: str) -> Axis | None:
        """Return an axis; None for epochs where the journal names none."""
        if kind == "epoch" and not self.epochs:
            return None
        return Axis(kind, self.epochs, self.start or 0.0)


def read_curves(directory: RunDirectory) -> RunCurves:
    """Return the curves of a run as they stand now."""
    curves, reader = RunCurves(), LineReader(directory.events_file)
    while True:
        before = reader.offset
        for event in reader.poll():
            curves.take(event)
        if reader.offset == before:
            return curves
