"""Time and memory of all stages, from a shop's orders to lists for all customers, by shop size.

Size 1 is a simulated shop of 1,250 customers and 500 products over 730 days. Size s has s times the
customers and order lines over the same days; its products grow by the square root of s, because a
shop's range grows slower than the number of its customers. Size 4 is the demo's shop; size 16 has
about as many order lines as Online Retail II.

Every stage runs in a new process, so that the peak memory is that of the stage, with libraries. On
Linux a process starts with the peak of its parent, so this module imports nothing large.
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from configs.errors import UserError
from training.benchmarks.scale_costs import STAGES, Cost


class ScaleError(UserError, RuntimeError):
    """A size cannot be measured; the message says why."""


def known_sizes(text: str) -> list[float]:
    """Return the sizes in `text`, separated by commas. ScaleError for anything else.

    >>> known_sizes("1,4,0.5")
    [1.0, 4.0, 0.5]
    """
    try:
        sizes = [float(part) for part in text.split(",")]
    except ValueError:
        sizes = [0.0]
    if len(set(sizes)) < len(sizes) or not all(0 < size < math.inf for size in sizes):
        raise ScaleError(f"sizes = {text!r}: different numbers above 0, such as 1,4,16")
    return sizes


def measure(
    sizes: Sequence[float], *, work: Path, on_stage: Callable[[float, str], None]
) -> Iterator[Cost]:
    """Yield the costs of each size, stage after stage, in a new workspace below `work`.

    `on_stage` is called with the size and the stage that begins. Raises ScaleError if a workspace
    of one of the sizes already exists, or a process was killed.
    """
    homes = {size: work / f"size-{size:g}" for size in sizes}
    for home in homes.values():
        if home.exists():
            raise ScaleError(f"work = {work}: {home.name} already exists; choose another folder")
    for size, home in homes.items():
        for stage in STAGES:
            on_stage(size, stage)
            spawn = get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=spawn, initializer=_silence) as pool:
                try:
                    yield from pool.submit(_run, stage, home, size).result()
                except BrokenProcessPool:
                    raise ScaleError(
                        f"size {size:g}, {stage}: its process was killed; is the memory enough?"
                    ) from None


def _silence() -> None:
    """Discard this process's output: DuckDB draws progress bars if there is no main file."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _run(stage: str, home: Path, size: float) -> list[Cost]:
    """Run `stage` in this process."""
    from training.benchmarks import scale_stages  # imports before the stage's clock starts

    return scale_stages.run(stage, home, size)
