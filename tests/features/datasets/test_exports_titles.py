"""Exports whose titles are coded, change, or stand in the order file."""

from pathlib import Path

import pandas as pd
import pytest

from tests.features.datasets.exports.export import Export, export, numbers, values
from tests.features.datasets.exports.shops import HEADER, ORDINARY, WEB
from tests.features.datasets.spoiled.facts import title_at

ORDER = "1,c,A,1,5,2024-01-01 10:00:00\n1,c,B,1,5,2024-01-01 10:00:00\n"
PRODUCTS = "products: {file: products.csv, product_id: id, title: name}\n"


def with_products(folder: Path, text: str) -> Export:
    (folder / "products.csv").write_bytes(text.encode())
    return export(folder, ORDER, mapping=ORDINARY + PRODUCTS)


def test_html_entities_and_line_breaks(tmp_path: Path) -> None:  # B28
    rows = 'id,name\nA,Tea &amp; Biscuits &quot;Gift&quot; <b>new</b>\nB,"Cup ""large""\r\nblue"\n'
    dataset = with_products(tmp_path, rows).load()
    titles = ['Tea & Biscuits "Gift" <b>new</b>', 'Cup "large"\r\nblue']
    assert values(dataset.products, "title") == titles
    assert dataset.warnings == {"HTML entities: decoded": 1}


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("Tea &#8364; 5&nbsp;kg", "Tea € 5\u00a0kg"),
        ("&#x27;Zo&euml;&#39;", "'Zoë'"),
        ("R&amp;amp;D", "R&amp;D"),  # coded twice: decoded once
    ],
)
def test_other_entities(tmp_path: Path, written: str, title: str) -> None:
    dataset = with_products(tmp_path, f"id,name\nA,{written}\nB,AT&T & Co\n").load()
    assert values(dataset.products, "title") == [title, "AT&T & Co"]
    assert dataset.warnings == {"HTML entities: decoded": 1}


WEB_HEADER = (
    "Name,Email,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Country\n"
)
KIM = "#1001,kim@shop.test,2024-02-03 10:00:00 +0100"
RENAMED = (
    f"{KIM},1,Linen Shirt,30.00,SHIRT,DE\n"
    f"{KIM},2,Cap,25.00,CAP,DE\n"
    "#1002,lee@shop.test,2024-07-04 10:00:00 +0200,1,Cap &amp; badge (new),25.00,CAP,FR\n"
    "#1003,kim@shop.test,2024-08-04 10:00:00 +0200,1,Linen Shirt,30.00,SHIRT,FR\n"
)
TITLES = "products: {file: orders.csv, product_id: Lineitem sku, title: Lineitem name}\n"
COUNTRIES = "customers: {file: orders.csv, customer_id: Email, country: Country}\n"


def test_titles_in_the_order_file_are_versions(tmp_path: Path) -> None:  # B29
    dataset = export(tmp_path, RENAMED, header=WEB_HEADER, mapping=WEB + TITLES).load()
    assert numbers(dataset) == (3, 2, 0, 5, 135)
    products = dataset.products.sort_values(["product_id", "valid_from"])
    assert values(products, "product_id") == ["CAP", "CAP", "SHIRT"]
    assert values(products, "title") == ["Cap", "Cap & badge (new)", "Linen Shirt"]
    assert title_at(dataset, "CAP", pd.Timestamp("2024-07-04T07:59:59Z")) == "Cap"
    assert title_at(dataset, "CAP", pd.Timestamp("2024-07-04T08:00:00Z")) == "Cap & badge (new)"


def test_customers_in_the_order_file_without_guests(tmp_path: Path) -> None:
    guests = (
        "#1004,,2024-08-05 10:00:00 +0200,1,Linen Shirt,30.00,SHIRT,FR\n"
        "#1005,,2024-08-05 10:00:00 +0200,1,Loose thing,3.00,,FR\n"
    )
    mapping = WEB + COUNTRIES
    dataset = export(tmp_path, RENAMED + guests, header=WEB_HEADER, mapping=mapping).load()
    assert numbers(dataset) == (5, 2, 2, 7, 168)
    kim = dataset.customers[dataset.customers["customer_id"] == "kim@shop.test"]
    assert values(kim.sort_values("valid_from"), "country") == ["DE", "FR"]
    assert values(dataset.customers, "customer_id").count("lee@shop.test") == 1
    assert len(dataset.customers) == 3
    mapping = WEB + "customers: {file: orders.csv, customer_id: Email}\n"  # as in the folder
    dataset = export(tmp_path, RENAMED + guests, header=WEB_HEADER, mapping=mapping).load()
    assert values(dataset.customers, "customer_id") == ["kim@shop.test", "lee@shop.test"]


def test_a_title_that_changes_back(tmp_path: Path) -> None:
    names = ("Cup", "Mug", "Cup", "Cup")
    rows = "".join(
        f"{month},c,A,1,5,2024-0{month}-01 10:00:00,{name}\n"
        for month, name in reversed(list(enumerate(names, start=1)))  # newest first
    )
    mapping = ORDINARY + "products: {product_id: sku, title: name}\n"
    dataset = export(tmp_path, rows, header=f"{HEADER.strip()},name\n", mapping=mapping).load()
    products = dataset.products.sort_values("valid_from")
    assert values(products, "title") == ["Cup", "Mug", "Cup"]
    assert list(products["valid_from"].dt.month) == [1, 2, 3]


def test_a_category_that_is_missing_later_stays(tmp_path: Path) -> None:
    rows = "".join(
        f"{month},c,A,1,5,2024-0{month}-01 10:00:00,{cells}\n"
        for month, cells in enumerate(("Cup,Kitchen", "Mug,", ",", "Mug,Gifts"), start=1)
    )
    mapping = ORDINARY + "products: {product_id: sku, title: name, category: group}\n"
    header = f"{HEADER.strip()},name,group\n"
    products = export(tmp_path, rows, header=header, mapping=mapping).load().products
    products = products.sort_values("valid_from")
    assert values(products, "title") == ["Cup", "Mug", "Mug"]
    assert values(products, "category") == ["Kitchen", "Kitchen", "Gifts"]
    assert list(products["valid_from"].dt.month) == [1, 2, 4]
