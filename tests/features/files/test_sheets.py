"""All sheets of a workbook are one table, or the sheets to read are named."""

from pathlib import Path

import pytest

from features.files.layout import Layout
from features.files.tables import read_rows
from features.schema import BadInput
from tests.features.files.workbook_files import write_xlsx

ROWS: list[list[object]] = [["a", "b"], [1, 2]]


def test_sheets_with_the_same_columns_are_one_table(tmp_path: Path) -> None:
    file = write_xlsx(
        tmp_path / "shop.xlsx",
        first=ROWS,
        empty=[],
        blank=[[], [None]],
        second=[["b", "a"], ["x"], [None], ["y", 3.0]],
    )
    frame = read_rows(file, columns=["a", "b"])
    assert frame.index.tolist() == ["first!2", "second!2", "second!4"]
    assert frame["a"].fillna("null").tolist() == ["1", "null", "3"]
    assert frame["b"].tolist() == ["2", "x", "y"]


def test_a_sheet_with_other_columns_needs_a_name(tmp_path: Path) -> None:
    legend = [["what", "meaning"], ["a", "an order"]]
    file = write_xlsx(tmp_path / "shop.xlsx", orders=ROWS, legend=legend)
    rule = (
        "the sheets have other columns: name those to read, such as `sheet: orders`, or the row "
        "of their names, `header_row`; 'orders' has a, b; 'legend' has what, meaning"
    )
    with pytest.raises(BadInput) as refused:
        read_rows(file, columns=["a"])
    assert refused.value.rule == rule
    for sheet in ("orders", ("orders",)):
        frame = read_rows(file, columns=None, layout=Layout(sheet=sheet))
        assert frame.index.tolist() == ["orders!2"]
    with pytest.raises(BadInput, match=r"no sheet 'Orders'; the workbook has 'orders', 'legend'"):
        read_rows(file, columns=["a"], layout=Layout(sheet="Orders"))


def test_named_sheets_need_only_the_wanted_columns(tmp_path: Path) -> None:
    file = write_xlsx(tmp_path / "shop.xlsx", old=[["a"], [0]], new=ROWS)
    layout = Layout(sheet=("new", "old"))
    frame = read_rows(file, columns=["a"], layout=layout)
    assert frame["a"].to_dict() == {"new!2": "1", "old!2": "0"}
    with pytest.raises(BadInput, match=r"column 'b': the column is missing; .* \(sheet 'old'\)"):
        read_rows(file, columns=["b"], layout=layout)
    with pytest.raises(BadInput, match="the sheets have other columns"):
        read_rows(file, columns=None, layout=layout)


def test_a_hidden_sheet_is_read_only_by_name(tmp_path: Path) -> None:
    file = write_xlsx(tmp_path / "shop.xlsx", orders=ROWS, _old=ROWS)
    with pytest.raises(BadInput, match=r"a sheet with rows is hidden: .* 'old' \(hidden\) has a"):
        read_rows(file, columns=["a"])
    assert len(read_rows(file, columns=["a"], layout=Layout(sheet=("orders", "old")))) == 2


def test_a_header_below_a_title_is_named(tmp_path: Path) -> None:
    file = write_xlsx(tmp_path / "shop.xlsx", orders=[["Orders of 2024"], [], *ROWS])
    with pytest.raises(BadInput, match=r"\(sheet 'orders'\); .* `header_row: 3`$"):
        read_rows(file, columns=["a"])
    frame = read_rows(file, columns=["a"], layout=Layout(header_row=3))
    assert frame["a"].to_dict() == {"orders!4": "1"}


def test_a_blank_first_row_is_no_header(tmp_path: Path) -> None:
    file = write_xlsx(tmp_path / "shop.xlsx", rest=[[], [1]])
    with pytest.raises(BadInput, match=r"column 'a': .* no header \(sheet 'rest'\)$"):
        read_rows(file, columns=["a"])


def test_an_empty_workbook_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no rows in the sheets 'a', 'b'"):
        read_rows(write_xlsx(tmp_path / "shop.xlsx", a=[], b=[]), columns=["a"])
