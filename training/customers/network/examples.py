"""The network's examples: the windows' customers with their sequences and what they did."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from training.customers.inputs import INPUTS, columns_of
from training.customers.network.net import BINS
from training.customers.network.sequence import sequence_of
from training.customers.orders import Numbers
from training.customers.window_examples import WindowExamples, window_examples
from training.data.inputs import FloatArray, Queries

if TYPE_CHECKING:
    from training.data.training_data import TrainingData

_LEAST: Final = 1e-3


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What the network reads of B customers."""

    activity: FloatArray  # (B, INPUTS)
    tokens: FloatArray  # (B, ORDERS, TOKEN)
    exists: FloatArray  # (B, ORDERS)

    @classmethod
    def of(cls, queries: Queries) -> Self:
        """Return the inputs of `queries`."""
        tokens, exists = sequence_of(queries)
        return cls(activity=columns_of(queries.activity, INPUTS).T, tokens=tokens, exists=exists)


@dataclass(frozen=True, kw_only=True)
class NetworkExamples:
    """N customers of the windows, and the level of each one's window."""

    seen: WindowExamples
    inputs: Inputs
    waited: FloatArray  # (N, BINS) the share of each part of the horizon without an order yet
    came: FloatArray  # (N, BINS) 1 in the part in which the first order came
    log_hazard: FloatArray  # (N,) of a part of the horizon, in the example's window
    log_more: FloatArray  # (N,) logarithm of the mean orders after the first, in the window
    log_spend: FloatArray  # (N,) mean logarithm of the spend of those who ordered, in the window

    @classmethod
    def of(cls, data: "TrainingData", *, horizon_days: int) -> Self:
        """Return the examples of `window_examples`. Raises NotEnoughData."""
        seen = window_examples(data, horizon_days=horizon_days)
        parts = [
            Inputs.of(data.queries(at, seen.orders.active(at))) for at in seen.times
        ]  # one window at a time: histories are large
        made, window = seen.outcomes, seen.window
        part = made.days / horizon_days * BINS  # infinite without an order
        waited = np.clip(part[:, None] - np.arange(BINS), 0, 1)
        came = (np.floor(part)[:, None] == np.arange(BINS)).astype(np.float32)
        ordered = made.orders > 0
        count = np.maximum(np.bincount(window, ordered), 1)
        churned = np.bincount(window, ~ordered) / np.bincount(window)
        hazard = -np.log(np.clip(churned, _LEAST, 1 - _LEAST)) / BINS
        more = np.bincount(window, np.maximum(made.orders - 1, 0)) / count
        spend = np.log(np.where(ordered, np.maximum(made.spend, _LEAST), 1.0))

        def by_example(levels: Numbers) -> FloatArray:
            return levels[window].astype(np.float32)

        return cls(
            seen=seen,
            inputs=Inputs(
                **{name: np.concatenate([getattr(p, name) for p in parts]) for name in _FIELDS}
            ),
            waited=waited.astype(np.float32),
            came=came,
            log_hazard=by_example(np.log(hazard)),
            log_more=by_example(np.log(np.maximum(more, _LEAST))),
            log_spend=by_example(np.bincount(window, spend) / count),
        )


_FIELDS: Final = ("activity", "tokens", "exists")
