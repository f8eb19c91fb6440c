from pathlib import Path

from tests.features.inspect.generated import inspected

_HEADER = "order_id,customer_id,status,sku,qty,price,date\n"


def test_rows_of_totals_are_left_out(tmp_path: Path) -> None:
    rows = "1,c,paid,A,1,5,2024-01-01\n合计,,,,1,5,\nTotal:,,,,1,5,\n"
    seen, mapping = inspected(tmp_path, _HEADER + rows)
    assert set(mapping.totals) == {"合计", "Total:"}
    assert "totals" not in seen.questions
    assert seen.figures is not None
    assert seen.figures.units_sold == 1


def test_a_total_that_is_filled_in_as_a_line_is_asked(tmp_path: Path) -> None:
    rows = "1,c,paid,A,1,5,2024-01-01\nSum,c,paid,A,1,5,2024-01-01\n"
    seen, _ = inspected(tmp_path, _HEADER + rows)
    assert "totals" in seen.questions


def test_cells_of_the_first_line_only_are_filled_down(tmp_path: Path) -> None:
    rows = (
        "1,c,paid,A,1,5,2024-01-01 10:00\n,,,B,1,5,\n,,,C,1,5,\n"
        "2,,paid,A,1,5,2024-01-02 10:00\n,,,B,1,5,\n3,d,paid,A,1,5,2024-01-03 10:00\n"
    )
    seen, mapping = inspected(tmp_path, _HEADER + rows)
    assert set(mapping.fill_down) == {"order_id", "customer_id", "status", "date"}
    assert "fill_down" not in seen.questions
    assert seen.figures is not None
    assert (seen.figures.orders, seen.figures.customers, seen.figures.guest_orders) == (3, 2, 1)


def test_cells_that_only_some_later_lines_lack_are_asked(tmp_path: Path) -> None:
    rows = (
        "1,c,paid,A,1,5,2024-01-01 10:00\n1,,paid,B,1,5,2024-01-01 10:00\n"
        "2,d,paid,A,1,5,2024-01-02 10:00\n2,d,paid,B,1,5,2024-01-02 10:00\n"
    )
    seen, _ = inspected(tmp_path, _HEADER + rows)
    assert "'customer_id' is empty in 1 of 2 lines" in seen.questions["fill_down"][0]


def test_status_words_are_sorted_and_unknown_ones_asked(tmp_path: Path) -> None:
    words = ["paid", "voided", "refunded", "pending", "zapłacone", "partially_refunded"]
    rows = "".join(f"{n},c,{word},A,1,5,2024-01-01\n" for n, word in enumerate(words))
    seen, mapping = inspected(tmp_path, _HEADER + rows)
    assert mapping.status is not None
    assert set(mapping.status.order) == {"paid", "partially_refunded"}
    assert mapping.status.leave_out == ("voided",)
    assert mapping.status.refund == ("refunded",)
    assert mapping.status.wait == ("pending",)
    assert "zapłacone" in seen.questions["status"][0]


def test_a_status_by_which_all_orders_stand_is_no_question(tmp_path: Path) -> None:
    seen, mapping = inspected(tmp_path, _HEADER + "1,c,paid,A,1,5,2024-01-01\n")
    assert mapping.status is not None
    assert "status" not in seen.questions
