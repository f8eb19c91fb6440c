"""Every name in the table of models: loaded, fitted, scored, promoted, compared and tuned."""

from typing import Final, cast

import numpy as np
import pytest

from configs.loader import Config
from experiments.definition import Variant
from experiments.start import resolve
from tests.training.shop import Shop
from tests.training.tiny import TWO_STAGE
from training.bundle import CURRENT, VersionName, load_bundle, read_champions
from training.customers.baselines import LogisticRegressionConfig, RecencyConfig
from training.customers.best import BestCustomersConfig
from training.customers.churn import ChurnConfig
from training.customers.lifetime.models import LifetimeConfig
from training.customers.lifetime_trees import LifetimeTreesConfig
from training.customers.network.model import CustomerNetworkConfig
from training.customers.past_rate import PastRateConfig
from training.customers.trees import CustomerTreesConfig
from training.fit import fit
from training.interfaces import Predictor, Recommender
from training.models import MODELS, ModelSpec, UnknownModel, config_class, model_class, spec
from training.recommenders.ials import IALSConfig
from training.registry.versions import promote
from training.score import predictions, recommendations
from training.search_spaces import SPACES, WITHOUT_SPACE

CONFIGS: Final[dict[str, Config]] = {
    "two_stage": TWO_STAGE,
    "two_tower": TWO_STAGE.two_tower,
    "ials": IALSConfig(embedding_dim=8),
    "churn": ChurnConfig(horizon_days=28, epochs=1, hidden=(4,)),
    "recency": RecencyConfig(horizon_days=28),
    "logistic_regression": LogisticRegressionConfig(horizon_days=28),
    "customers": BestCustomersConfig(horizon_days=28, windows=1),
    "customer_trees": CustomerTreesConfig(horizon_days=28, trees=5, leaf_customers=5),
    "customer_network": CustomerNetworkConfig(horizon_days=28, epochs=2, width=4),
    "lifetime_trees": LifetimeTreesConfig(horizon_days=28, trees=5, leaf_customers=5),
    "pareto_nbd": LifetimeConfig(horizon_days=28),
    "bg_nbd": LifetimeConfig(horizon_days=28),
    "past_rate": PastRateConfig(horizon_days=28),
}
"""Small ones; the others are fitted by their defaults."""
QUICK: Final = {"popularity", "recency"}
"""Models that are fitted in the default suite."""


@pytest.mark.parametrize("name", MODELS)
def test_class_and_config_are_where_the_table_says(name: str) -> None:
    assert model_class(name).name == name
    assert issubclass(config_class(name), Config)
    assert all(spec(other).family is spec(name).family for other in spec(name).baselines)


@pytest.mark.parametrize("name", MODELS)
def test_a_search_space_or_a_reason_why_not(name: str) -> None:
    assert (name in SPACES) != (name in WITHOUT_SPACE)


@pytest.mark.parametrize(
    "name", [name for name, entry in MODELS.items() if entry.registered == "recommender"]
)
def test_an_experiment_may_name_any_recommender(name: str) -> None:
    assert Variant(model=name).model == name


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in MODELS]
)
def test_it_is_fitted_scored_and_promoted(shop: Shop, name: str) -> None:
    family = spec(name).family
    result = fit(shop.ws, name, as_of=shop.full.as_of, config=CONFIGS.get(name), device="cpu")
    assert family.objective in result.metrics
    assert set(result.baselines) == set(spec(name).baselines)
    version = result.version
    bundle = load_bundle(version.bundle)
    assert bundle.manifest.model == name
    if family.scores is None:
        lists = recommendations(cast(Recommender, bundle.model), shop.full, k=3)
        assert set(lists["list"]) == {"all", "new"}
    else:
        scores = predictions(cast(Predictor, bundle.model), shop.full, family=family.name)
        assert np.isfinite(scores.iloc[:, 1]).all()
    promote(shop.ws, name)
    champions = read_champions(shop.ws.bundles / CURRENT)
    assert champions[family.name] == VersionName.parse(f"{family.name}/{version.version}")
    if family.scores is None:
        assert resolve(shop.ws, name) == f"{family.name}@{version.version}"


def test_a_model_of_an_unknown_family_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = ModelSpec(registered="weather", where="a:B", config="a:C")
    monkeypatch.setitem(MODELS, "rain", entry)
    with pytest.raises(
        UnknownModel, match="'rain': family 'weather': known are recommender, customers, churn"
    ):
        spec("rain")
