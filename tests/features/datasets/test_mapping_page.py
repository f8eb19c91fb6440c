"""features/MAPPING.md: every block is a valid part of a mapping, and every key is on the page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from features.datasets.mapping import ShopMapping, load_mapping
from tests.pages import blocks, text_of

PAGE = "features/MAPPING.md"
SMALLEST, *PARTS = blocks(PAGE, "yaml")
WITHOUT: dict[str, tuple[str, ...]] = {"without_prices": ("unit_price",)}
"""Keys of `order_lines` that a part does without."""


def merged(whole: dict[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in part.items():
        inner = whole.get(key)
        whole[key] = merged(inner, value) if isinstance(inner, dict) else value
        for name in WITHOUT.get(key, ()):
            del whole["order_lines"][name]
    return whole


@pytest.mark.parametrize("part", ["", *PARTS])
def test_a_block_is_part_of_a_valid_mapping(part: str, tmp_path: Path) -> None:
    whole = merged(yaml.load(SMALLEST, yaml.BaseLoader), yaml.load(part, yaml.BaseLoader) or {})
    file = tmp_path / "shop.yaml"
    file.write_text(yaml.safe_dump(whole, allow_unicode=True), encoding="utf-8")
    load_mapping(file)


def test_the_page_names_every_key() -> None:
    missing = [key for key in ShopMapping.model_fields if f"{key}:" not in text_of(PAGE)]
    assert missing == ["questions"]  # `inspect` writes them
