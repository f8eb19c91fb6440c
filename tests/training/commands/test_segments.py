"""`python -m training segments`: from a definition to a file, and what a user can mend."""

import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from features.workspace import Workspace
from tests.training.segments.tiny_shop import NOW, Line, make
from training.__main__ import app
from training.segments.refresh import SegmentStore

RUNNER = CliRunner()
LINES = [
    *(Line(f"c{at:02d}", days=7 * at + 1, unit_price=at + 1) for at in range(40)),
    *(Line("c00", days=500, product_id=name, unit_price=0.5) for name in ("pot", "cup")),
]


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make(tmp_path_factory.mktemp("cli") / "shop", LINES)


def run(ws: Workspace, *arguments: str, code: int = 0) -> str:
    """Return what `segments ARGUMENTS` prints; it must end with `code`."""
    done = RUNNER.invoke(
        app, ["segments", *arguments, "--home", str(ws.home)], env={"COLUMNS": "200"}
    )
    assert done.exit_code == code, done.output
    return done.output


def test_from_definition_to_file(ws: Workspace, tmp_path: Path) -> None:
    assert "no segments yet: run" in run(ws, "list", code=2)
    said = run(ws, "define", "big", "spend_365d>20 or orders_total is unknown")
    assert "big version 1: spend_365d > 20 or orders_total is unknown" in said
    assert "computed at the next refresh" in said
    assert "13 segments of 42 customers at 2024-03-15" in run(ws, "refresh")
    said = run(ws, "define", "recent", "orders_90d >= 1")
    assert "13 customers at 2024-03-15" in said
    counted = dict(re.findall(r"^ (\S+) +([\d,]+) ", run(ws, "list"), flags=re.MULTILINE))
    assert (counted["big"], counted["recent"], len(counted)) == ("20", "13", 14)
    shown = run(ws, "show", "recent", "--limit", "2")
    assert "13 customers at 2024-03-15T00:00:00+00:00\n  c00  since 2024-03-15" in shown
    assert "c02" not in shown
    moved = run(ws, "flows", "--from", "2024-02-01", "--to", "2024-03-15")
    assert "the changes add up to 0" in moved
    outs = tmp_path / "outs.txt"
    outs.write_text("c00\nc12\n")
    output = tmp_path / "recent.csv"
    export = ["export", "recent", "--output", str(output)]
    assert "nothing says who opted out" in run(ws, *export, code=2)
    assert not output.exists()
    assert "11 customers of recent" in run(ws, *export, "--opt-outs", str(outs))
    ids = pd.read_csv(output).customer_id.tolist()
    assert ids == [f"c{at:02d}" for at in range(1, 12)]
    refused = run(ws, *export, "--opt-outs", str(outs), "--smallest-size", "12", code=2)
    assert "fewer than 12 customers" in refused
    similar = tmp_path / "similar.parquet"
    find = ["lookalike", "--seed", "recent", "--size", "10", "--output", str(similar)]
    assert "nothing says who opted out" in run(ws, *find, code=2)
    outs.write_text("c13\n")
    assert "10 customers at 2024-03-15" in run(ws, *find, "--opt-outs", str(outs))
    assert not set(pd.read_parquet(similar).customer_id) & {f"c{at:02d}" for at in range(14)}
    assert "recent: removed" in run(ws, "remove", "recent")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["define", "big", "spend > "], "expected a column"),
        (["define", "Big", "orders_30d > 1"], "a key is 1-63 of a-z, 0-9 and -"),
        (["show", "nobody"], "no such segment; known are rfm-champions"),
        (["export", "nobody", "--output", "x.csv", "--opt-outs", "x"], "no such segment"),
        (["export", "rfm-loyal", "--output", "x.csv", "--webhook", "https://x.y"], "give both"),
        (["lookalike", "--output", "x.parquet"], "give one of them"),
        (["lookalike", "--seed", "rfm-loyal", "--output", "x.parquet"], "nothing says who opted"),
        (["flows", "--from", "2024-03-01", "--to", "2024-02-01"], "the first is earlier"),
        (["flows", "--from", "2024-02-01", "--to", "2024-03-01", "--grouping", "x"], "one of rfm"),
        (["refresh", "--as-of", "2024-03-01"], "were computed at 2024-03-15"),
        (["refresh", "--as-of", "2090-01-01"], "the workspace's clock stands at"),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    ws: Workspace, arguments: list[str], message: str
) -> None:
    store = SegmentStore(ws)
    if store.states.current() is None:
        store.refresh(NOW)
    said = run(ws, *arguments, code=2)
    assert message in said
    assert said.startswith("error: ")
    assert said.strip().count("\n") == 0
