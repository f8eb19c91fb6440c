"""The sampled softmax: who is drawn how often, what it estimates, and training by it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.contracts import RUN
from tests.training.shop import Shop
from training.data.inputs import IntArray
from training.evaluation.recommender_judge import recommender_judge
from training.networks.losses import new_loss, softmax_loss
from training.recommenders.baselines import Popularity, PopularityConfig
from training.recommenders.two_tower.model import TwoTower, TwoTowerConfig
from training.recommenders.two_tower.negatives import draw, mixed_chances
from training.run import Run

PRODUCTS = 400
SAMPLED = TwoTowerConfig(
    epochs=3,
    embedding_dim=8,
    hidden=16,
    batch_size=4,  # of the 36 products that are known, about 20 are in its sample
    learning_rate=0.01,
    weeks=8,
    full_softmax_products=1,
    negatives=2,
)


def test_the_batch_is_certain_and_others_are_drawn_by_their_chance() -> None:
    bought = np.array([0, 0, 0, 1])
    wanted = mixed_chances(bought, 8, negatives=4)
    expected = 2 * (np.array([3, 1, 0, 0, 0, 0, 0, 0]) / 4 + 1 / 8)
    np.testing.assert_allclose(wanted, np.minimum(expected, 1))
    rng = np.random.default_rng(0)
    counts = np.zeros(8)
    for _ in range(4000):
        sample = draw(wanted, certain=np.array([5, -1, 5]), rng=rng)
        counts[sample.places] += 1
        certain = np.isin(sample.places, [0, 5])
        np.testing.assert_allclose(
            sample.log_q, np.where(certain, 0, np.log(wanted[sample.places]))
        )
    wanted[5] = 1
    np.testing.assert_allclose(counts / 4000, wanted, atol=4 * np.sqrt(0.25 / 4000))
    assert counts[5] == counts[0] == 4000


def test_the_corrected_sum_is_that_of_the_catalogue() -> None:
    exponentials = np.array([1.0, 2.0, 4.0, 8.0])
    wanted = np.array([0.9, 0.5, 0.25, 0.75])
    rng = np.random.default_rng(0)
    sums = np.empty(4000)
    for place in range(len(sums)):
        sample = draw(wanted, certain=np.array([0]), rng=rng)
        sums[place] = (exponentials[sample.places] / np.exp(sample.log_q)).sum()
    variance = (exponentials**2 * (1 / wanted - 1))[1:].sum()  # that of Horvitz and Thompson
    assert sums.mean() == pytest.approx(15, abs=4 * np.sqrt(variance / len(sums)))
    assert sums.var() == pytest.approx(variance, rel=0.1)


class _World:
    """Three customers who face 400 products, and the losses of both lists with their gradients."""

    def __init__(self) -> None:
        rng = torch.Generator().manual_seed(0)
        self.scores = torch.randn(3, PRODUCTS, generator=rng)
        self.history = torch.tensor([[0, 7, -1], [399, -1, -1], [-1, -1, -1]])
        self.rows = torch.tensor([0, 0, 1, 2, 2])
        self.bought = torch.tensor([0, 42, 300, 7, 42])
        self.popular = np.concatenate([self.bought.numpy(), np.arange(100)])

    def full(self) -> tuple[float, Tensor]:
        return self._losses(np.arange(PRODUCTS), self.bought, self.history, torch.zeros(PRODUCTS))

    def sampled(self, *, negatives: int, rng: np.random.Generator) -> tuple[float, Tensor]:
        batch = np.concatenate([self.bought.numpy(), self.history.numpy().ravel()])
        wanted = mixed_chances(self.popular, PRODUCTS, negatives=negatives)
        sample = draw(wanted, certain=batch, rng=rng)
        bought, history = sample.find(self.bought.numpy()), sample.find(self.history.numpy())
        return self._losses(
            sample.places,
            torch.from_numpy(bought),
            torch.from_numpy(history),
            torch.from_numpy(sample.log_q),
        )

    def _losses(
        self, places: IntArray, bought: Tensor, history: Tensor, log_q: Tensor
    ) -> tuple[float, Tensor]:
        scores = self.scores.clone().requires_grad_()
        corrected = scores[:, places] - log_q
        loss = softmax_loss(corrected, self.rows, bought)
        loss = loss + new_loss(corrected, history, self.rows, bought)
        (gradient,) = torch.autograd.grad(loss, scores)
        return loss.item(), gradient


@pytest.mark.slow
def test_the_losses_and_gradients_become_the_full_ones_as_the_sample_grows() -> None:
    world = _World()
    loss, gradient = world.full()
    rng = np.random.default_rng(0)
    for negatives, bound in ((25, 0.1), (100, 0.04), (400, 0.015)):  # uncorrected 0.43, 0.22, 0.07
        drawn = [world.sampled(negatives=negatives, rng=rng) for _ in range(200)]
        assert np.mean([abs(one - loss) for one, _ in drawn]) < bound * loss
        mean = torch.stack([one for _, one in drawn]).mean(0)
        assert (mean - gradient).norm() < bound * gradient.norm()
    whole, same = world.sampled(negatives=2 * PRODUCTS, rng=rng)  # everyone's chance is 1
    assert whole == pytest.approx(loss, rel=1e-6)
    torch.testing.assert_close(same, gradient)


def test_a_sampled_catalogue_holds_the_same_products(shop: Shop) -> None:
    model = TwoTower.fit(shop.past, config=SAMPLED.model_copy(update={"weeks": 1}), seed=1, run=RUN)
    catalogue = model._catalogue(shop.past.products(shop.past.as_of))
    places = torch.tensor([0, 3, 4, 17, 35])
    whole, part = (model._net.candidate(one) for one in (catalogue, catalogue.take(places)))
    for name in ("lasting", "current", "demand"):
        torch.testing.assert_close(getattr(part, name), getattr(whole, name)[places])


@pytest.mark.slow
def test_what_is_drawn_counts_for_what_is_not(shop: Shop) -> None:
    """An epoch's loss over samples is that over the catalogue: without log_q it is 10% lower."""
    losses: list[float] = []
    run = Run(device="cpu", on_epoch=lambda _, metrics: losses.append(metrics["loss"]))
    for products in (1, 40):
        asked = {"epochs": 1, "weeks": 3, "negatives": 6, "full_softmax_products": products}
        TwoTower.fit(shop.past, config=SAMPLED.model_copy(update=asked), seed=1, run=run)
    sampled, full = losses
    assert sampled != full
    assert sampled == pytest.approx(full, rel=0.03)


@pytest.mark.slow
def test_training_by_a_sample_minimises_the_same_and_loses_little(shop: Shop) -> None:
    judge = recommender_judge(shop.full, at=shop.past.as_of, days=28)
    losses: list[float] = []
    run = Run(device="cpu", on_epoch=lambda _, metrics: losses.append(metrics["loss"]))
    sampled, full = (
        judge.measure(TwoTower.fit(shop.past, config=config, seed=1, run=run)).metrics["ndcg_at_10"]
        for config in (SAMPLED, SAMPLED.model_copy(update={"full_softmax_products": 40}))
    )
    assert losses[:3] != losses[3:]
    np.testing.assert_allclose(losses[:3], losses[3:], rtol=0.03)
    assert sampled > full - 0.05
    assert sampled > judge.measure(Popularity(PopularityConfig())).metrics["ndcg_at_10"]


def test_a_sample_of_everything_gives_the_full_softmax_to_the_bit(shop: Shop) -> None:
    one, two = (
        TwoTower.fit(shop.past, config=config, seed=1, run=RUN)._net.state_dict()
        for config in (
            SAMPLED.model_copy(update={"weeks": 1, "negatives": 80}),
            SAMPLED.model_copy(update={"weeks": 1, "full_softmax_products": 40}),
        )
    )
    for name, tensor in one.items():
        assert torch.equal(tensor, two[name])


def test_cut_off_it_goes_on_to_the_same_bits(shop: Shop, tmp_path: Path) -> None:
    config = SAMPLED.model_copy(update={"epochs": 2, "weeks": 2})

    def weights(run: Run, *, seed: int = 1) -> dict[str, Tensor]:
        return TwoTower.fit(shop.past, config=config, seed=seed, run=run)._net.state_dict()

    def stop(epoch: int, _: dict[str, float]) -> None:
        if epoch == 2:
            raise OSError("no space left on device")

    whole = weights(RUN)
    with pytest.raises(OSError, match="no space"):
        weights(Run(device="cpu", checkpoints=tmp_path, on_epoch=stop))
    told: list[int] = []
    run = Run(device="cpu", checkpoints=tmp_path, on_epoch=lambda epoch, _: told.append(epoch))
    resumed = weights(run)
    assert told == [2]
    other = weights(RUN, seed=2)
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed[name])
    assert not torch.equal(whole["candidate.id.weight"], other["candidate.id.weight"])
