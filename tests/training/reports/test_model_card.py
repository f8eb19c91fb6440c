"""The card of a version holds its figures, its leads and what it was made from."""

from pathlib import Path

from tests.training.registry.copies import unregistered
from tests.training.shop import Shop
from training.fit import fit
from training.registry.client import open_client


def test_a_version_has_a_card_as_artifact_and_as_description(shop: Shop, tmp_path: Path) -> None:
    ws = unregistered(shop, tmp_path / "shop")
    version = fit(ws, "own_purchases", as_of=shop.full.as_of).version
    card = (version.artifacts / "model_card.md").read_text()
    described = open_client(ws).get_model_version(version.name, version.version)
    assert described.description == card
    manifest = version.manifest
    for text in (
        "# recommender: own_purchases",
        "The data hold 199 days of purchases",
        f"From {shop.past.as_of.date()} to {shop.full.as_of.date()}, by models that were trained",
        "| | own_purchases | popularity |",
        f"| mean_ndcg_at_10 | {manifest.metrics['mean_ndcg_at_10']:.4f} | "
        f"{version.baselines['popularity']['mean_ndcg_at_10']:.4f} |",
        "- over popularity: +0.",
        f"| their digest | `{manifest.data_digest}` |",
        f"| code of the features | `{manifest.features_code}` |",
        "- The figures are of one window and one seed",
    ):
        assert text in card, card


def test_a_card_says_why_nobody_was_measured(shop: Shop, tmp_path: Path) -> None:
    ws = unregistered(shop, tmp_path / "shop")
    early = shop.full.start.normalize() + (shop.full.as_of - shop.past.as_of) / 2
    version = fit(ws, "popularity", as_of=early).version
    card = (version.artifacts / "model_card.md").read_text()
    assert f"Nobody could be measured: {version.unmeasured}." in card
