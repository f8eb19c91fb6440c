"""What a shop's lines hold, in words."""

import pytest

from tests.features.shop import line, lines
from training.data.extent import extent

LATE = line("1", "ann", "p", "2011-01-10 23:30")
GUEST = line("2", None, "p", "2011-01-12")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "there are no order lines"),
        (
            [GUEST],
            "all sale lines are guests', without a customer_id (1 line, 2011-01-12 to 2011-01-12)",
        ),
        (
            [GUEST, line("3", "ann", "p", "2011-01-13", price=0.0)],
            "no sale line of a known customer has a positive price "
            "(1 line, 2011-01-12 to 2011-01-13)",
        ),
        (
            [line("3", "ann", None, "2011-01-13", kind="fee")],
            "no order line is a sale of a product (1 line, 2011-01-13 to 2011-01-13)",
        ),
        (
            [LATE, GUEST, line("3", "bob", "q", "2011-01-13")],  # 23:30 in UTC is 00:30 in Berlin
            "the past hold 3 days of purchases, 2011-01-11 to 2011-01-13: 2 lines of 2 customers "
            "and 2 products",
        ),
    ],
)
def test_words(rows: list[dict[str, object]], words: str) -> None:
    assert extent(lines(*rows), timezone="Europe/Berlin", subject="the past") == words
