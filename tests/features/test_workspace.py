"""The workspace: its days, its clock, and what is said where it is broken."""

from pathlib import Path

import pandas as pd
import pytest

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
