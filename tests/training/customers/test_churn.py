"""The churn network keeps the contract, and goes on where it was cut off."""

import gc
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.offline import OfflineFeatures
from tests.contracts import RUN, PredictorContract
from tests.features.shop import line, lines, time, workspace
from tests.training.shop import DAYS, Shop
from training.customers.churn import Churn, ChurnConfig
from training.customers.churn_labels import examples, select
from training.customers.inputs import INPUTS
from training.customers.orders import CustomerOrders
from training.data.inputs import Queries
from training.data.training_data import TrainingData
from training.errors import NotEnoughData
from training.evaluation.churn_judge import predictor_judge
from training.run import Run

CONFIG = ChurnConfig(horizon_days=28, epochs=3, hidden=(8,), batch_size=64, learning_rate=0.01)


class TestChurn(PredictorContract):
    @classmethod
    def fit(cls, shop: Shop) -> Churn:
        return Churn.fit(shop.past, config=CONFIG, seed=1, run=RUN)


@pytest.fixture(scope="module")
def model(shop: Shop) -> Churn:
    return TestChurn.fit(shop)


@pytest.fixture(scope="module")
def queries(shop: Shop) -> Queries:
    return shop.past.queries(shop.past.as_of, CustomerOrders(shop.past).active(shop.past.as_of))


def test_it_orders_customers_better_than_chance(shop: Shop, model: Churn) -> None:
    judge = predictor_judge(shop.full, at=shop.past.as_of, days=28)
    assert judge.measure(model).metrics["auc"] > 0.6


def test_another_seed_is_another_model(shop: Shop, model: Churn, queries: Queries) -> None:
    other = Churn.fit(shop.past, config=CONFIG, seed=2, run=RUN)
    assert (model.predict(queries) != other.predict(queries)).any()


def test_a_training_cut_off_goes_on_to_the_same_bits(
    shop: Shop, model: Churn, queries: Queries, tmp_path: Path
) -> None:
    seen: list[int] = []

    def cut_off(epoch: int, _: dict[str, float]) -> None:
        seen.append(epoch)
        if epoch == 2:
            raise KeyboardInterrupt

    broken = replace(RUN, checkpoints=tmp_path, on_epoch=cut_off)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        Churn.fit(shop.past, config=CONFIG, seed=1, run=broken)
    whole = replace(RUN, checkpoints=tmp_path, on_epoch=lambda epoch, _: seen.append(epoch))
    resumed = Churn.fit(shop.past, config=CONFIG, seed=1, run=whole)
    assert seen == [1, 2, 2, 3]
    np.testing.assert_array_equal(resumed.predict(queries), model.predict(queries))


def test_each_epoch_is_validated_as_it_stands(shop: Shop) -> None:
    judge = predictor_judge(shop.full, at=shop.past.as_of, days=28)
    told: list[dict[str, float]] = []
    run = Run(
        device="cpu",
        validate=lambda model: judge.measure(model).metrics,
        on_epoch=lambda _, metrics: told.append(metrics),
    )
    fitted = Churn.fit(shop.past, config=CONFIG, seed=1, run=run)
    assert len(told) == 3
    assert told[0]["loss"] > told[2]["loss"]
    assert {k: v for k, v in told[2].items() if k != "loss"} == judge.measure(fitted).metrics


def test_examples_end_a_horizon_before_the_cut(shop: Shop) -> None:
    seen = examples(shop.past, horizon_days=28)
    orders = CustomerOrders(shop.past)
    last = shop.past.as_of - 28 * DAYS
    expected = sum(len(orders.active(at)) for at in shop.past.times if at <= last)
    assert len(seen.inputs) == len(seen.churned) == expected > 0
    with pytest.raises(ValueError, match="these data end at"):
        orders.churned(last + DAYS, horizon_days=28)


def test_examples_live_as_long_as_their_data(shop: Shop) -> None:
    data = TrainingData(shop.ws, shop.client, as_of=shop.past.as_of)
    seen = examples(data, horizon_days=28)
    assert examples(data, horizon_days=28) is seen
    alive = weakref.ref(data)
    del data
    gc.collect()
    assert alive() is None


def test_labels_say_who_did_not_order(shop: Shop) -> None:
    at = shop.past.as_of
    orders = CustomerOrders(shop.full)
    ids, labels = orders.active(at), orders.churned(at, horizon_days=28)
    lines = shop.tables["order_lines"]
    lines = lines[lines["customer_id"].notna() & lines["line_type"].isin(["sale", "fee"])]
    times = lines["event_timestamp"]
    bought = lines["quantity"] * lines["unit_price"] > 0
    came = set(lines.loc[bought & (times >= at) & (times < at + 28 * DAYS), "customer_id"])
    known = set(lines.loc[bought & (times >= at - 365 * DAYS) & (times < at), "customer_id"])
    assert ids.tolist() == sorted(known)
    assert labels.tolist() == [float(customer not in came) for customer in ids]
    assert 0 < labels.mean() < 1


def test_an_order_counts_before_a_time_if_it_was_recorded_by_then(tmp_path: Path) -> None:
    ws = workspace(
        tmp_path,
        lines(
            line("1", "ann", "p1", "2011-01-10"),
            line("2", "bob", "p1", "2011-01-10", recorded="2011-02-02"),
            line("3", "cid", "p1", "2011-01-10", recorded="2011-02-02"),
            line("3", "cid", "p2", "2011-01-10", number=2),  # one line of two was known
            line("4", "ann", "p1", "2011-02-03", recorded="2011-02-20"),
        ),
    )
    data = TrainingData(ws, OfflineFeatures(ws), as_of=time("2011-03-01"))
    orders = CustomerOrders(data)
    for at, known in (("2011-02-01", ["ann", "cid"]), ("2011-02-03", ["ann", "bob", "cid"])):
        assert orders.active(time(at)).tolist() == known
        assert data.customers(time(at), days=365).tolist() == known
    assert orders.churned(time("2011-02-01"), horizon_days=28).tolist() == [0, 1]


def test_a_horizon_in_which_all_did_the_same_measures_nothing(tmp_path: Path) -> None:
    rows = [line("1", "ann", "p1", "2011-01-10"), line("2", "ann", "p1", "2011-02-20")]
    ws = workspace(tmp_path, lines(*rows))
    data = TrainingData(ws, OfflineFeatures(ws), as_of=time("2011-05-01"))
    for at, said in (
        ("2011-01-01", "no customer ordered in the 365 days before the last 28:"),
        ("2011-02-10", "every customer ordered again within 28 days:.*; the data hold 42 days"),
        ("2011-03-01", "no customer ordered again within 28 days:"),
    ):
        with pytest.raises(NotEnoughData, match=said):
            predictor_judge(data, at=time(at), days=28)


def test_too_short_a_history_is_refused(shop: Shop) -> None:
    early = TrainingData(shop.ws, shop.client, as_of=shop.past.times[2])
    with pytest.raises(
        NotEnoughData,
        match="then 28 days are needed: the data hold 21 days of purchases, 2023-01-02",
    ):
        Churn.fit(early, config=CONFIG, seed=1, run=RUN)


def test_the_season_is_not_read() -> None:
    from features.model_inputs import CUSTOMER_INPUTS

    row = np.arange(len(CUSTOMER_INPUTS), dtype=np.float32)[None]
    assert select(row).shape == (1, len(INPUTS))
    assert not any(name.startswith("season") for name in INPUTS)
    assert select(row)[0, INPUTS.index("log_recency_days")] == CUSTOMER_INPUTS.index(
        "log_recency_days"
    )
