"""A small shop with known truth, written as the exports of many countries are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from features.datasets.mapping import ShopMapping, load_mapping
from features.inspect.inspect import Inspection, inspect

NAMES: Mapping[str, str] = {
    "en": "Order ID,Order Date,Customer ID,SKU,Product Name,Quantity,Unit Price",
    "de": "Bestellnummer,Datum,Kundennummer,Artikelnummer,Bezeichnung,Menge,Preis",
    "fr": "N° commande,Date commande,Numéro client,Référence,Désignation,Qté,Prix",
    "es": "Nº pedido,Fecha,Cliente,Código producto,Descripción,Cantidad,Precio",
    "zh": "订单号,交易时间,会员卡号,商品编码,商品名称,数量,单价",
    "ja": "注文番号,注文日時,会員番号,商品コード,商品名,数量,単価",
    "kaggle": "InvoiceNo,InvoiceDate,CustomerID,StockCode,Description,Quantity,UnitPrice",
    "shopify": "Name,Created at,Email,Lineitem sku,Lineitem name,Lineitem quantity,Lineitem price",
}
_TITLES = {"zh": "绿茶杯子", "ja": "お茶のカップ", "fr": "Thé à la crème", "de": "Große Tüte"}


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """How a file is written."""

    language: str = "en"
    delimiter: str = ","
    encoding: str = "utf-8"
    decimal: str = "."
    thousands: str = ""
    time_format: str = "%Y-%m-%d %H:%M:%S"
    days: int = 25
    """Days of January on which there are orders: below 13, no date decides the order."""


def lines(days: int = 25) -> list[tuple[str, datetime, str, str, int, float]]:
    """Return order, time, customer (empty: a guest), product, quantity and price by line."""
    out = []
    for order in range(60):
        moment = datetime(2024, 1, 1, 9, 7, 5) + timedelta(days=order % days, minutes=7 * order)
        customer = "" if order % 7 == 0 else f"K{order % 11:03}"
        for line in range(1 + order % 3):
            product = (order + 5 * line) % 13
            price = 1250.5 + product if product == 4 else 2.25 + product
            out.append((f"#{1000 + order}", moment, customer, f"P-{product:02}", 1 + line, price))
    return out


def write(file: Path, spelling: Spelling) -> Path:
    """Write the shop to `file`."""
    title = _TITLES.get(spelling.language, "Cup & saucer")
    rows = [NAMES[spelling.language].split(",")]
    for order, moment, customer, product, quantity, price in lines(spelling.days):
        grouped = f"{price:,.2f}" if spelling.thousands else f"{price:.2f}"
        marks = str.maketrans({",": spelling.thousands, ".": spelling.decimal})
        cells = [order, moment.strftime(spelling.time_format), customer, product]
        rows.append([*cells, f"{title} {product}", str(quantity), grouped.translate(marks)])
    quoted = (
        spelling.delimiter.join(f'"{cell}"' if spelling.delimiter in cell else cell for cell in row)
        for row in rows
    )
    file.write_bytes("\r\n".join([*quoted, ""]).encode(spelling.encoding))
    return file


def mapping_of(text: str, folder: Path) -> ShopMapping:
    """Return the mapping in the YAML `text`."""
    file = folder / "shop.yaml"
    file.write_text(text, encoding="utf-8")
    return load_mapping(file)


def inspected(folder: Path, text: str, **given: str) -> tuple[Inspection, ShopMapping]:
    """Return the inspection of a .csv file with `text`, and its mapping."""
    file = folder / "orders.csv"
    file.write_text(text, encoding="utf-8")
    seen = inspect([file], **given)
    return seen, mapping_of(seen.mapping, folder)
