"""What diversity costs: at 0 the model's own figures, a table and a plot that repeat."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.training.shop import Shop
from training.__main__ import app
from training.benchmarks.price_diversity import PLOT, TABLE, price_diversity, price_of_diversity
from training.evaluation.job import prepare
from training.evaluation.recommender_judge import recommender_judge
from training.evaluation.results import LEVELS, DiversityCost
from training.evaluation.segments import window_of
from training.evaluation.stored_lists import stored_lists
from training.models import UnknownModel
from training.recommenders.baselines import OwnPurchases, OwnPurchasesConfig
from training.recommenders.two_tower.model import TwoTowerConfig
from training.registry.client import open_client
from training.reports.diversity_plot import draw_price
from training.reports.panels import svg


def test_the_price_of_diversity(shop: Shop) -> None:
    judge = recommender_judge(shop.full, at=shop.past.as_of, days=28)
    model = OwnPurchases(OwnPurchasesConfig())
    found = price_of_diversity(model, judge)
    assert found["list"].tolist() == ["all"] * len(LEVELS) + ["new"] * len(LEVELS)
    assert found["diversity"].tolist() == [*LEVELS, *LEVELS]
    figures = judge.measure(model).metrics
    for name, figure in (("all", "ndcg_at_10"), ("new", "new_ndcg_at_10")):
        rows = found[found["list"] == name]
        ndcg = rows["ndcg_at_10"].to_numpy()
        unlike = rows["intra_list_diversity"].to_numpy()
        assert ndcg[0] == pytest.approx(figures[figure])
        assert ndcg[-1] < ndcg[0]
        assert unlike[-1] > unlike[5] > unlike[0]


def test_where_nobody_bought_anything_new_there_is_no_figure(shop: Shop) -> None:
    judge = recommender_judge(shop.full, at=shop.past.as_of, days=28)
    nothing_new = replace(judge, wanted=judge.owned)
    found = price_of_diversity(OwnPurchases(OwnPurchasesConfig()), nothing_new)
    assert (found["ndcg_at_10"].isna() == (found["list"] == "new")).all()
    shown = DiversityCost(model="m", as_of=shop.full.as_of, timezone="UTC", levels=found, run_id="")
    with draw_price(shown) as figure:
        assert svg(figure).startswith("<?xml")


@pytest.mark.slow
def test_the_epochs_are_those_of_an_evaluation(shop: Shop) -> None:
    config = TwoTowerConfig(epochs=2, embedding_dim=4, weeks=5)
    found = price_diversity(
        shop.ws, "two_tower", as_of=shop.full.as_of, config=config, device="cpu"
    )
    job = prepare(shop.ws, "two_tower", as_of=shop.full.as_of, config=config)
    window = window_of(job.full, at=job.past.as_of, days=28)
    _, stored = stored_lists(
        job, window, device="cpu", on_epoch=lambda *_: pytest.fail("trained again")
    )
    assert stored.epochs == 1  # of two
    own = found.levels[found.levels["diversity"] == 0].set_index("list")["ndcg_at_10"]
    assert own["all"] == pytest.approx(stored.metrics["ndcg_at_10"])
    assert own["new"] == pytest.approx(stored.metrics["new_ndcg_at_10"])


def test_the_command_shows_table_and_plot(shop: Shop) -> None:
    arguments = ["diversity", "own_purchases", "--as-of", str(shop.full.as_of.date())]
    registered = len(open_client(shop.ws).search_model_versions("name = 'recommender'"))
    texts = []
    for _ in range(2):
        done = CliRunner().invoke(
            app, [*arguments, "--home", str(shop.ws.home)], env={"COLUMNS": "120"}
        )
        assert done.exit_code == 0, done.output
        table, plot = (Path(line.split(": ")[1]) for line in done.output.splitlines()[-2:])
        assert (table.name, plot.name) == (TABLE, PLOT)
        texts.append((table.read_text(), plot.read_text()))
    assert texts[0] == texts[1]
    rows = pd.read_csv(table)
    assert rows["diversity"].tolist() == [*LEVELS, *LEVELS]
    for figure in rows[["ndcg_at_10", "intra_list_diversity"]].to_numpy().ravel():
        assert f"{figure:.4f}" in done.output
    drawn = texts[0][1]
    assert "what diversity costs" in drawn
    assert "<dc:date>" not in drawn
    assert len(drawn) < 60_000
    assert len(open_client(shop.ws).search_model_versions("name = 'recommender'")) == registered


def test_what_is_no_recommender_has_no_lists(shop: Shop) -> None:
    with pytest.raises(UnknownModel, match="'recency': not a recommender model"):
        price_diversity(shop.ws, "recency", as_of=shop.full.as_of)
