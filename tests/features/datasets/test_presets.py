"""The presets of web shops: a small file of each platform, with its real header."""

from pathlib import Path

import pandas as pd
import pytest

from features.schema import BadInput
from tests.features.datasets.preset_files import PRESETS, load, numbers, write
from tests.features.datasets.spoiled.facts import facts, title_at

SHOPIFY = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,"
    "Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,"
    "Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem compare at price,"
    "Lineitem sku,Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,"
    "Billing Name,Billing Street,Billing Address1,Billing Address2,Billing Company,Billing City,"
    "Billing Zip,Billing Province,Billing Country,Billing Phone,Shipping Name,Shipping Street,"
    "Shipping Address1,Shipping Address2,Shipping Company,Shipping City,Shipping Zip,"
    "Shipping Province,Shipping Country,Shipping Phone,Notes,Note Attributes,Cancelled at,"
    "Payment Method,Payment Reference,Refunded Amount,Vendor,Outstanding Balance,Employee,"
    "Location,Device ID,Id,Tags,Risk Level,Source,Lineitem discount,Tax 1 Name,Tax 1 Value,"
    "Tax 2 Name,Tax 2 Value,Tax 3 Name,Tax 3 Value,Tax 4 Name,Tax 4 Value,Tax 5 Name,Tax 5 Value,"
    "Phone,Receipt Number,Duties,Billing Province Name,Shipping Province Name,Payment ID,"
    "Payment Terms Name,Next Payment Due At,Payment References"
)


def shopify_row(name: str, sku: str, quantity: str, price: str, **order: str) -> dict[str, str]:
    line = {"Name": name, "Lineitem sku": sku, "Lineitem quantity": quantity, "Vendor": "Mill"}
    line |= {"Lineitem price": price, "Lineitem discount": "0.00", "Lineitem name": sku.title()}
    return line | {key.replace("_", " "): value for key, value in order.items()}


def shopify_order(email: str, status: str, at: str) -> dict[str, str]:
    order = {"Email": email, "Financial_Status": status, "Created_at": at, "Currency": "EUR"}
    return order | {"Billing_Country": "DE"}


def test_shopify(tmp_path: Path) -> None:
    kim = shopify_order("Kim@Shop.test", "paid", "2024-03-30 23:30:00 +0100")
    renamed = {"Lineitem_name": "Cap &amp; badge", "Lineitem_discount": "5.00"}
    file = write(
        tmp_path,
        "orders_export_1.csv",
        SHOPIFY,
        shopify_row(
            "#1005",
            "CAP",
            "2",
            "25.00",
            **renamed,
            **shopify_order("kim@shop.test", "partially_refunded", "2024-07-05 10:00:00 +0200"),
        ),
        shopify_row(
            "#1004", "CAP", "1", "25.00", **shopify_order("lee@s.test", "voided", kim["Created_at"])
        ),
        shopify_row(
            "#1003",
            "CAP",
            "1",
            "25.00",
            **shopify_order("lee@s.test", "refunded", "2024-07-04 10:00:00 +0200"),
        ),
        shopify_row("#1002", "SHIRT", "1", "30.00", **shopify_order("", "paid", kim["Created_at"])),
        shopify_row("#1001", "SHIRT", "1", "30.00", **kim),
        shopify_row("#1001", "CAP", "2", "25.00"),
    )
    dataset = load(file, "shopify", "timezone=Europe/Berlin", "currency=EUR")
    # 1001: 80, 1002 (a guest): 30, 1003: 25 and back, 1005: 50 - 5
    assert numbers(dataset) == (4, 2, 1, 1 + 2 + 1 + 2, 8000 + 3000 + 4500)
    assert facts(dataset).bought[1] == ("2024-03-30T22:30:00Z", "kim@shop.test", 3, 8000)
    assert dataset.dropped["left out: Financial Status is voided"] == 1
    assert title_at(dataset, "CAP", pd.Timestamp("2024-06-01", tz="UTC")) == "Cap"
    assert title_at(dataset, "CAP", pd.Timestamp("2024-08-01", tz="UTC")) == "Cap & badge"
    assert set(dataset.products["category"]) == {"Mill"}
    assert set(dataset.customers["country"]) == {"DE"}


def test_shopify_refuses_a_status_that_it_does_not_know(tmp_path: Path) -> None:
    order = shopify_order("kim@shop.test", "on the moon", "2024-03-30 23:30:00 +0100")
    file = write(tmp_path, "o.csv", SHOPIFY, shopify_row("#1001", "CAP", "1", "25.00", **order))
    with pytest.raises(BadInput, match="'on the moon': no word of `status`"):
        load(file, "shopify", "timezone=Europe/Berlin", "currency=EUR")


WOOCOMMERCE = (
    "order_id,order_number,order_number_formatted,date,status,shipping_total,shipping_tax_total,"
    "fee_total,fee_tax_total,tax_total,discount_total,order_total,refunded_total,order_currency,"
    "payment_method,shipping_method,customer_id,billing_first_name,billing_last_name,"
    "billing_full_name,billing_company,vat_number,billing_email,billing_phone,billing_address_1,"
    "billing_address_2,billing_postcode,billing_city,billing_state,billing_state_code,"
    "billing_country,shipping_first_name,shipping_last_name,shipping_full_name,shipping_address_1,"
    "shipping_address_2,shipping_postcode,shipping_city,shipping_state,shipping_state_code,"
    "shipping_country,shipping_company,customer_note,item_id,item_product_id,item_name,item_sku,"
    "item_quantity,item_subtotal,item_subtotal_tax,item_total,item_total_tax,item_refunded,"
    "item_refunded_qty,item_meta,shipping_items,fee_items,tax_items,coupon_items,refunds,"
    "order_notes,download_permissions_granted"
)


def woocommerce_row(
    order: str, item: str, sku: str, *amounts: str, **others: str
) -> dict[str, str]:
    row = dict(zip(("item_quantity", "item_subtotal", "item_total"), amounts, strict=True))
    row |= {"order_id": order, "item_id": item, "item_sku": sku, "item_product_id": f"1{item}"}
    row |= {"item_name": f"{sku} &amp; more", "status": "completed", "order_currency": "EUR"}
    return (
        row | {"customer_id": "7", "date": "2024-01-05 23:30:00", "billing_country": "DE"} | others
    )


def test_woocommerce(tmp_path: Path) -> None:
    guest = {"customer_id": "0", "billing_email": "lee@shop.test"}
    file = write(
        tmp_path,
        "orders-export.csv",
        WOOCOMMERCE,
        woocommerce_row("101", "1", "TEA", "3", "30.00", "27.00"),
        woocommerce_row("101", "2", "MUG", "1", "12.50", "11.25"),
        woocommerce_row("102", "3", "TEA", "1", "10.00", "10.00", **guest),
        woocommerce_row("103", "4", "TEA", "1", "10.00", "10.00", status="refunded"),
        woocommerce_row("104", "5", "TEA", "1", "10.00", "10.00", status="cancelled"),
        woocommerce_row("105", "6", "TEA", "1", "10.00", "10.00", status="on-hold"),
    )
    dataset = load(file, "woocommerce", "timezone=Europe/Berlin", "currency=EUR")
    assert numbers(dataset) == (3, 1, 1, 4 + 1, 2700 + 1125 + 1000)
    assert facts(dataset).bought[1] == (
        "2024-01-05T22:30:00Z",
        "7",
        1,
        1000,
    )  # by time, then customer
    assert title_at(dataset, "TEA", pd.Timestamp("2024-02-01", tz="UTC")) == "TEA & more"
    assert dataset.dropped["waiting: status is on-hold"] == 1


MAGENTO_ITEMS = (
    "item_id,order_id,parent_item_id,quote_item_id,store_id,created_at,updated_at,product_id,"
    "product_type,product_options,weight,is_virtual,sku,name,description,applied_rule_ids,"
    "additional_data,is_qty_decimal,no_discount,qty_backordered,qty_canceled,qty_invoiced,"
    "qty_ordered,qty_refunded,qty_shipped,base_cost,price,base_price,original_price,"
    "base_original_price,tax_percent,tax_amount,base_tax_amount,tax_invoiced,base_tax_invoiced,"
    "discount_percent,discount_amount,base_discount_amount,discount_invoiced,"
    "base_discount_invoiced,amount_refunded,base_amount_refunded,row_total,base_row_total"
)
MAGENTO_ORDERS = (
    "entity_id,state,status,coupon_code,protect_code,shipping_description,is_virtual,store_id,"
    "customer_id,base_discount_amount,base_grand_total,base_subtotal,discount_amount,grand_total,"
    "customer_is_guest,customer_group_id,increment_id,base_currency_code,customer_email,"
    "order_currency_code,created_at,updated_at"
)


def magento_item(item: str, order: str, sku: str, *amounts: str, **others: str) -> dict[str, str]:
    row = dict(zip(("qty_ordered", "base_price", "base_discount_amount"), amounts, strict=True))
    row |= {"item_id": item, "order_id": order, "sku": sku, "name": sku.title(), "store_id": "1"}
    row |= {"parent_item_id": "NULL", "created_at": "2024-01-05 23:30:00", "product_id": "5"}
    return row | {"product_type": "simple"} | others


def magento_order(order: str, state: str, customer: str) -> dict[str, str]:
    row = {"entity_id": order, "state": state, "customer_id": customer, "base_currency_code": "EUR"}
    return row | {"increment_id": f"00000010{order}", "customer_email": "x@y.test", "status": "own"}


def test_magento(tmp_path: Path) -> None:
    configurable, child = {"product_type": "configurable"}, {"parent_item_id": "1"}
    file = write(
        tmp_path,
        "sales_order_item.csv",
        MAGENTO_ITEMS,
        magento_item("1", "1", "shirt-blue", "2.0000", "30.0000", "6.0000", **configurable),
        magento_item("2", "1", "shirt-blue", "2.0000", "0.0000", "0.0000", **child),
        magento_item("3", "1", "cap", "1.0000", "25.5000", "0.0000"),
        magento_item("4", "2", "cap", "1.0000", "25.5000", "0.0000"),
        magento_item("5", "3", "cap", "1.0000", "25.5000", "0.0000"),
        magento_item("6", "4", "cap", "1.0000", "25.5000", "0.0000"),
        magento_item("7", "4", "bundle", "1.0000", "40.0000", "0.0000"),
        magento_item("8", "4", "cap", "1.0000", "40.0000", "0.0000", parent_item_id="7"),
    )
    write(
        tmp_path,
        "sales_order.csv",
        MAGENTO_ORDERS,
        magento_order("1", "complete", "17"),
        magento_order("2", "canceled", "17"),
        magento_order("3", "closed", "18"),
        magento_order("4", "processing", "NULL"),
    )
    dataset = load(file, "magento", "currency=EUR")
    assert numbers(dataset) == (3, 2, 1, 3 + 2, 5400 + 2550 + 6550)
    assert facts(dataset).bought[-1] == ("2024-01-05T23:30:00Z", "18", 1, 2550)
    assert sorted(set(dataset.order_lines["order_id"])) == ["000000101", "000000103", "000000104"]
    assert dataset.dropped["where: parent_item_id"] == 2


PRESTASHOP = (
    "id_order;id_customer;date_add;current_state;currency;country;id_order_detail;product;"
    "product_id;product_name;product_quantity;total_price_tax_incl;voucher"
)


def prestashop_row(order: str, line: str, *cells: str, **others: str) -> dict[str, str]:
    row = dict(zip(("product_quantity", "total_price_tax_incl", "voucher"), cells, strict=True))
    row |= {"id_order": order, "id_order_detail": line, "product": "5-12", "product_id": "5"}
    row |= {"product_name": "Mug - Size : S", "date_add": "2024-01-05 23:30:00", "currency": "EUR"}
    return row | {"id_customer": "3", "current_state": "5", "country": "FR"} | others


def test_prestashop(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "request_sql_1.csv",
        PRESTASHOP,
        prestashop_row("1", "1", "2", "24.400000", "2.033333"),
        prestashop_row("1", "2", "1", "35.600000", "2.966667", product="6-0", product_id="6"),
        prestashop_row("2", "3", "1", "12.200000", "0.000000", id_customer=""),
        prestashop_row("3", "4", "1", "12.200000", "", current_state="7"),
        prestashop_row("4", "5", "1", "12.200000", "", current_state="6"),
        prestashop_row("5", "6", "1", "12.200000", "", current_state="10"),
        delimiter=";",
    )
    dataset = load(file, "prestashop", "timezone=Europe/Paris", "currency=EUR")
    assert numbers(dataset) == (3, 1, 1, 3 + 1, 6000 - 500 + 1220)
    assert facts(dataset).bought[0] == ("2024-01-05T22:30:00Z", "", 1, 1220)
    assert set(dataset.customers["country"]) == {"FR"}


def test_every_preset_has_its_traps_on_record() -> None:
    for file in PRESETS.glob("*.yaml"):
        text = file.read_text()
        assert text.startswith("# "), file.name
        assert "--file" in text, file.name
