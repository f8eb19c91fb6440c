"""The whole line knows the past alone: what happened, or was recorded, from T on changes no bit.

Two simulated shops: one holds what was known before T, the other everything, with telltales added.
Each trains every model at T and writes its scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest

from features import snapshots
from features.offline import OfflineFeatures
from features.simulator import World, WorldConfig
from tests.contracts import RUN
from tests.features.shop import customers, line, lines, products, workspace
from training.bundle import load_bundle
from training.customers.baselines import LogisticRegressionConfig, RecencyConfig
from training.customers.best import BestCustomersConfig
from training.customers.churn import ChurnConfig
from training.customers.churn_labels import examples as churn_examples
from training.customers.lifetime.models import LifetimeConfig
from training.customers.lifetime_trees import LifetimeTreesConfig
from training.customers.network.model import CustomerNetworkConfig
from training.customers.past_rate import PastRateConfig
from training.customers.trees import CustomerTreesConfig
from training.data.training_data import TrainingData
from training.fit import fit
from training.models import MODELS, config_class, model_class
from training.recommenders.baselines import OwnPurchasesConfig, PopularityConfig
from training.recommenders.two_stage.model import TwoStageConfig
from training.recommenders.two_stage.network_ranker import NetworkConfig
from training.recommenders.two_stage.tree_ranker import TreesConfig
from training.recommenders.two_tower.examples import examples
from training.recommenders.two_tower.model import TwoTowerConfig
from training.registry.versions import Version
from training.score import predictions, recommendations, write_scores

pytestmark = pytest.mark.slow  # two shops, all models
WORLD: Final = WorldConfig(customers=150, products=50, days=150, start=date(2011, 1, 3), seed=5)
T: Final = pd.Timestamp("2011-05-10", tz="UTC").as_unit("us")  # a Tuesday, day 127
DAY: Final = pd.Timedelta(days=1)
TITLE: Final = "telltale"
_TWO_TOWER: Final = TwoTowerConfig(epochs=1, embedding_dim=8, hidden=8, token_min_count=1, weeks=8)
CONFIGS: Final[dict[str, Any]] = {
    "two_tower": _TWO_TOWER,
    "two_stage": TwoStageConfig(
        two_tower=_TWO_TOWER,
        windows=2,
        per_source=8,
        network=NetworkConfig(epochs=1, hidden=8),
        trees=TreesConfig(trees=5, leaves=4),
    ),
    "popularity": PopularityConfig(),
    "own_purchases": OwnPurchasesConfig(),
    "churn": ChurnConfig(horizon_days=28, epochs=1, hidden=(4,)),
    "recency": RecencyConfig(horizon_days=28),
    "logistic_regression": LogisticRegressionConfig(horizon_days=28),
    "customers": BestCustomersConfig(horizon_days=28, windows=1),
    "customer_trees": CustomerTreesConfig(horizon_days=28, trees=5, leaf_customers=5),
    "customer_network": CustomerNetworkConfig(horizon_days=28, epochs=1, width=4),
    "lifetime_trees": LifetimeTreesConfig(horizon_days=28, trees=5, leaf_customers=5),
    "pareto_nbd": LifetimeConfig(horizon_days=28),
    "bg_nbd": LifetimeConfig(horizon_days=28),
    "past_rate": PastRateConfig(horizon_days=28),
}
Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What one shop gives at T, by model."""

    data: TrainingData
    files: dict[str, dict[str, bytes]]
    """What each model saved."""
    scores: dict[str, bytes]
    """The file of each model's scores."""
    versions: dict[str, Version]
    """What was registered."""


def telltales(customer_ids: Sequence[str], product_ids: Sequence[str]) -> Tables:
    """Return rows that nobody may know before T, of some customers and products that were there."""
    rows = []
    for number, customer_id in enumerate(customer_ids):
        for kind, (event, recorded, product_id) in {
            "at": (T, T, product_ids[0]),
            "after": (T + 7 * DAY, T + 7 * DAY, product_ids[1]),
            "late": (T - 3 * DAY, T, product_ids[2]),
            "label": (T - 40 * DAY, T + DAY, product_ids[3]),
            "return": (T - 5 * DAY, T, product_ids[4]),
            "first": (T - 200 * DAY, T + 2 * DAY, "new product"),  # before the shop's first line
        }.items():
            order_id = f"{kind}-{number}"
            quantity, line_type = (-1, "return") if kind == "return" else (9, "sale")
            rows.append(
                line(
                    *(order_id, customer_id, product_id, str(event)),
                    quantity=quantity,
                    kind=line_type,
                    recorded=str(recorded),
                )
            )
    rows.append(line("new", "new customer", product_ids[0], str(T - DAY), recorded=str(T)))
    titles = [(product_id, str(T), TITLE) for product_id in product_ids]
    return {
        "order_lines": lines(*rows),
        "products": products(*titles, ("new product", str(T + DAY), TITLE)),
        "customers": customers(("new customer", str(T)), *((c, str(T)) for c in customer_ids)),
    }


def train(home: Path, tables: Tables, *, built: pd.Timestamp) -> Trained:
    """Train every model at T in a shop of `tables`, whose snapshots stand up to `built`."""
    ws = workspace(
        home / "shop",
        tables["order_lines"],
        customers=tables["customers"],
        products=tables["products"],
    )
    snapshots.build(ws, as_of=built)
    versions = {
        model: fit(ws, model, as_of=T, config=CONFIGS[model], device="cpu").version
        for model in ("two_tower", "churn")
    }
    data = TrainingData(ws, OfflineFeatures(ws), as_of=T)
    files, scores = {}, {}
    for model in MODELS:
        if model in versions:
            fitted: Any = load_bundle(versions[model].bundle).model
        else:
            config = CONFIGS[model] if model in CONFIGS else config_class(model)()
            fitted = model_class(model).fit(data, config=config, seed=0, run=RUN)
        (home / model).mkdir()
        fitted.save(home / model)
        files[model] = {
            str(file.relative_to(home / model)): file.read_bytes()
            for file in (home / model).rglob("*")
            if file.is_file()
        }
        family = MODELS[model].family
        answers = (
            recommendations(fitted, data)
            if family.scores is None
            else predictions(fitted, data, family=family.name)
        )
        write_scores(answers, home / "scores")
        scores[model] = (home / "scores").read_bytes()
    return Trained(data=data, files=files, scores=scores, versions=versions)


@pytest.fixture(scope="module")
def tables() -> Tables:
    """The shop's whole history and the telltales."""
    history = World(WORLD).history()
    buyers = history["order_lines"]["customer_id"].dropna().unique()[:20].tolist()
    sold = history["order_lines"]["product_id"].dropna().unique()[:10].tolist()
    planted = telltales(buyers, sold)
    return {name: pd.concat([history[name], planted[name]], ignore_index=True) for name in planted}


@pytest.fixture(scope="module")
def past(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The shop that knows what was known before T."""
    known = {
        name: rows[(rows.filter(regex="_timestamp$|valid_from") < T).all(axis=1)]
        for name, rows in tables.items()
    }
    return train(tmp_path_factory.mktemp("past"), known, built=T)


@pytest.fixture(scope="module")
def everything(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The shop that knows what came later too."""
    return train(tmp_path_factory.mktemp("everything"), tables, built=T + 21 * DAY)


def test_the_telltales_would_tell(tables: Tables) -> None:
    """Every kind of row that is to be kept out is there."""
    rows = tables["order_lines"]
    event, recorded = rows["event_timestamp"], rows["recorded_timestamp"]
    late = (event < T) & (recorded >= T)
    assert (late & ~rows["order_id"].str.contains("-")).any()  # the simulator's own
    assert (len(rows[event == T]), len(rows[late & (recorded == T)])) == (20, 41)
    assert (event > T).sum() > 100
    assert event.idxmin() in rows.index[late]


def test_what_models_learn_from_is_the_same(past: Trained, everything: Trained) -> None:
    one, other = past.data, everything.data
    assert one.times == other.times
    assert one.customers(T).tolist() == other.customers(T).tolist()
    pd.testing.assert_frame_equal(one.orders(one.start, T), other.orders(other.start, T))
    for mine, theirs in zip(
        examples(one, weeks=100),
        examples(other, weeks=100),
        strict=True,
    ):
        assert mine.products.titles == theirs.products.titles
        assert mine.products.features.tobytes() == theirs.products.features.tobytes()
        assert mine.queries.activity.tobytes() == theirs.queries.activity.tobytes()
        assert mine.queries.history.tobytes() == theirs.queries.history.tobytes()
        assert mine.queries.history_values.tobytes() == theirs.queries.history_values.tobytes()
    rows = [churn_examples(data, horizon_days=28) for data in (one, other)]
    assert rows[0].inputs.tobytes() == rows[1].inputs.tobytes()
    assert rows[0].churned.tobytes() == rows[1].churned.tobytes()


@pytest.mark.parametrize("model", MODELS)
def test_models_keep_every_bit(model: str, past: Trained, everything: Trained) -> None:
    """Weights and vocabularies."""
    assert past.files[model] == everything.files[model]
    for content in everything.files[model].values():
        assert b"new product" not in content
        assert TITLE.encode() not in content.lower()


@pytest.mark.parametrize("model", MODELS)
def test_scores_keep_every_bit(model: str, past: Trained, everything: Trained) -> None:
    assert past.scores[model] == everything.scores[model]


@pytest.mark.parametrize("model", ["two_tower", "churn"])
def test_versions_say_the_same(model: str, past: Trained, everything: Trained) -> None:
    """The data's digest, and the figures on the last window, of the model and its baselines."""
    one, other = (trained.versions[model] for trained in (past, everything))
    told = [version.manifest.model_dump(exclude={"git_commit"}) for version in (one, other)]
    assert told[0] == told[1]
    assert one.baselines == other.baselines
