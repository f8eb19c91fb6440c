from pathlib import Path

from features.ids import IdRule
from tests.features.inspect.generated import inspected

_HEADER = "order_id,customer_id,sku,qty,price,date\n"


def _orders(*customers: str, sku: str = "A") -> str:
    return _HEADER + "".join(
        f"{n},{customer},{sku},1,5,2024-01-01 10:00\n" for n, customer in enumerate(customers)
    )


def test_words_for_guests_and_for_empty_cells_are_asked(tmp_path: Path) -> None:
    seen, mapping = inspected(tmp_path, _orders("0", "散客", "NULL", "n/a", "17", "-1"))
    assert set(mapping.guest_ids) == {"0", "散客", "-1"}
    assert set(mapping.missing) == {"NULL", "n/a"}
    assert {"guest_ids", "missing"} <= set(seen.questions)
    assert seen.figures is not None
    assert (seen.figures.customers, seen.figures.guest_orders) == (1, 5)


def test_one_id_with_an_unlikely_share_is_asked_but_not_assumed(tmp_path: Path) -> None:
    customers = [f"c{n}" for n in range(25)] + ["c9999"] * 40
    seen, mapping = inspected(tmp_path, _orders(*customers))
    assert not mapping.guest_ids
    assert "'c9999' has 40 orders" in seen.questions["guest_ids"][0]


def test_spellings_of_one_customer_are_brought_together(tmp_path: Path) -> None:
    seen, mapping = inspected(tmp_path, _orders("Kim@s.test", "kim@s.test", "17", "17.0"))
    assert mapping.customer_ids == IdRule(case="lower", remove=".0")
    assert "customer_ids" in seen.questions
    assert seen.figures is not None
    assert seen.figures.customers == 2


def test_plain_ids_need_no_rule(tmp_path: Path) -> None:
    seen, mapping = inspected(tmp_path, _orders("a", "b", "c"))
    assert mapping.customer_ids is None
    assert set(seen.questions) == {"timezone", "currency"}


def test_rounded_ids_are_asked(tmp_path: Path) -> None:
    seen, _ = inspected(tmp_path, _orders("a", "b", sku="6.93217E+12"))
    assert "rounded by a spreadsheet" in seen.questions["order_lines.product_id"][0]
    assert seen.refusal is not None
    assert "real_ids" in seen.refusal


def test_lines_without_a_product_are_asked(tmp_path: Path) -> None:
    rows = "1,c,A,1,5,2024-01-01\n1,c,,1,5,2024-01-01\n2,c,B,1,5,2024-01-01\n"
    seen, _ = inspected(tmp_path, _HEADER + rows)
    assert "1 line, such as row 3" in seen.questions["order_lines.product_id"][0]
