"""The four corners of a board while a person touches them: such touches draw nothing."""

from __future__ import annotations

from drivers.readings import Stroke

CORNERS = 4
LARGEST_TOUCH_MM = 40.0
"""A larger one was no touch of a corner, but a line."""
PATIENCE_NS = 180 * 1_000_000_000
"""After so long without a touch the board is drawn at again."""


class Corners:
    """Takes the strokes of one device, as long as somebody calibrates it."""

    def __init__(self) -> None:
        self.device: str | None = None
        self.touched: list[tuple[float, float]] = []
        self.smeared = False
        """Whether the newest stroke was a line instead of a touch."""
        self._heard_ns = 0

    def begin(self, device: str, now_ns: int) -> None:
        """From now on this device's strokes are touches of its corners, from the first on."""
        self.device, self.touched, self.smeared = device, [], False
        self._heard_ns = now_ns

    def end(self) -> None:
        """Its strokes are drawn again."""
        self.device, self.touched, self.smeared = None, [], False

    def take(self, stroke: Stroke) -> bool:
        """Whether this was for a corner, or beside one."""
        if self.device is not None and stroke.mono_ns - self._heard_ns > PATIENCE_NS:
            self.end()
        if self.device is None or stroke.device != self.device:
            return False
        self._heard_ns = stroke.mono_ns
        xs, ys = [x for x, _, _ in stroke.points], [y for _, y, _ in stroke.points]
        self.smeared = max(max(xs) - min(xs), max(ys) - min(ys)) > LARGEST_TOUCH_MM
        if not self.smeared and len(self.touched) < CORNERS:
            self.touched.append((_middle(xs), _middle(ys)))
        return True


def _middle(values: list[float]) -> float:
    """The median; the library's would take 300 KB of memory."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return (ordered[half] + ordered[~half]) / 2
