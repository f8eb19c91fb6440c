import gzip
from pathlib import Path

import openpyxl
import pytest

from features.files.layout import Layout
from features.inspect.draft import Draft
from features.inspect.layout import find_layout
from features.schema import BadInput

_HEADER = "order_id;customer_id;sku;qty;price;date"
_ROWS = "\n".join(f"{n};c;A,B;1;1,5;2024-01-0{n}" for n in range(1, 6))


def _layout(folder: Path, text: str) -> tuple[Layout, Draft]:
    file = folder / "orders.csv"
    file.write_text(text)
    draft = Draft()
    return find_layout(file, draft), draft


def test_titles_above_the_header_are_left_out(tmp_path: Path) -> None:
    layout, draft = _layout(tmp_path, f"Orders, of 2024\n\n{_HEADER}\n{_ROWS}\n")
    assert (layout.delimiter, layout.header_row) == (";", 3)
    assert draft.values["header_row"] == "3"


def test_the_first_line_may_name_the_delimiter(tmp_path: Path) -> None:
    layout, draft = _layout(tmp_path, f"sep=;\n{_HEADER}\n{_ROWS}\n")
    assert (layout.delimiter, layout.header_row) == (";", 1)
    assert "sep=" in draft.reasons["delimiter"][0]


def test_a_file_of_one_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="one column by every delimiter"):
        _layout(tmp_path, "note\nhello\nyou\n")


def test_a_packed_file_is_opened(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv.gz"
    file.write_bytes(gzip.compress(f"{_HEADER}\n{_ROWS}\n".encode(), mtime=0))
    assert find_layout(file, Draft()).delimiter == ";"


def test_the_sheet_of_the_orders_is_chosen_and_the_others_are_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    legend, orders = book.active, book.create_sheet("Sales")
    legend.title = "Legend"
    for row in range(30):
        legend.append([f"word {row}", "meaning"])
    orders.append(["Report"])
    orders.append(_HEADER.split(";"))
    orders.append([1, "c", "A", 1, 2.5, "2024-01-05"])
    file = tmp_path / "orders.xlsx"
    book.save(file)
    draft = Draft()
    layout = find_layout(file, draft)
    assert (layout.sheet, layout.header_row) == ("Sales", 2)
    assert "'Legend' has 30 rows" in draft.reasons["sheet"][0]
