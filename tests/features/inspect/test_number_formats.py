import pandas as pd
import pytest

from features.inspect.draft import Draft
from features.inspect.number_formats import looks_numeric, number_format


def _draft(*cells: str) -> Draft:
    draft = Draft()
    number_format({"price": pd.Series(cells, index=range(2, 2 + len(cells)))}, draft)
    return draft


@pytest.mark.parametrize(
    ("cells", "decimal", "thousands"),
    [
        (["1,234.56"], ".", ","),
        (["1.234,56"], ",", "."),
        (["1.234.567"], ",", "."),
        (["1 234,5"], ",", " "),
        (["1\u202f234,5"], ",", " "),
        (["1'234.50"], ".", "'"),
        (["12,34,567.50"], ".", ","),
        (["0,125"], ",", None),
        (["1.234", "2,50"], ",", "."),
        (["1.234", "2.50"], ".", None),
        (["€ 3.5", "(2.25)"], ".", None),
        (["3", "-4"], ".", None),
    ],
)
def test_marks_that_the_cells_decide(cells: list[str], decimal: str, thousands: str | None) -> None:
    draft = _draft(*cells)
    assert draft.values["decimal"] == decimal
    assert draft.values.get("thousands") == thousands
    assert not draft.questions


def test_one_mark_before_three_digits_is_asked() -> None:
    draft = _draft("1.234", "2.500")
    assert "'1.234' in row 2" in draft.questions["decimal"][0]


def test_contradicting_marks_are_asked() -> None:
    draft = _draft("1.5", "2,5")
    assert "row 2" in draft.questions["decimal"][0]
    assert "row 3" in draft.questions["decimal"][0]


@pytest.mark.parametrize("cell", ["A4", "12 mugs", "2024-01-05", "mug", "+49 30 12 x"])
def test_no_number(cell: str) -> None:
    assert not looks_numeric(pd.Series([cell])).all()
