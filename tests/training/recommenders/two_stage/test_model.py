"""The two stages: the contract, no leak between them, and parts that are made once."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from configs.json_files import read_json, write_json
from tests.contracts import RUN, RecommenderContract
from tests.training.shop import Shop
from tests.training.tiny import TWO_STAGE, products, queries
from training.errors import BundleError, NotEnoughData
from training.evaluation.recommender_judge import recommender_judge
from training.kernels.top_k import top_k
from training.recommenders.baselines import Popularity, PopularityConfig
from training.recommenders.two_stage.candidates import Sources
from training.recommenders.two_stage.model import TwoStage, TwoStageConfig, _examples
from training.recommenders.two_stage.rebuy import Rebuy
from training.recommenders.two_stage.sources import fit_sources


class TestTwoStage(RecommenderContract):
    @classmethod
    def fit(cls, shop: Shop) -> TwoStage:
        return TwoStage.fit(shop.past, config=TWO_STAGE, seed=1, run=RUN)

    @pytest.fixture(scope="class")
    @classmethod
    def fitted(cls, fitted: TwoStage) -> TwoStage:
        return fitted


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parts")


@pytest.fixture(scope="module")
def told() -> list[str]:
    """The parts that `fitted` trained, an entry an epoch."""
    return []


@pytest.fixture(scope="module")
def fitted(shop: Shop, parts: Path, told: list[str]) -> TwoStage:
    run = replace(RUN, parts=parts, on_part=lambda part, *_: told.append(part))
    return TwoStage.fit(shop.past, config=TWO_STAGE, seed=1, run=run)


def test_it_beats_popularity(shop: Shop, fitted: TwoStage) -> None:
    judge = recommender_judge(shop.full, at=shop.past.as_of, days=28)
    popular = judge.measure(Popularity(PopularityConfig())).metrics
    assert judge.measure(fitted).metrics["ndcg_at_10"] > popular["ndcg_at_10"]


def test_candidates_stand_above_all_others(shop: Shop, fitted: TwoStage) -> None:
    """Even where the sources know no better: of equal products the first ones are nominated."""
    alike = products(50, log_buyers_28d=[1.0] * 50)
    sources: Sources = {name: Popularity(PopularityConfig()) for name in TWO_STAGE.sources}
    rebuy = Rebuy.fit(shop.past)
    model = TwoStage(TWO_STAGE, sources=sources, rebuy=rebuy, rankers=fitted._rankers)
    scores = model.scorer(alike)(queries([], [(40, 3.0)]))
    nominated = np.zeros(scores.shape, dtype=bool)
    nominated[:, : TWO_STAGE.per_source] = nominated[1, 40] = True
    for row, marked in zip(scores, nominated, strict=True):
        assert row[marked].min() > row[~marked].max()


@pytest.mark.parametrize("kind", ["network", "trees"])
def test_one_ranker_ranks_alone(
    shop: Shop, parts: Path, fitted: TwoStage, tmp_path: Path, kind: str
) -> None:
    del fitted  # its sources stand
    config = TWO_STAGE.model_copy(update={"rankers": (kind,)})
    model = TwoStage.fit(shop.past, config=config, seed=1, run=replace(RUN, parts=parts))
    model.save(tmp_path)
    judge = recommender_judge(shop.full, at=shop.past.as_of, days=28)
    found = judge.measure(TwoStage.load(tmp_path)).metrics
    assert found == judge.measure(model).metrics
    assert found["ndcg_at_10"] > judge.measure(Popularity(PopularityConfig())).metrics["ndcg_at_10"]


def test_without_ease_it_ranks_what_the_other_sources_nominate(
    shop: Shop, parts: Path, fitted: TwoStage, tmp_path: Path
) -> None:
    del fitted  # its sources stand
    config = TWO_STAGE.model_copy(update={"sources": ("two_tower", "popularity")})
    model = TwoStage.fit(shop.past, config=config, seed=1, run=replace(RUN, parts=parts))
    model.save(tmp_path)
    assert not (tmp_path / "ease").exists()
    loaded = TwoStage.load(tmp_path)
    products = shop.past.products(shop.past.as_of)
    queries = shop.past.queries(shop.past.as_of, shop.past.customers(shop.past.as_of)[:5])
    np.testing.assert_array_equal(loaded.scorer(products)(queries), model.scorer(products)(queries))
    places = np.arange(3)
    np.testing.assert_array_equal(model.related(products)(places, places), np.zeros((3, 3)))


def test_what_was_saved_before_sources_were_a_choice_is_read(
    fitted: TwoStage, tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    file = tmp_path / "two_stage.json"
    settings = read_json(file)
    del settings["config"]["sources"]
    write_json(file, settings)
    assert TwoStage.load(tmp_path).config == TWO_STAGE


@pytest.mark.parametrize("sources", [(), ("ease", "two_tower"), ("two_tower", "ease", "ease")])
def test_the_first_source_is_two_tower_and_none_comes_twice(sources: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="the first source is two_tower"):
        TwoStageConfig.model_validate({"sources": sources})


def test_one_customer_scores_as_among_many(shop: Shop, fitted: TwoStage) -> None:
    products = shop.past.products(shop.past.as_of)
    queries = shop.past.queries(shop.past.as_of, shop.past.customers(shop.past.as_of)[:40])
    score = fitted.scorer(products)
    alone = np.concatenate([score(queries[row : row + 1]) for row in range(40)])
    np.testing.assert_allclose(alone, score(queries), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(top_k(alone, 20), top_k(score(queries), 20))


def test_of_many_customers_some_are_drawn(shop: Shop, parts: Path, fitted: TwoStage) -> None:
    del fitted
    past = shop.past.before(shop.past.times[-6])
    sources = fit_sources(
        past,
        names=TWO_STAGE.sources,
        two_tower=TWO_STAGE.two_tower,
        seed=1,
        run=replace(RUN, parts=parts),
    )
    few = TWO_STAGE.model_copy(update={"customers": 7})

    def drawn(config: TwoStageConfig) -> int:
        (found,) = _examples(past, shop.past, sources, config=config, seed=1)
        return int(found.customers.max()) + 1

    assert drawn(few) == 7 < drawn(TWO_STAGE)


def test_sources_know_nothing_of_the_window_that_the_ranker_learns_from(
    shop: Shop, fitted: TwoStage, told: list[str]
) -> None:
    """Each earlier window begins where its sources' data end, and ends before the next begins."""
    del fitted
    trained = [part for part in told if part != "ranker"]
    ends = sorted({pd.Timestamp(part.partition(" before ")[2]) for part in trained})
    assert len(trained) == 2 * len(ends) == 2 * 3  # epochs
    assert ends[-1] == shop.past.as_of
    assert all(end in shop.past.times for end in ends)
    gaps = [later - earlier for earlier, later in pairwise(ends)]
    assert min(gaps) >= pd.Timedelta(days=28)


def test_a_part_is_made_once(shop: Shop, parts: Path, fitted: TwoStage) -> None:
    stands = {path: path.stat().st_mtime_ns for path in parts.rglob("*") if path.is_file()}
    assert len(list(parts.iterdir())) == 3 * len(TWO_STAGE.sources)
    heard: list[str] = []
    run = replace(RUN, parts=parts, on_part=lambda part, *_: heard.append(part))
    again = TwoStage.fit(shop.past, config=TWO_STAGE, seed=1, run=run)
    assert set(heard) == {"ranker"}
    assert {p: p.stat().st_mtime_ns for p in parts.rglob("*") if p.is_file()} == stands
    products = shop.past.products(shop.past.as_of)
    queries = shop.past.queries(shop.past.as_of, shop.past.customers(shop.past.as_of)[:5])
    np.testing.assert_array_equal(fitted.scorer(products)(queries), again.scorer(products)(queries))


def test_it_says_what_is_bought_along_with_what(shop: Shop, fitted: TwoStage) -> None:
    products = shop.past.products(shop.past.as_of)
    places = np.arange(len(products))
    found = fitted.related(products)(places[:5], places)
    assert found.shape == (5, len(products))
    assert (found != 0).any(axis=1).all()
    assert not found[places[:5], places[:5]].any()


def test_other_inputs_than_todays_are_refused(fitted: TwoStage, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    file = tmp_path / "two_stage.json"
    write_json(file, json.loads(file.read_text().replace("times_bought", "times_sold")))
    with pytest.raises(BundleError, match="other inputs than today's; fit it again"):
        TwoStage.load(tmp_path)


def test_a_shop_too_young_is_refused(shop: Shop) -> None:
    young = shop.past.before(shop.past.times[3])
    with pytest.raises(NotEnoughData, match="purchases in a window of 28 days"):
        TwoStage.fit(young, config=TWO_STAGE, seed=1, run=RUN)
