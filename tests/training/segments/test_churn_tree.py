"""Rules of churn: counts by hand, the rule of a shop found, the models' labels, no leak."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.offline import OfflineFeatures
from features.simulator import World, WorldConfig
from features.snapshots import known_order_lines
from features.tables import PinnedTables, write_tables
from features.workspace import Workspace
from tests.training.segments.tiny_shop import DAY, NOW, Line, make
from training.customers.orders import CustomerOrders
from training.data.training_data import TrainingData
from training.errors import NotEnoughData
from training.segments.churn_tree import ChurnTree, ChurnTreeConfig, churn_tree
from training.segments.fields import KINDS
from training.segments.filter_parser import parse
from training.segments.past import customers_at, put_churned

CONFIG = ChurnTreeConfig(horizon_days=30, depth=1, windows=3, apart_days=30)


def two_kinds(*, last_month: bool = True) -> list[Line]:
    """Ten regulars order every 10 days; of ten others each orders once a month of its own.

    The last day of orders is 5 days before NOW, or 35 without the `last_month`.
    """
    newest = 5 if last_month else 35
    regulars = [
        Line(f"regular-{number}", days) for number in range(10) for days in range(newest, 400, 10)
    ]
    return regulars + [Line(f"once-{number}", 45 + 30 * number) for number in range(10)]


def learned(home: Path, lines: list[Line], config: ChurnTreeConfig = CONFIG) -> ChurnTree:
    return churn_tree(PinnedTables(make(home, lines)), config, as_of=NOW)


def test_the_rule_of_a_shop_of_two_kinds(tmp_path: Path) -> None:
    found = learned(tmp_path / "shop", two_kinds())
    assert found.tested_at == NOW - 30 * DAY
    assert found.times == tuple(NOW - days * DAY for days in (120, 90, 60))
    gone, stayed = found.rules
    # Of those who order once, the one of 45 days ago and nine older ones were known 30 days ago.
    assert (gone.customers, gone.churned, gone.rate) == (10, 10, 1.0)
    assert (stayed.customers, stayed.churned) == (10, 0)
    # 60 days ago: those of 75, 105, ... 315 days; before that eight, then seven. All are gone.
    assert (gone.trained, gone.trained_rate) == (9 + 8 + 7, 1.0)
    assert (stayed.trained, stayed.trained_rate) == (30, 0.0)
    assert found.everyone == (20, 10)
    assert found.brier == pytest.approx((0.0, 0.5 * (24 / 54) ** 2 + 0.5 * (30 / 54) ** 2))
    assert gone.interval == pytest.approx((10 / (10 + 1.96**2), 1.0), abs=1e-4)
    assert str(parse(str(gone.filter), KINDS)) == str(gone.filter)


def test_what_happens_in_the_last_window_teaches_nothing(tmp_path: Path) -> None:
    """In one shop the regulars leave in the last window: the rules are the same, not the counts."""
    stays = learned(tmp_path / "stays", two_kinds())
    leaves = learned(tmp_path / "leaves", two_kinds(last_month=False))
    assert [r.filter for r in stays.rules] == [r.filter for r in leaves.rules]
    assert [r.trained_rate for r in stays.rules] == [r.trained_rate for r in leaves.rules]
    assert [r.churned for r in stays.rules] == [10, 0]
    assert [r.churned for r in leaves.rules] == [10, 10]


def test_each_active_customer_is_in_exactly_one_rule_and_labelled_as_by_the_models(
    tmp_path: Path,
) -> None:
    tables = World(WorldConfig(customers=300, products=30, days=500, seed=3)).history()
    end = tables["order_lines"]["event_timestamp"].max().normalize().as_unit("us")
    ws = Workspace.create(tmp_path / "shop", clock=f"fixed:{end.isoformat()}")
    with ws.lock("tables"):
        write_tables(ws, tables)
    pinned, at = PinnedTables(ws), end - 60 * DAY
    data = CustomerOrders(TrainingData(ws, OfflineFeatures(ws), as_of=end))
    for time, con in customers_at(pinned, [at]):
        put_churned(con, pinned, at=time, as_of=end, horizon_days=60)
        rows = con.sql("SELECT customer_id, churned FROM examples").df()
        with pytest.raises(ValueError, match="end past as_of"):
            put_churned(con, pinned, at=time, as_of=end, horizon_days=61)
    assert rows["customer_id"].tolist() == data.active(at).tolist()
    labels = data.churned(at, horizon_days=60)
    assert rows["churned"].tolist() == labels.tolist()
    assert 0 < labels.mean() < 1
    found = churn_tree(pinned, ChurnTreeConfig(horizon_days=60), as_of=end)
    assert len(found.rules) > 3
    assert found.everyone == (len(rows), labels.sum())
    training = [data.active(time) for time in found.times]
    assert sum(rule.trained for rule in found.rules) == sum(map(len, training))
    outcomes = [data.churned(time, horizon_days=60) for time in found.times]
    assert sum(r.trained * r.trained_rate for r in found.rules) == pytest.approx(
        float(np.concatenate(outcomes).sum())
    )
    rules, one = found.brier
    assert rules < one


def test_an_order_recorded_after_the_cut_is_unknown(tmp_path: Path) -> None:
    lines = [Line("late", 100), Line("late", 5, late=6), Line("early", 100), Line("early", 5)]
    ws = make(tmp_path / "shop", lines)
    pinned = PinnedTables(ws)
    assert len(known_order_lines(ws, NOW)) == 3
    for at, con in customers_at(pinned, [NOW - 30 * DAY]):
        put_churned(con, pinned, at=at, as_of=NOW, horizon_days=30)
        labels = dict(con.execute("SELECT customer_id, churned FROM examples").fetchall())
    assert labels == {"early": 0, "late": 1}


def test_a_shop_that_is_too_young_or_of_one_kind_is_refused(tmp_path: Path) -> None:
    young = [Line("anna", days) for days in range(1, 100)]
    with pytest.raises(NotEnoughData, match="need 60 days of orders, a window of 30 days"):
        learned(tmp_path / "young", young)
    regulars = [line for line in two_kinds() if str(line.customer_id).startswith("regular")]
    with pytest.raises(NotEnoughData, match="0 of them churned, and 10 customers to test on"):
        learned(tmp_path / "regular", regulars)


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="depth"):
        ChurnTreeConfig(depth=4)
    assert pd.Timedelta(days=ChurnTreeConfig().horizon_days) == 90 * DAY
