"""A Chinese till's export: GBK, receipts that restart, guests 散客, a total, scanned pieces."""

from collections import Counter
from pathlib import Path
from typing import Any, Final

from tests.features.datasets.spoiled.truth import Line, Order, Spoiled, draw
from tests.features.datasets.spoiled.writing import money, write_rows

_HEADER: Final = "门店,收银机号,流水号,会员卡号,商品编码,商品名称,数量,单价,实收金额,交易时间,备注"
_NAIVE: Final[dict[str, Any]] = {
    "timezone": "Asia/Shanghai",
    "currency": "CNY",
    "encoding": "gbk",
    "time_format": "%Y/%m/%d %H:%M:%S",
    "order_lines": {
        "order_id": "流水号",
        "customer_id": "会员卡号",
        "product_id": "商品编码",
        "quantity": "数量",
        "line_total": "实收金额",
        "event_timestamp": "交易时间",
    },
}
_ANSWERS: Final[dict[str, Any]] = {
    "timezone": "Asia/Shanghai",
    "guest_ids": ["散客"],
    "totals": ["合计"],
    "order_lines": _NAIVE["order_lines"] | {"order_id": ["@day", "收银机号", "流水号"]},
}


def till_gbk(folder: Path, seed: int) -> Spoiled:
    """Write the shop of `seed` into `folder`."""
    shop = draw(
        seed,
        zone="Asia/Shanghai",
        products=[f"69000000{number:05}" for number in range(1, 13)],
        customers=[f"88000000000000{number:02}" for number in range(25)],
        states={"paid": 16, "return": 2},
    )
    receipts: Counter[tuple[object, int]] = Counter()
    rows = []
    for order in shop.orders:
        till = order.number % 2 + 1
        receipts[order.at.date(), till] += 1
        receipt = {"收银机号": str(till), "流水号": f"{receipts[order.at.date(), till]:04}"}
        for line in order.lines:
            title = shop.title(line.product, order.at)
            rows += [receipt | row | {"商品名称": title} for row in _rows(order, line)]
    cents = sum(round(float(row["实收金额"]) * 100) for row in rows)
    units = sum(int(row["数量"]) for row in rows)
    total = f"合计,,,,,,{units},,{money(cents)},,\r\n"
    file = write_rows(
        folder / "销售明细.csv", rows, header=_HEADER.split(","), encoding="gbk", last=total
    )
    products = {"product_id": "商品编码", "title": "商品名称"}
    return Spoiled(
        files=(file,),
        shop=shop,
        mapping=_NAIVE | _ANSWERS | {"products": products},
        naive=_NAIVE,
        answers=_ANSWERS,
    )


def _rows(order: Order, line: Line) -> list[dict[str, str]]:
    """Return the rows of `line`: one, or one for each piece if its total can be divided."""
    pieces = line.quantity if order.number % 3 == 0 and line.cents % line.quantity == 0 else 1
    sign = -1 if order.state == "return" else 1
    row = {
        "门店": "一号店",
        "会员卡号": f"\t{order.customer}" if order.customer else "散客",
        "商品编码": f"\t{line.product}",
        "数量": str(sign * line.quantity // pieces),
        "单价": money(line.price),
        "实收金额": money(sign * line.cents // pieces),
        "交易时间": order.at.strftime("%Y/%m/%d %H:%M:%S"),
        "备注": "退货" if sign < 0 else "",
    }
    return [row] * pieces
