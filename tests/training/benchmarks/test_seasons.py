"""A customer model through the seasons: each cut apart, resumable, its figures those of the cut."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.contracts import RUN
from tests.training.shop import Shop
from training.benchmarks.seasons import TENTHS, Seasons, grid, measure_seasons
from training.customers.past_rate import PastRate, PastRateConfig
from training.evaluation.customers_judge import customers_judge
from training.reports.season_plot import draw_seasons

CONFIG = PastRateConfig(horizon_days=28)


@pytest.fixture(scope="module")
def cuts(shop: Shop) -> list[pd.Timestamp]:
    return [at for at in shop.full.times if at <= shop.past.as_of][-5:]


@pytest.fixture(scope="module")
def measured(
    shop: Shop, cuts: list[pd.Timestamp], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Seasons, Path]:
    folder = tmp_path_factory.mktemp("seasons")
    return _measured(shop, cuts, folder), folder


def _measured(shop: Shop, cuts: list[pd.Timestamp], folder: Path) -> Seasons:
    return measure_seasons(
        shop.ws, "past_rate", first=cuts[0], last=cuts[-1], config=CONFIG, folder=folder
    )


def test_a_row_is_what_a_model_of_its_cut_gets(
    shop: Shop, cuts: list[pd.Timestamp], measured: tuple[Seasons, Path]
) -> None:
    figures = measured[0].figures
    assert len(figures) == 3  # a fortnight apart
    at = cuts[-1]
    fitted = PastRate.fit(shop.full.before(at), config=CONFIG, seed=0, run=RUN)
    expected = customers_judge(shop.full, at=at, days=28).measure(fitted).metrics
    newest = figures.iloc[-1]
    for name in ("auc", "ece", "spend_gini", "churn_rate", "mean_prediction"):
        assert newest[name] == pytest.approx(expected[name])
    assert (newest["level_error"] > 0) == (newest["mean_prediction"] > newest["churn_rate"])


def test_tenths_hold_every_customer_once(measured: tuple[Seasons, Path]) -> None:
    figures, tenths = measured[0].figures, measured[0].reliability
    assert (tenths.groupby("cut").size() == TENTHS).all()
    sizes = tenths.groupby("cut")["customers"].sum()
    assert sizes.tolist() == figures["customers"].tolist()
    came = (tenths["actual"] * tenths["customers"]).groupby(tenths["cut"]).sum() / sizes
    assert came.tolist() == pytest.approx(figures["churn_rate"].tolist())


def test_a_second_call_goes_on_where_the_first_was_cut_off(
    shop: Shop, cuts: list[pd.Timestamp], measured: tuple[Seasons, Path], tmp_path: Path
) -> None:
    whole, folder = measured
    Seasons(
        figures=whole.figures.iloc[:2].assign(auc=0.123), reliability=whole.reliability.iloc[:20]
    ).write(tmp_path)
    resumed = _measured(shop, cuts, tmp_path)
    assert resumed.figures["auc"].tolist()[:2] == [0.123] * 2  # not measured again
    assert resumed.figures["auc"].iloc[2] == pytest.approx(whole.figures["auc"].iloc[2])
    assert len(Seasons.read(folder).figures) == 3


def test_figures_of_other_work_are_measured_anew(
    shop: Shop, cuts: list[pd.Timestamp], measured: tuple[Seasons, Path], tmp_path: Path
) -> None:
    whole, _ = measured
    other = whole.figures.assign(auc=0.123, job="another model")
    Seasons(figures=other, reliability=whole.reliability).write(tmp_path)
    again = _measured(shop, cuts, tmp_path)
    assert again.figures["auc"].tolist() == pytest.approx(whole.figures["auc"].tolist())
    assert len(again.reliability) == len(whole.reliability)


def test_tenths_that_a_killed_process_left_count_once(
    shop: Shop, cuts: list[pd.Timestamp], measured: tuple[Seasons, Path], tmp_path: Path
) -> None:
    whole, _ = measured
    Seasons(figures=whole.figures.iloc[:2], reliability=whole.reliability).write(tmp_path)
    resumed = _measured(shop, cuts, tmp_path)
    assert (resumed.reliability.groupby("cut").size() == TENTHS).all()


def test_the_plot_and_the_table_show_every_cut(measured: tuple[Seasons, Path]) -> None:
    seasons = measured[0]
    with draw_seasons(seasons.figures, seasons.reliability, title="past_rate") as figure:
        level, error, tenths = figure.axes
        assert np.size(level.lines[0].get_xdata()) == 3
        assert len(error.patches) == 3
        assert len(tenths.lines) == 3 + 2
    assert [row[0] for row in grid(seasons, title="").rows] == [*seasons.figures["cut"], "mean"]
