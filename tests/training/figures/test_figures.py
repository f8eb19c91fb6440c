"""All figures of a shop, by the function and by the command; nothing from after the cut."""

from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from typer.testing import CliRunner

from configs.loader import ConfigError, load_config
from features.workspace import Workspace
from tests.features.shop import line, lines, time, workspace
from training.__main__ import app
from training.errors import NotEnoughData
from training.figures.figures import CONFIG, FiguresConfig, ShopFigures, shop_figures

AS_OF = time("2011-07-01")
SETTINGS = load_config(FiguresConfig, CONFIG, ["margin=0.5", "clv_days=30"])


def sold(days: int) -> pd.DataFrame:
    """Return order lines of 40 customers, who come every 20 to 59 days for so many days."""
    start = time("2010-01-01")
    rows = []
    for number in range(40):
        for visit in range(number, days, 20 + number):
            at = (start + pd.Timedelta(days=visit)).isoformat()[:10]
            rows.append(line(f"{number}/{visit}", f"c{number}", "tea", at, price=5 + number))
    return lines(*rows)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return workspace(tmp_path_factory.mktemp("figures") / "shop", sold(days=600))


def same(found: ShopFigures, other: ShopFigures) -> None:
    assert_frame_equal(found.cohorts, other.cohorts)
    assert_frame_equal(found.churn_rates, other.churn_rates)
    assert found.loyalty is not None
    assert other.loyalty is not None
    assert_frame_equal(found.loyalty.customers, other.loyalty.customers)
    assert found.loyalty.formula == other.loyalty.formula


def test_what_was_not_known_at_the_cut_changes_nothing(shop: Workspace, tmp_path: Path) -> None:
    whole = sold(days=600)
    before = whole[whole["event_timestamp"] < AS_OF]
    late = line("late", "c1", "tea", "2011-05-01", price=999, recorded="2011-07-01")
    assert len(before) < len(whole)
    known = workspace(tmp_path / "known", before)
    more = workspace(tmp_path / "more", pd.concat([before, lines(late)], ignore_index=True))
    settings = load_config(FiguresConfig, CONFIG, ["loyalty.reference_days=90"])
    expected = shop_figures(known, settings, as_of=AS_OF)
    assert len(expected.cohorts) > 10
    same(shop_figures(shop, settings, as_of=AS_OF), expected)
    same(shop_figures(more, settings, as_of=AS_OF), expected)


def test_costs_need_a_margin(shop: Workspace, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CLV needs the gross margin; give margin="):
        shop_figures(
            shop, load_config(FiguresConfig, CONFIG), as_of=AS_OF, costs=tmp_path / "costs.csv"
        )


def test_a_shop_without_customers_has_no_figures(tmp_path: Path) -> None:
    guests = workspace(tmp_path / "guests", lines(line("1", None, "tea", "2011-01-01")))
    with pytest.raises(NotEnoughData, match="no order of a known customer before 2011-07-01"):
        shop_figures(guests, SETTINGS, as_of=AS_OF)


def test_a_young_shop_says_what_it_cannot_know(tmp_path: Path) -> None:
    young = workspace(tmp_path / "young", sold(days=90))
    found = shop_figures(young, SETTINGS, as_of=time("2010-04-01"))
    assert found.churn_rates.empty
    assert found.loyalty is None
    assert "the orders begin at 2010-01-01" in str(found.no_loyalty)
    done = CliRunner().invoke(app, ["figures", "--as-of", "2010-04-01", "--home", str(young.home)])
    assert done.exit_code == 0, done.output
    assert "no window has 365 days of orders before it" in done.output
    assert "cannot be compared with" in done.output


def test_the_command_writes_tables_and_a_plot(shop: Workspace, tmp_path: Path) -> None:
    costs, survey, output = tmp_path / "costs.csv", tmp_path / "survey.csv", tmp_path / "out"
    costs.write_text("month,cost\n2011-02,100\n")
    survey.write_text("customer_id,time,question,score\nc1,2011-06-01T09:00:00,nps,9\n")
    words = ["figures", "margin=0.5", "clv_days=30", "loyalty.reference_days=90"]
    words += ["--as-of", "2011-07-01", "--home", str(shop.home), "--output", str(output)]
    words += ["--costs", str(costs), "--survey", str(survey)]
    done = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    for text in ("Retention", "Repeat rate", "Churn", "CLV : CAC", "NPS", "loyalty = 0.4 * (ord"):
        assert text in done.output
    assert {path.name for path in output.iterdir()} == {
        *("cohorts.csv", "churn.csv", "loyalty.csv", "acquisition.csv", "satisfaction.csv"),
        "figures.svg",
    }
    assert pd.read_csv(output / "satisfaction.csv")["value"].tolist() == [100]
    assert (output / "figures.svg").read_text().startswith("<?xml")
    first = {path.name: path.read_bytes() for path in output.iterdir()}
    CliRunner().invoke(app, words)
    assert {path.name: path.read_bytes() for path in output.iterdir()} == first


def test_a_bad_row_ends_the_command_with_one_line(shop: Workspace, tmp_path: Path) -> None:
    costs = tmp_path / "costs.csv"
    costs.write_text("month,cost\n2011-02,none\n")
    words = ["figures", "margin=0.5", "--costs", str(costs), "--as-of", "2011-07-01"]
    done = CliRunner().invoke(app, [*words, "--home", str(shop.home)])
    assert done.exit_code == 2
    assert done.stderr == (f"error: {costs}, row 2, column 'cost', value 'none': a number\n")
