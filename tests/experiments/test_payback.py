"""Payback: the years, their interval, never; by hand, by the command, and of an experiment."""

import json
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from experiments.__main__ import app
from experiments.definition import ExperimentError
from experiments.lifecycle import stop
from experiments.payback import Gain, gain_of_experiment, payback
from experiments.readout import analyze_workspace
from experiments.statistics import Interval
from features.workspace import Workspace
from tests.experiments.spring import DAY, NOON, spring_shop, trade


def said(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["payback", *words])
    assert done.exit_code == code, done.output
    return done.stdout if code == 0 else done.stderr


def test_500_000_at_100_000_a_year_is_five_years_not_under_two() -> None:
    assert payback(500_000, Gain(value=100_000)).years == 5.0
    assert "paid back in 5.0 years" in said("--investment", "500000", "--yearly-gain", "100000")


@pytest.mark.parametrize(
    ("gain", "interval", "years"),
    [
        ((100, 50, 200), (0.5, 2), 1),
        ((100, 0, 200), (0.5, math.inf), 1),
        ((100, -50, 200), (0.5, math.inf), 1),
        ((-10, -50, 40), (2.5, math.inf), math.inf),
        ((-10, -50, 0), (math.inf, math.inf), math.inf),
        ((0, 0, 0), (math.inf, math.inf), math.inf),
        ((100, -math.inf, math.inf), (0, math.inf), 1),
    ],
)
def test_the_ends_of_the_gain_become_those_of_the_years(
    gain: tuple[float, float, float], interval: tuple[float, float], years: float
) -> None:
    value, low, high = gain
    found = payback(100, Gain(value=value, interval=Interval(low, high)))
    assert (found.years, found.interval) == (years, interval)


@pytest.mark.parametrize("investment", [0, -1, math.nan, math.inf])
def test_an_investment_is_positive(investment: float) -> None:
    with pytest.raises(ExperimentError, match="investment = "):
        payback(investment, Gain(value=1))


def test_a_gain_is_a_number_in_its_interval() -> None:
    with pytest.raises(ExperimentError, match="yearly gain = nan"):
        Gain(value=math.nan)
    with pytest.raises(ExperimentError, match=r"yearly gain = 3: .* not outside 1 \.\. 2"):
        Gain(value=3, interval=Interval(1, 2))
    with pytest.raises(ExperimentError, match="yearly gain = 3"):
        Gain(value=3, interval=Interval(math.nan, 4))


def test_the_command_says_never() -> None:
    words = ["--investment", "500", "--yearly-gain", "100"]
    text = said(*words, "--yearly-gain-low", "-20", "--yearly-gain-high", "250")
    assert text == "500 at 100 a year (-20 .. 250): paid back in 5.0 years (2.0 .. never)\n"
    assert "never paid back" in said("--investment", "500", "--yearly-gain", "-1")
    content = json.loads(said(*words, "--json"))
    assert (content["years"], content["interval"]) == (5.0, None)


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ((), "give either --yearly-gain or --experiment"),
        (("--yearly-gain", "1", "--experiment", "x"), "give either"),
        (("--yearly-gain", "1", "--yearly-gain-low", "0"), "give both, or neither"),
        (("--experiment", "x"), "needs --customers and --margin"),
    ],
)
def test_options_that_do_not_fit_are_refused(words: tuple[str, ...], rule: str) -> None:
    assert rule in said("--investment", "500", *words, code=2)


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    """`spring` with 120 customers a side, at the end of their windows; it still runs."""
    ws = spring_shop(tmp_path / "shop")
    trade(ws, old=120, new=120)
    ws.advance(NOON + 8 * DAY)
    return ws


def test_an_experiment_pays_back_by_its_effect_on_revenue(shop: Workspace) -> None:
    with pytest.raises(ExperimentError, match="'spring' is running: stop it first"):
        gain_of_experiment(shop, "spring", customers=1_000, margin=0.4)
    stop(shop, "spring")
    gain = gain_of_experiment(shop, "spring", customers=1_000, margin=0.4)
    (effect,) = (e for e in analyze_workspace(shop, "spring").effects if e.metric == "revenue")
    low, high = effect.effect_size_always
    assert low < 0 < effect.effect_size < high  # 240 customers do not suffice
    assert gain.value == pytest.approx(effect.effect_size * 400)
    assert gain.interval == pytest.approx((low * 400, high * 400))
    text = said(
        *("--investment", "4000", "--experiment", "spring", "--customers", "1000"),
        *("--margin", "0.4", "--home", str(shop.home)),
    )
    assert text.endswith(f"paid back in {10 / effect.effect_size:.1f} years "
                         f"({10 / high:.1f} .. never)\n")  # fmt: skip


def test_an_experiment_is_asked_within_its_terms(shop: Workspace) -> None:
    stop(shop, "spring")
    with pytest.raises(ExperimentError, match=r"variant = 'old': .*compares new with old"):
        gain_of_experiment(shop, "spring", customers=10, margin=0.4, variant="old")
    with pytest.raises(ExperimentError, match="customers a year = 0"):
        gain_of_experiment(shop, "spring", customers=0, margin=0.4)
    with pytest.raises(ExperimentError, match=r"margin = 1\.1"):
        gain_of_experiment(shop, "spring", customers=10, margin=1.1)


def test_an_experiment_whose_windows_are_not_over_gives_no_gain(tmp_path: Path) -> None:
    ws = spring_shop(tmp_path / "shop")
    trade(ws, old=5, new=5)
    stop(ws, "spring")
    with pytest.raises(ExperimentError, match="10 customers wait for the end of their 7 days"):
        gain_of_experiment(ws, "spring", customers=10, margin=0.4)
