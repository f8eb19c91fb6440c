"""Fit trees and a logistic regression on windows that have each its own level."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pydantic

from configs.loader import Config
from training.customers.orders import Numbers
from training.data.inputs import FloatArray

if TYPE_CHECKING:
    from training.customers.window_examples import WindowExamples

_BY_WINDOW: Final = 3.0  # the columns of the windows' levels: larger values are penalised less


class BoostingConfig(Config):
    """Size and training of the trees."""

    trees: int = pydantic.Field(200, ge=1, description="number of trees of each target")
    leaves: int = pydantic.Field(7, ge=2, description="leaves of a tree")
    learning_rate: float = pydantic.Field(0.03, gt=0, description="factor of a tree's output")
    leaf_customers: int = pydantic.Field(200, ge=1, description="minimum of examples in a leaf")


def boost(
    inputs: FloatArray,
    values: Numbers,
    offsets: Numbers,
    *,
    objective: dict[str, Any],
    config: BoostingConfig,
    seed: int,
    signs: Sequence[int] | None = None,
) -> str:
    """Return trees (LightGBM's text) that add up to what `values` (N,) are above `offsets` (N,).

    Both are on the scale of the objective's link. `signs` (F,): 1 where the sum may only rise with
    an input, -1 where it may only fall, 0 where it is free.
    """
    import lightgbm

    parameters = {
        **objective,
        "num_leaves": config.leaves,
        "learning_rate": config.learning_rate,
        "min_data_in_leaf": config.leaf_customers,
        "feature_fraction": 0.5,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "use_missing": False,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    if signs is not None:
        parameters["monotone_constraints"] = list(signs)
    data = lightgbm.Dataset(inputs, label=values, init_score=offsets)
    return str(lightgbm.train(parameters, data, num_boost_round=config.trees).model_to_string())


def logistic_weights(inputs: Numbers, seen: "WindowExamples", *, penalty: float) -> Numbers:
    """Return the weights (F,) of `inputs` (N, F) in the log-odds of churn, beside the windows'.

    Inputs are standardised, and squared weights are penalised.
    """
    from sklearn.linear_model import LogisticRegression

    scale = inputs.std(axis=0) + 1e-9
    by_window = _BY_WINDOW * (seen.window[:, None] == np.arange(len(seen.times)))
    columns = np.hstack([(inputs - inputs.mean(axis=0)) / scale, by_window])
    solver = LogisticRegression(C=1 / penalty, fit_intercept=False, max_iter=1000)
    solver.fit(columns, seen.outcomes.churned)
    weights: Numbers = solver.coef_[0][: inputs.shape[1]] / scale
    return weights


def monotone_copy(inputs: FloatArray, values: Numbers, signs: Sequence[int], *, seed: int) -> str:
    """Return trees (LightGBM's text) near `values` (N,) that keep the `signs` (F,) of `boost`.

    What a model predicts has no noise, so the trees may be large: they copy the order that the
    model gives, where their constraints allow it.
    """
    import lightgbm

    parameters = {
        "objective": "regression",
        "num_leaves": 31,
        "learning_rate": 0.1,
        "min_data_in_leaf": 50,
        "monotone_constraints": list(signs),
        "use_missing": False,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(inputs, label=values)
    return str(lightgbm.train(parameters, data, num_boost_round=300).model_to_string())
