"""The families of models: what all models of one registered name share.

A family needs one entry here, its models in `training.models`, and a folder of its own. The
commands, the registry, the service and its API read the entry. Functions of other modules are named
as `module:function` and imported at first use, so that this file imports none of them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Final

from training.data.windows import WINDOW_DAYS


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A number that a family's models predict for each customer: a target of the API."""

    summary: str
    """The response of POST /v1/predictions/TARGET, in one line of the OpenAPI document."""
    numbers: str
    """What the numbers are, for messages: `probabilities`."""
    lowest: float
    """Smallest valid prediction; serving refuses a version that predicts less."""
    highest: float
    """Largest valid prediction; serving refuses a version that predicts more."""
    unknown: str | None
    """Metric of the last window returned for a customer without purchases; None: null."""
    field: str | None = None
    """The field of `CustomerPredictions` that holds the numbers; None: the model's `predict`
    returns the numbers alone."""
    interval: tuple[str, str] | None = None
    """The fields of `CustomerPredictions` that hold the ends of each number's interval."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The file that `training score NAME` writes: a row per customer."""

    help: str
    """What it holds."""
    active_days: int | None
    """It covers customers with an order in this many days before the cut; None: all."""
    horizon_days: int
    """Days after the cut that it predicts by default."""
    horizon_help: str
    """What the horizon counts."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """All models that are versions of one registered model."""

    name: str
    """The registered model: `recommender`."""
    default_model: str
    """The model that `training score` takes by default, a key of `training.models.MODELS`."""
    feature_service: str
    """The Feast feature service whose features the models read."""
    objective: str
    """The metric that chooses epochs and settings; the larger, the better."""
    compared_by: str
    """The figure that versions are compared by, customer by customer, in words."""
    judge: str
    """Function of (data, *, at, days) that returns the `Judge` of models in the window
    [at, at + days) (`training.evaluation.last_window`)."""
    batch: str
    """Function of (model, `Batch`) that returns the results as a table: what `mlflow.pyfunc`
    returns and, for predictors, what `training score NAME` writes."""
    window_days: int | None
    """Length of the window that a model is measured on; None: the `horizon_days` of its config."""
    scores: Scores | None = None
    """The batch scores of its customers; None for models that rank products."""
    predictions: Mapping[str, Prediction] = field(default_factory=dict)
    """What POST /v1/predictions/TARGET answers, by target; empty without such an endpoint."""
    typical: str | None = None
    """Function of `TrainingData` that returns the typical customer, the reference of the reasons of
    predictions (`training.customers.reasons`); None: predictions have no reasons."""


_CHURN: Final = Prediction(
    summary="Who will not come back within the horizon",
    numbers="probabilities",
    lowest=0,
    highest=1,
    unknown="churn_rate",
)
FAMILIES: Final[dict[str, Family]] = {
    "recommender": Family(
        name="recommender",
        default_model="two_stage",
        feature_service="recommender_v1",
        objective="mean_ndcg_at_10",
        compared_by="NDCG@10, mean of the lists",
        judge="training.evaluation.recommender_judge:recommender_judge",
        batch="training.lists.batch:best_products",
        window_days=WINDOW_DAYS,
    ),
    "customers": Family(
        name="customers",
        default_model="customers",
        feature_service="churn_v1",
        objective="proper_score",
        compared_by="minus the proper score",
        judge="training.evaluation.customers_judge:customers_judge",
        batch="training.customers.batch:all_predictions",
        window_days=None,
        predictions={
            "churn": replace(_CHURN, field="churn"),
            "expected_orders": Prediction(
                summary="How many orders each customer will place within the horizon",
                numbers="numbers of orders",
                lowest=0,
                highest=math.inf,
                unknown="mean_orders",
                field="orders",
            ),
            "expected_spend": Prediction(
                summary="What each customer's orders within the horizon will be worth",
                numbers="amounts",
                lowest=0,
                highest=math.inf,
                unknown="mean_spend",
                field="spend",
            ),
            "next_order": Prediction(
                summary="In how many days each customer will order next",
                numbers="days",
                lowest=0,
                highest=math.inf,
                unknown=None,
                field="next_order",
                interval=("next_order_low", "next_order_high"),
            ),
        },
        typical="training.customers.reasons:typical_customer",
        scores=Scores(
            help="Write what a year's customers will do: churn_probability, expected_orders, "
            "expected_spend, and the days to the next order with an interval of 90%.",
            active_days=365,
            horizon_days=90,
            horizon_help="Days that are predicted.",
        ),
    ),
    "churn": Family(
        name="churn",
        default_model="churn",
        feature_service="churn_v1",
        objective="auc",
        compared_by="minus the log loss",
        judge="training.evaluation.churn_judge:predictor_judge",
        batch="training.customers.batch:churn_probabilities",
        window_days=None,
        predictions={"churn": _CHURN},
        typical="training.customers.reasons:typical_customer",
        scores=Scores(
            help="Write churn probabilities: customer_id, churn_probability, for a year's "
            "customers.",
            active_days=365,
            horizon_days=90,
            horizon_help="Days without an order.",
        ),
    ),
}
"""By registered name. Of the families that predict the same target, the first one with a champion
answers."""


def scored_families() -> dict[str, Scores]:
    """Return the batch scores of each family that has them, by registered name.

    >>> list(scored_families())
    ['customers', 'churn']
    """
    return {n: f.scores for n, f in FAMILIES.items() if f.scores is not None}


def predicting_families() -> list[str]:
    """Return the registered names of the families that predict.

    >>> predicting_families()
    ['customers', 'churn']
    """
    return [name for name, family in FAMILIES.items() if family.predictions]


def targets() -> dict[str, dict[str, Prediction]]:
    """Return by target the families that predict it, by registered name, the preferred one first.

    >>> {target: [*families] for target, families in targets().items()}["churn"]
    ['customers', 'churn']
    """
    by_target: dict[str, dict[str, Prediction]] = {}
    for name, family in FAMILIES.items():
        for target, prediction in family.predictions.items():
            by_target.setdefault(target, {})[name] = prediction
    return by_target


def imported(where: str) -> Any:
    """Return the object that `where` (`module:name`) names.

    >>> imported("math:ceil")(0.5)
    1
    """
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)
