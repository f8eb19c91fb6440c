"""Six shops with a known truth: read right, or refused; never wrong without a word."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from configs.errors import UserError
from features.datasets import csv
from features.datasets.mapping import load_mapping
from features.ingest import ingest
from features.schema import RetailDataset
from features.workspace import Workspace
from tests.features.datasets.spoiled import SHOPS
from tests.features.datasets.spoiled.facts import facts, title_at
from tests.features.datasets.spoiled.truth import Spoiled, truth

PRESETS = Path(__file__).parents[3] / "configs" / "shops"
SEEDS = (1, 2)
OPEN = {
    ("kaggle", "fee_product_ids"): "no cell says that POST is no product",
    ("kaggle", "discount_product_ids"): "no cell says that bad debt is no sale",
}
"""Answers without which a file is read wrong, because nothing in it shows the fault."""


def finished(spoiled: Spoiled) -> dict[str, Any]:
    """Return the mapping that reads the shop right."""
    if spoiled.preset is None:
        return dict(spoiled.mapping)
    text = (PRESETS / f"{spoiled.preset}.yaml").read_text(encoding="utf-8")
    mapping: dict[str, Any] = yaml.load(text, yaml.BaseLoader)  # all scalars are text
    return mapping | dict(override.split("=") for override in spoiled.overrides)


def read(spoiled: Spoiled, mapping: Mapping[str, Any]) -> RetailDataset:
    """Read and ingest the files by `mapping`."""
    folder = spoiled.files[0].parent
    file = folder / "shop.yaml"
    file.write_text(yaml.safe_dump(dict(mapping), allow_unicode=True), encoding="utf-8")
    loaded = load_mapping(file)
    dataset = csv.load(list(spoiled.files), loaded)
    workspace = Workspace.create(
        folder / "home",
        timezone=loaded.timezone,
        currency=loaded.currency,
        clock="fixed:2025-01-01T00:00:00Z",
    )
    ingest(workspace, dataset)
    return dataset


def require_refused_or_right(spoiled: Spoiled, mapping: Mapping[str, Any]) -> None:
    try:
        dataset = read(spoiled, mapping)
    except UserError:
        return
    assert facts(dataset) == truth(spoiled.shop)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SHOPS)
def test_the_finished_mapping_reads_the_truth(name: str, seed: int, tmp_path: Path) -> None:
    spoiled = SHOPS[name](tmp_path, seed)
    expected = truth(spoiled.shop)
    assert expected.guest_orders > 0
    assert expected.customers < expected.orders
    assert facts(read(spoiled, finished(spoiled))) == expected


@pytest.mark.parametrize("name", SHOPS)
def test_titles_are_those_of_their_time(name: str, tmp_path: Path) -> None:
    spoiled = SHOPS[name](tmp_path, 1)
    dataset, shop = read(spoiled, finished(spoiled)), spoiled.shop
    standing = [order for order in shop.orders if order.stands]
    wanted = {
        (line.product, shop.utc(order)): shop.title(line.product, order.at)
        for order in standing
        for line in order.lines
    }
    found = {(product, at): title_at(dataset, product, pd.Timestamp(at)) for product, at in wanted}
    assert found == wanted
    assert any("(new)" in title for title in wanted.values())


@pytest.mark.parametrize("name", SHOPS)
def test_a_naive_mapping_is_refused_or_right(name: str, tmp_path: Path) -> None:
    spoiled = SHOPS[name](tmp_path, 1)
    require_refused_or_right(spoiled, spoiled.naive)


@pytest.mark.parametrize("name", SHOPS)
def test_a_mapping_without_one_answer_is_refused_or_right(name: str, tmp_path: Path) -> None:
    answers = SHOPS[name](tmp_path, 1).answers
    for key in answers:
        if (name, key) in OPEN:
            continue
        folder = tmp_path / key
        folder.mkdir()
        spoiled = SHOPS[name](folder, 1)
        mapping = {each: value for each, value in finished(spoiled).items() if each != key}
        if key in spoiled.naive and key != "timezone":
            mapping[key] = spoiled.naive[key]
        require_refused_or_right(spoiled, mapping)


@pytest.mark.parametrize("name", SHOPS)
def test_the_same_seed_writes_the_same_files(name: str, tmp_path: Path) -> None:
    written = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        SHOPS[name](folder, 7)
        written.append({file.name: file.read_bytes() for file in sorted(folder.iterdir())})
    assert written[0] == written[1]
