"""Every compiled loop is measured beside a library call that gives the same results."""

import re
from pathlib import Path

import numpy as np
import pytest

import training.kernels
from configs.code import PACKAGES, ROOT
from training.benchmarks.compared_loop import Loop
from training.benchmarks.drawn_answer import PURCHASES, DrawnAnswer, drawn_answer
from training.benchmarks.kernel_loops import loops
from training.benchmarks.kernels import DifferentResults, difference, grid, measure

MODULES = {file.stem for file in Path(training.kernels.__path__[0]).glob("*.py")} - {"__init__"}


@pytest.fixture(scope="module")
def answer() -> DrawnAnswer:
    return drawn_answer(products=700, customers=3, seed=1)


@pytest.fixture(scope="module")
def compared(answer: DrawnAnswer) -> list[Loop]:
    return loops(answer)


@pytest.mark.slow
def test_every_loop_gives_the_results_of_its_library_call(compared: list[Loop]) -> None:
    for loop in compared:
        assert difference(loop) <= loop.tolerance


def loop(*, compiled: float, by_library: float, tolerance: float = 0.0) -> Loop:
    return Loop(
        name="one",
        library="other",
        compiled=lambda: np.array([1, compiled], dtype=np.float32),
        by_library=lambda: np.array([1, by_library], dtype=np.float32),
        tolerance=tolerance,
    )


def test_different_results_are_an_error() -> None:
    assert difference(loop(compiled=2, by_library=2)) == 0
    assert difference(loop(compiled=2, by_library=2.5, tolerance=1)) == 0.5
    with pytest.raises(DifferentResults, match=r"one: results differ by 5.0e-01, above 0e\+00"):
        difference(loop(compiled=2, by_library=2.5))
    with pytest.raises(DifferentResults, match="one: results differ by nan"):
        difference(loop(compiled=2, by_library=np.nan, tolerance=1))


@pytest.mark.slow
def test_the_same_seed_draws_the_same_answer(answer: DrawnAnswer) -> None:
    again = drawn_answer(products=700, customers=3, seed=1)
    np.testing.assert_array_equal(again.queries.history, answer.queries.history)
    assert answer.queries.history.shape == (3, PURCHASES)


@pytest.mark.slow
def test_the_costs_are_a_table() -> None:
    done: list[int] = []
    costs = measure(repetitions=2, seed=1, on_repetition=done.append, products=700)
    assert done[-2:] == [1, 2]
    assert costs.answer_us > 0
    rows = grid(costs).rows
    assert len(rows) == len(costs.loops)
    for row, cost in zip(rows, costs.loops, strict=True):
        assert row[0] == cost.loop.name
        assert cost.compiled_us > 0 < cost.library_us
        assert row[4] == "-" or row[4].endswith("%")


@pytest.mark.slow
def test_every_module_of_kernels_is_measured_and_in_the_table(compared: list[Loop]) -> None:
    page = training.kernels.__doc__ or ""
    assert "python -m training benchmark kernels" in page
    assert {one.name.partition(".")[0].partition(",")[0] for one in compared} == {
        *MODULES,
        "features",
    }
    for one in compared:
        assert f"\n{one.name} " in page
        assert one.library in page


def test_loops_are_compiled_nowhere_else() -> None:
    """Recommenders call them; features, which may not import training, compile two: their inputs,
    and the counts of baskets."""
    decorated = {
        file.relative_to(ROOT)
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
        if re.search(r"^@compiled", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    others = {file for file in decorated if file.parent != Path("training/kernels")}
    assert others == {Path("features/model_inputs.py"), Path("features/baskets/counting.py")}
