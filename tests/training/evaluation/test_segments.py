"""A shop in a few lines, whose segments are counted by hand."""

from math import log2

import numpy as np
import pytest

from features import snapshots
from features.feast_store import register
from features.offline import OfflineFeatures
from tests.features.shop import line, lines, products, time, workspace
from tests.training.shop import Shop
from training.data.training_data import TrainingData
from training.evaluation.intervals import Sample
from training.evaluation.recommender_judge import LISTS, K
from training.evaluation.segments import (
    AGES,
    EVERYONE,
    NEWCOMERS,
    ORDERS,
    SegmentList,
    Window,
    window_of,
)
from training.recommenders.baselines import Popularity, PopularityConfig

AT = time("2011-02-01")
ROWS = [  # first sold: old 99 days before AT, p1 27, p2 12
    line("1", "dan", "old", "2010-10-25"),
    line("2", "ann", "p1", "2011-01-10"),
    line("3", "bob", "p1", "2011-01-11"),
    line("4", "bob", "p2", "2011-01-20"),
    *(line(f"5{day}", "cid", "p1", f"2011-01-{day:02d}") for day in range(5, 11)),
    line("6", "fay", None, "2011-01-12", kind="fee"),
    line("7", "gus", "p1", "2011-01-15", recorded="2011-02-05"),
    # the window
    line("11", "ann", "p1", "2011-02-01"),
    line("12", "bob", "p2", "2011-02-02"),
    line("13", "cid", "p1", "2011-02-03"),
    line("14", "cid", "old", "2011-02-04"),
    line("15", "eve", "p1", "2011-02-05"),
    line("16", "fay", "p1", "2011-02-06"),
    line("17", "gus", "p2", "2011-02-07"),
]
TITLES = products(
    ("p1", "2010-01-01", "red mug"),
    ("p2", "2010-01-01", "red mug"),
    ("old", "2010-01-01", "blue plate"),
)


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Window:
    ws = workspace(tmp_path_factory.mktemp("shop"), lines(*ROWS), products=TITLES)
    for cut in (AT, time("2011-03-01")):
        snapshots.build(ws, as_of=cut)
    register(ws)
    client = OfflineFeatures(ws)
    return window_of(TrainingData(ws, client, as_of=time("2011-03-01")), at=AT, days=28)


@pytest.fixture(scope="module")
def samples(window: Window) -> dict[SegmentList, Sample]:
    """Everyone gets p1 (3 buyers in 28 days), p2 (1), old (none)."""
    return window.samples(window.lists(Popularity(PopularityConfig())))


def test_customers_are_told_apart_by_the_orders_known_before(window: Window) -> None:
    assert window.judge.queries.customer_ids.tolist() == ["ann", "bob", "cid"]
    assert window.orders.tolist() == [1, 2, 6]
    # gus had an order that nobody knew; fay, known by a fee alone, is neither new nor measured
    assert window.newcomers.customer_ids.tolist() == ["eve", "gus"]
    assert (window.newcomers.history == -1).all()


def test_products_are_told_apart_by_their_age(window: Window) -> None:
    found = dict(zip(window.judge.products.product_ids, window.age_days, strict=True))
    assert found == pytest.approx({"old": 99, "p1": 27, "p2": 12}, rel=1e-5)


def test_shares_are_of_the_customers_of_90_days(window: Window) -> None:
    found = dict(zip(window.judge.products.product_ids, window.shares, strict=True))
    assert found == {"p1": 1, "p2": 1 / 3, "old": 1 / 3}  # nobody bought old: as if one had


def test_each_segment_by_hand(samples: dict[SegmentList, Sample]) -> None:
    second, third = 1 / log2(3), 1 / 2
    cid = (1 + third) / (1 + second)
    expected: dict[str, list[float]] = {
        EVERYONE: [1, second, cid],
        "orders_1": [1],
        "orders_2_5": [second],
        "orders_6_up": [cid],
        "age_14d": [second],  # bob's p2
        "age_90d": [1, 1],  # ann's and cid's p1
        "age_older": [third],  # cid's old
        NEWCOMERS: [1, second],
    }
    assert {segment for segment, name in samples if name == "all"} == set(expected)
    for segment, values in expected.items():
        found = samples[SegmentList(segment, "all")].figures[f"ndcg_at_{K}"]
        np.testing.assert_allclose(found, values, err_msg=segment)
    # new: cid alone wants something new (old), and is shown p2 and old
    new: dict[str, list[float]] = {EVERYONE: [second], "orders_1": [], "age_older": [second]}
    for segment, values in new.items():
        found = samples[SegmentList(segment, "new")].figures[f"ndcg_at_{K}"]
        np.testing.assert_allclose(found, values, err_msg=segment)


def test_novelty_and_diversity_by_hand(samples: dict[SegmentList, Sample]) -> None:
    everyone = samples[SegmentList(EVERYONE, "all")].figures
    np.testing.assert_allclose(everyone[f"novelty_at_{K}"], [2 * log2(3) / 3] * 3)
    np.testing.assert_allclose(everyone[f"diversity_at_{K}"], [2 / 3] * 3, atol=1e-6)
    new = samples[SegmentList("orders_6_up", "new")].figures
    np.testing.assert_allclose(new[f"novelty_at_{K}"], [log2(3)])
    np.testing.assert_allclose(new[f"diversity_at_{K}"], [1], atol=1e-6)


def test_the_segments_of_a_whole_shop_add_up(shop: Shop) -> None:
    model = Popularity(PopularityConfig())
    window = window_of(shop.full, at=shop.past.as_of, days=28)
    samples = window.samples(window.lists(model))
    main = window.judge.measure(model).metrics
    for name in LISTS:
        everyone = samples[SegmentList(EVERYONE, name)]
        prefix = "" if name == "all" else f"{name}_"
        for figure in ("ndcg", "recall", "hit_rate", "mrr"):
            mean = everyone.figures[f"{figure}_at_{K}"].mean()
            assert mean == main[f"{prefix}{figure}_at_{K}"]
        assert everyone.coverage == main[f"{prefix}coverage_at_{K}"]
        by_orders = [samples[SegmentList(segment, name)] for segment in ORDERS]
        ids = np.concatenate([sample.customer_ids for sample in by_orders])
        assert sorted(ids) == everyone.customer_ids.tolist()
        total = sum(sample.figures[f"mrr_at_{K}"].sum() for sample in by_orders)
        assert total == pytest.approx(everyone.figures[f"mrr_at_{K}"].sum())
        aged = {c for segment in AGES for c in samples[SegmentList(segment, name)].customer_ids}
        assert aged == set(everyone.customer_ids)
    assert not set(window.newcomers.customer_ids) & set(window.judge.queries.customer_ids)
