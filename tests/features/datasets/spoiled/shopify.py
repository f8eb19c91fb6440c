"""Shopify's orders export: newest first, order columns on the first line, e-mails in any case."""

import random
from pathlib import Path
from typing import Final

from tests.features.datasets.spoiled.truth import Order, Shop, Spoiled, draw
from tests.features.datasets.spoiled.writing import any_case, money, write_rows

_WORDS: Final = {"paid": "paid", "refunded": "refunded", "void": "voided", "open": "pending"}
_HEADER: Final = [
    "Name",
    "Email",
    "Financial Status",
    "Paid at",
    "Fulfillment Status",
    "Fulfilled at",
    "Accepts Marketing",
    "Currency",
    "Subtotal",
    "Shipping",
    "Taxes",
    "Total",
    "Discount Code",
    "Discount Amount",
    "Shipping Method",
    "Created at",
    "Lineitem quantity",
    "Lineitem name",
    "Lineitem price",
    "Lineitem compare at price",
    "Lineitem sku",
    "Lineitem requires shipping",
    "Lineitem taxable",
    "Lineitem fulfillment status",
    "Billing Name",
    "Billing Country",
    "Notes",
    "Cancelled at",
    "Payment Method",
    "Refunded Amount",
    "Vendor",
    "Id",
    "Tags",
    "Source",
    "Lineitem discount",
]


def shopify(folder: Path, seed: int) -> Spoiled:
    """Write the shop of `seed` into `folder`."""
    rng = random.Random(seed)
    shop = draw(
        seed,
        zone="Europe/Berlin",
        products=[f"SKU-{number:03}" for number in range(1, 13)],
        customers=[f"cust{number:02}@shop.test" for number in range(25)],
        states={"paid": 16, "refunded": 2, "void": 1, "open": 1},
    )
    rows = [row for order in reversed(shop.orders) for row in _rows(shop, order, rng)]
    file = write_rows(folder / "orders_export_1.csv", rows, header=_HEADER)
    return Spoiled(
        files=(file,),
        shop=shop,
        preset="shopify",
        overrides=("timezone=Europe/Berlin", "currency=EUR"),
        naive={
            "timezone": "Europe/Berlin",
            "currency": "EUR",
            "order_lines": {
                "order_id": "Name",
                "customer_id": "Email",
                "product_id": "Lineitem sku",
                "quantity": "Lineitem quantity",
                "unit_price": "Lineitem price",
                "event_timestamp": "Created at",
            },
        },
        answers={
            "timezone": "Europe/Berlin",
            "customer_ids": {"case": "lower"},
            "status": {
                "column": "Financial Status",
                "order": ["paid"],
                "refund": ["refunded"],
                "leave_out": ["voided"],
                "wait": ["pending"],
            },
        },
    )


def _rows(shop: Shop, order: Order, rng: random.Random) -> list[dict[str, str]]:
    email = any_case(rng, order.customer)
    total = money(sum(line.cents for line in order.lines))
    at = order.at.replace(tzinfo=shop.zone).strftime("%Y-%m-%d %H:%M:%S %z")
    first = {
        "Financial Status": _WORDS[order.state],
        "Fulfillment Status": "fulfilled" if order.stands else "unfulfilled",
        "Currency": "EUR",
        "Subtotal": total,
        "Shipping": "4.90",
        "Total": total,
        "Refunded Amount": total if order.state == "refunded" else "0.00",
        "Billing Country": "DE",
        "Id": str(5512345680000 + order.number),
    }
    return [
        {
            "Name": f"#{1000 + order.number}",
            "Email": email,
            "Created at": at,
            "Lineitem quantity": str(line.quantity),
            "Lineitem name": shop.title(line.product, order.at),
            "Lineitem price": money(line.price),
            "Lineitem sku": line.product,
            "Lineitem fulfillment status": "fulfilled",
            "Lineitem discount": money(line.discount),
            "Vendor": "Our Shop",
        }
        | (first if place == 0 else {})
        for place, line in enumerate(order.lines)
    ]
