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
