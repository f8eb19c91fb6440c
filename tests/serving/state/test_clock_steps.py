"""A clock that is set while orders are posted: none is lost, hidden or counted twice."""

from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from features.logs.events import EventLog
from features.repair.repair import repair
from features.workspace import WorkspaceError
from tests.serving.state.clock_shop import CUSTOMERS, DAY, HOUR, MINUTE, ClockShop


@pytest.fixture
def shop(tmp_path: Path) -> ClockShop:
    made = ClockShop(tmp_path)
    made.post("anna")
    made.true += HOUR
    made.materialize()
    made.check()
    return made


def go_on(shop: ClockShop) -> None:
    """Post for a stored customer and for one without a row; check before and after the writer."""
    shop.true += MINUTE
    shop.post(*CUSTOMERS)
    shop.check()
    with suppress(WorkspaceError):  # of a cut ahead of the clock
        shop.materialize()
    shop.check()


@pytest.mark.parametrize(
    "step",
    [
        *(400 * DAY, -400 * DAY),
        *(pytest.param(n * MINUTE, marks=pytest.mark.slow) for n in (10, -10, 3, -3)),
    ],
    ids=str,
)
def test_no_order_is_lost_hidden_or_doubled(shop: ClockShop, step: pd.Timedelta) -> None:
    shop.wrong = step
    go_on(shop)
    shop.wrong = 0 * DAY
    go_on(shop)
    repair(shop.ws, apply=True)
    shop.check()
    shop.true += 6 * MINUTE
    shop.materialize()
    shop.check()
    assert repair(shop.ws).findings == []


def test_an_order_of_a_wrong_clock_keeps_no_later_one_in_its_future(shop: ClockShop) -> None:
    before, shop.wrong = shop.now, 400 * DAY
    shop.post("anna")
    shop.wrong = 0 * DAY
    shop.true += MINUTE
    shop.post("anna")
    shop.true += 6 * MINUTE
    shop.post("anna")
    stamps = EventLog(shop.ws.events_db).arrivals()["recorded_timestamp"].tolist()
    assert stamps[-3:] == [before + 400 * DAY, before + 6 * MINUTE, before + 7 * MINUTE]
    shop.materialize()
    shop.check()


def test_a_cut_of_a_wrong_clock_is_named_with_the_way_on(shop: ClockShop) -> None:
    shop.wrong = 400 * DAY
    shop.materialize()
    shop.wrong = 0 * DAY
    with pytest.raises(WorkspaceError, match=r"holds a cut of 2025.* run `python -m features rep"):
        shop.materialize()
    shop.check()


def test_a_clock_set_back_a_little_keeps_no_materialize_waiting(shop: ClockShop) -> None:
    cut = shop.served("anna")["snapshot_timestamp"]
    shop.wrong = -4 * MINUTE
    shop.materialize()
    assert shop.served("anna")["snapshot_timestamp"] < cut
    shop.check()
