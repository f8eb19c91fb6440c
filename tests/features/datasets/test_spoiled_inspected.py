"""The six shops with a known truth, by `inspect` and the answers to its questions."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from configs.loader import ConfigError, put
from features.datasets import csv
from features.datasets.mapping import load_mapping
from features.inspect.inspect import inspect
from tests.features.datasets.spoiled import SHOPS
from tests.features.datasets.spoiled.facts import facts
from tests.features.datasets.spoiled.truth import Spoiled, truth

ANSWERS = {
    "shopify": {"order_lines.line_discount": "Lineitem discount"},
    "till_gbk": {"currency": "CNY"},
    "kaggle": {"currency": "GBP"},
    "magento": {"order_lines.line_discount": "discount_amount"},
    "marketplace": {
        "order_lines.product_id": "Artikelnummer",
        "order_lines.customer_id": "Käufer",
        "order_lines.line_discount": "Rabatt",
    },
}
"""Answers besides `Spoiled.answers`: a finished mapping has them in other keys."""


def files_of(spoiled: Spoiled) -> list[Path]:
    """Return every file of the export, as a user would pass them."""
    return sorted(path for path in spoiled.files[0].parent.iterdir() if path.is_file())


@pytest.mark.parametrize("name", SHOPS)
def test_without_answers_it_is_refused(name: str, tmp_path: Path) -> None:
    spoiled = SHOPS[name](tmp_path, 1)
    inspection = inspect(files_of(spoiled))
    (tmp_path / "shop.yaml").write_text(inspection.mapping, encoding="utf-8")
    assert inspection.questions
    with pytest.raises(ConfigError, match=r"^questions\."):
        csv.load(inspection.order_files, load_mapping(tmp_path / "shop.yaml"))


@pytest.mark.parametrize("name", SHOPS)
def test_with_answers_it_is_the_truth(name: str, tmp_path: Path) -> None:
    spoiled = SHOPS[name](tmp_path, 1)
    inspection = inspect(files_of(spoiled))
    mapping: dict[str, Any] = yaml.load(inspection.mapping, yaml.BaseLoader)
    asked = mapping.pop("questions")
    mapping |= spoiled.answers
    for key, answer in ANSWERS.get(name, {}).items():
        question = "order_lines.unit_price" if key == "order_lines.line_discount" else key
        assert question in asked
        put(mapping, key, answer)
    file = tmp_path / "shop.yaml"
    file.write_text(yaml.safe_dump(mapping, allow_unicode=True), encoding="utf-8")
    dataset = csv.load(inspection.order_files, load_mapping(file))
    assert facts(dataset) == truth(spoiled.shop)
