"""The presets of public data sets: a few rows of each, in its files' layout."""

from pathlib import Path

import pandas as pd

from tests.features.datasets.preset_files import load, numbers
from tests.features.datasets.spoiled.facts import facts, title_at


def test_olist(tmp_path: Path) -> None:
    file = tmp_path / "olist_order_items_dataset.csv"
    file.write_text(
        "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value\n"
        "o1,1,p1,s1,2017-10-06 11:07:15,29.99,8.72\n"
        "o1,2,p1,s1,2017-10-06 11:07:15,29.99,8.72\n"
        "o2,1,p2,s2,2018-08-13 04:30:34,118.70,22.76\n"
        "o3,1,p2,s2,2018-08-13 04:30:34,118.70,22.76\n"
    )
    (tmp_path / "olist_orders_dataset.csv").write_text(
        "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,"
        "order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date\n"
        "o1,c1,delivered,2017-10-02 10:56:33,2017-10-02 11:07:15,,,2017-10-18 00:00:00\n"
        "o2,c2,shipped,2018-07-24 20:41:37,2018-07-26 03:24:27,,,2018-08-13 00:00:00\n"
        "o3,c3,canceled,2018-07-24 20:41:37,,,,2018-08-13 00:00:00\n"
    )
    (tmp_path / "olist_customers_dataset.csv").write_text(
        "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state\n"
        "c1,anna,14409,franca,SP\nc2,anna,14409,franca,SP\nc3,ben,09790,campinas,SP\n"
    )
    (tmp_path / "olist_products_dataset.csv").write_text(
        "product_id,product_category_name,product_name_lenght,product_description_lenght,"
        "product_photos_qty,product_weight_g,product_length_cm,product_height_cm,product_width_cm\n"
        "p1,perfumaria,40,287,1,225,16,10,14\np2,artes,44,276,1,1000,30,18,20\n"
    )
    dataset = load(file, "olist")
    assert numbers(dataset) == (2, 1, 0, 3, 2 * 2999 + 11870)
    assert facts(dataset).bought[0] == ("2017-10-02T13:56:33Z", "anna", 2, 5998)
    assert dict(dataset.products[["product_id", "category"]].to_numpy()) == {
        "p1": "perfumaria",
        "p2": "artes",
    }


def test_kaggle_online_retail(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    rows = (
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        "536365,85123A,WHITE HANGING HEART,6,12/1/2010 8:26,2.55,17850,United Kingdom\n"
        "536365,85123a,WHITE HANGING HEART,6,12/1/2010 8:26,2.55,17850,United Kingdom\n"
        "536370,POST,POSTAGE,3,12/1/2010 8:45,18,12583,France\n"
        "536370,21035,SET OF £1 TINS,2,12/1/2010 8:45,2.95,12583,France\n"
        "C536379,85123A,WHITE HANGING HEART,-1,12/1/2010 9:41,2.55,17850,United Kingdom\n"
        "C536379,D,Discount,-1,12/1/2010 9:41,27.5,14527,United Kingdom\n"
        "536544,21035,SET OF £1 TINS,1,12/2/2010 14:32,5.91,,United Kingdom\n"
        "536589,21035,damages,-10,12/13/2010 16:50,0,,United Kingdom\n"
        "A563185,B,Adjust bad debt,1,8/12/2011 14:50,11062.06,,United Kingdom\n"
        "A563186,B,Adjust bad debt,1,8/12/2011 14:51,-11062.06,,United Kingdom\n"
    )
    file.write_bytes(rows.encode("cp1252"))
    dataset = load(file, "kaggle_online_retail")
    assert numbers(dataset) == (3, 2, 1, 12 + 2 - 1 + 1, 12 * 255 + 590 - 255 + 591)
    assert facts(dataset).bought[0] == ("2010-12-01T08:26:00Z", "17850", 12, 3060)
    assert dataset.kept == {"sale": 4, "return": 1, "fee": 1, "adjustment": 4}
    assert title_at(dataset, "21035", pd.Timestamp("2011-01-01", tz="UTC")) == "SET OF £1 TINS"
    countries = dict(dataset.customers[["customer_id", "country"]].to_numpy())
    assert countries["12583"] == "France"


def test_h_and_m(tmp_path: Path) -> None:
    file = tmp_path / "transactions_train.csv"
    file.write_text(
        "t_dat,customer_id,article_id,price,sales_channel_id\n"
        "2018-09-20,000058a12d5b,0663713001,0.05083050847457627,2\n"
        "2018-09-20,000058a12d5b,0663713001,0.05083050847457627,2\n"
        "2018-09-20,00007d2de826,541518023,0.03049152542372881,2\n"
        "2018-09-24,000058a12d5b,0541518023,0.03049152542372881,1\n"
    )
    (tmp_path / "articles.csv").write_text(
        "article_id,product_code,prod_name,product_type_no,product_type_name\n"
        "0663713001,0663713,Atlanta Push Body Harlow,283,Underwear body\n"
        "541518023,0541518,Rae Push (Melbourne) 2p,306,Bra\n"
    )
    dataset = load(file, "h_and_m")
    assert numbers(dataset) == (3, 2, 0, 4, 16)  # of the scaled prices, 0.1626
    assert facts(dataset).bought[-1][0] == "2018-09-23T22:00:00Z"
    assert sorted(dataset.products["product_id"]) == ["0541518023", "0663713001"]
    assert dataset.order_lines["order_id"].nunique() == 3
