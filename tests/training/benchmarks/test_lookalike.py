"""The benchmark of lookalikes in a shop of tastes: the next buyers are found."""

from pathlib import Path

import pytest

from tests.training.segments.tiny_shop import DAY, NOW, Line, make
from training.benchmarks.lookalike import Lifts, grid, measure
from training.errors import NotEnoughData
from training.segments.vectors import LookalikeConfig

CUT = NOW - 30 * DAY
DAYS = 11  # the last orders are of the last day
CONFIG = LookalikeConfig(dimensions=4)
# 300 customers in ten tastes of three products: each bought two, and buys the third after the cut.
LINES = [
    Line(
        f"c{at:03d}", days=20 if product == at // 10 % 3 else 40, product_id=f"p{at % 10}{product}"
    )
    for at in range(300)
    for product in range(3)
]


def measured(home: Path, lines: list[Line]) -> Lifts:
    return measure(make(home, lines), cut=CUT, days=DAYS, config=CONFIG)


def test_those_of_a_taste_are_its_next_buyers(tmp_path: Path) -> None:
    found = measured(tmp_path / "shop", LINES)
    assert (found.products, found.customers) == (30, 300)
    assert found.similar.mean() > 10
    assert found.active.mean() < 3
    low, high = found.interval
    assert low <= found.similar.mean() <= high
    assert "30 products in 11 days" in grid(found, cut=CUT, days=DAYS).title


def test_without_new_buyers_there_is_nothing_to_measure(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughData, match="no product has 20 buyers before"):
        measured(tmp_path / "shop", [line for line in LINES if line.days == 40] + [LINES[0]])


def test_a_window_that_has_not_ended_is_refused(tmp_path: Path) -> None:
    ws = make(tmp_path / "shop", LINES)
    with pytest.raises(NotEnoughData, match="choose a cut of 2024-02-12 or earlier"):
        measure(ws, cut=CUT, days=DAYS + 2, config=CONFIG)
