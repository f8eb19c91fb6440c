"""`python -m features`: commands print what they did, and end a user's error in one line."""

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from features.__main__ import app
from features.logs.events import Event, EventLog, Item
from features.tables import read_table
from features.workspace import Workspace

HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
ROW = "489434,85048,GLASS BALLS,12,2009-12-01 07:45:00,6.95,13085,United Kingdom\n"
LATER = "489435,85048,GLASS BALLS,12,2010-06-01 07:45:00,6.95,13085,United Kingdom\n"
MAPPING = """\
timezone: Europe/Berlin
currency: EUR
order_lines: {order_id: Bon, event_timestamp: Zeit, quantity: Menge, unit_price: Preis,
  product_id: Artikel}
"""
BON = "Bon,Zeit,Menge,Preis,Artikel\n1,2024-03-01 10:00,1,2.5,A\n"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("shop.csv").write_text(HEADER + ROW)
    Path("later.csv").write_text(HEADER + LATER)
    Path("broken.csv").write_text(HEADER + ROW.replace("6.95", "-6.95"))
    Path("bons.csv").write_text(BON)
    Path("shop.yaml").write_text(MAPPING)
    Path("odd.yaml").write_text(MAPPING + "colour: red\n")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_ingest_prints_a_reconciliation_that_adds_up(files: Path) -> None:
    done = run("ingest", "online_retail", "--file", "shop.csv")
    assert done.exit_code == 0
    told = [[cell.strip() for cell in line.split("│")[1:3]] for line in done.stdout.splitlines()]
    for row in (["read", "1"], ["kept: sale", "1"], ["kept + dropped", "1"]):
        assert row in told
    ws = Workspace.open(files / ".regulars")
    assert (ws.timezone, ws.currency) == ("Europe/London", "GBP")
    assert ws.clock == "fixed:2009-12-02T00:00:00+00:00"
    assert len(read_table(ws, "order_lines")) == 1


def test_inspect_writes_a_mapping_once() -> None:
    inspect = ("inspect", "bons.csv", "--timezone", "Europe/Berlin", "--output", "new.yaml")
    done = run(*inspect)
    assert (done.exit_code, "question: currency: which currency" in done.stdout) == (0, True)
    written = Path("new.yaml").read_text()
    again = run(*inspect)
    assert (again.exit_code, "new.yaml exists already" in again.stderr) == (2, True)
    assert Path("new.yaml").read_text() == written
    ingest = ("ingest", "csv", "--file", "bons.csv", "--mapping", "new.yaml")
    Path("new.yaml").write_text(written.partition("\nquestions:")[0])
    refused = run(*ingest)
    assert (refused.exit_code, "give --currency" in refused.stderr) == (2, True)
    given = ("--currency", "EUR", "--clock", "fixed:2024-04-01T00:00:00Z")
    assert (
        run("ingest", "csv", "--file", "bons.csv", "--mapping", "new.yaml", *given).exit_code == 0
    )


def test_an_order_that_was_posted_and_is_in_a_file_counts_once(files: Path) -> None:
    csv = ("ingest", "csv", "--mapping", "shop.yaml", "--clock", "fixed:2024-04-01T00:00:00Z")
    Path("first.csv").write_text(BON.replace("\n1,", "\n0,"))
    assert run(*csv, "--file", "first.csv").exit_code == 0
    ws = Workspace.open(files / ".regulars")
    item = Item(product_id="A", quantity=1, unit_price=2.5)
    order = Event(
        event_id="e1",
        type="order_completed",
        customer_id="anna",
        order_id="1",
        event_timestamp=pd.Timestamp("2024-03-01T09:00Z"),
        items=(item,),
    )
    with closing(EventLog(ws.events_db)) as log:
        log.append([order], clock=ws.now)
    done = run(*csv, "--file", "bons.csv")
    assert done.exit_code == 0
    assert "dropped: already_posted" in done.stdout
    lines = read_table(ws, "order_lines")
    assert lines["order_id"].tolist() == ["0", "1"]
    assert lines["recorded_timestamp"].iloc[1] == ws.now()
    Path("other.csv").write_text(BON.replace(",1,2.5,", ",7,2.5,"))
    refused = run(*csv, "--file", "other.csv")
    assert (refused.exit_code, "ingest it with --corrections" in refused.stderr) == (2, True)
    assert run(*csv, "--file", "other.csv", "--corrections").exit_code == 0
    assert read_table(ws, "order_lines")["quantity"].tolist() == [1, 7]


def test_the_clock_moves_on_with_the_data_and_never_back(files: Path) -> None:
    for file in ("shop.csv", "later.csv", "shop.csv"):
        assert run("ingest", "online_retail", "--file", file).exit_code == 0
    assert Workspace.open(files / ".regulars").clock == "fixed:2010-06-01T23:00:00+00:00"
    given = ("--clock", "fixed:2011-01-01T00:00:00Z")
    assert run("ingest", "online_retail", "--file", "shop.csv", *given).exit_code == 0
    assert Workspace.open(files / ".regulars").clock == "fixed:2011-01-01T00:00:00Z"


def test_csv_takes_its_mapping_and_options(files: Path) -> None:
    arguments = ("ingest", "csv", "--file", "bons.csv", "--mapping", "shop.yaml")
    done = run(*arguments, "--timezone", "Asia/Tokyo", "--home", "tokyo")
    assert done.exit_code == 0
    ws = Workspace.open(files / "tokyo")
    assert (ws.timezone, ws.currency, ws.clock) == ("Asia/Tokyo", "EUR", "system")
    assert str(read_table(ws, "order_lines")["event_timestamp"][0]) == "2024-03-01 01:00:00+00:00"
    assert run(*arguments, "--home", "berlin").exit_code == 0
    assert Workspace.open(files / "berlin").timezone == "Europe/Berlin"


def test_a_simulated_shop_stands_at_the_end_of_its_history(files: Path) -> None:
    arguments = ("simulate", "--customers", "20", "--products", "24", "--days", "60")
    assert run(*arguments, "--seed", "1").exit_code == 0
    ws = Workspace.open(files / ".regulars")
    assert str(ws.now()) == "2023-03-03 00:00:00+00:00"
    assert len(read_table(ws, "customers")) == 20
    ws.advance(ws.midnight("2023-03-10"))
    again = run(*arguments, "--seed", "1")
    assert (again.exit_code, "dropped: already_known" in again.stdout) == (0, True)
    assert str(ws.now()) == "2023-03-10 00:00:00+00:00"
    real = run("ingest", "online_retail", "--file", "shop.csv")
    assert real.stderr == f"error: {ws.home} holds a simulated shop: name another --home\n"
    other = run(*arguments, "--seed", "2")
    assert other.exit_code == 2
    assert other.stderr == f"error: {ws.home} holds another shop: name another --home\n"


@pytest.mark.parametrize("verb", ["build", "materialize"])
def test_nothing_is_made_as_of_a_day_to_come(files: Path, verb: str) -> None:
    assert run("ingest", "online_retail", "--file", "shop.csv").exit_code == 0
    done = run(verb, "--as-of", "2009-12-03")
    now = "2009-12-02T00:00:00+00:00"
    assert done.exit_code == 2
    assert done.stderr == f"error: --as-of 2009-12-03: the workspace's clock stands at {now}\n"
    assert not (files / ".regulars" / "snapshots").exists()


@pytest.mark.slow
def test_a_shop_is_built_and_materialized(files: Path) -> None:
    sizes = ("--customers", "30", "--products", "24", "--days", "30")
    for arguments in (("simulate", *sizes), ("build", "--as-of", "2023-01-23"), ("materialize",)):
        subprocess.run([sys.executable, "-m", "features", *arguments], check=True, cwd=files)
    ws = Workspace.open(files / ".regulars")
    assert (ws.snapshots / "customer_activity" / "20230123T000000Z.parquet").exists()
    assert (ws.feast / "feature_store.yaml").exists()
    online = json.loads((ws.online / "current.json").read_text())
    assert online["as_of"] == "2023-02-01T00:00:00+00:00"


ONLINE, CSV = ("ingest", "online_retail"), ("ingest", "csv", "--file", "bons.csv")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (*ONLINE, "--file", "broken.csv"),
            "broken.csv, row 2, column 'Price', value -6.95: not negative",
        ),
        (
            (*ONLINE, "--file", "shop.csv", "--clock", "fixed:2009-01-01T00:00:00Z"),
            "shop.csv, row 2, column 'InvoiceDate', value '2009-12-01T07:45:00+00:00': "
            "not after the workspace's clock, 2009-01-01T00:00:00+00:00",
        ),
        ((*ONLINE, "--file", "nowhere.csv"), "nowhere.csv: no such file"),
        ((*ONLINE, "--file", "."), ".: is a directory, not a file"),
        (
            (*ONLINE, "--file", "shop.csv", "--clock", "noon"),
            "clock 'noon': write system, simulated or fixed:2011-12-10T00:00:00Z",
        ),
        (
            (*ONLINE, "--file", "shop.csv", "--timezone", "Mars"),
            "--timezone 'Mars': not an IANA zone",
        ),
        (
            (*ONLINE, "--file", "shop.csv", "--home", "shop.csv/home"),
            "[Errno 20] Not a directory: '{here}/shop.csv/home'",
        ),
        (CSV, "csv needs --mapping FILE, which says which column is which, or --preset NAME"),
        ((*CSV, "--mapping", "nowhere.yaml"), "nowhere.yaml: no such config file"),
        (
            (*CSV, "--mapping", "odd.yaml"),
            "odd.yaml: colour = 'red': Extra inputs are not permitted (known keys: decimal, "
            "thousands, delimiter, encoding, sheet, header_row, timezone, currency, ",
        ),
        (
            ("ingest", "shopify", "--file", "shop.csv"),
            "adapter 'shopify': one of online_retail, csv",
        ),
        (
            ("build",),
            "no workspace at {here}/.regulars: run `python -m features ingest` or `simulate` first",
        ),
        (
            ("simulate", "--products", "3"),
            "defaults with customers=5000 with products=3",
        ),
    ],
)
def test_an_error_is_one_line_and_leaves_nothing(
    files: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {message.format(here=files)}")
    assert done.stderr.count("\n") == 1
    assert not (files / ".regulars" / "workspace.json").exists()


def test_the_process_ends_with_code_2_and_one_line(files: Path) -> None:
    arguments = ["ingest", "online_retail", "--file", "broken.csv"]
    done = subprocess.run(
        [sys.executable, "-m", "features", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=files,
    )
    rule = "broken.csv, row 2, column 'Price', value -6.95: not negative"
    assert (done.returncode, done.stderr) == (2, f"error: {rule}\n")


def test_another_shop_in_the_same_home_is_refused(files: Path) -> None:
    assert run("ingest", "online_retail", "--file", "shop.csv").exit_code == 0
    done = run("ingest", "csv", "--file", "bons.csv", "--mapping", "shop.yaml")
    assert done.exit_code == 2
    assert done.stderr == (
        f"error: {files}/.regulars holds a shop in Europe/London and GBP, not Europe/Berlin and "
        "EUR: name another --home\n"
    )
    assert run("simulate").stderr == (
        f"error: {files}/.regulars holds another shop: name another --home\n"
    )
    assert len(read_table(Workspace.open(files / ".regulars"), "order_lines")) == 1
