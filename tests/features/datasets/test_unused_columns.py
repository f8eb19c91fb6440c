"""What a mapping leaves out is counted in notes, unless the mapping says that it is not used."""

from pathlib import Path

import pytest

from tests.features.datasets.csv_shop import HEADER, load

LINES = "1,K,A,1,2.5,2024-03-01,{cell}\n1,K,,1,4,2024-03-01,0.00\n"


def notes(folder: Path, column: str, cell: str, **mapping: object) -> dict[str, int]:
    header = f"{HEADER.strip()},{column}\n"
    return load(folder, LINES.format(cell=cell), header=header, **mapping).notes


@pytest.mark.parametrize(
    ("column", "cell"),
    [("Discount Amount", "1.20"), ("Versand", '"4,90 €"'), ("优惠", "￥3"), ("Shipping", "$5")],
)
def test_amounts_that_are_not_used_are_noted(tmp_path: Path, column: str, cell: str) -> None:
    assert notes(tmp_path, column, cell) == {
        f"amounts in the column {column!r}, which the mapping does not use": 1,
        "sales without a product id: they belong to no product": 1,
    }


@pytest.mark.parametrize(
    ("column", "cell", "mapping"),
    [
        ("Discount Amount", "0.00", {}),
        ("Discount Code", "SPRING10", {}),
        ("Shipping Method", "Standard", {}),
        ("Versand", "4.90", {"unused": ["Versand"]}),
        ("Rabatt", "0.50", {"order_lines": {"line_discount": "Rabatt"}}),
    ],
)
def test_what_is_used_or_no_amount_is_not(
    tmp_path: Path, column: str, cell: str, mapping: dict[str, object]
) -> None:
    assert len(notes(tmp_path, column, cell, **mapping)) == 1
