"""The scores of a shop's customers, and the list of whom to contact."""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from features.schema import BadInput
from features.workspace import Workspace
from tests.features.shop import line, lines, time, workspace
from training.__main__ import app
from training.value.contacts import contacts, read_scores, scored
from training.value.profit import BadScores, ProfitConfig, plan

AS_OF = time("2011-03-16")
HEADER = "customer_id,churn_probability,expected_spend,expected_orders\n"


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    return workspace(
        tmp_path / "shop",
        lines(
            line("1", "ann", "tea", "2011-03-06", price=10),
            line("2", "ann", "tea", "2011-03-14", price=30),
            line("3", "bob", "tea", "2011-02-14", price=50),
            line("4", "bob", "tea", "2011-03-15", price=9, kind="return", quantity=-1),
            line("5", "bob", "tea", "2011-03-10", price=90, recorded="2011-03-17"),
            line("6", "cid", "tea", "2011-03-16", price=9),
        ),
    )


def scores(tmp_path: Path, *rows: str) -> Path:
    file = tmp_path / "scores.csv"
    file.write_text(HEADER + "\n".join(rows) + "\n")
    return file


def test_only_what_was_known_before_the_cut_counts(shop: Workspace, tmp_path: Path) -> None:
    """A return is no order, and the order that was recorded later is not known."""
    rows = read_scores(scores(tmp_path, "ann,0.5,10,1", "bob,0.2,20,1"))
    found = scored(shop, rows, as_of=AS_OF)
    assert found.days is not None
    assert found.order_value is not None
    assert (found.days.tolist(), found.order_value.tolist()) == ([2, 30], [20, 50])


def test_a_customer_without_an_order_before_the_cut_is_refused(
    shop: Workspace, tmp_path: Path
) -> None:
    rows = read_scores(scores(tmp_path, "ann,0.5,10,1", "cid,0.2,20,1"))
    with pytest.raises(BadScores, match="'cid': no order was known before 2011-03-16"):
        scored(shop, rows, as_of=AS_OF)


def test_the_list_has_the_chosen_by_gain(shop: Workspace, tmp_path: Path) -> None:
    rows = read_scores(scores(tmp_path, "bob,0.5,20,1", "ann,0.5,18,1"))
    customers = scored(shop, rows, as_of=AS_OF)
    config = ProfitConfig(margin=1, contact_cost=1.9, save_rate=0.1)
    frame = contacts(customers, plan(customers, config), config)
    (row,) = frame.to_dict("records")
    assert (row["rank"], row["customer_id"], row["value_if_saved"]) == (1, "bob", 40)
    assert row["gain"] == row["gain_low"] == row["gain_high"] == pytest.approx(0.1)
    assert row["break_even_save_rate"] == pytest.approx(1.9 / 20)
    assert row["average_order_value"] == 50


def test_a_parquet_file_reads_as_the_text(tmp_path: Path) -> None:
    text = read_scores(scores(tmp_path, "ann,0.5,10,1"))
    file = tmp_path / "scores.parquet"
    pd.read_csv(tmp_path / "scores.csv").to_parquet(file, index=False)
    assert read_scores(file).to_dict("list") == text.to_dict("list")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("bob,1.5,10,1", "row 3, column 'churn_probability', value '1.5': a number from 0 to 1"),
        ("bob,,10,1", "row 3, column 'churn_probability', value missing: a number from 0 to 1"),
        ("bob,nan,10,1", "row 3, column 'churn_probability', value 'nan': a number"),
        ("bob,0.5,-1,1", "row 3, column 'expected_spend', value '-1': a number from 0"),
        ("ann,0.5,10,1", "row 3, column 'customer_id', value 'ann': a customer comes once"),
        (",0.5,10,1", "row 3, column 'customer_id', value missing: a customer's id"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(BadInput, match=rf"scores.csv, {message}"):
        read_scores(scores(tmp_path, "ann,0.5,10,1", row))


def test_a_file_without_the_columns_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "churn.csv"
    file.write_text("customer_id,churn_probability\nann,0.5\n")
    with pytest.raises(BadInput, match="expected_spend"):
        read_scores(file)


def test_the_command_writes_the_list_and_a_plot(shop: Workspace, tmp_path: Path) -> None:
    """ann is lost with 0.5 and worth 6 / 0.5 if saved; bob is not worth a contact."""
    output, file = tmp_path / "out", scores(tmp_path, "ann,0.5,6,1", "bob,0.1,1,1")
    words = ["profit", "--margin", "0.5", "--contact-cost", "0.2", "--save-rate", "0.1"]
    words += ["--scores", str(file), "--as-of", "2011-03-16", "--home", str(shop.home)]
    done = CliRunner().invoke(app, [*words, "--output", str(output)], env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    (row,) = pd.read_csv(output / "contacts.csv").to_dict("records")
    assert (row["customer_id"], row["value_if_saved"]) == ("ann", 12)
    assert row["gain"] == pytest.approx(0.1 * 0.5 * 12 * 0.5 - 0.2)
    for choice in ("positive gain (chosen)", "everyone", "nobody", "longest away, as many"):
        assert choice in done.output
    assert (output / "profit.svg").read_text().startswith("<?xml")
    wrong = CliRunner().invoke(app, [*words, "--save-rate-low", "0.2"])
    assert wrong.exit_code == 2
    assert "give both, or neither" in wrong.stderr
