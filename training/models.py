"""The models by name: where each one's class and config are defined, and its baselines."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from configs.errors import UserError
from training.families import FAMILIES, Family, imported

if TYPE_CHECKING:
    from configs.loader import Config
    from training.interfaces import Model, Recommender


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One model: `where` and `config` are `module:Class`, imported at first use."""

    registered: str
    """The registered model that its versions belong to, a key of `training.families.FAMILIES`."""
    where: str
    config: str
    baselines: tuple[str, ...] = ()
    """The names of the models that every report compares this one with."""
    chooses: bool = False
    """Whether it is the best of its baselines, and so level with one of them."""

    @property
    def family(self) -> Family:
        """What it shares with the other models of its registered name."""
        return FAMILIES[self.registered]


_RECOMMENDERS: Final = ("popularity", "own_purchases")
_PREDICTORS: Final = ("recency", "logistic_regression")
_CUSTOMERS: Final = ("past_rate", "bg_nbd", "pareto_nbd", "lifetime_trees")
MODELS: Final[dict[str, ModelSpec]] = {
    "two_stage": ModelSpec(
        registered="recommender",
        where="training.recommenders.two_stage.model:TwoStage",
        config="training.recommenders.two_stage.model:TwoStageConfig",
        baselines=(*_RECOMMENDERS, "ease"),
    ),
    "two_tower": ModelSpec(
        registered="recommender",
        where="training.recommenders.two_tower.model:TwoTower",
        config="training.recommenders.two_tower.model:TwoTowerConfig",
        baselines=_RECOMMENDERS,
    ),
    "popularity": ModelSpec(
        registered="recommender",
        where="training.recommenders.baselines:Popularity",
        config="training.recommenders.baselines:PopularityConfig",
        baselines=_RECOMMENDERS,
    ),
    "own_purchases": ModelSpec(
        registered="recommender",
        where="training.recommenders.baselines:OwnPurchases",
        config="training.recommenders.baselines:OwnPurchasesConfig",
        baselines=_RECOMMENDERS,
    ),
    "cosine": ModelSpec(
        registered="recommender",
        where="training.recommenders.item_to_item:Cosine",
        config="training.recommenders.item_to_item:CosineConfig",
        baselines=_RECOMMENDERS,
    ),
    "rp3beta": ModelSpec(
        registered="recommender",
        where="training.recommenders.item_to_item:RP3Beta",
        config="training.recommenders.item_to_item:RP3BetaConfig",
        baselines=_RECOMMENDERS,
    ),
    "ease": ModelSpec(
        registered="recommender",
        where="training.recommenders.ease:Ease",
        config="training.recommenders.ease:EaseConfig",
        baselines=_RECOMMENDERS,
    ),
    "ials": ModelSpec(
        registered="recommender",
        where="training.recommenders.ials:IALS",
        config="training.recommenders.ials:IALSConfig",
        baselines=_RECOMMENDERS,
    ),
    "user_knn": ModelSpec(
        registered="recommender",
        where="training.recommenders.user_knn:UserKNN",
        config="training.recommenders.user_knn:UserKNNConfig",
        baselines=_RECOMMENDERS,
    ),
    "content": ModelSpec(
        registered="recommender",
        where="training.recommenders.content:Content",
        config="training.recommenders.content:ContentConfig",
        baselines=_RECOMMENDERS,
    ),
    "churn": ModelSpec(
        registered="churn",
        where="training.customers.churn:Churn",
        config="training.customers.churn:ChurnConfig",
        baselines=_PREDICTORS,
    ),
    "recency": ModelSpec(
        registered="churn",
        where="training.customers.baselines:Recency",
        config="training.customers.baselines:RecencyConfig",
        baselines=_PREDICTORS,
    ),
    "logistic_regression": ModelSpec(
        registered="churn",
        where="training.customers.baselines:LogisticRegression",
        config="training.customers.baselines:LogisticRegressionConfig",
        baselines=_PREDICTORS,
    ),
    "customers": ModelSpec(
        registered="customers",
        where="training.customers.best:BestCustomers",
        config="training.customers.best:BestCustomersConfig",
        baselines=("customer_trees", *_CUSTOMERS),
        chooses=True,
    ),
    "customer_trees": ModelSpec(
        registered="customers",
        where="training.customers.trees:CustomerTrees",
        config="training.customers.trees:CustomerTreesConfig",
        baselines=_CUSTOMERS,
    ),
    "customer_network": ModelSpec(
        registered="customers",
        where="training.customers.network.model:CustomerNetwork",
        config="training.customers.network.model:CustomerNetworkConfig",
        baselines=_CUSTOMERS,
    ),
    "lifetime_trees": ModelSpec(
        registered="customers",
        where="training.customers.lifetime_trees:LifetimeTrees",
        config="training.customers.lifetime_trees:LifetimeTreesConfig",
        baselines=_CUSTOMERS,
    ),
    "pareto_nbd": ModelSpec(
        registered="customers",
        where="training.customers.lifetime.models:ParetoNbdModel",
        config="training.customers.lifetime.models:LifetimeConfig",
        baselines=_CUSTOMERS,
    ),
    "bg_nbd": ModelSpec(
        registered="customers",
        where="training.customers.lifetime.models:BgNbdModel",
        config="training.customers.lifetime.models:LifetimeConfig",
        baselines=_CUSTOMERS,
    ),
    "past_rate": ModelSpec(
        registered="customers",
        where="training.customers.past_rate:PastRate",
        config="training.customers.past_rate:PastRateConfig",
        baselines=_CUSTOMERS,
    ),
}


class UnknownModel(UserError, ValueError):
    """An unknown model name; the message lists the known ones."""


def spec(name: str, *, registered: str | None = None) -> ModelSpec:
    """Return the entry of model `name`.

    Raises UnknownModel, also if it is no `registered` model or if its family is not in FAMILIES.

    >>> spec("churn").baselines
    ('recency', 'logistic_regression')
    """
    if name not in MODELS:
        raise UnknownModel(f"model {name!r}: known are {', '.join(MODELS)}")
    family_name = MODELS[name].registered
    if family_name not in FAMILIES:
        raise UnknownModel(
            f"model {name!r}: family {family_name!r}: known are {', '.join(FAMILIES)}"
        )
    if registered not in (None, family_name):
        raise UnknownModel(f"model {name!r}: not a {registered} model")
    return MODELS[name]


def model_class(name: str) -> "type[Model]":
    """Return the class of model `name`."""
    cls: type[Model] = imported(spec(name).where)
    return cls


def recommender_class(name: str) -> "type[Recommender]":
    """Return the class of recommender `name`. Raises UnknownModel, also for a predictor's name."""
    cls: type[Recommender] = imported(spec(name, registered="recommender").where)
    return cls


def config_class(name: str) -> "type[Config]":
    """Return the config class of model `name`."""
    cls: type[Config] = imported(spec(name).config)
    return cls
