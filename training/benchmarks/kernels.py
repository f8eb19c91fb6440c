"""What the compiled loops save: each beside the library call that it replaces, in one process.

Everything runs on one thread, in turns. An answer comes before each loop and before each library
call, so that both find the processor's caches as an answer leaves them. The answer is the scores of
`two_stage` for one customer and the list of the best products, without the request around it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from configs.errors import UserError
from training.benchmarks.compared_loop import Loop
from training.benchmarks.kernel_loops import LISTED, loops
from training.benchmarks.typical_answer import TypicalAnswer, two_stage, typical_answer
from training.kernels.top_k import top_k
from training.reports.text_table import TextTable

PRODUCTS: Final = 5_000
CUSTOMERS: Final = 100
WORTH: Final = 0.05
"""The share of an answer's CPU that a loop saves, at least, to be worth its code."""
_WARM_UP: Final = 20


class DifferentResults(UserError, RuntimeError):
    """A loop and the library call that it replaces disagree; the message says by how much."""


@dataclass(frozen=True, kw_only=True)
class LoopCost:
    """What a loop and its library call cost in one answer."""

    loop: Loop
    compiled_us: float
    """Median CPU microseconds of all calls in an answer, or of one where it has none."""
    library_us: float
    difference: float
    """The greatest difference of their results; 0: the same bits."""


@dataclass(frozen=True, kw_only=True)
class KernelCosts:
    """What an answer and its loops cost."""

    answer_us: float
    """Median CPU microseconds of an answer."""
    loops: tuple[LoopCost, ...]


def measure(
    *, repetitions: int, seed: int, on_repetition: Callable[[int], None], products: int = PRODUCTS
) -> KernelCosts:
    """Return the costs over so many `repetitions`, on an answer drawn by `seed`.

    `on_repetition` is called with the number of repetitions done. Raises DifferentResults.
    """
    torch.set_num_threads(1)
    with threadpool_limits(limits=1):
        drawn = typical_answer(products=products, customers=CUSTOMERS, seed=seed)
        compared = loops(drawn)
        differences = [difference(loop) for loop in compared]
        runs = [run for loop in compared for run in (loop.compiled, loop.by_library)]
        answer, took = _answer(drawn), np.empty((repetitions, len(runs), 2))
        for repetition in range(-_WARM_UP, repetitions):
            took[max(repetition, 0)] = [(_thread_us(answer), _thread_us(run)) for run in runs]
            on_repetition(max(repetition + 1, 0))
    medians = np.median(took[:, :, 1], axis=0)
    return KernelCosts(
        answer_us=float(np.median(took[:, :, 0])),
        loops=tuple(
            LoopCost(
                loop=loop,
                compiled_us=max(loop.calls, 1) * float(compiled_us),
                library_us=max(loop.calls, 1) * float(library_us),
                difference=apart,
            )
            for loop, compiled_us, library_us, apart in zip(
                compared, medians[::2], medians[1::2], differences, strict=True
            )
        ),
    )


def difference(loop: Loop) -> float:
    """Return the greatest difference of both results; 0 for the same bits.

    Raises DifferentResults where it is above the loop's tolerance.
    """
    compiled, by_library = loop.compiled(), loop.by_library()
    if compiled.shape != by_library.shape:
        raise DifferentResults(f"{loop.name}: {compiled.shape} against {by_library.shape}")
    apart = float(np.abs(compiled - by_library).max(initial=0.0))
    if not apart <= loop.tolerance:
        raise DifferentResults(f"{loop.name}: {apart:.1e} apart, above {loop.tolerance:.0e}")
    return apart


def grid(costs: KernelCosts) -> TextTable:
    """Return the costs as a table: a row a loop, with the share of an answer that it saves."""
    return TextTable(
        title=f"CPU microseconds in one answer of {costs.answer_us:,.0f}",
        columns=("loop", "library call", "loop us", "library us", "saved", "differ"),
        rows=tuple(_row(cost, answer_us=costs.answer_us) for cost in costs.loops),
    )


def _row(cost: LoopCost, *, answer_us: float) -> tuple[str, ...]:
    saved = cost.library_us - cost.compiled_us
    return (
        cost.loop.name,
        cost.loop.library,
        f"{cost.compiled_us:,.0f}",
        f"{cost.library_us:,.0f}",
        f"{saved / answer_us:.0%}" if cost.loop.calls else "-",
        "0" if cost.difference == 0 else f"{cost.difference:.0e}",
    )


def _answer(drawn: TypicalAnswer) -> Callable[[], Any]:
    """Return the function that answers the next customer at each call."""
    score = two_stage(drawn).scorer(drawn.products)
    queries = [drawn.queries[row : row + 1] for row in range(CUSTOMERS)]
    turn = iter(range(10**9))

    def answer() -> None:
        top_k(score(queries[next(turn) % CUSTOMERS]), LISTED)

    return answer


def _thread_us(run: Callable[[], Any]) -> float:
    """Return the CPU microseconds of this thread that `run` takes."""
    started = time.thread_time_ns()
    run()
    return (time.thread_time_ns() - started) / 1e3
