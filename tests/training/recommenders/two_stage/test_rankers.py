"""Both rankers learn the same known answer, keep it in files, and need no candidates."""

from dataclasses import replace
from math import log
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.contracts import RUN
from training.data.inputs import FloatArray
from training.recommenders.two_stage.network_ranker import (
    Batch,
    NetworkConfig,
    NetworkRanker,
    _list_loss,
)
from training.recommenders.two_stage.ranker import Ranker, RankerExamples
from training.recommenders.two_stage.tree_ranker import TreeRanker, TreesConfig

CUSTOMERS, EACH = 300, 12


def made(seed: int) -> RankerExamples:
    """Each customer buys the candidate whose first input is highest; the second says nothing.

    A third input is alike for all candidates of a customer, and says nothing either.
    """
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(CUSTOMERS, EACH, 3)).astype(np.float32)
    inputs[:, :, 2] = rng.normal(size=(CUSTOMERS, 1))
    bought = inputs[:, :, 0] == inputs[:, :, 0].max(axis=1, keepdims=True)
    return RankerExamples(
        inputs=inputs.reshape(-1, 3),
        customers=np.repeat(np.arange(CUSTOMERS), EACH),
        bought=bought.ravel(),
        new=rng.random(CUSTOMERS * EACH) < 0.5,
    )


def fit_network(examples: RankerExamples) -> Ranker:
    config = NetworkConfig(epochs=4, hidden=16, learning_rate=0.02)
    return NetworkRanker.fit(examples, config=config, seed=0, run=RUN)


def fit_trees(examples: RankerExamples) -> Ranker:
    return TreeRanker.fit(examples, config=TreesConfig(trees=60, learning_rate=0.1), seed=0)


@pytest.fixture(params=[fit_network, fit_trees], ids=["network", "trees"], scope="module")
def ranker(request: pytest.FixtureRequest) -> Ranker:
    model: Ranker = request.param(made(0))
    return model


def hits(scores: FloatArray, examples: RankerExamples) -> float:
    """Return the share of customers whose best candidate was bought."""
    best = scores.reshape(CUSTOMERS, EACH).argmax(axis=1)
    return float(examples.bought.reshape(CUSTOMERS, EACH)[np.arange(CUSTOMERS), best].mean())


def test_it_finds_what_customers_choose_by(ranker: Ranker) -> None:
    unseen = made(1)
    assert hits(ranker.score(unseen.inputs), unseen) > 0.8  # by chance 1 in 12


def test_files_keep_every_bit(ranker: Ranker, tmp_path: Path) -> None:
    ranker.save(tmp_path)
    inputs = made(1).inputs
    np.testing.assert_array_equal(type(ranker).load(tmp_path).score(inputs), ranker.score(inputs))


def test_no_candidates_no_scores(ranker: Ranker) -> None:
    assert ranker.score(np.empty((0, 3), dtype=np.float32)).shape == (0,)


def test_the_same_seed_gives_the_same_bits(ranker: Ranker) -> None:
    fit = fit_network if isinstance(ranker, NetworkRanker) else fit_trees
    inputs = made(1).inputs
    np.testing.assert_array_equal(fit(made(0)).score(inputs), ranker.score(inputs))


def test_the_loss_is_that_of_each_customers_candidates() -> None:
    """Shares .25 and .75 of the first customer's, 1 of the second's; of the new ones 1."""
    batch = Batch(
        inputs=torch.zeros(3, 1),
        rows=torch.tensor([0, 0, 1]),
        places=torch.tensor([0, 1, 0]),
        bought=torch.tensor([True, False, True]),
        new=torch.tensor([True, False, False]),
    )
    scores = torch.tensor([0.0, log(3), 5.0])
    assert float(_list_loss(scores, batch)) == pytest.approx(log(4) / 2)
    assert float(_list_loss(scores, batch, among=batch.new)) == pytest.approx(0)


def test_a_customer_without_new_candidates_is_no_trouble() -> None:
    examples = replace(made(0), new=np.zeros(CUSTOMERS * EACH, dtype=np.bool_))
    scores = fit_network(examples).score(examples.inputs)
    assert np.isfinite(scores).all()


def test_joined_customers_stay_apart() -> None:
    both = RankerExamples.joined([made(0), made(1)])
    assert np.bincount(both.customers).tolist() == [EACH] * (2 * CUSTOMERS)
    assert (np.diff(both.customers) >= 0).all()
