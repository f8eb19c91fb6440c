"""`history` and `rollback`: what served when, and back."""

import getpass
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from features.workspace import Workspace
from tests.training.registry.copies import copied, of_older_code
from tests.training.shop import Shop
from training.__main__ import app
from training.registry.ledger import Cause, Ledger, ledger_file
from training.registry.versions import promote

HOUR = pd.Timedelta(hours=1)


@pytest.fixture(scope="module")
def template(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return of_older_code(shop, tmp_path_factory.mktemp("champions") / "template")


@pytest.fixture
def ws(template: Workspace, tmp_path: Path) -> Workspace:
    """As older code left it: version 1 is the champion, and there is no ledger."""
    return copied(template, tmp_path / "shop")


def run(ws: Workspace, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, [*arguments, "--home", str(ws.home)], env={"COLUMNS": "120"})
    assert done.exit_code == code, done.output
    return done.stderr if code else done.stdout


def test_the_commands_go_back_and_tell_what_served_when(ws: Workspace) -> None:
    assert run(ws, "history", "recommender") == "No promotion of recommender is recorded.\n"
    promote(ws, "recommender", "2")
    said = run(ws, "rollback", "recommender", "--because", "fewer orders")
    assert said == "recommender version 1 is the champion: serving takes it.\n"
    who, now = getpass.getuser(), str(ws.now().tz_convert(ws.timezone).date())
    _, *lines = run(ws, "history", "popularity").splitlines()
    assert [line.split() for line in lines if who in line] == [
        [now, who, "promote", "1", "->", "2", "own_purchases", now, "-"],
        [now, who, "rollback", "2", "->", "1", "popularity", now, "fewer", "orders"],
    ]
    last = (
        f"recommender version 1 (popularity, data before {now}) served on {now}, "
        f"rolled back to {now} by {who}: fewer orders"
    )
    assert run(ws, "history", "recommender", "--at", now).splitlines() == [last]
    yesterday = str(ws.now().date() - pd.Timedelta(days=1))
    (before,) = run(ws, "history", "recommender", "--at", yesterday).splitlines()
    assert before.startswith("recommender version 1 (popularity, data before ")
    assert before.endswith(f"served until {now}; its promotion is not recorded")
    for at, message in (("soon", "write a day"), ("2999-01-01", "the workspace's clock stands at")):
        assert message in run(ws, "history", "recommender", "--at", at, code=2)


def test_a_day_tells_every_version_that_served_in_it(ws: Workspace) -> None:
    ledger, day = Ledger(ledger_file(ws)), ws.now().normalize() - pd.Timedelta(days=1)
    for number, time in ((2, day - HOUR), (3, day + HOUR), (1, day + 30 * HOUR)):
        former = {2: "1", 3: "2", 1: "3"}[number]
        cause = Cause(reason=f"move to {number}")
        ledger.append("recommender", cause, version_from=former, version_to=str(number), time=time)
    said = run(ws, "history", "recommender", "--at", str(day.date())).splitlines()
    assert [line.split(" (")[0] for line in said] == [
        "recommender version 2",
        "recommender version 3",
    ]
    (at_noon,) = run(ws, "history", "recommender", "--at", f"{day.date()}T12:00:00Z").splitlines()
    assert f"served at {day.date()}T12:00:00Z, promoted {day.date()} 01:00 by" in at_noon
