"""What a segment's count says is what is listed and what is exported, for any filter and orders."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.segments.random_filters import FILTERS
from tests.training.segments.tiny_shop import NOW, Line, make
from training.segments.definitions import BUILT_IN, GROUPINGS
from training.segments.export import export
from training.segments.filters import And, Compare, Filter, In, Known, Not, Or
from training.segments.membership import count, members
from training.segments.refresh import SegmentStore

_NAMES = {
    "spend_90d": "spend_365d", "orders": "orders_total", "category": "country",
    "last_order": "last_order_timestamp", "tags": "product_ids_365d",
}  # fmt: skip


def on_fields(node: Filter) -> Filter:
    """Return a random filter with fields of the language instead of its columns."""
    match node:
        case Not(operand):
            return Not(on_fields(operand))
        case And(operands):
            return And(tuple(map(on_fields, operands)))
        case Or(operands):
            return Or(tuple(map(on_fields, operands)))
        case In(column, kind, values):
            return In(_NAMES[column], kind, values)
        case Known(column, kind, known):
            return Known(_NAMES[column], kind, known)
        case Compare(column, kind, operator, value):
            return Compare(_NAMES[column], kind, operator, value)


_LINES = st.builds(
    Line,
    customer_id=st.sampled_from(["anna", "ben", "cleo", "dan", None]),
    days=st.integers(-3, 500),
    product_id=st.sampled_from(["tea", "pot"]),
    quantity=st.integers(1, 3),
    unit_price=st.sampled_from([0, 0.5, 10, 100]),
    late=st.integers(0, 5),
)


_SHOPS = given(
    lines=st.lists(_LINES, min_size=1, max_size=12),
    nodes=st.lists(FILTERS.map(on_fields), min_size=1, max_size=3),
    opted=st.sets(st.sampled_from(["anna", "ben", "x"])),
)


@settings(max_examples=3, deadline=None, derandomize=True)
@_SHOPS
def test_counted_is_listed_is_exported(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[Line],
    nodes: list[Filter],
    opted: set[str],
) -> None:
    check_counts(tmp_path_factory.mktemp("drawn"), lines, nodes, opted)


@pytest.mark.slow
@settings(max_examples=12, deadline=None, derandomize=True)
@_SHOPS
def test_counted_is_listed_is_exported_at_length(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[Line],
    nodes: list[Filter],
    opted: set[str],
) -> None:
    check_counts(tmp_path_factory.mktemp("drawn"), lines, nodes, opted)


def check_counts(folder: Path, lines: list[Line], nodes: list[Filter], opted: set[str]) -> None:
    ws = make(folder / "shop", [Line("anna", 30), *lines])
    store = SegmentStore(ws)
    first, *others = [str(node) for node in nodes]
    store.define("s0", first)
    store.refresh(NOW, months=0)
    for place, text in enumerate(others, start=1):
        store.define(f"s{place}", text)
    state = store.states.load()
    shown = state.counts()
    assert shown.keys() == {*BUILT_IN, *(f"s{place}" for place in range(len(nodes)))}
    for key in shown:
        listed = members(state.con, key, at=state.as_of)
        assert len(listed) == shown[key] == count(state.con, key, at=state.as_of)
        output = folder / "out.csv"
        rows = export(state.con, key, output, at=state.as_of, opt_outs=opted, smallest=0)
        written = pd.read_csv(output, dtype=str, keep_default_na=False).customer_id.tolist()
        assert rows == len(written)
        assert written == [name for name in listed.customer_id if name not in opted]
    for grouping in GROUPINGS.values():
        assert sum(shown[key] for key in grouping) <= len(state.con.execute("FROM customers").df())
