"""The Online Retail file as it is spread most: cp1252, month first, C invoices, bad debt."""

import datetime
import random
from pathlib import Path
from typing import Final

from tests.features.datasets.spoiled.truth import Order, Shop, Spoiled, draw
from tests.features.datasets.spoiled.writing import money, write_rows

_HEADER: Final = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
_NAIVE: Final = {
    "timezone": "Europe/London",
    "currency": "GBP",
    "encoding": "cp1252",
    "time_format": "%m/%d/%Y %H:%M",
    "order_lines": {
        "order_id": "InvoiceNo",
        "customer_id": "CustomerID",
        "product_id": "StockCode",
        "quantity": "Quantity",
        "unit_price": "UnitPrice",
        "event_timestamp": "InvoiceDate",
    },
}


def kaggle(folder: Path, seed: int) -> Spoiled:
    """Write the shop of `seed` into `folder`."""
    rng = random.Random(seed)
    shop = draw(
        seed,
        zone="Europe/London",
        products=[f"22{number:03}A" for number in range(1, 13)],
        customers=[str(number) for number in range(17801, 17826)],
        states={"paid": 16, "return": 2},
        discounts=False,
    )
    rows = [row for order in shop.orders for row in _rows(shop, order, rng)]
    at = _time(shop.orders[80].at)
    rows += [
        _row("A563185", "B", "Adjust bad debt", 1, at, "11062.06"),
        _row("A563186", "B", "Adjust bad debt", 1, at, "-11062.06"),
    ]
    return Spoiled(
        files=(
            write_rows(folder / "data.csv", rows, header=_HEADER.split(","), encoding="cp1252"),
        ),
        shop=shop,
        preset="kaggle_online_retail",
        naive=_NAIVE,
        answers={
            "timezone": "Europe/London",
            "fee_product_ids": ["POST"],
            "discount_product_ids": ["B"],
            "negative_price": "adjustment",
            "product_ids": {"case": "upper"},
        },
    )


def _rows(shop: Shop, order: Order, rng: random.Random) -> list[dict[str, str]]:
    returned = order.state == "return"
    number = f"{'C' if returned else ''}{536000 + order.number}"
    at, customer = _time(order.at), order.customer or ""
    rows = []
    for line in order.lines:
        code = rng.choice((line.product, line.product, line.product.lower()))
        quantity = -line.quantity if returned else line.quantity
        title = shop.title(line.product, order.at)
        rows.append(_row(number, code, title, quantity, at, money(line.price), customer))
    if order.number % 5 == 0 and not returned:
        rows.append(_row(number, "POST", "POSTAGE £", 1, at, "18.00", customer))
    if order.number % 7 == 0:  # a write-off a minute later: no customer, price 0, a note as title
        after = _time(order.at + datetime.timedelta(minutes=1))
        lost = order.lines[0].product
        rows.append(_row(str(590000 + order.number), lost, "damages", -10, after, "0.00"))
    return rows


def _row(*cells: object) -> dict[str, str]:
    """Return a row of the United Kingdom; its `cells` are those of the first columns."""
    row = dict(zip(_HEADER.split(","), map(str, cells), strict=False))
    return row | {"Country": "United Kingdom"}


def _time(at: datetime.datetime) -> str:
    return f"{at.month}/{at.day}/{at.year} {at.hour}:{at.minute:02}"
