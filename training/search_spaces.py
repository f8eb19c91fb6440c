"""The settings that `tune` searches, by model, and how a draw changes a config."""

from copy import deepcopy
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

from configs.loader import Config, put

Space = dict[str, "Range | tuple[Any, ...]"]
"""By config key, dotted for a key of a part's own config: a range of numbers or options."""


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, drawn on a logarithmic scale if `log`."""

    low: float
    high: float
    log: bool = False


_FADING: Final[Space] = {
    "half_life_days": Range(50.0, 500.0, log=True),
    "learning_half_life_days": (None, 45.0, 60.0, 90.0, 180.0, 360.0),
}
_ITEM_TO_ITEM: Final[Space] = {
    **_FADING,
    "neighbours": (10, 20, 50, 100, 200),
    "repeat_weight": Range(1.0, 50.0, log=True),
    "popularity_weight": Range(0.1, 10.0, log=True),
}
SPACES: Final[dict[str, Space]] = {
    "two_stage": {
        "per_source": (30, 60, 100),
        "windows": (2, 4, 6),
        "network.learning_rate": Range(1e-3, 1e-2, log=True),
        "network.dropout": Range(0.0, 0.4),
        "network.hidden": (64, 128, 256),
        "network.new_weight": Range(0.0, 2.0),
        "network.batch_size": (8, 16, 32),
    },
    "two_tower": {
        "learning_rate": Range(1e-3, 1e-2, log=True),
        "weight_decay": Range(0.0, 0.1),
        "dropout": Range(0.0, 0.4),
        "id_dropout": Range(0.0, 0.5),
        "embedding_dim": (32, 64, 128),
        "hidden": (64, 128, 256),
        "batch_size": (128, 256, 512),
    },
    "churn": {
        "learning_rate": Range(3e-4, 1e-2, log=True),
        "weight_decay": Range(1e-3, 1.0, log=True),
        "dropout": Range(0.0, 0.5),
        "hidden": ((16,), (32, 16), (64, 32)),
        "batch_size": (1024, 2048, 4096),
    },
    "customer_trees": {
        "trees": (100, 200, 400),
        "leaves": (4, 7, 15),
        "learning_rate": Range(1e-2, 1e-1, log=True),
        "leaf_customers": (50, 200, 800),
        "penalty": Range(0.1, 100.0, log=True),
    },
    "customer_network": {
        "learning_rate": Range(3e-4, 5e-3, log=True),
        "weight_decay": Range(1e-3, 1.0, log=True),
        "dropout": Range(0.0, 0.5),
        "width": (16, 32, 64),
        "batch_size": (512, 1024, 2048),
    },
    "lifetime_trees": {
        "trees": (50, 150, 300),
        "leaves": (4, 7, 15),
        "learning_rate": Range(1e-2, 1e-1, log=True),
        "leaf_customers": (100, 400, 1600),
    },
    "own_purchases": {
        "half_life_days": Range(20.0, 500.0, log=True),
        "popularity_weight": Range(0.01, 2.0, log=True),
    },
    "cosine": {**_ITEM_TO_ITEM, "shrinkage": Range(0.0, 20.0)},
    "rp3beta": {**_ITEM_TO_ITEM, "alpha": Range(0.2, 1.5), "beta": Range(0.0, 1.0)},
    "ease": {**_ITEM_TO_ITEM, "penalty": Range(10.0, 3000.0, log=True)},
    "ials": {
        **_FADING,
        "repeat_weight": Range(0.1, 5.0, log=True),
        "popularity_weight": Range(0.01, 1.0, log=True),
        "embedding_dim": (32, 64, 128, 256),
        "iterations": (5, 10, 15, 30),
        "confidence": Range(0.5, 100.0, log=True),
        "penalty": Range(1.0, 300.0, log=True),
    },
    "user_knn": {
        **_FADING,
        "neighbours": (20, 50, 100, 200, 500),
        "shrinkage": Range(0.0, 10.0),
        "buyers_power": Range(0.0, 1.0),
        "repeat_weight": Range(1.0, 100.0, log=True),
        "popularity_weight": Range(0.05, 5.0, log=True),
    },
    "content": {
        "half_life_days": Range(20.0, 500.0, log=True),
        "price_weight": Range(0.0, 2.0),
        "typical_weight": Range(0.001, 1.0, log=True),
    },
    "logistic_regression": {"penalty": Range(1e-2, 1e4, log=True)},
}
WITHOUT_SPACE: Final[dict[str, str]] = {
    "popularity": "it counts the buyers of 28 days and has no settings",
    "customers": "it compares the others and takes the best: tune those",
    "pareto_nbd": "its parameters are those of the highest likelihood",
    "bg_nbd": "its parameters are those of the highest likelihood",
    "past_rate": "it continues the past and has no settings",
    "recency": "its only setting, horizon_days, defines what is predicted and not how",
}
"""Why the other models have no space."""


def setting(config: Config, key: str) -> Any:
    """Return the value of the dotted `key` in `config`."""
    return reduce(getattr, key.split("."), config)


def changed(values: dict[str, Any], drawn: dict[str, Any]) -> dict[str, Any]:
    """Return `values` updated by `drawn`, whose keys may be dotted.

    >>> changed({"k": 1, "part": {"dim": 1, "size": 2}}, {"part.dim": 3, "other.dim": 4})
    {'k': 1, 'part': {'dim': 3, 'size': 2}, 'other': {'dim': 4}}
    """
    merged = deepcopy(values)
    for key, value in drawn.items():
        put(merged, key, value)
    return merged
