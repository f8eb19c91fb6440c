"""What a report says, of figures written by hand."""

import pandas as pd
import pytest

from tests.features.shop import time
from training.evaluation.intervals import Comparison, Estimate
from training.evaluation.results import Evaluation, EvaluationWindow
from training.evaluation.segments import EVERYONE, NEWCOMERS, SegmentList
from training.recommenders.baselines import OwnPurchasesConfig
from training.recommenders.two_tower.model import TwoTowerConfig
from training.reports import evaluation_report, evaluation_tables

FIGURES = tuple(evaluation_tables.COLUMNS)
MODELS = ("own_purchases", "popularity", "ease")


def _comparison(ndcg: tuple[float, ...], customers: int = 7) -> Comparison:
    def spread(value: float) -> Estimate:
        return Estimate(value=value, low=value - 0.01, high=value + 0.01)

    own = ndcg[0]
    return Comparison(
        customers=customers,
        means={
            model: dict.fromkeys(FIGURES, spread(value))
            for model, value in zip(MODELS, ndcg, strict=True)
        },
        leads={
            model: dict.fromkeys(FIGURES, spread(own - value))
            for model, value in zip(MODELS[1:], ndcg[1:], strict=True)
        },
        coverage=dict.fromkeys(MODELS, 0.25),
    )


PARTS = {
    SegmentList(EVERYONE, "all"): _comparison((0.3, 0.1, 0.2)),
    SegmentList(EVERYONE, "new"): _comparison((0.05, 0.08, 0.06)),
    SegmentList(NEWCOMERS, "all"): _comparison((0.1, 0.15, 0.05), customers=2),
}


@pytest.fixture
def found() -> Evaluation:
    origins = [
        EvaluationWindow(
            start=time(start),
            end=time(start) + pd.Timedelta(days=28),
            data_digest=digest,
            customers=7,
            newcomers=2,
            epochs={},
            history={},
            parts=PARTS,
        )
        for start, digest in (("2010-12-31 23:00", "abc"), ("2011-01-28 23:00", "def"))
    ]
    return Evaluation(
        model="own_purchases",
        config=OwnPurchasesConfig(half_life_days=60),
        seed=3,
        as_of=time("2011-02-25 23:00"),
        timezone="Europe/Berlin",
        git_commit="f00",
        requested_baselines="all",
        baselines=MODELS[1:],
        windows=tuple(origins),
        parts=PARTS,
        run_id="run",
    )


def test_the_figures_of_a_list(found: Evaluation) -> None:
    grid = evaluation_tables.figures(found, "all")
    assert grid.title == "List 'all', 10 places, 7 customers"
    assert grid.columns[:2] == ("model", "NDCG")
    assert grid.columns[-1] == "coverage"
    assert [row[0] for row in grid.rows] == list(MODELS)
    assert grid.rows[1][1] == "0.1000"
    assert grid.rows[1][-1] == "0.2500"


def test_the_leads_mark_the_best_baseline_of_each_list(found: Evaluation) -> None:
    assert evaluation_tables.leads(found).rows == (
        ("popularity", "+0.2000 [+0.1900, +0.2100]", "-0.0300* [-0.0400, -0.0200]"),
        ("ease", "+0.1000* [+0.0900, +0.1100]", "-0.0100 [-0.0200, +0.0000]"),
    )


def test_segments_that_a_list_lacks_are_dashes(found: Evaluation) -> None:
    assert evaluation_tables.segments(found, "all").rows[0][1:3] == ("7", "2")
    assert evaluation_tables.segments(found, "all").rows[1][1:4] == ("0.3000", "0.1000", "-")
    assert evaluation_tables.segments(found, "new").rows[0][1:3] == ("7", "-")
    leads = evaluation_tables.segment_leads(found, "all")
    assert leads.columns[2:4] == ("own_purchases", "ease")
    assert leads.rows[1] == (
        *("0 orders", "2", "0.1000", "0.0500"),
        "+0.0500 [+0.0400, +0.0600]",
    )


def test_windows_are_named_by_their_local_first_day(found: Evaluation) -> None:
    grid = evaluation_tables.by_window(found, "new")
    assert grid.columns == ("model", "2011-01-01", "2011-01-29", "mean")
    assert grid.rows[0] == ("own_purchases", "0.0500", "0.0500", "0.0500")


def test_the_report_says_what_was_done_to_whom(found: Evaluation) -> None:
    text = evaluation_report.markdown(found)
    for said in (
        "python -m training evaluate own_purchases 'half_life_days=60.0' --as-of 2011-02-26 "
        "--seed 3 --windows 2 --baselines all",
        "window 2011-01-01 to 2011-01-29",
        "data digest `def`",
        '"half_life_days": 60.0',
        "seed 3",
        "those who bought before the window",
        "Equal scores are\nordered by product id",
        "2000 draws",
        "mean of the windows",
    ):
        assert said in text
    assert "Caveat" not in text  # nobody counts epochs
    assert "| popularity | 0.1000 |" in text


def test_the_caveat_names_who_counts_epochs(found: Evaluation) -> None:
    tower = Evaluation(**{**vars(found), "model": "two_tower", "config": TwoTowerConfig()})
    assert evaluation_report.caveat(found) is None
    assert str(evaluation_report.caveat(tower)).endswith("It holds for two_tower.")
