"""Magento's tables: items and orders in two files, UTC, NULL, configurable products in two rows."""

from pathlib import Path
from typing import Final

from tests.features.datasets.spoiled.truth import Line, Order, Shop, Spoiled, draw
from tests.features.datasets.spoiled.writing import money, write_rows

_STATES: Final = {"paid": "complete", "refunded": "closed", "void": "canceled", "open": "new"}
_ITEMS: Final = [
    "item_id",
    "order_id",
    "parent_item_id",
    "store_id",
    "created_at",
    "updated_at",
    "product_id",
    "product_type",
    "sku",
    "name",
    "qty_canceled",
    "qty_invoiced",
    "qty_ordered",
    "qty_refunded",
    "price",
    "base_price",
    "base_tax_amount",
    "discount_amount",
    "base_discount_amount",
    "row_total",
    "base_row_total",
]
_ORDERS: Final = [
    "entity_id",
    "state",
    "status",
    "store_id",
    "customer_id",
    "base_discount_amount",
    "base_grand_total",
    "customer_is_guest",
    "increment_id",
    "base_currency_code",
    "customer_email",
    "order_currency_code",
    "created_at",
    "updated_at",
]


def magento(folder: Path, seed: int) -> Spoiled:
    """Write the shop of `seed` into `folder`."""
    shop = draw(
        seed,
        zone="UTC",
        products=[f"M-{number:03}-blue" for number in range(1, 13)],
        customers=[str(number) for number in range(101, 126)],
        states={"paid": 16, "refunded": 2, "void": 2, "open": 1},
    )
    items: list[dict[str, str]] = []
    for order in shop.orders:
        for line in order.lines:
            items += _items(shop, order, line, first=len(items) + 1)
    file = write_rows(folder / "sales_order_item.csv", items, header=_ITEMS)
    write_rows(folder / "sales_order.csv", [_order(o) for o in shop.orders], header=_ORDERS)
    return Spoiled(
        files=(file,),
        shop=shop,
        preset="magento",
        overrides=("currency=EUR",),
        naive={
            "timezone": "UTC",
            "currency": "EUR",
            "order_heads": {
                "file": "sales_order.csv",
                "order_id": "entity_id",
                "line_order_id": "order_id",
            },
            "order_lines": {
                "order_id": "order_id",
                "customer_id": "customer_id",
                "product_id": "sku",
                "quantity": "qty_ordered",
                "unit_price": "price",
                "event_timestamp": "created_at",
            },
        },
        answers={
            "timezone": "UTC",
            "missing": ["NULL"],
            "where": {"parent_item_id": {"only": [""]}},
            "status": {
                "column": "state",
                "order": ["complete"],
                "refund": ["closed"],
                "leave_out": ["canceled"],
                "wait": ["new"],
            },
        },
    )


def _items(shop: Shop, order: Order, line: Line, *, first: int) -> list[dict[str, str]]:
    """Return the row of `line`, and a second one if its product is configurable."""
    configurable = int(line.product[2:5]) % 2 == 0
    units = {"qty_ordered": line.quantity, "qty_canceled": 0, "qty_refunded": 0}
    units["qty_canceled"] = line.quantity if order.state == "void" else 0
    units["qty_refunded"] = line.quantity if order.state == "refunded" else 0
    row = {name: f"{number}.0000" for name, number in units.items()} | {
        "item_id": str(first),
        "order_id": str(order.number),
        "parent_item_id": "NULL",
        "store_id": "1",
        "created_at": order.at.strftime("%Y-%m-%d %H:%M:%S"),
        "product_id": line.product[2:5],
        "product_type": "configurable" if configurable else "simple",
        "sku": line.product,
        "name": shop.title(line.product, order.at),
        "price": f"{money(line.price)}00",
        "base_price": f"{money(line.price)}00",
        "base_discount_amount": f"{money(line.discount)}00",
        "discount_amount": f"{money(line.discount)}00",
        "base_row_total": f"{money(line.cents + line.discount)}00",
    }
    free = dict.fromkeys(
        ("price", "base_price", "base_discount_amount", "base_row_total"), "0.0000"
    )
    child = {"item_id": str(first + 1), "parent_item_id": str(first), "product_type": "simple"}
    return [row, row | free | child | {"discount_amount": "0.0000"}] if configurable else [row]


def _order(order: Order) -> dict[str, str]:
    return {
        "entity_id": str(order.number),
        "state": _STATES[order.state],
        "status": _STATES[order.state],
        "store_id": "1",
        "customer_id": order.customer or "NULL",
        "customer_is_guest": "0" if order.customer else "1",
        "increment_id": f"{order.number:09}",
        "base_currency_code": "EUR",
        "customer_email": f"c{order.customer or order.number}@shop.test",
        "order_currency_code": "EUR",
        "created_at": order.at.strftime("%Y-%m-%d %H:%M:%S"),
    }
