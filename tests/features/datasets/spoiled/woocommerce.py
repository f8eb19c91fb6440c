"""WooCommerce's export of one row per item: guests are 0, titles have entities, coupons."""

import html
from pathlib import Path
from typing import Final

from tests.features.datasets.spoiled.truth import Spoiled, draw
from tests.features.datasets.spoiled.writing import money, write_rows

_WORDS: Final = {
    "paid": "completed",
    "refunded": "refunded",
    "void": "cancelled",
    "open": "on-hold",
}
_HEADER: Final = [
    "order_id",
    "order_number",
    "date",
    "status",
    "shipping_total",
    "discount_total",
    "order_total",
    "refunded_total",
    "order_currency",
    "payment_method",
    "customer_id",
    "billing_full_name",
    "billing_email",
    "billing_country",
    "customer_note",
    "item_id",
    "item_product_id",
    "item_name",
    "item_sku",
    "item_quantity",
    "item_subtotal",
    "item_subtotal_tax",
    "item_total",
    "item_total_tax",
    "item_refunded",
    "item_refunded_qty",
    "item_meta",
]


def woocommerce(folder: Path, seed: int) -> Spoiled:
    """Write the shop of `seed` into `folder`."""
    shop = draw(
        seed,
        zone="Europe/Madrid",
        products=[f"W{number:02}" for number in range(1, 13)],
        customers=[str(number) for number in range(11, 36)],
        states={"paid": 16, "refunded": 2, "void": 2, "open": 1},
    )
    rows: list[dict[str, str]] = []
    for order in shop.orders:
        for line in order.lines:
            rows.append(
                {
                    "order_id": str(300 + order.number),
                    "order_number": f"W-{order.number}",
                    "date": order.at.strftime("%Y-%m-%d %H:%M:%S"),
                    "status": _WORDS[order.state],
                    "order_currency": "EUR",
                    "customer_id": order.customer or "0",
                    "billing_email": f"{order.customer or f'guest{order.number}'}@shop.test",
                    "billing_country": "ES",
                    "item_id": str(len(rows) + 1),
                    "item_product_id": line.product.removeprefix("W"),
                    "item_name": html.escape(shop.title(line.product, order.at)),
                    "item_sku": line.product,
                    "item_quantity": str(line.quantity),
                    "item_subtotal": money(line.cents + line.discount),
                    "item_total": money(line.cents),
                }
            )
    columns = {
        "order_id": "order_id",
        "customer_id": "customer_id",
        "product_id": "item_sku",
        "quantity": "item_quantity",
        "line_total": "item_total",
        "event_timestamp": "date",
    }
    return Spoiled(
        files=(write_rows(folder / "orders-export.csv", rows, header=_HEADER),),
        shop=shop,
        preset="woocommerce",
        overrides=("timezone=Europe/Madrid", "currency=EUR"),
        naive={"timezone": "Europe/Madrid", "currency": "EUR", "order_lines": columns},
        answers={
            "timezone": "Europe/Madrid",
            "guest_ids": ["0"],
            "status": {
                "column": "status",
                "order": ["completed"],
                "refund": ["refunded"],
                "leave_out": ["cancelled"],
                "wait": ["on-hold"],
            },
        },
    )
