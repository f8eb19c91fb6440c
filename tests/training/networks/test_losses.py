"""The loss by hand and against torch."""

from math import log, sqrt

import pytest
import torch

from training.networks.losses import softmax_loss


def test_one_pair_a_query_is_cross_entropy() -> None:
    scores = torch.randn(6, 9, generator=torch.Generator().manual_seed(0))
    bought = torch.tensor([0, 8, 3, 3, 1, 5])
    expected = torch.nn.functional.cross_entropy(scores, bought)
    assert float(softmax_loss(scores, torch.arange(6), bought)) == pytest.approx(float(expected))


def test_a_query_weighs_the_root_of_its_pairs() -> None:
    scores = torch.log(torch.tensor([[1.0, 1.0, 2.0], [3.0, 1.0, 0.5]]))
    rows, columns = torch.tensor([0, 0, 0, 0, 1]), torch.tensor([0, 1, 2, 0, 0])
    first = (3 * log(4) + log(2)) / 4
    second = log(4.5 / 3)
    expected = (sqrt(4) * first + second) / (sqrt(4) + 1)
    assert float(softmax_loss(scores, rows, columns)) == pytest.approx(expected, rel=1e-5)


def test_without_pairs_the_loss_is_zero() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    assert float(softmax_loss(torch.zeros(2, 3), none, none)) == 0
    assert float(softmax_loss(torch.zeros(0, 3), none, none)) == 0
