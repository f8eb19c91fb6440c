"""A German marketplace: order heads (UTF-16, tabs) and lines (semicolons, decimal commas)."""

import html
import random
from pathlib import Path
from typing import Any, Final

from tests.features.datasets.spoiled.truth import Spoiled, draw
from tests.features.datasets.spoiled.writing import any_case, write_rows

_WORDS: Final = {
    "paid": "Abgeschlossen",
    "refunded": "Erstattet",
    "void": "Storniert",
    "open": "Offen",
}
_HEADS: Final = ("Bestellnummer", "Käufer", "Bestelldatum", "Status", "Land")
_LINES: Final = ("Bestellung", "Artikelnummer", "Artikel", "Anzahl", "Einzelpreis", "Rabatt")
_NAIVE: Final[dict[str, Any]] = {
    "timezone": "Europe/Berlin",
    "currency": "EUR",
    "delimiter": ";",
    "encoding": "cp1252",
    "decimal": ",",
    "time_format": "%d.%m.%Y %H:%M",
    "order_heads": {
        "file": "bestellungen.txt",
        "layout": {"encoding": "utf-16", "delimiter": "\t"},
        "order_id": "Bestellnummer",
        "line_order_id": "Bestellung",
    },
    "order_lines": {
        "order_id": "Bestellung",
        "customer_id": "Käufer",
        "product_id": "Artikelnummer",
        "quantity": "Anzahl",
        "unit_price": "Einzelpreis",
        "line_discount": "Rabatt",
        "event_timestamp": "Bestelldatum",
    },
}
_ANSWERS: Final[dict[str, Any]] = {
    "timezone": "Europe/Berlin",
    "thousands": ".",
    "customer_ids": {"case": "lower"},
    "status": {
        "column": "Status",
        "order": ["Abgeschlossen"],
        "refund": ["Erstattet"],
        "leave_out": ["Storniert"],
        "wait": ["Offen"],
    },
}


def marketplace(folder: Path, seed: int) -> Spoiled:
    """Write the shop of `seed` into `folder`."""
    rng = random.Random(seed)
    shop = draw(
        seed,
        zone="Europe/Berlin",
        products=[f"4711-{number:04}" for number in range(1, 13)],
        customers=[f"käufer{number:02}@mail.test" for number in range(25)],
        states={"paid": 16, "refunded": 2, "void": 2, "open": 1},
        largest=2_400_00,
    )
    lines = [
        {
            "Bestellung": f"{order.number:06}",
            "Artikelnummer": line.product,
            "Artikel": html.escape(shop.title(line.product, order.at)),
            "Anzahl": str(line.quantity),
            "Einzelpreis": f"{_euros(line.price)} €",
            "Rabatt": _euros(line.discount),
        }
        for order in shop.orders
        for line in order.lines
    ]
    heads = [
        {
            "Bestellnummer": f"{order.number:06}",
            "Käufer": any_case(rng, order.customer),
            "Bestelldatum": order.at.strftime("%d.%m.%Y %H:%M"),
            "Status": _WORDS[order.state],
            "Land": "DE",
        }
        for order in shop.orders
    ]
    rng.shuffle(heads)
    write_rows(folder / "bestellungen.txt", heads, header=_HEADS, delimiter="\t", encoding="utf-16")
    file = folder / "positionen.csv"
    products = {"product_id": "Artikelnummer", "title": "Artikel"}
    return Spoiled(
        files=(write_rows(file, lines, header=_LINES, delimiter=";", encoding="cp1252"),),
        shop=shop,
        mapping=_NAIVE | _ANSWERS | {"products": products},
        naive=_NAIVE,
        answers=_ANSWERS,
    )


def _euros(cents: int) -> str:
    """123456 -> 1.234,56"""
    return f"{cents // 100:,}".replace(",", ".") + f",{cents % 100:02}"
