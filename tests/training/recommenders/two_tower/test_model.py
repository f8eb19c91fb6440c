"""The two-tower: the contract, what it learns, and that a killed training ends the same."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from configs.json_files import read_json, write_json
from features.model_inputs import CUSTOMER_INPUTS, PRODUCT_INPUTS
from tests.contracts import RUN, RecommenderContract
from tests.training.shop import Shop
from training.data.training_data import TrainingData
from training.data.vocabulary import Vocabulary
from training.errors import BundleError, NotEnoughData
from training.evaluation.recommender_judge import recommender_judge
from training.recommenders.baselines import Popularity, PopularityConfig
from training.recommenders.two_tower.batches import visitors_of
from training.recommenders.two_tower.model import TwoTower, TwoTowerConfig
from training.recommenders.two_tower.towers import RepeatPath, TowerPart, Visitors
from training.run import Run

CONFIG = TwoTowerConfig(epochs=2, embedding_dim=8, hidden=16, batch_size=64, learning_rate=0.02)


class TestTwoTower(RecommenderContract):
    @classmethod
    def fit(cls, shop: Shop) -> TwoTower:
        return TwoTower.fit(shop.past, config=CONFIG, seed=1, run=RUN)


def test_another_seed_gives_another_model(shop: Shop) -> None:
    products = shop.past.products(shop.past.as_of)
    queries = shop.past.queries(shop.past.as_of, shop.past.customers(shop.past.as_of)[:5])
    one, two = (
        TwoTower.fit(shop.past, config=CONFIG.model_copy(update={"epochs": 1}), seed=seed, run=RUN)
        for seed in (1, 2)
    )
    assert np.abs(one.scorer(products)(queries) - two.scorer(products)(queries)).max() > 1e-3


def test_it_learns_more_than_popularity(shop: Shop) -> None:
    judge = recommender_judge(shop.full, at=shop.past.as_of, days=28)
    config = CONFIG.model_copy(update={"epochs": 6})
    told: list[tuple[int, dict[str, float]]] = []
    run = Run(
        device="cpu",
        validate=lambda model: judge.measure(model).metrics,
        on_epoch=lambda epoch, figures: told.append((epoch, figures)),
    )
    model = TwoTower.fit(shop.past, config=config, seed=1, run=run)
    assert [epoch for epoch, _ in told] == [1, 2, 3, 4, 5, 6]
    assert told[-1][1]["loss"] < told[0][1]["loss"]
    found = judge.measure(model).metrics
    assert told[-1][1] == {"loss": told[-1][1]["loss"], **found}
    assert found["ndcg_at_10"] > judge.measure(Popularity(PopularityConfig())).metrics["ndcg_at_10"]


def test_a_new_product_lives_on_its_title_and_inputs(shop: Shop) -> None:
    model = TwoTower.fit(shop.past, config=CONFIG, seed=1, run=RUN)
    products = shop.past.products(shop.past.as_of)
    queries = shop.past.queries(shop.past.as_of, shop.past.customers(shop.past.as_of)[:5])
    ids = products.product_ids.copy()
    ids[:2] = ["new 1", "new 2"]
    features = products.features.copy()
    features[1] = features[0]
    titles = [products.titles[0], products.titles[0], *products.titles[2:]]
    twins = replace(products, product_ids=ids, features=features, titles=titles)
    none = replace(queries, history=np.full_like(queries.history, -1))
    scores = model.scorer(twins)(none)
    np.testing.assert_allclose(scores[:, 0], scores[:, 1], atol=1e-5)
    other = replace(twins, titles=[titles[0], products.titles[1], *titles[2:]])
    assert np.abs(np.diff(model.scorer(other)(none)[:, :2], axis=1)).max() > 1e-3


def test_repeat_path_counts_each_purchase_once() -> None:
    path = RepeatPath((10.0,))
    with torch.no_grad():
        path.weight.fill_(2.0)
    visitors = Visitors(
        activity=torch.zeros(3, 0),
        history=torch.tensor([[3, 5, 3, -1], [-1, -1, -1, -1], [5, -1, -1, -1]]),
        days=torch.tensor([[0.0, 10.0, 20.0, 0.0], [0.0] * 4, [10.0, 0.0, 0.0, 0.0]]),
    )
    scores = path(visitors, torch.ones(3, 6)).detach().numpy()
    twice, once = 2 * np.log(1 + 4 * (1 + 1 / 4)), 2 * np.log(1 + 4 / 2)
    expected = [[1, 1, 1, 1 + twice, 1, 1 + once], [1] * 6, [1, 1, 1, 1, 1, 1 + once]]
    np.testing.assert_allclose(scores, expected, rtol=1e-5)
    nobody = Visitors(*(part[1:2] for part in visitors))
    np.testing.assert_array_equal(path(nobody, torch.ones(1, 6)).detach().numpy(), np.ones((1, 6)))


def test_a_bought_product_gains(shop: Shop) -> None:
    model = TwoTower.fit(shop.past, config=CONFIG, seed=1, run=RUN)
    products = shop.past.products(shop.past.as_of)
    query = shop.past.queries(shop.past.as_of, ["a stranger"])
    bought = replace(
        query,
        history=np.full_like(query.history, 4),
        history_days=np.full_like(query.history_days, 3.0),
    )
    scorer = model.scorer(products)
    gain = (scorer(bought) - scorer(query))[0]
    assert gain.argmax() == 4


def test_without_a_purchase_after_a_snapshot_there_is_nothing_to_learn(shop: Shop) -> None:
    first = TrainingData(shop.ws, shop.client, as_of=shop.full.times[0])
    with pytest.raises(NotEnoughData, match="in the 7 to 28 days after a Monday"):
        TwoTower.fit(first, config=CONFIG, seed=1, run=RUN)


@pytest.mark.parametrize("name", [CUSTOMER_INPUTS[0], PRODUCT_INPUTS[0]])
def test_a_model_of_other_inputs_is_refused(name: str, tmp_path: Path) -> None:
    words = Vocabulary(["one", "two"])
    TwoTower(CONFIG, product_ids=words, title_tokens=words).save(tmp_path)
    file = tmp_path / "two_tower.json"
    write_json(file, json.loads(file.read_text().replace(f'"{name}"', '"something_else"')))
    with pytest.raises(BundleError, match="reads other inputs than today's; fit it again"):
        TwoTower.load(tmp_path)


def test_a_model_of_before_a_setting_came_is_read(tmp_path: Path) -> None:
    words = Vocabulary(["one", "two"])
    TwoTower(CONFIG, product_ids=words, title_tokens=words).save(tmp_path)
    file = tmp_path / "two_tower.json"
    settings = read_json(file)
    for later in ("without", "full_softmax_products", "negatives"):
        del settings["config"][later]
    write_json(file, settings)
    assert TwoTower.load(tmp_path).config == CONFIG


@pytest.mark.parametrize("part", get_args(TowerPart))
def test_what_is_left_out_changes_no_score(shop: Shop, part: TowerPart, tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"without": (part,), "epochs": 1, "weeks": 2})
    TwoTower.fit(shop.past, config=config, seed=1, run=RUN).save(tmp_path)
    model = TwoTower.load(tmp_path)
    products = shop.past.products(shop.past.as_of)
    queries = shop.past.queries(shop.past.as_of, shop.past.customers(shop.past.as_of)[:5])
    scores = model.scorer(products)(queries)
    changed = {
        "id": (replace(products, product_ids=products.product_ids[::-1]), queries),
        "title": (replace(products, titles=products.titles[::-1]), queries),
        "inputs": (replace(products, features=products.features[::-1].copy()), queries),
        "activity": (products, replace(queries, activity=queries.activity + 1)),
        "decay": (products, replace(queries, history_days=queries.history_days + 9)),
    }
    for name, world in changed.items():
        moved = np.abs(model.scorer(world[0])(world[1]) - scores).max()
        assert moved == 0 if name == part else moved > 1e-5
    with torch.inference_mode():
        candidates = model._net.candidate(model._catalogue(products))
        visitors = visitors_of(queries)
        repeats = model._net.repeat(visitors, torch.zeros(len(queries), len(products)))
        longer = model._net(visitors, candidates._replace(current=3 * candidates.current))
    assert (len(np.unique(candidates.demand)) == 1) == (part in ("demand", "inputs"))
    assert bool((repeats == 0).all()) == (part == "repeats")
    assert np.allclose(longer, scores, atol=1e-4) == (part == "magnitude")  # rounded vectors


_TRAIN = """
import sys
from pathlib import Path
import pandas as pd
from features.offline import OfflineFeatures
from features.workspace import Workspace
from training.data.training_data import TrainingData
from training.run import Run
from training.recommenders.two_tower.model import TwoTower, TwoTowerConfig

home, as_of, config, checkpoints, output = sys.argv[1:]
ws = Workspace.open(Path(home))
data = TrainingData(ws, OfflineFeatures(ws), as_of=pd.Timestamp(as_of))
run = Run(
    device="cpu",
    checkpoints=Path(checkpoints) if checkpoints else None,
    on_epoch=lambda epoch, metrics: print(epoch, flush=True),
)
config = TwoTowerConfig.model_validate_json(config)
TwoTower.fit(data, config=config, seed=1, run=run).save(Path(output))
"""


def _train(shop: Shop, *, checkpoints: Path | None, output: Path) -> "subprocess.Popen[str]":
    output.mkdir()
    config = CONFIG.model_copy(update={"epochs": 4}).model_dump_json()
    arguments = (str(shop.ws.home), str(shop.past.as_of), config, str(checkpoints or ""), output)
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _TRAIN, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_bits(shop: Shop, tmp_path: Path) -> None:
    with _train(shop, checkpoints=None, output=tmp_path / "whole") as whole:
        epochs, _ = whole.communicate()
    assert epochs.split() == ["1", "2", "3", "4"]
    saved = tmp_path / "checkpoints"
    with _train(shop, checkpoints=saved, output=tmp_path / "killed") as killed:
        assert killed.stdout is not None
        for line in killed.stdout:
            if line.strip() == "3":
                killed.send_signal(signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    with _train(shop, checkpoints=saved, output=tmp_path / "resumed") as resumed:
        epochs, _ = resumed.communicate()
    assert epochs.split() in (["3", "4"], ["4"])
    for name in ("weights.safetensors", "two_tower.json"):
        expected = (tmp_path / "whole" / name).read_bytes()
        assert (tmp_path / "resumed" / name).read_bytes() == expected
