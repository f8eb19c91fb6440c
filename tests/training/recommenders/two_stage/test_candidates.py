"""Who nominates what, and what the ranker is told of it."""

import numpy as np
import pandas as pd

from tests.training.tiny import products, queries
from training.data.pairs import Pairs
from training.recommenders.baselines import (
    OwnPurchases,
    OwnPurchasesConfig,
    Popularity,
    PopularityConfig,
)
from training.recommenders.two_stage.candidates import Sources, nominator, ranker_inputs
from training.recommenders.two_stage.rebuy import REBUY_INPUTS, Rebuy

SOURCES: Sources = {
    "own_purchases": OwnPurchases(OwnPurchasesConfig(popularity_weight=0.0)),
    "popularity": Popularity(PopularityConfig()),
}
REBUY = Rebuy(
    pd.DataFrame([[0.5, 0.75, 1.0]], index=["p3"], columns=REBUY_INPUTS), unknown=[0.25, 0.5, 0.0]
)
CATALOGUE = products(6, log_buyers_28d=[5, 4, 3, 2, 1, 0])


def listed(pairs: Pairs) -> list[tuple[int, int]]:
    return list(zip(pairs.rows.tolist(), pairs.columns.tolist(), strict=True))


def test_the_history_and_the_best_outside_of_it_are_nominated() -> None:
    found = nominator({"popularity": SOURCES["popularity"]}, REBUY, CATALOGUE, per_source=2)(
        queries([(0, 1.0), (5, 2.0)], [])
    )
    assert listed(found.pairs) == [(0, 0), (0, 1), (0, 2), (0, 5), (1, 0), (1, 1)]


def test_the_ranker_reads_every_source_and_how_far_it_is_from_its_best() -> None:
    found = nominator(SOURCES, REBUY, CATALOGUE, per_source=2)(queries([(3, 0.0)]))
    names = ranker_inputs(SOURCES)
    assert found.inputs.shape == (len(found.pairs.rows), len(names))
    columns = {name: found.inputs[:, names.index(name)].tolist() for name in names[:4]}
    assert listed(found.pairs)[-1] == (0, 3)
    assert columns["own_purchases_score"] == [0] * (len(found.pairs.rows) - 1) + [1]
    assert columns["popularity_score"][0] == 5
    assert columns["popularity_gap"][-1] == 2 - 5
    assert found.scores.tolist() == [[0, 0, 0, 1, 0, 0]]
    assert found.new.tolist() == [True] * (len(found.new) - 1) + [False]
    shares = found.inputs[:, names.index("product_rebuy_share")].tolist()
    assert shares == [0.25] * (len(found.new) - 1) + [0.5]


def test_more_are_asked_for_than_there_are() -> None:
    found = nominator(SOURCES, REBUY, CATALOGUE, per_source=50)(queries([(1, 1.0)]))
    assert listed(found.pairs) == [(0, place) for place in range(6)]


def test_nobody_asks_and_nothing_is_sold() -> None:
    nominate = nominator(SOURCES, REBUY, CATALOGUE, per_source=2)
    assert len(nominate(queries([(0, 1.0)])[:0]).inputs) == 0
    empty = nominator(SOURCES, REBUY, products(0), per_source=2)(queries([]))
    assert np.array_equal(empty.pairs.rows, [])


def test_of_equals_the_first_are_nominated() -> None:
    alike = products(50, log_buyers_28d=[1.0] * 50)
    found = nominator({"popularity": SOURCES["popularity"]}, REBUY, alike, per_source=3)(
        queries([], [])
    )
    assert listed(found.pairs) == [(row, place) for row in (0, 1) for place in (0, 1, 2)]
