"""Clusters of customers: k-means on when, how often, for how much and how regularly they order.

The inputs are logarithms of one plus each measure, standardised over the active customers of a
time. k is the number of clusters with the best mean silhouette (Rousseeuw, 1987). How much of the
clusters is chance shows in the adjusted Rand index (Hubert and Arabie, 1985) of two months: 1 for
the same division of the customers, about 0 for two that have nothing to do with each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pydantic
from threadpoolctl import threadpool_limits

from configs.loader import Config
from features.model_inputs import SINGLE_GAP_DAYS
from features.tables import PinnedTables
from features.times import DAY_US
from training.errors import NotEnoughData
from training.segments.past import ACTIVE, customers_at

Floats = npt.NDArray[np.float64]
INPUTS: Final[dict[str, str]] = {
    "days_since_last_order": "days since the last order",
    "orders_365d": "orders of a year",
    "spend_365d": "spend of a year",
    "days_between_orders": "days between orders",
    "lateness": "lateness",
}
"""The measures, with what a cluster's name calls them. `days_between_orders` is from the first to
the last order, divided by the orders but one; 365 of a single order. `lateness` is the days since
the last order divided by it, or by 1 if it is less."""
_MEASURES: Final = f"""
WITH timed AS (
    SELECT *, CASE WHEN orders_total > 1 THEN greatest(
            (epoch_us(last_order_timestamp) - epoch_us(first_order_timestamp)) / {DAY_US}
            / (orders_total - 1), 0)
        ELSE {SINGLE_GAP_DAYS} END AS days_between_orders
    FROM customers WHERE {ACTIVE}
)
SELECT customer_id, days_since_last_order, orders_365d, spend_365d, days_between_orders,
    days_since_last_order / greatest(days_between_orders, 1) AS lateness
FROM timed ORDER BY customer_id
"""


class ClustersConfig(Config):
    """Settings of the clusters."""

    fewest: int = pydantic.Field(3, ge=2)
    """The least k."""
    most: int = pydantic.Field(8, ge=2)
    """The largest k."""
    sample: int = pydantic.Field(5000, ge=10)
    """Customers whose silhouettes are computed, at most; drawn at random."""
    seed: int = 0
    """Of the sample, and of the first centers."""

    @pydantic.model_validator(mode="after")
    def _in_order(self) -> "ClustersConfig":
        if self.fewest > self.most:
            raise ValueError(f"fewest = {self.fewest} is more than most = {self.most}")
        return self


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One cluster: its size, and its means over its customers."""

    name: str
    """The two inputs whose means lie farthest from those of all active customers."""
    size: int
    means: dict[str, float]
    """By input, in its unit: days, orders, the shop's currency."""
    z_scores: dict[str, float]
    """By input: the mean of the standardised logarithm, 0 for all active customers."""


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """The clusters of the active customers of a time, the largest first."""

    clusters: tuple[Cluster, ...]
    customers: pd.DataFrame
    """customer_id, cluster (its name), by customer_id."""
    silhouettes: dict[int, float]
    """The mean silhouette by k, -1 to 1."""
    stability: float
    """The adjusted Rand index of the customers of now: in these clusters, and in those that were
    found a month before."""
    stayed: float
    """The adjusted Rand index of the customers of both months: where each was, and is."""


@dataclass(frozen=True, kw_only=True)
class _Division:
    """K centers, in the standardised space of one month."""

    mean: Floats  # (F,)
    scale: Floats  # (F,)
    centers: Floats  # (K, F)

    def standardised(self, logarithms: Floats) -> Floats:
        return (logarithms - self.mean) / self.scale

    def labels(self, logarithms: Floats) -> npt.NDArray[np.int64]:
        """Return the place of the nearest center (N,)."""
        inputs = self.standardised(logarithms)
        distances = [((inputs - center) ** 2).sum(axis=1) for center in self.centers]
        nearest: npt.NDArray[np.int64] = np.argmin(np.stack(distances, axis=1), axis=1)
        return nearest


def clusters(
    tables: PinnedTables, config: ClustersConfig, *, as_of: pd.Timestamp, before: pd.Timestamp
) -> Clusters:
    """Return the clusters at `as_of` (UTC), and how they compare with those at `before`.

    Both of what was known then. Raises NotEnoughData with too few different customers at either.
    """
    from sklearn.metrics import adjusted_rand_score

    months = [_measures(con) for _, con in customers_at(tables, [before, as_of])]
    logarithms = [_logarithms(month) for month in months]
    for at, values in zip((before, as_of), logarithms, strict=True):
        different = len(np.unique(values, axis=0))
        if different <= config.most:
            raise NotEnoughData(
                f"at = {at}: {different} different customers; {config.most} clusters need more "
                f"({ACTIVE})"
            )
    silhouettes = {
        k: _silhouette(_divide(logarithms[1], k, config), logarithms[1], config)
        for k in range(config.fewest, config.most + 1)
    }
    k = max(silhouettes, key=lambda each: silhouettes[each])
    then, now = (_divide(values, k, config) for values in logarithms)
    labels = now.labels(logarithms[1])
    places = pd.Series(labels, months[1]["customer_id"])
    earlier = pd.Series(then.labels(logarithms[0]), months[0]["customer_id"])
    both = places.index.intersection(earlier.index)
    found = _described(months[1], now.standardised(logarithms[1]), labels)
    return Clusters(
        clusters=tuple(sorted(found, key=lambda cluster: -cluster.size)),
        customers=pd.DataFrame(
            {
                "customer_id": months[1]["customer_id"],
                "cluster": [found[label].name for label in labels],
            }
        ),
        silhouettes=silhouettes,
        stability=float(adjusted_rand_score(labels, then.labels(logarithms[1]))),
        stayed=float(adjusted_rand_score(earlier[both], places[both])),
    )


def _measures(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Return the active customers' INPUTS, by customer_id."""
    measures: pd.DataFrame = con.sql(_MEASURES).df()
    return measures


def _logarithms(measures: pd.DataFrame) -> Floats:
    values: Floats = np.log1p(measures[list(INPUTS)].to_numpy(np.float64))
    return values


def _divide(logarithms: Floats, k: int, config: ClustersConfig) -> _Division:
    from sklearn.cluster import KMeans

    scale = logarithms.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)  # an input that is the same for all
    mean = logarithms.mean(axis=0)
    with threadpool_limits(limits=1):  # so few numbers: threads would wait for each other
        found = KMeans(k, n_init=10, random_state=config.seed).fit((logarithms - mean) / scale)
    return _Division(mean=mean, scale=scale, centers=found.cluster_centers_)


def _silhouette(division: _Division, logarithms: Floats, config: ClustersConfig) -> float:
    from sklearn.metrics import silhouette_score

    rng = np.random.default_rng(config.seed)
    rows = rng.permutation(len(logarithms))[: config.sample]
    labels = division.labels(logarithms[rows])
    if not 1 < len(np.unique(labels)) < len(rows):
        return -1.0
    return float(silhouette_score(division.standardised(logarithms[rows]), labels))


def _described(
    measures: pd.DataFrame, standardised: Floats, labels: npt.NDArray[np.int64]
) -> list[Cluster]:
    count = int(labels.max()) + 1
    z_scores = [standardised[labels == label].mean(axis=0) for label in range(count)]
    return [
        Cluster(
            name=name,
            size=int((labels == label).sum()),
            means={each: float(measures.loc[labels == label, each].mean()) for each in INPUTS},
            z_scores=dict(zip(INPUTS, map(float, z_scores[label]), strict=True)),
        )
        for label, name in enumerate(names_of(z_scores))
    ]


def names_of(z_scores: Sequence[Floats]) -> list[str]:
    """Return a name for each cluster from its z-scores (F,), in the order of INPUTS.

    It says the two that are farthest from 0; clusters of one name also say the next ones.

    >>> names_of([np.array([0.1, 2.0, 3.0, 0.0, 0.0])])
    ['much spend of a year, many orders of a year']
    """
    names = [_name(scores, 2) for scores in z_scores]
    for length in range(3, len(INPUTS) + 1):
        twice = {name for name in names if names.count(name) > 1}
        names = [
            _name(scores, length) if name in twice else name
            for name, scores in zip(names, z_scores, strict=True)
        ]
    return [
        f"{name} ({names[:at].count(name) + 1})" if names.count(name) > 1 else name
        for at, name in enumerate(names)
    ]


def _name(scores: Floats, length: int) -> str:
    far = np.argsort(-np.abs(scores), kind="stable")[:length]
    words = list(INPUTS.items())
    return ", ".join(f"{_SIDES[words[at][0]][int(scores[at] > 0)]} {words[at][1]}" for at in far)


_SIDES: Final = {
    "days_since_last_order": ("few", "many"),
    "orders_365d": ("few", "many"),
    "spend_365d": ("little", "much"),
    "days_between_orders": ("few", "many"),
    "lateness": ("little", "much"),
}
"""What a cluster's name says of a mean below, and above, that of all."""
