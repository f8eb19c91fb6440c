"""The workspace: its days, its clock, and what is said where it is broken."""

import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import create_engine

from configs.errors import UserError
from configs.json_files import write_json
from features.workspace import Workspace, WorkspaceError


def shop(timezone: str = "Europe/Berlin") -> Workspace:
    return Workspace(Path("unused"), timezone, "EUR", "fixed:2024-03-10T12:00:00Z")


def test_a_cut_is_a_local_midnight_or_now() -> None:
    assert shop().cut("2024-03-10") == pd.Timestamp("2024-03-09T23:00:00Z")
    assert shop().cut(None) == pd.Timestamp("2024-03-10T12:00:00Z")


def test_a_cut_after_now_is_refused() -> None:
    with pytest.raises(WorkspaceError) as refused:
        shop().cut("2024-03-11")
    assert str(refused.value) == (
        "--as-of 2024-03-11: the workspace's clock stands at 2024-03-10T12:00:00+00:00"
    )


NO_DAY = ("", " ", "07/01/2011", "2011", "2011-07", "1 July", "20110701", "2011-7-1", "2011-W26-5")


@pytest.mark.parametrize(
    "text", [*NO_DAY, "2011-07-01 ", "2011-07-01T00:00", "2011-02-30", "today", "NaT", "1309478400"]
)
def test_a_day_is_written_one_way_or_refused(text: str) -> None:
    with pytest.raises(WorkspaceError) as refused:
        shop().cut(text)
    assert str(refused.value) == f"date {text!r}: write YYYY-MM-DD"


@pytest.mark.parametrize("text", ["0001-01-01", "1677-09-21", "9999-12-31"])
def test_any_day_of_the_calendar_is_understood(text: str) -> None:
    assert shop().midnight(text).tz_convert("Europe/Berlin").isoformat()[:10] == text


@pytest.mark.parametrize(
    "text",
    [
        *("noon", "system:", "fixed", "fixed:", "fixed:NaT", "fixed:10:00Z", "fixed:2011Z"),
        *("fixed:2011-12-10", "fixed:2011-12-10T00:00:00", "fixed:2011-12-10T00Z"),
        *("fixed:2011-12-10T00:00Z", "fixed:10/12/2011 00:00:00Z", "fixed:2011-12-10T24:00:00Z"),
        *("fixed:20111210T000000Z", "fixed: 2011-12-10T00:00:00Z"),
        *("fixed:0001-01-01T00:00:00+05:00", "fixed:9999-12-31T23:00:00-05:00"),
    ],
)
def test_a_clock_is_written_in_full_or_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(WorkspaceError) as refused:
        Workspace.create(tmp_path / "shop", clock=text)
    assert str(refused.value) == (
        f"clock {text!r}: write system, simulated or fixed:2011-12-10T00:00:00Z"
    )
    assert not (tmp_path / "shop").exists()


@pytest.mark.parametrize(
    ("text", "now"),
    [
        ("2011-12-10T00:00:00Z", "2011-12-10T00:00:00Z"),
        ("2011-12-10T01:30:00.25+01:00", "2011-12-10T00:30:00.25Z"),
        ("2011-12-09t23:00:00-01:00", "2011-12-10T00:00:00Z"),
    ],
)
def test_a_fixed_clock_stands_at_its_time(tmp_path: Path, text: str, now: str) -> None:
    assert Workspace.create(tmp_path, clock=f"fixed:{text}").now() == pd.Timestamp(now)


@pytest.mark.parametrize(
    ("timezone", "date", "start"),
    [
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"),  # 00:00 is skipped: 01:00 -02
        ("America/Havana", "2023-11-05", "2023-11-05T04:00:00Z"),  # 00:00 comes twice: the first
    ],
)
def test_a_day_begins_where_its_midnight_is_skipped_or_doubled(
    timezone: str, date: str, start: str
) -> None:
    assert shop(timezone).midnight(date) == pd.Timestamp(start)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "workspace.json: not JSON"),
        ("[1]", "workspace.json: not a JSON object"),
        ('{"schema_version": 2}', "has schema_version 2, this code reads 1"),
        ('{"schema_version": 1, "timezone": "UTC"}', "workspace.json: holds {'timezone': 'UTC'}"),
        (
            '{"schema_version": 1, "timezone": "UTC", "currency": "GBP", "clock": 7}',
            "not timezone, currency and clock as text",
        ),
    ],
)
def test_a_broken_workspace_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "workspace.json").write_text(content)
    with pytest.raises(WorkspaceError) as refused:
        Workspace.open(tmp_path)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"now": 7}', '{"now": "soon"}', '{"now": "2011-12-10"}']
)
def test_a_clock_that_names_no_time_is_told(tmp_path: Path, content: str) -> None:
    ws = Workspace.create(tmp_path / "shop", clock="simulated")
    ws.advance(pd.Timestamp("2011-12-10T00:00:00Z"))
    assert ws.now() == pd.Timestamp("2011-12-10T00:00:00Z")
    (ws.home / "clock.json").write_text(content)
    with pytest.raises(UserError, match=r"clock\.json: .*or write the time by hand: {\"now\""):
        ws.now()


@pytest.mark.parametrize("name", ["events.db", "mlflow.db", "bundles", "snapshots", "online"])
def test_lost_settings_are_no_new_shop(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    for make in (Workspace.open, Workspace.create):
        with pytest.raises(WorkspaceError, match=r"workspace\.json is missing beside .*by hand"):
            make(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_settings_that_cannot_be_are_told_when_a_workspace_is_opened(tmp_path: Path) -> None:
    ws = Workspace.create(tmp_path / "shop")
    for name, value in (("timezone", "Mars/Base"), ("timezone", "../x"), ("clock", "noon")):
        settings = {"schema_version": 1, "timezone": "UTC", "currency": "GBP", "clock": "system"}
        write_json(ws.home / "workspace.json", settings | {name: value})
        with pytest.raises(WorkspaceError, match=rf"workspace\.json: {name} '{value}': .*by hand"):
            Workspace.open(ws.home)


def test_a_workspace_that_others_could_read_is_closed_when_it_is_opened(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = tmp_path / "shop"
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    Workspace.create(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    home.chmod(0o750)
    Workspace.open(home, private=False)  # a packaged one
    assert stat.S_IMODE(home.stat().st_mode) == 0o750
    Workspace.open(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert len(caplog.messages) == 2
    (home / "any").touch()  # of any library
    assert stat.S_IMODE((home / "any").stat().st_mode) == 0o600


def test_waiting_for_another_process_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ws = Workspace.create(tmp_path)
    with ws.lock("training"):
        pass
    assert not caplog.messages
    with ThreadPoolExecutor(1) as pool:
        with ws.lock("training"):
            waiting = pool.submit(_take, ws)
            deadline = time.monotonic() + 60
            while not caplog.messages:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        assert waiting.result()
    assert caplog.messages == [f"Waiting for another process that trains in {tmp_path}"]


def _take(ws: Workspace) -> bool:
    with ws.lock("training"):
        return True


def test_the_url_of_mlflow_names_the_file_whatever_its_folder_is_called(tmp_path: Path) -> None:
    home = tmp_path / "my %20 shop#1?[a]*'\"{b}中文"
    home.mkdir()
    url = Workspace(home, "UTC", "GBP", "system").mlflow_uri
    with create_engine(url).connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
    assert [path.name for path in tmp_path.rglob("*")] == [home.name, "mlflow.db"]


def test_a_home_with_a_backslash_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="without a backslash"):
        Workspace(tmp_path / "a\\b", "UTC", "GBP", "system")
