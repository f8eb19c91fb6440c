"""The ledger of champion moves: one chain, only added to, from which a rollback goes back."""

import getpass
import math
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from features.workspace import Workspace
from tests.training.registry.copies import copied, forget_ledger, of_older_code
from tests.training.shop import Shop
from training.bundle import CURRENT, VersionName, read_champions, write_champions
from training.registry.champions import aliases
from training.registry.client import open_client
from training.registry.entries import CHAMPION
from training.registry.ledger import Cause, Ledger, Move, ledger_file
from training.registry.outage import StoreOutage
from training.registry.versions import RegistryError, find, history, promote, rollback

DAY = pd.Timestamp("2024-05-01", tz="UTC").as_unit("us")
HOUR = pd.Timedelta(hours=1)


@pytest.fixture(scope="module")
def template(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return of_older_code(shop, tmp_path_factory.mktemp("ledger") / "template")


@pytest.fixture
def ws(template: Workspace, tmp_path: Path) -> Workspace:
    """As older code left it: version 1 is the champion, and there is no ledger."""
    return copied(template, tmp_path / "shop")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


def moves(ws: Workspace) -> list[tuple[str, str | None, str]]:
    rows = Ledger(ledger_file(ws)).moves("recommender")
    return [(move.kind, move.version_from, move.version_to) for move in rows]


def named(ws: Workspace) -> tuple[str, str]:
    """Return the version that the alias names, and the one that serving reads."""
    served = read_champions(ws.bundles / CURRENT)["recommender"].version
    return aliases(open_client(ws))["recommender"], served


def add(ledger: Ledger, version: str, time: pd.Timestamp, *, former: str | None) -> Move:
    return ledger.append("churn", Cause(), version_from=former, version_to=version, time=time)


def test_a_move_says_when_by_whom_and_why(ledger: Ledger, tmp_path: Path) -> None:
    assert ledger.moves("churn") == []
    assert list(tmp_path.iterdir()) == []  # a read makes no file
    cause = Cause(reason="it is\nbetter ", evidence={"auc": [0.7, 0.8]})
    move = ledger.append("churn", cause, version_from=None, version_to="3", time=DAY)
    assert move == Move(
        number=1,
        time=DAY,
        who=getpass.getuser(),
        name="churn",
        kind="promote",
        version_from=None,
        version_to="3",
        reason="it is better",
        evidence={"auc": [0.7, 0.8]},
    )
    assert ledger.moves("churn") == [move]
    assert ledger.moves("recommender") == []
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_a_user_without_a_name_is_a_number(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert add(ledger, "1", DAY, former=None).who.startswith("uid ")


def test_evidence_that_json_does_not_know_is_refused(ledger: Ledger) -> None:
    cause = Cause(evidence={"auc": math.nan})
    with pytest.raises(ValueError, match="not JSON compliant"):
        ledger.append("churn", cause, version_from=None, version_to="1", time=DAY)
    assert ledger.moves("churn") == []


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE moves SET reason = 'another'", "never changed"),
        ("DELETE FROM moves", "never removed"),
        ("INSERT OR REPLACE INTO moves VALUES (1, 0, 'a', 'churn', 'promote', '1', '2', NULL, '{}',"
         " 0)", "the next number"),
        ("INSERT INTO moves VALUES (2, 0, 'a', 'churn', 'promote', '7', '2', NULL, '{}', 0)",
         "begins where the last one ended"),
    ],
)  # fmt: skip
def test_sqlite_itself_only_adds_the_next_move(
    ledger: Ledger, tmp_path: Path, statement: str, message: str
) -> None:
    move = add(ledger, "1", DAY, former=None)
    with (
        closing(sqlite3.connect(tmp_path / "ledger.db")) as database,
        pytest.raises(sqlite3.IntegrityError, match=message),
    ):
        database.execute(statement)
    assert ledger.moves("churn") == [move]


def test_promotions_are_one_chain_and_the_champion_gets_no_row(ws: Workspace) -> None:
    promote(ws, "recommender", "1")  # older code made it the champion
    assert moves(ws) == []
    promote(ws, "recommender", "2", reason="more orders", evidence={"ndcg": 0.2})
    promote(ws, "recommender", "2")
    promote(ws, "recommender", "3")
    assert moves(ws) == [("promote", "1", "2"), ("promote", "2", "3")]
    first, _ = Ledger(ledger_file(ws)).moves("recommender")
    assert (first.reason, first.evidence, first.time) == ("more orders", {"ndcg": 0.2}, ws.now())


def test_rollbacks_go_further_and_further_back(ws: Workspace) -> None:
    with pytest.raises(RegistryError, match=r"no promotion of 'recommender' .* --version V"):
        rollback(ws, "recommender")
    promote(ws, "recommender", "2")
    promote(ws, "recommender", "3")
    assert rollback(ws, "recommender", reason="fewer orders").version == "2"
    assert rollback(ws, "recommender").version == "1"
    assert named(ws) == ("1", "1")
    with pytest.raises(RegistryError, match="had no champion before version 1: run"):
        rollback(ws, "recommender")
    promote(ws, "recommender", "3")
    assert rollback(ws, "recommender").version == "1"
    assert moves(ws)[2:] == [
        ("rollback", "3", "2"),
        ("rollback", "2", "1"),
        ("promote", "1", "3"),
        ("rollback", "3", "1"),
    ]


def test_the_first_champion_of_all_has_none_before(ws: Workspace) -> None:
    open_client(ws).delete_registered_model_alias("recommender", CHAMPION)
    (ws.bundles / CURRENT).unlink()
    promote(ws, "recommender", "2")
    assert moves(ws) == [("promote", None, "2")]
    with pytest.raises(RegistryError, match="had no champion before version 2"):
        rollback(ws, "recommender")


@pytest.mark.parametrize("alias", ["1", "2"])
@pytest.mark.parametrize("how", ["find", "history", "promote", "rollback"])
def test_an_interrupted_move_comes_to_its_end(ws: Workspace, alias: str, how: str) -> None:
    promote(ws, "recommender", "2")
    open_client(ws).set_registered_model_alias("recommender", CHAMPION, alias)
    champions = read_champions(ws.bundles / CURRENT)
    champions["recommender"] = VersionName("recommender", "1")
    write_champions(ws.bundles / CURRENT, champions)
    if how == "find":
        assert find(ws, "recommender", "champion").version == "2"
    elif how == "history":
        assert [move.version_to for move in history(ws, "recommender").moves] == ["2"]
    elif how == "promote":
        promote(ws, "recommender", "2")
    else:
        assert rollback(ws, "recommender").version == "1"
        assert named(ws) == ("1", "1")
        return
    assert named(ws) == ("2", "2")
    assert moves(ws) == [("promote", "1", "2")]


def test_an_alias_of_another_hand_stays_until_the_next_promotion(ws: Workspace) -> None:
    promote(ws, "recommender", "2")
    open_client(ws).set_registered_model_alias("recommender", CHAMPION, "3")
    assert find(ws, "recommender", "champion").version == "3"
    assert named(ws) == ("3", "2")
    promote(ws, "recommender", "1")
    assert moves(ws)[-1] == ("promote", "2", "1")
    assert named(ws) == ("1", "1")


def test_a_rollback_from_what_no_move_made_is_refused(ws: Workspace) -> None:
    promote(ws, "recommender", "2")
    write_champions(ws.bundles / CURRENT, {"recommender": VersionName("recommender", "3")})
    with pytest.raises(RegistryError, match=r"current\.json names version 3 .* ends with version"):
        rollback(ws, "recommender")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("removed", r"is gone: restore it, or remove \.ledger\.db\.made to start an empty one"),
        ("emptied", "is empty: restore it"),
        ("cut in half", "ledger.db"),
        ("garbled", "not a database"),
        ("a word changed", r"move 1 is damaged \(its checksum differs\): restore the file"),
    ],
)
def test_a_damaged_ledger_is_named_and_nothing_moves(
    ws: Workspace, damage: str, message: str
) -> None:
    promote(ws, "recommender", "2", reason="a better list")
    file, whole = ledger_file(ws), ledger_file(ws).read_bytes()
    contents = {
        "emptied": b"",
        "cut in half": whole[: len(whole) // 2],
        "garbled": b"not a database" * 1000,
        "a word changed": whole.replace(b"a better list", b"a worse list."),
    }
    file.unlink()
    if damage != "removed":
        file.write_bytes(contents[damage])
    for use in (
        lambda: find(ws, "recommender", "champion"),
        lambda: promote(ws, "recommender", "3"),
        lambda: rollback(ws, "recommender"),
        lambda: history(ws, "recommender"),
    ):
        with pytest.raises(StoreOutage, match=message) as caught:
            use()
        assert str(file) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert find(ws, "recommender", "3").version == "3"
    assert named(ws) == ("2", "2")
    forget_ledger(ws)  # the stated way on
    promote(ws, "recommender", "3")
    assert moves(ws) == [("promote", "2", "3")]


def test_a_ledger_of_another_registry_is_named(ws: Workspace) -> None:
    ledger = Ledger(ledger_file(ws))
    ledger.append("recommender", Cause(), version_from="1", version_to="7", time=ws.now())
    with pytest.raises(StoreOutage, match=r"ledger\.db names version 7 .*mlflow\.db lacks it"):
        promote(ws, "recommender", "2")
