"""A window that has not ended is refused, and the cut that the message names is accepted."""

import re
from pathlib import Path

import pandas as pd
import pytest

from features.workspace import Workspace
from tests.training.segments.tiny_shop import DAY, NOW, Line, put
from training.benchmarks.finished import refuse_unfinished
from training.errors import NotEnoughData


@pytest.mark.parametrize("timezone", ["UTC", "America/New_York", "Asia/Shanghai"])
@pytest.mark.parametrize("hours", [0, 4, 20])
def test_the_cut_that_is_named_is_accepted(tmp_path: Path, timezone: str, hours: int) -> None:
    clock = f"fixed:{NOW.isoformat()}"
    ws = Workspace.create(tmp_path / "shop", clock=clock, timezone=timezone)
    put(ws, [Line("anna", days=40), Line("anna", days=10 - hours / 24)])
    with pytest.raises(NotEnoughData, match="before the end of the 30 days") as refused:
        refuse_unfinished(ws, cut=NOW - 30 * DAY, days=30)
    named = re.search(r"a cut of (\S+) or earlier", str(refused.value))
    assert named is not None
    refuse_unfinished(ws, cut=ws.midnight(named[1]), days=30)
    later = ws.midnight(f"{pd.Timestamp(named[1]) + 2 * DAY:%Y-%m-%d}")
    with pytest.raises(NotEnoughData):
        refuse_unfinished(ws, cut=later, days=30)


def test_a_shop_that_rests_when_the_window_ends_has_finished_it(tmp_path: Path) -> None:
    ws = Workspace.create(tmp_path / "shop", clock=f"fixed:{NOW.isoformat()}")
    put(ws, [Line("anna", days=40), Line("anna", days=14), Line("anna", days=2)])
    refuse_unfinished(ws, cut=NOW - 40 * DAY, days=30)


def test_what_was_recorded_late_does_not_finish_a_window(tmp_path: Path) -> None:
    ws = Workspace.create(tmp_path / "shop", clock=f"fixed:{NOW.isoformat()}")
    put(ws, [Line("anna", days=100), Line("anna", days=39), Line("anna", days=95, late=93)])
    with pytest.raises(NotEnoughData, match="before the end of the 30 days"):
        refuse_unfinished(ws, cut=NOW - 40 * DAY, days=30)
