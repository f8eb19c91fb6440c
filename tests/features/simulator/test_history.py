"""The history that the simulated shop tells: canonical, plausible, and true to the world."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from features.datasets import simulated
from features.ingest import ingest
from features.schema import TABLES, Origin, validate
from features.simulator import World, WorldConfig
from features.simulator.calendar import day_of_year
from features.simulator.words import CATEGORIES
from features.tables import read_table
from features.workspace import Workspace

WEEK = pd.Timedelta(days=7)


class TestHistory:
    def test_is_canonical(self, tables: dict[str, pd.DataFrame]) -> None:
        assert set(tables) <= set(TABLES)
        for name, frame in tables.items():
            validate(name, frame, origin=Origin(file="simulated"))

    def test_loads_and_ingests(self, world: World, tmp_path: Path) -> None:
        ws = Workspace.create(tmp_path, clock="simulated")
        ws.advance(world.end)
        dataset = simulated.load(world)
        assert dataset.read == len(dataset.order_lines) == sum(dataset.kept.values())
        result = ingest(ws, dataset)
        assert result.added["order_lines"] == dataset.read
        assert read_table(ws, "products")["title"].tolist() == world.products.titles

    def test_lies_between_start_and_end(self, world: World, lines: pd.DataFrame) -> None:
        assert str(world.end) == "2024-01-01 00:00:00+00:00"
        assert lines["event_timestamp"].between(world.start, world.start + WEEK).any()
        assert lines["event_timestamp"].min() >= world.start
        assert lines["recorded_timestamp"].between(world.end - WEEK, world.end).any()
        assert lines["recorded_timestamp"].max() < world.end

    def test_some_orders_are_recorded_days_later(self, lines: pd.DataFrame) -> None:
        orders = lines[lines["line_type"] == "sale"].drop_duplicates("order_id")
        delay = orders["recorded_timestamp"] - orders["event_timestamp"]
        late = delay > pd.Timedelta(0)
        assert (delay >= pd.Timedelta(0)).all()
        assert delay[late].between(pd.Timedelta(days=1), pd.Timedelta(days=10)).all()
        assert late.mean() == pytest.approx(0.03, abs=0.01)

    def test_what_is_recorded_after_the_end_is_not_known(
        self, world: World, sales: pd.DataFrame
    ) -> None:
        hidden = len(world.purchases.day) - len(sales)
        assert 0 < hidden < 0.01 * len(sales)

    def test_volume_is_that_of_a_shop(self, world: World, sales: pd.DataFrame) -> None:
        days = [world.start + pd.Timedelta(days=day) for day in range(0, 364, 7)]
        customer_years = np.mean([world.alive(day).sum() for day in days]) * 364 / 365.25
        assert 10 < sales["order_id"].nunique() / customer_years < 20
        size = sales.groupby("order_id").size()
        assert set(size) == {2, 3, 4, 5, 6}
        assert not sales.duplicated(["order_id", "product_id"]).any()

    def test_repeats_and_a_few_products_carry_much(self, sales: pd.DataFrame) -> None:
        known = sales.dropna(subset=["customer_id"])
        repeats = known.duplicated(["customer_id", "product_id"]).mean()
        assert 0.4 < repeats < 0.75
        share = sales["product_id"].value_counts(normalize=True)
        assert 0.25 < share.iloc[:10].sum() < 0.6

    def test_some_customers_are_not_recognised(self, sales: pd.DataFrame) -> None:
        orders = sales.drop_duplicates("order_id")
        assert orders["customer_id"].isna().mean() == pytest.approx(0.03, abs=0.01)

    def test_small_web_orders_pay_for_shipping(
        self, lines: pd.DataFrame, sales: pd.DataFrame
    ) -> None:
        total = (sales["quantity"] * sales["unit_price"]).groupby(sales["order_id"]).sum()
        web = sales.drop_duplicates("order_id").set_index("order_id")["channel"] == "web"
        fees = lines[lines["line_type"] == "fee"]
        assert set(fees["order_id"]) == set(total.index[web & (total < 40)])
        assert fees["product_id"].isna().all()

    def test_titles_are_in_two_languages(self, tables: dict[str, pd.DataFrame]) -> None:
        chinese = tables["products"]["title"].str.contains("[\u4e00-\u9fff]")
        assert chinese.mean() == pytest.approx(0.3, abs=0.12)
        assert tables["products"]["category"].nunique() == len(CATEGORIES)


class TestTruthInTheHistory:
    def test_nobody_orders_before_joining_or_after_leaving(
        self, world: World, sales: pd.DataFrame
    ) -> None:
        people = world.customers
        at = sales.dropna(subset=["customer_id"]).groupby("customer_id")["event_timestamp"]
        left = 0
        for customer, times in at:
            i = int(np.flatnonzero(people.customer_ids == customer)[0])
            for time in (times.min(), times.max()):
                assert world.alive(time)[i]
            left += not world.alive(world.end)[i]
        assert left > 50

    def test_newcomers_join_with_an_order(self, world: World) -> None:
        people = world.customers
        new = np.flatnonzero(people.joined >= 0)
        first = pd.Series(world.purchases.day).groupby(world.purchases.customer).min()
        np.testing.assert_allclose(first[new], people.joined[new], atol=1e-9)
        assert len(new) / world.config.customers == pytest.approx(0.5, abs=0.08)

    def test_products_sell_after_their_launch(
        self, tables: dict[str, pd.DataFrame], sales: pd.DataFrame
    ) -> None:
        launch = tables["products"].set_index("product_id")["valid_from"]
        first = sales.groupby("product_id")["event_timestamp"].min()
        assert (first >= launch[first.index]).all()
        started = launch > sales["event_timestamp"].min()
        assert 0.2 < started.mean() < 0.5

    def test_a_return_takes_back_a_line_that_was_sold(self, lines: pd.DataFrame) -> None:
        returns = lines[lines["line_type"] == "return"]
        sold = lines[lines["line_type"] == "sale"]
        pairs = returns.assign(order_id="S" + returns["order_id"].str[1:]).merge(
            sold, on=["order_id", "line_number"], suffixes=("", "_sold")
        )
        assert len(pairs) == len(returns) > 100
        assert (pairs["quantity"] == -pairs["quantity_sold"]).all()
        assert (pairs["unit_price"] == pairs["unit_price_sold"]).all()
        assert (pairs["product_id"] == pairs["product_id_sold"]).all()
        gap = pairs["event_timestamp"] - pairs["event_timestamp_sold"]
        assert gap.between(pd.Timedelta(days=3), pd.Timedelta(days=28)).all()
        assert (pairs["recorded_timestamp"] >= pairs["recorded_timestamp_sold"]).all()

    def test_the_season_can_be_counted(self) -> None:
        world = World(WorldConfig(customers=600, products=96, days=730, seed=1))
        past = world.purchases
        date = np.datetime64("2023-01-02") + past.day.astype(np.int64)
        category = world.products.category[past.product]
        seen = []
        for place, truth in enumerate(CATEGORIES):
            cosine = np.cos(2 * np.pi * (day_of_year(date) - truth.peak) / 365.25)
            near, far = cosine > 0.5, cosine < -0.5
            mine = category == place
            seen.append(np.log(mine[near].mean() / mine[far].mean()))
        known = [category.season for category in CATEGORIES]
        assert spearmanr(seen, known).statistic > 0.7

    def test_prices_are_the_week_s_and_change(self, world: World, sales: pd.DataFrame) -> None:
        code = pd.Index(world.products.product_ids).get_indexer(pd.Index(sales["product_id"]))
        week = (sales["event_timestamp"] - world.start) // WEEK
        np.testing.assert_array_equal(
            sales["unit_price"], world.products.price[code, week.to_numpy()]
        )
        assert (np.ptp(world.products.price[:, :52], axis=1) > 0).mean() > 0.9
