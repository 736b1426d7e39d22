"""Which part of the curves is seen, how, and where the crosshair stands: the same for all charts of a panel."""

from dataclasses import dataclass

from experiments.curves.axis import KINDS

WEIGHTS = (0.0, 0.6, 0.9, 0.97)
ZOOM = 1.6
PAN = 0.25
# so much of the whole is the least that is shown
FINEST = 1e-6


@dataclass(slots=True)
class View:
    """Window on the x axis, in its own unit (steps, epochs, seconds).

    Attributes:
        span: width of the window, None for the whole.
        right: right end, None where it holds on to the newest point.
        cursor: where the crosshair stands, None where there is none.
        pinned: whether the crosshair stays when the mouse leaves.
        weight: of the smoothing, 0 for none.
    """

    axis: str = KINDS[0]
    log: bool = False
    weight: float = 0.0
    span: float | None = None
    right: float | None = None
    cursor: float | None = None
    pinned: bool = False

    def window(self, low: float, high: float) -> tuple[float, float]:
        """Return left and right end, given where the curves begin and end."""
        if self.span is None or self.span >= high - low:
            return low, high
        right = high if self.right is None else self.right
        return right - self.span, right

    def zoom(self, factor: float, at: float, low: float, high: float) -> None:
        """Make the window `factor` times as wide; `at` stays where it is."""
        left, right = self.window(low, high)
        whole, width = high - low, right - left
        if whole <= 0:
            return
        span = max(width * factor, whole * FINEST)
        at = min(max(at, left), right)
        self._place(span, at + (right - at) * span / width, low, high)

    def pan(self, share: float, low: float, high: float) -> None:
        """Move the window by a share of its width, to the right where it is positive."""
        left, right = self.window(low, high)
        if self.span is not None:
            self._place(right - left, right + share * (right - left), low, high)

    def show_whole(self) -> None:
        self.span = self.right = self.cursor = None
        self.pinned = False

    def _place(self, span: float, right: float, low: float, high: float) -> None:
        if span >= high - low:
            self.span = self.right = None
            return
        right = max(low + span, right)
        # at the end it holds on to it
        self.span, self.right = span, None if right >= high - span * 1e-9 else right

    def next_weight(self) -> None:
        self.weight = WEIGHTS[(WEIGHTS.index(self.weight) + 1) % len(WEIGHTS)]
