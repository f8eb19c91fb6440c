"""A mapping that breaks a rule is refused with its file, key, value and rule."""

from pathlib import Path

import pytest

from configs.loader import ConfigError
from features.datasets.mapping import load_mapping

LINES = (
    "timezone: UTC\ncurrency: EUR\n"
    "order_lines: {order_id: B, product_id: A, quantity: M, event_timestamp: Z, unit_price: P"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"{LINES.replace('currency: EUR', '')}}}",
            "currency missing: write it, or give --currency",
        ),
        ("colour: red", "colour = 'red': Extra inputs are not permitted"),
        ("timezone: Mars", "timezone = 'Mars': Value error, not an IANA zone"),
        ("currency: euro", "currency = 'euro': String should match pattern"),
        ("encoding: utf-9", "encoding = 'utf-9': Value error, not an encoding"),
        ("delimiter: ''", "delimiter = '': String should have at least 1 character"),
        ("order_lines: {colour: red}", "order_lines.colour = 'red': Extra inputs"),
        ("line_types: {V: gift}", "line_types.V = 'gift': Input should be 'sale'"),
        (f"line_types: {{V: sale}}\n{LINES}}}", "line_types needs order_lines.line_type"),
        (
            f"fee_product_ids: [POST]\n{LINES}, line_type: Art}}",
            "fee_product_ids and order_lines.line_type both name the fees",
        ),
        (
            f"{LINES.replace(', unit_price: P', '')}}}",
            "name either unit_price or line_total, or write without_prices: true",
        ),
        (
            "order_lines: {order_id: B, product_id: A, quantity: M, event_timestamp: Z, "
            "unit_price: P, line_total: S}",
            "order_lines: Value error, name either unit_price or line_total",
        ),
    ],
)
def test_a_broken_mapping_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "shop.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message) as refused:
        load_mapping(tmp_path / "shop.yaml")
    assert "shop.yaml: " in str(refused.value)
    assert ", timezone, currency, " in str(refused.value)
