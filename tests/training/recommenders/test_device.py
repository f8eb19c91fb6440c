"""Where a model is computed changes no list: compiled loops, torch on the CPU, torch on a GPU."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from configs.loader import ConfigError
from features.model_inputs import CUSTOMER_INPUTS, PRODUCT_INPUTS
from tests.contracts import RUN
from tests.training.shop import Shop
from tests.training.tiny import AT, TWO_STAGE
from training.data.inputs import Products, Queries
from training.data.vocabulary import Vocabulary
from training.interfaces import OnDevice
from training.kernels.top_k import top_k
from training.recommenders.two_stage.model import TwoStage
from training.recommenders.two_tower.model import TwoTower, TwoTowerConfig
from training.run import usable

needs_gpu = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="torch sees no GPU on this machine"
)


@pytest.fixture(scope="module")
def fitted(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fitted recommender in two stages."""
    folder = tmp_path_factory.mktemp("two_stage")
    TwoStage.fit(shop.past, config=TWO_STAGE, seed=1, run=RUN).save(folder)
    return folder


def load(fitted: Path, name: str) -> TwoStage | TwoTower:
    return TwoStage.load(fitted) if name == "two_stage" else TwoTower.load(fitted / "two_tower")


@pytest.mark.parametrize("name", ["two_stage", "two_tower"])
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_gpu)])
def test_torch_gives_the_lists_of_the_compiled_loops(
    shop: Shop, fitted: Path, name: str, device: str
) -> None:
    products = shop.past.products(shop.past.as_of)
    queries = shop.past.queries(shop.past.as_of, shop.past.customers(shop.past.as_of)[:100])
    compiled, by_torch = load(fitted, name), load(fitted, name)
    by_torch.to(device)
    expected, found = (model.scorer(products)(queries) for model in (compiled, by_torch))
    assert not np.array_equal(found, expected)  # they were not computed alike
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(top_k(found, 20), top_k(expected, 20))
    one = by_torch.scorer(products)(queries[:1])
    np.testing.assert_array_equal(top_k(one, 20), top_k(expected[:1], 20))


def test_all_parts_of_two_stages_move(fitted: Path) -> None:
    model = load(fitted, "two_stage")
    assert isinstance(model, OnDevice)
    model.to("meta")  # where nothing can be computed
    assert isinstance(model, TwoStage)
    assert {model._sources["two_tower"]._net.log_temperature.device.type} == {"meta"}  # type: ignore[attr-defined]
    moved = [ranker for ranker in model._rankers if isinstance(ranker, OnDevice)]
    assert [ranker._net.standardise.mean.device.type for ranker in moved] == ["meta"]  # type: ignore[attr-defined]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_told() -> None:
    assert usable("auto") == usable("cpu") == "cpu"
    with pytest.raises(ConfigError, match="device = 'cuda': this machine has no usable GPU"):
        usable("cuda")


@needs_gpu
@pytest.mark.slow
def test_a_million_products_on_a_gpu() -> None:
    count, rng = 1_000_000, np.random.default_rng(0)
    ids = [f"p{number:07}" for number in range(count)]
    products = Products(
        product_ids=np.array(ids, dtype=object),
        at=AT,
        features=rng.normal(size=(count, len(PRODUCT_INPUTS))).astype(np.float32),
        titles=[""] * count,
        categories=[""] * count,
    )
    model = TwoTower(
        TwoTowerConfig(), product_ids=Vocabulary(ids), title_tokens=Vocabulary(["tea"])
    )
    expected = model.scorer(products)
    model.to("cuda")
    found = model.scorer(products)
    for batch in (1, 64):
        queries = Queries(
            customer_ids=np.array([""] * batch, dtype=object),
            at=np.full(batch, AT),
            activity=rng.normal(size=(batch, len(CUSTOMER_INPUTS))).astype(np.float32),
            history=rng.integers(0, count, (batch, 50)),
            history_days=np.sort(rng.uniform(0, 300, (batch, 50)), axis=1).astype(np.float32),
            history_values=np.ones((batch, 50), dtype=np.float32),
        )
        seconds = {}
        for name, score in (("cpu", expected), ("cuda", found)):
            score(queries)
            begun = time.perf_counter()
            for _ in range(5):
                score(queries)
            seconds[name] = (time.perf_counter() - begun) / 5
        print(
            f"{batch} of 1,000,000 products: " + str({k: f"{v:.4f} s" for k, v in seconds.items()})
        )
        best, same = top_k(expected(queries), 10), top_k(found(queries), 10)
        assert (best == same).mean() > 0.99  # of equals to 32-bit rounding either comes first
