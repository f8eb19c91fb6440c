"""The progress of long work as plain lines, where no terminal shows a live display."""

import sys
import time
from collections.abc import Callable


class PlainLines:
    """Prints the state of the work on stderr, at most one line in `every_s` seconds."""

    def __init__(
        self, *, every_s: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._every_s, self._clock = every_s, clock
        self._last = clock()

    def show(self, work: str, done: int, total: int | None, *, figures: str = "") -> None:
        """Print `work` and `done` of `total`, if the last line is old enough.

        >>> import contextlib
        >>> lines = PlainLines(clock=iter([0.0, 9.0, 10.0]).__next__)
        >>> with contextlib.redirect_stderr(sys.stdout):
        ...     lines.show("features", 1, 60)
        ...     lines.show("features", 2, 60, figures="all well")
        features 2/60 all well
        """
        now = self._clock()
        if now - self._last < self._every_s:
            return
        self._last = now
        count = f"{done}" if total is None else f"{done}/{total}"
        print(f"{work} {count} {figures}".rstrip(), file=sys.stderr, flush=True)
