"""The canonical tables refuse what breaks a rule, and say where."""

import pandas as pd
import pytest

from features.schema import TABLES, BadInput, Origin, RetailDataset, empty, validate

MOMENT = pd.Timestamp("2024-03-01 09:00", tz="UTC")
SHOP = Origin(file="shop.csv", columns={"unit_price": "Preis"})
LINE = {
    "order_id": "1",
    "line_number": 1,
    "customer_id": None,
    "product_id": "A",
    "parent_product_id": None,
    "line_type": "sale",
    "quantity": 2.0,
    "unit_price": 1.5,
    "channel": None,
    "store_id": None,
    "event_timestamp": MOMENT,
    "recorded_timestamp": MOMENT,
}


def lines(**changes: object) -> pd.DataFrame:
    """Two order lines at rows 2 and 3 of a file; `changes` go into the second."""
    rows = pd.DataFrame([LINE, {**LINE, "line_number": 2, **changes}], index=[2, 3])
    return rows.astype({name: str(c.dtype) for name, c in TABLES["order_lines"].columns.items()})


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_table_is_valid(table: str) -> None:
    assert validate(table, empty(table), origin=SHOP).empty


def test_ids_of_any_script_are_valid() -> None:
    for name in ("日本/東京", "x" * 128, " a b "):
        assert len(validate("order_lines", lines(product_id=name), origin=SHOP)) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unit_price": -1.0}, "row 3, column 'Preis', value -1: not negative"),
        ({"unit_price": -0.25}, "row 3, column 'Preis', value -0.25: not negative"),
        ({"unit_price": float("nan")}, "row 3, column 'Preis', value missing: not null"),
        ({"quantity": float("inf")}, "row 3, column 'quantity', value inf: finite, below 1e12"),
        ({"quantity": -1e12}, "row 3, column 'quantity', value -1000000000000: finite, below 1e12"),
        ({"order_id": None}, "row 3, column 'order_id', value missing: not null"),
        (
            {"order_id": "a\n"},
            "row 3, column 'order_id', value 'a\\n': "
            "an id is 1-128 characters without control characters",
        ),
        (
            {"customer_id": ""},
            "row 3, column 'customer_id', value '': "
            "an id is 1-128 characters without control characters",
        ),
        (
            {"product_id": "x" * 1_000_000},
            f"row 3, column 'product_id', value '{'x' * 76}...: "
            "an id is 1-128 characters without control characters",
        ),
        (
            {"line_type": "gift"},
            "row 3, column 'line_type', value 'gift': one of sale, return, fee, adjustment",
        ),
        ({"line_number": -1}, "row 3, column 'line_number', value -1: not negative"),
        ({"event_timestamp": None}, "row 3, column 'event_timestamp', value missing: not null"),
        (
            {"line_number": 1},
            "row 3, column 'order_id, line_number', value ('1', 1): "
            "a key of an order line appears once",
        ),
    ],
)
def test_a_fault_names_row_column_value_and_rule(changes: dict[str, object], message: str) -> None:
    with pytest.raises(BadInput) as refused:
        validate("order_lines", lines(**changes), origin=SHOP)
    assert str(refused.value) == f"shop.csv, {message}"


def test_a_wrong_dtype_is_named() -> None:
    frame = lines().astype({"quantity": "int64"})
    with pytest.raises(BadInput, match=r"column 'quantity': holds int64, not float64$"):
        validate("order_lines", frame, origin=SHOP)


def test_other_columns_are_refused() -> None:
    for frame in (lines().drop(columns="channel"), lines().assign(colour="red")):
        with pytest.raises(BadInput, match=r"^shop\.csv: order_lines has the columns order_id, "):
            validate("order_lines", frame, origin=SHOP)


def test_the_fault_keeps_its_parts() -> None:
    with pytest.raises(BadInput) as refused:
        validate("order_lines", lines(unit_price=-1.0), origin=SHOP)
    fault = refused.value
    assert (fault.file, fault.row, fault.column) == ("shop.csv", 3, "Preis")
    assert (fault.value, fault.rule) == (-1, "not negative")


def test_a_table_without_origin_comes_from_the_source() -> None:
    dataset = RetailDataset(
        source="world", order_lines=lines(), read=2, kept={"sale": 2}, dropped={}
    )
    assert dataset.origin("products") == Origin(file="world")
