"""The segments of a shop: fields by hand, RFM by an oracle, no future, states that agree."""

import shutil
from itertools import pairwise
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from configs.json_files import DamagedFile, read_json, write_json
from features.simulator import World, WorldConfig
from features.tables import write_tables
from features.workspace import Workspace
from tests.training.segments.tiny_shop import DAY, NOW, Line, make, order_lines, put
from training.segments.definitions import GROUPINGS
from training.segments.fields import FIELDS
from training.segments.flows import grouped
from training.segments.membership import SegmentError, count, members
from training.segments.refresh import SegmentStore
from training.segments.rfm import group
from training.segments.states import NotComputed, State

BY_HAND = [
    Line("anna", 400, product_id="pot", unit_price=30, channel="web"),
    Line("anna", 100, channel="shop"),
    Line("anna", 20, quantity=2, channel="web"),
    Line("anna", 10, product_id="pot", quantity=-1, line_type="return"),
    Line("ben", 200),
    Line("ben", 1, late=3),  # not known yet
    Line("cleo", 3, product_id=None, unit_price=5, line_type="fee"),
    Line(None, 2),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A simulated shop of two years, its clock at the end of its data."""
    tables = World(WorldConfig(customers=400, products=40, days=800, seed=5)).history()
    end = tables["order_lines"]["event_timestamp"].max().normalize()
    ws = Workspace.create(tmp_path_factory.mktemp("shop"), clock=f"fixed:{end.isoformat()}")
    with ws.lock("tables"):
        write_tables(ws, tables)
    SegmentStore(ws).refresh(end)
    return ws


@pytest.fixture
def own(shop: Workspace, tmp_path: Path) -> SegmentStore:
    """A copy of the shop's segments for one test."""
    return SegmentStore(Workspace.open(Path(shutil.copytree(shop.home, tmp_path / "shop"))))


def fields_of(state: State, customer_id: str) -> dict[str, object]:
    rows = state.con.execute("FROM customers WHERE customer_id = ?", [customer_id])
    names = [column[0] for column in rows.description or ()]
    (row,) = rows.fetchall()
    return dict(zip(names, row, strict=True))


def test_every_field_by_hand(tmp_path: Path) -> None:
    state = SegmentStore(make(tmp_path / "shop", BY_HAND)).refresh(NOW, months=0)
    anna = fields_of(state, "anna")
    assert anna.keys() == {"customer_id", *FIELDS}
    expected = {
        "orders_30d": 1, "orders_90d": 1, "orders_365d": 2, "orders_total": 3,
        "orders_90d_last_year": 0, "spend_30d": 20, "spend_365d": 30, "spend_total": 60,
        "units_365d": 3, "products_365d": 1, "returns_365d": 1, "days_since_first_order": 400,
        "days_since_last_order": 20, "average_order_value": 20, "lifecycle": "active",
        "country": "Spain", "categories_365d": ["drinks"], "product_ids_365d": ["tea"],
        "channels_365d": ["shop", "web"], "store_ids_365d": None,
    }  # fmt: skip
    assert {name: anna[name] for name in expected} == expected
    assert anna["first_order_timestamp"] == (NOW - 400 * DAY).tz_localize(None)
    ben = fields_of(state, "ben")
    assert (ben["orders_total"], ben["days_since_last_order"], ben["lifecycle"]) == (
        1,
        200,
        "at_risk",
    )
    cleo, nobody = fields_of(state, "cleo"), fields_of(state, "nobody")
    assert (cleo["spend_30d"], cleo["product_ids_365d"], cleo["lifecycle"]) == (5, None, "new")
    assert (nobody["lifecycle"], nobody["rfm_group"], nobody["orders_total"]) == ("none", None, 0)
    assert nobody["days_since_last_order"] is None


ORACLE = """
WITH known AS (
    SELECT customer_id, order_id, event_timestamp AS t, sum(quantity * unit_price) AS value
    FROM lines WHERE line_type IN ('sale', 'fee') AND quantity * unit_price > 0
        AND customer_id IS NOT NULL AND event_timestamp < $at AND recorded_timestamp < $at
    GROUP BY ALL
),
measured AS (
    SELECT customer_id, floor(epoch($at - max(t)) / 86400) AS days,
        count(DISTINCT order_id) FILTER (t >= $at - INTERVAL 365 DAYS) AS orders,
        round(coalesce(sum(value) FILTER (t >= $at - INTERVAL 365 DAYS), 0), 4) AS spend
    FROM known GROUP BY customer_id
),
everyone AS (SELECT count(*) AS n FROM measured)
SELECT customer_id,
    (SELECT 1 + floor(5 * count(*) / n) FROM measured b, everyone WHERE b.days > a.days GROUP BY n),
    (SELECT 1 + floor(5 * count(*) / n) FROM measured b, everyone WHERE b.orders < a.orders
     GROUP BY n),
    (SELECT 1 + floor(5 * count(*) / n) FROM measured b, everyone WHERE b.spend < a.spend
     GROUP BY n)
FROM measured a
"""


def oracle(lines: pd.DataFrame, at: pd.Timestamp) -> dict[str, str]:
    """Return the RFM group of every customer, by counting who has a lower value."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.register("lines", lines)
    rows = con.execute(ORACLE, {"at": at.to_pydatetime()}).fetchall()
    return {name: group(*(int(quintile or 1) for quintile in rest)) for name, *rest in rows}


def test_rfm_is_the_oracles_for_every_customer(shop: Workspace) -> None:
    lines = World(WorldConfig(customers=400, products=40, days=800, seed=5)).history()
    state = SegmentStore(shop).states.load()
    expected = oracle(lines["order_lines"], state.as_of)
    found = state.con.execute(
        "SELECT customer_id, rfm_group FROM customers WHERE rfm_group IS NOT NULL"
    ).fetchall()
    assert len(found) > 300
    assert dict(found) == expected
    for name, key in (("Champions", "rfm-champions"), ("Inactive", "rfm-inactive")):
        listed = members(state.con, key, at=state.as_of).customer_id.tolist()
        assert listed == sorted(c for c, each in expected.items() if each == name)


def test_nothing_from_the_future_counts(tmp_path: Path) -> None:
    at = NOW - 50 * DAY
    early = [line for line in BY_HAND if line.days - line.late > 50]
    later = [
        Line("anna", 40, product_id="cup", channel="phone"),
        Line("ben", 60, product_id="cup", channel="phone", late=20),
        Line("eve", 40),
    ]
    states = [
        SegmentStore(make(tmp_path / name, lines)).refresh(at, months=2)
        for name, lines in (("whole", [*BY_HAND, *later]), ("early", early))
    ]
    whole, cut = (state.con.execute("FROM customers ORDER BY 1").df() for state in states)
    assert_frame_equal(whole, cut)
    assert states[0].counts() == states[1].counts()
    assert "ben" in set(whole.customer_id)


def test_flows_close_over_every_pair_of_months(shop: Workspace) -> None:
    state = SegmentStore(shop).states.load()
    starts = [t.tz_convert("UTC") for t in pd.date_range(end=state.as_of, periods=11, freq="MS")]
    for grouping, keys in GROUPINGS.items():
        moved = False
        for before, after in [*pairwise(starts), (starts[0], starts[-1])]:
            found = grouped(state, grouping, before=before, after=after)
            assert sum(found.net.values()) == 0
            for key in keys:
                sizes = [count(state.con, key, at=at) for at in (before, after)]
                assert found.net[key] == sizes[1] - sizes[0]
            moved |= any(found.net.values())
        assert moved
    with pytest.raises(SegmentError, match="one of rfm, lifecycle"):
        grouped(state, "age", before=starts[0], after=starts[1])
    with pytest.raises(SegmentError, match="the first is earlier"):
        grouped(state, "rfm", before=starts[1], after=starts[1])
    with pytest.raises(SegmentError, match="was not evaluated at"):
        grouped(state, "rfm", before=starts[0] - 400 * DAY, after=starts[1])


def test_the_same_again_is_the_same_state(own: SegmentStore) -> None:
    own.define("big", "spend_365d > 100")
    first = own.refresh(own.states.load().as_of)
    again = own.refresh(first.as_of)
    assert again.generation == first.generation
    assert again.counts() == first.counts()


def test_another_filter_is_the_next_version_at_the_same_time(own: SegmentStore) -> None:
    added, state = own.define("big", "spend_365d > 100")
    assert state is not None
    before = state.counts()["big"]
    assert own.define("big", "spend_365d>100")[0] == added
    changed, state = own.define("big", "spend_365d > 100 and orders_total >= 5")
    assert state is not None
    assert (added.version, changed.version) == (1, 2)
    assert 0 < state.counts()["big"] < before
    assert own.refresh(state.as_of).counts() == state.counts()
    assert [d.version for d in own.definitions.history()["big"]] == [1, 2]
    own.remove("big")
    assert "big" not in own.states.load().counts()
    with pytest.raises(SegmentError, match="'big': no such segment; known are rfm-champions"):
        own.states.load().filter_of("big")
    with pytest.raises(SegmentError, match="'big': no such segment"):
        own.remove("big")


def test_stays_go_on_over_refreshes(tmp_path: Path) -> None:
    ws = make(tmp_path / "shop", BY_HAND)
    store = SegmentStore(ws)
    store.define("ever", "orders_total >= 1")
    first = store.refresh(NOW - 30 * DAY, months=1)
    put(ws, [*BY_HAND, Line("dan", 10)])
    state = store.refresh(NOW)
    found = members(state.con, "ever", at=state.as_of)
    since = dict(zip(found.customer_id, found.entered_timestamp, strict=True))
    assert since == {"anna": first.as_of, "ben": first.as_of, "cleo": NOW, "dan": NOW}
    store.define("ever", "orders_total >= 100")
    store.define("ever", "orders_total >= 1 and orders_total < 1000")
    again = members(store.states.load().con, "ever", at=NOW)
    assert dict(zip(again.customer_id, again.entered_timestamp, strict=True)) == since
    with pytest.raises(SegmentError, match="computed at 2024-03-15"):
        store.refresh(NOW - DAY)


def test_the_former_generation_stays_and_older_ones_go(own: SegmentStore) -> None:
    first = own.states.load()
    own.define("a", "orders_total > 1")
    second = own.states.load()
    assert own.states.load(first.generation).counts() == first.counts()
    own.define("b", "orders_total > 2")
    assert own.states.load(second.generation).counts() == second.counts()
    with pytest.raises(DamagedFile, match="is missing"):
        own.states.load(first.generation)


def test_damage_is_an_error(own: SegmentStore) -> None:
    generation = own.states.load().generation
    file = own.states.folder / generation / "membership.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(content)
    with pytest.raises(DamagedFile, match=r"membership\.parquet: it was damaged"):
        own.states.load()
    (own.states.folder / "current.json").write_text('{"generation": "../x", "previous": null}')
    with pytest.raises(DamagedFile, match="names no generation"):
        own.states.load()


def test_a_state_of_earlier_code_has_no_vectors_until_the_next_refresh(own: SegmentStore) -> None:
    state = own.states.load()
    assert len(state.vectors.customer_ids)
    folder = own.states.folder / state.generation
    (folder / "customer_vectors.parquet").unlink()
    with pytest.raises(DamagedFile, match=r"customer_vectors\.parquet is missing"):
        own.states.load()
    saved = read_json(folder / "state.json")
    write_json(folder / "state.json", {k: v for k, v in saved.items() if k != "tables"})
    old = own.states.load()
    assert old.counts() == state.counts()
    with pytest.raises(NotComputed, match="no customers' vectors yet: run `python -m training"):
        _ = old.vectors
    again = own.refresh(state.as_of + DAY)
    assert again.vectors.customer_ids.tolist() == state.vectors.customer_ids.tolist()


def test_without_a_refresh_there_is_no_state(tmp_path: Path) -> None:
    store = SegmentStore(make(tmp_path / "shop", BY_HAND))
    with pytest.raises(NotComputed, match="run `python -m training segments refresh`"):
        store.states.load()
    assert store.define("big", "spend_365d > 1")[1] is None
    store.remove("big")


def test_a_corrected_order_counts_as_it_was_known(tmp_path: Path) -> None:
    ws = make(tmp_path / "shop", BY_HAND)
    lines = order_lines(BY_HAND)
    former = lines[lines.order_id == "o4"].assign(replaced_timestamp=NOW - 10 * DAY)
    corrected = lines.assign(
        unit_price=lines.unit_price.mask(lines.order_id == "o4", 99.0),
        product_id=lines.product_id.mask(lines.order_id == "o4", "pot"),
    )
    recorded = corrected.recorded_timestamp.mask(corrected.order_id == "o4", NOW - 10 * DAY)
    with ws.lock("tables"):
        write_tables(
            ws, {"order_lines": corrected.assign(recorded_timestamp=recorded)}, replaced=former
        )
    store = SegmentStore(ws)
    for at, spend, products in ((NOW - 20 * DAY, 10, ["tea"]), (NOW, 99, ["pot"])):
        ben = fields_of(store.refresh(at, months=0), "ben")
        assert (ben["spend_total"], ben["product_ids_365d"]) == (spend, products)
