"""Batch scores: who is in the files, what is not, and what the command says."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from configs.loader import ConfigError
from tests.training.shop import Shop
from training.__main__ import app
from training.customers.baselines import Recency
from training.customers.orders import ACTIVE_DAYS
from training.evaluation.recommender_judge import recommender_judge
from training.recommenders.baselines import (
    OwnPurchases,
    OwnPurchasesConfig,
    Popularity,
    PopularityConfig,
)
from training.score import known_lists, predictions, recommendations, write_scores


@pytest.fixture(scope="module")
def lists(shop: Shop) -> pd.DataFrame:
    return recommendations(OwnPurchases(OwnPurchasesConfig()), shop.past, k=5)


def test_every_customer_has_both_lists(lists: pd.DataFrame, shop: Shop) -> None:
    assert lists.columns.tolist() == ["list", "customer_id", "product_id", "rank"]
    everyone = set(shop.past.customers(shop.past.as_of))
    for _, part in lists.groupby("list"):
        assert set(part["customer_id"]) == everyone
        assert not part.duplicated(["customer_id", "product_id"]).any()
        ranks = part.groupby("customer_id")["rank"].agg(list)
        assert all(row == list(range(1, len(row) + 1)) for row in ranks)
    assert lists[lists["list"] == "all"].groupby("customer_id").size().eq(5).all()


def test_new_lists_name_nothing_that_was_ever_bought(lists: pd.DataFrame, shop: Shop) -> None:
    bought = shop.past.purchases(shop.past.start, shop.past.as_of)
    both = lists.merge(bought, on=["customer_id", "product_id"])
    assert set(both["list"]) == {"all"}


def test_lists_hold_what_the_judge_measures(shop: Shop) -> None:
    """The judge's figures, counted again from the file by the independent scorer's rules."""
    model = Popularity(PopularityConfig())
    found = recommender_judge(shop.full, at=shop.past.as_of, days=28).measure(model).metrics
    made = recommendations(model, shop.past)
    before = shop.full.purchases(shop.full.start, shop.past.as_of)
    after = shop.full.purchases(shop.past.as_of, shop.full.as_of)
    after = after[after["customer_id"].isin(before["customer_id"])]
    after = after[after["product_id"].isin(before["product_id"])]
    truth = after.groupby("customer_id")["product_id"].agg(set).to_dict()
    owned = before.groupby("customer_id")["product_id"].agg(set).to_dict()
    new = {c: w - owned[c] for c, w in truth.items() if w - owned[c]}
    for name, wanted, prefix in (("all", truth, ""), ("new", new, "new_")):
        part = made[made["list"] == name].groupby("customer_id")["product_id"].agg(list).to_dict()
        figures = []
        for customer, products in wanted.items():
            gains = [1 / np.log2(i + 2) for i, p in enumerate(part[customer]) if p in products]
            ideal = sum(1 / np.log2(i + 2) for i in range(min(10, len(products))))
            figures.append(sum(gains) / ideal)
        assert found[f"{prefix}ndcg_at_10"] == pytest.approx(np.mean(figures), abs=1e-9)


def test_churn_of_a_years_customers(shop: Shop) -> None:
    found = predictions(Recency(np.array([2.0, -3.0]), horizon_days=30), shop.past, family="churn")
    assert found.columns.tolist() == ["customer_id", "churn_probability"]
    known = shop.past.customers(shop.past.as_of, days=ACTIVE_DAYS)
    assert found["customer_id"].tolist() == known.tolist()
    assert found["churn_probability"].between(0, 1).all()


def test_known_lists() -> None:
    assert known_lists("new") == ["new"]
    with pytest.raises(ConfigError, match="'all,old': known are all, new"):
        known_lists("all,old")


def test_a_failed_write_leaves_what_stood(tmp_path: Path) -> None:
    output = tmp_path / "deep" / "scores.parquet"
    write_scores(pd.DataFrame({"a": [1]}), output)
    with pytest.raises(ValueError, match="Duplicate column names"):
        write_scores(pd.DataFrame([[1, 2]], columns=["a", "a"]), output)
    assert pd.read_parquet(output)["a"].tolist() == [1]
    assert [path.name for path in output.parent.iterdir()] == ["scores.parquet"]


def test_the_command_names_what_it_does_not_know(shop: Shop, tmp_path: Path) -> None:
    asked = ["score", "recommendations", "--home", str(shop.ws.home)]
    asked += ["--output", str(tmp_path / "x.parquet")]
    for wrong, says in (
        (["--lists", "old"], "lists = 'old': known are all, new"),
        (["--model", "churn"], "model 'churn': not a recommender model"),
        (["--model", "nothing"], "model 'nothing': known are"),
    ):
        result = CliRunner().invoke(app, [*asked, *wrong])
        assert result.exit_code == 2
        assert says in result.stderr
    assert not (tmp_path / "x.parquet").exists()


@pytest.mark.slow  # MLflow makes its database
def test_the_command_writes_the_file(shop: Shop, tmp_path: Path, lists: pd.DataFrame) -> None:
    output = tmp_path / "x.parquet"
    day = str(shop.past.as_of.date())
    asked = ["score", "recommendations", "--home", str(shop.ws.home), "--as-of", day, "--k", "5"]
    result = CliRunner().invoke(app, [*asked, "--model", "own_purchases", "--output", str(output)])
    assert result.exit_code == 0, result.output
    pd.testing.assert_frame_equal(pd.read_parquet(output), lists)
