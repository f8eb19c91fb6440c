"""The presets of tills and marketplaces: a small file of each, with its real header."""

from pathlib import Path

import pandas as pd

from tests.features.datasets.preset_files import load, numbers, write
from tests.features.datasets.spoiled.facts import facts, title_at

SQUARE = (
    "Date,Time,Time Zone,Category,Item,Qty,Price Point Name,SKU,Modifiers Applied,Gross Sales,"
    "Discounts,Net Sales,Tax,Transaction ID,Payment ID,Device Name,Notes,Details,Event Type,"
    "Location,Dining Option,Customer ID,Customer Name,Customer Reference ID,Unit,Count,GTIN,"
    "Itemization Type,Commission,Employee,Fulfillment Note,Channel,Token,Card Brand,PAN Suffix"
)


def square_row(
    transaction: str, item: str, quantity: str, net: str, **others: str
) -> dict[str, str]:
    row = {"Transaction ID": transaction, "Item": item, "Qty": quantity, "Net Sales": net}
    row |= {"Date": "2026-07-18", "Time": "22:59:30", "Time Zone": "Eastern Time (US & Canada)"}
    row |= {
        "Category": "Ceramics",
        "Event Type": "Payment",
        "Location": "Fair",
        "Gross Sales": "$0.00",
    }
    return row | {key.replace("_", " "): value for key, value in others.items()}


def test_square(tmp_path: Path) -> None:
    refund = {"Date": "2026-07-25", "Event_Type": "Refund"}
    file = write(
        tmp_path,
        "items-2026-07-18-2026-08-01.csv",
        SQUARE,
        square_row("A1x", "Kiln", "1.0", "$1,250.00", Customer_ID="CUST1"),
        square_row("A1x", "Mug", "2.0", "$33.50", Customer_ID="CUST1"),
        square_row("B2y", "Mug", "1.0", "$18.00"),
        square_row("B2y", "Custom Amount", "1.0", "$5.00"),
        square_row("B2y", "Mug", "-1.0", "-$18.00", **refund),
        square_row("R9", "Mug", "1.0", "-$16.75", Customer_ID="CUST1", **refund),
    )
    dataset = load(file, "square", "timezone=America/New_York", "currency=USD")
    assert numbers(dataset) == (2, 1, 1, 1 + 2 + 1 - 1 - 1, 125000 + 3350 - 1675)
    assert facts(dataset).bought[1] == ("2026-07-19T02:59:30Z", "CUST1", 3, 128350)
    assert dataset.kept == {"sale": 3, "fee": 1, "return": 2}
    assert set(dataset.products["category"]) == {"Ceramics"}


AMAZON = (
    "amazon-order-id\tmerchant-order-id\tpurchase-date\tlast-updated-date\torder-status\t"
    "fulfillment-channel\tsales-channel\torder-channel\turl\tship-service-level\tproduct-name\tsku\t"
    "asin\titem-status\tquantity\tcurrency\titem-price\titem-tax\tshipping-price\tshipping-tax\t"
    "gift-wrap-price\tgift-wrap-tax\titem-promotion-discount\tship-promotion-discount\tship-city\t"
    "ship-state\tship-postal-code\tship-country\tpromotion-ids\tis-business-order\t"
    "purchase-order-number\tprice-designation"
)


def amazon_row(order: str, sku: str, quantity: str, price: str, **others: str) -> dict[str, str]:
    row = {"amazon-order-id": order, "sku": sku, "quantity": quantity, "item-price": price}
    row |= {"purchase-date": "2026-04-10T22:15:00+00:00", "order-status": "Shipped", "asin": "B0"}
    row |= {"item-status": "Shipped", "currency": "EUR", "sales-channel": "Amazon.de"}
    row |= {"product-name": sku.title(), "fulfillment-channel": "Amazon"}
    return row | {key.replace("_", "-"): value for key, value in others.items()}


def test_amazon(tmp_path: Path) -> None:
    pending = {"order_status": "Pending", "item_status": "Unshipped", "currency": ""}
    file = write(
        tmp_path,
        "all_orders.txt",
        AMAZON,
        amazon_row("1-1", "MUG", "2", "42.00", item_promotion_discount="2.10"),
        amazon_row("1-1", "TEA", "1", "18.00", item_status="Cancelled"),
        amazon_row("1-2", "MUG", "1", "", **pending),
        amazon_row("1-3", "MUG", "0", "", order_status="Cancelled", currency=""),
        amazon_row("1-4", "TEA", "1", "18.00", order_status="Shipped - Returned to Seller"),
        amazon_row("S-5", "TEA", "1", "", sales_channel="Non-Amazon", currency=""),
        delimiter="\t",
    )
    dataset = load(file, "amazon", "timezone=Europe/Berlin", "currency=EUR")
    assert numbers(dataset) == (2, 0, 2, 2, 4200 - 210)
    assert facts(dataset).bought[0] == ("2026-04-10T22:15:00Z", "", 1, 1800)
    assert title_at(dataset, "MUG", pd.Timestamp("2026-05-01", tz="UTC")) == "Mug"
