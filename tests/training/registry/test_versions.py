"""Versions: promoted, exported, and loaded by anyone through `mlflow.pyfunc`."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from configs.code import PACKAGES
from tests.serving.shop import until
from tests.training.registry.anyone import answer_of_champion, customer_rows
from tests.training.shop import Shop
from training.bundle import load_bundle, read_champions
from training.customers.baselines import LogisticRegressionConfig, RecencyConfig
from training.data.inputs import encode_products, encode_queries
from training.fit import FitResult, fit
from training.kernels.top_k import top_k
from training.models import MODELS, UnknownModel
from training.recommenders.baselines import PopularityConfig
from training.registry.client import open_client
from training.registry.versions import RegistryError, export, find, promote


def champions(shop: Shop) -> dict[str, str]:
    """Return what serving reads: the folder of each model's champion."""
    read = read_champions(shop.ws.bundles / "current.json")
    return {name: version.folder for name, version in read.items()}


@pytest.fixture(scope="module")
def popularity(shop: Shop) -> FitResult:
    return fit(shop.ws, "popularity", as_of=shop.full.as_of, config=PopularityConfig())


@pytest.fixture(scope="module")
def recency(shop: Shop) -> FitResult:
    return fit(shop.ws, "recency", as_of=shop.full.as_of, config=RecencyConfig(horizon_days=28))


@pytest.fixture(scope="module")
def logistic(shop: Shop) -> FitResult:
    config = LogisticRegressionConfig(horizon_days=28)
    return fit(shop.ws, "logistic_regression", as_of=shop.full.as_of, config=config)


def test_promoting_moves_the_alias_and_then_what_serving_reads(
    shop: Shop, recency: FitResult, logistic: FitResult
) -> None:
    promote(shop.ws, "churn", recency.version.version)
    assert find(shop.ws, "churn", "champion") == recency.version
    promoted = promote(shop.ws, "churn", logistic.version.version)
    assert promoted == logistic.version
    assert find(shop.ws, "churn", "champion") == logistic.version
    assert champions(shop)["churn"] == f"churn/{logistic.version.version}"
    folder = shop.ws.bundles / champions(shop)["churn"]
    assert load_bundle(folder).version == logistic.version.version
    tags = open_client(shop.ws).get_model_version("churn", logistic.version.version).tags
    compared = json.loads(tags["promoted_on"])
    assert set(compared) == {"recency", "logistic_regression"}
    assert compared["recency"]["auc"] == pytest.approx(recency.metrics["auc"])


def test_promoting_one_name_leaves_the_other(
    shop: Shop, popularity: FitResult, recency: FitResult
) -> None:
    promote(shop.ws, "churn", recency.version.version)
    promote(shop.ws, "recommender", popularity.version.version)
    assert champions(shop) == {
        "churn": f"churn/{recency.version.version}",
        "recommender": f"recommender/{popularity.version.version}",
    }


def test_the_alias_moves_together_with_what_serving_reads(
    shop: Shop, recency: FitResult, logistic: FitResult, caplog: pytest.LogCaptureFixture
) -> None:
    promote(shop.ws, "churn", logistic.version.version)
    promote(shop.ws, "churn", recency.version.version)
    with ThreadPoolExecutor(1) as pool:
        with shop.ws.lock("bundles"):  # another promotion is at work
            waiting = pool.submit(promote, shop.ws, "churn", logistic.version.version)
            until(lambda: any("Waiting" in said for said in caplog.messages))
            assert not waiting.done()
            assert find(shop.ws, "churn", "champion") == recency.version
        assert waiting.result() == logistic.version
    assert find(shop.ws, "churn", "champion") == logistic.version
    assert champions(shop)["churn"] == f"churn/{logistic.version.version}"


def test_exporting_twice_changes_nothing(shop: Shop, popularity: FitResult) -> None:
    current = champions(shop)
    folder = export(shop.ws, "recommender", popularity.version.version)
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    assert export(shop.ws, "recommender", popularity.version.version) == folder
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == before
    assert champions(shop) == current


def test_a_models_name_means_its_own_versions(
    shop: Shop, recency: FitResult, logistic: FitResult
) -> None:
    for model, known in (("recency", recency), ("logistic_regression", logistic)):
        found = find(shop.ws, model)
        assert found.manifest.model == model
        assert int(found.version) >= int(known.version.version)
        assert find(shop.ws, model, known.version.version) == known.version
    with pytest.raises(RegistryError, match="'recency' has no version"):
        find(shop.ws, "recency", logistic.version.version)
    newest = max(int(recency.version.version), int(logistic.version.version))
    assert int(find(shop.ws, "churn").version) >= newest


@pytest.mark.usefixtures("recency")
def test_what_is_not_there_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RegistryError, match="'churn' has no version 99"):
        find(shop.ws, "churn", "99")
    with pytest.raises(UnknownModel, match="known are two_stage"):
        find(shop.ws, "no such model")
    monkeypatch.setitem(MODELS, "never_fitted", MODELS["popularity"])
    with pytest.raises(RegistryError, match="'never_fitted' has no version"):
        find(shop.ws, "never_fitted")


def test_anyone_gets_recommendations_from_the_champion(
    shop: Shop, popularity: FitResult, tmp_path: Path
) -> None:
    promote(shop.ws, "recommender", popularity.version.version)
    rows = customer_rows(shop, 4)
    answer, code = answer_of_champion(shop.ws, "recommender", rows, tmp_path)
    own = find(shop.ws, "recommender", "champion").bundle.parents[1] / "code"
    assert code == {package: str(own / package / "__init__.py") for package in PACKAGES}
    products = encode_products(shop.client.products(shop.full.as_of), shop.full.as_of)
    scorer = load_bundle(popularity.version.bundle).model.scorer(products)  # type: ignore[attr-defined]
    scores = scorer(encode_queries(rows, products))
    best = top_k(scores, 3)
    assert answer.columns.tolist() == ["customer_id", "rank", "product_id", "score"]
    assert answer["rank"].tolist() == [1, 2, 3] * 4
    assert answer["product_id"].tolist() == products.product_ids[best.ravel()].tolist()
    np.testing.assert_allclose(answer["score"], np.take_along_axis(scores, best, 1).ravel())


@pytest.mark.slow
def test_anyone_gets_probabilities_from_the_champion(
    shop: Shop, logistic: FitResult, tmp_path: Path
) -> None:
    promote(shop.ws, "churn", logistic.version.version)
    rows = customer_rows(shop, 5)
    answer = answer_of_champion(shop.ws, "churn", rows, tmp_path).rows
    model = load_bundle(logistic.version.bundle).model
    queries = shop.full.queries(shop.full.as_of, rows["customer_id"].tolist())
    assert answer["customer_id"].tolist() == rows["customer_id"].tolist()
    np.testing.assert_array_equal(
        answer["churn_probability"].to_numpy(np.float32),
        model.predict(queries),  # type: ignore[attr-defined]
    )
