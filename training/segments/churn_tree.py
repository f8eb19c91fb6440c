"""A small tree of rules that divides customers by how many of them leave, as filters of segments.

It learns from customers of many times before the last finished window: their fields at a time, and
whether they churned in the horizon after it. What its rules are worth is counted in the last
finished window, [as_of - horizon, as_of), which is in no training example: neither its outcomes,
nor its customers' fields.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pydantic
from scipy.stats import binomtest

from configs.loader import Config
from features.snapshots import known_span
from features.tables import PinnedTables
from training.errors import NotEnoughData
from training.segments.filters import And, Compare, Filter, Operator, to_sql
from training.segments.past import customers_at, put_churned

if TYPE_CHECKING:
    from sklearn.tree import DecisionTreeClassifier

INPUTS: Final[Mapping[str, tuple[str, int]]] = {
    "days_since_last_order": ("days since the last order", 0),
    "days_since_first_order": ("days since the first order", 0),
    "orders_90d": ("orders in the last 90 days", 0),
    "orders_365d": ("orders in the last 365 days", 0),
    "orders_total": ("orders of all time", 0),
    "spend_365d": ("spend in the last 365 days", 2),
    "average_order_value": ("average order value", 2),
    "products_365d": ("different products in the last 365 days", 0),
    "returns_365d": ("returned lines in the last 365 days", 0),
}
"""The fields that rules may name: each in words, and the decimals of its thresholds. They are
known of every active customer."""


class ChurnTreeConfig(Config):
    """Settings of the tree and of its training times."""

    horizon_days: int = pydantic.Field(90, ge=1)
    """Who does not order in so many days has churned."""
    depth: int = pydantic.Field(3, ge=1, le=3)
    """Conditions of a rule, at most: more are not readable."""
    smallest_share: float = pydantic.Field(0.02, gt=0, lt=0.5)
    """A rule holds for at least this share of the training examples."""
    apart_days: int = pydantic.Field(28, ge=1)
    """Training times lie so many days apart."""
    windows: int = pydantic.Field(13, ge=1)
    """Training times, at most; 13 of 28 days are the seasons of a year."""
    least_days: int = pydantic.Field(60, ge=0)
    """A training time has so many days of orders before it."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One leaf of the tree. Exactly one rule holds for each active customer."""

    filter: Filter | None
    """Of INPUTS; None: it holds for everyone."""
    trained: int
    """Training examples."""
    trained_rate: float
    """The share of them that churned."""
    customers: int
    """Customers at the start of the last finished window."""
    churned: int
    """Those of them without an order in it."""

    @property
    def rate(self) -> float:
        """The share of `customers` that churned; NaN of none."""
        return self.churned / self.customers if self.customers else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of `rate` (Wilson, 1927); 0 to 1 of no customers."""
        if not self.customers:
            return 0.0, 1.0
        found = binomtest(self.churned, self.customers).proportion_ci(method="wilson")
        return float(found.low), float(found.high)

    @property
    def words(self) -> str:
        """The rule in words."""
        return "everyone" if self.filter is None else in_words(self.filter)


@dataclass(frozen=True, kw_only=True)
class ChurnTree:
    """The rules, those of the highest churn first, and what they were learned and tested on."""

    rules: tuple[Rule, ...]
    times: tuple[pd.Timestamp, ...]
    """The training times, oldest first."""
    tested_at: pd.Timestamp
    """The start of the last finished window."""

    @property
    def everyone(self) -> tuple[int, int]:
        """The customers at the start of the last finished window, and how many churned."""
        return sum(r.customers for r in self.rules), sum(r.churned for r in self.rules)

    @property
    def brier(self) -> tuple[float, float]:
        """The mean squared error (Brier, 1950) in the last finished window: of the rules' rates in
        training, and of one rate for everyone."""
        rates = np.array([rule.trained_rate for rule in self.rules])
        trained = np.array([rule.trained for rule in self.rules])
        one = np.full(len(rates), float(rates @ trained / trained.sum()))
        return self._brier(rates), self._brier(one)

    def _brier(self, rates: npt.NDArray[np.float64]) -> float:
        customers = np.array([rule.customers for rule in self.rules])
        churned = np.array([rule.churned for rule in self.rules])
        errors = churned * (1 - rates) ** 2 + (customers - churned) * rates**2
        return float(errors.sum() / customers.sum())


def churn_tree(
    tables: PinnedTables,
    config: ChurnTreeConfig,
    *,
    as_of: pd.Timestamp,
    progress: Callable[[int, int], None] | None = None,
) -> ChurnTree:
    """Learn the rules from what was known before `as_of` (UTC), and count them in the last window.

    `progress` is called with the number of read times, and of all. Raises NotEnoughData without a
    training time, with fewer than two kinds of outcome, or without a customer to test on.
    """
    from sklearn.tree import DecisionTreeClassifier

    horizon = pd.Timedelta(days=config.horizon_days)
    tested_at, times = as_of - horizon, _times(tables, config, as_of=as_of)
    parts = []
    for done, (at, con) in enumerate(customers_at(tables, [*times, tested_at])):
        if progress is not None:
            progress(done, len(times) + 1)
        known_by = as_of if at == tested_at else tested_at
        put_churned(con, tables, at=at, as_of=known_by, horizon_days=config.horizon_days)
        if at < tested_at:
            parts.append(con.sql(f"SELECT {', '.join(INPUTS)}, churned FROM examples").df())
    trained = pd.concat(parts, ignore_index=True)
    (tested,) = con.execute("SELECT count(*) FROM examples").fetchall()[0]
    if trained["churned"].nunique() < 2 or not tested:
        raise NotEnoughData(
            f"as_of = {as_of}: {len(trained):,} training examples, {trained['churned'].sum():,} of "
            f"them churned, and {tested:,} customers to test on; rules need both kinds of customers"
        )
    tree = DecisionTreeClassifier(
        max_depth=config.depth, min_samples_leaf=config.smallest_share, random_state=0
    ).fit(trained[list(INPUTS)].to_numpy(np.float64), trained["churned"])
    con.register("trained", trained)
    rules = []
    for node in _leaves(tree):
        where, values = ("true", []) if node is None else to_sql(node)
        (count, rate), (customers, churned) = (
            con.execute(f"SELECT {what} FROM {table} WHERE {where}", values).fetchall()[0]
            for what, table in (
                ("count(*), avg(churned)", "trained"),
                ("count(*), coalesce(sum(churned), 0)", "examples"),
            )
        )
        rules.append(
            Rule(
                filter=node,
                trained=int(count),
                trained_rate=float(rate),
                customers=int(customers),
                churned=int(churned),
            )
        )
    rules.sort(key=lambda rule: -rule.trained_rate)
    return ChurnTree(rules=tuple(rules), times=tuple(times), tested_at=tested_at)


def in_words(node: Filter) -> str:
    """Return comparisons of INPUTS, `<=` and `>`, joined by `and`, in words.

    >>> more, most = (Compare("orders_90d", "number", op, n) for op, n in ((">", 1.0), ("<=", 3.0)))
    >>> print(in_words(more), in_words(most), in_words(And((more, most))), sep="\\n")
    orders in the last 90 days: 2 or more
    orders in the last 90 days: at most 3
    orders in the last 90 days: 2 to 3
    """
    bounds: dict[str, dict[str, float]] = {}
    for part in node.operands if isinstance(node, And) else (node,):
        if not isinstance(part, Compare) or not isinstance(part.value, float):
            raise ValueError(f"node = {node}: it compares numbers, and nothing else")
        bounds.setdefault(part.column, {})[part.operator] = part.value
    return "; ".join(
        f"{INPUTS[name][0]}: {_range(found.get('>'), found.get('<='), decimals=INPUTS[name][1])}"
        for name, found in bounds.items()
    )


def _range(above: float | None, most: float | None, *, decimals: int) -> str:
    """Return in words what is more than `above` and at most `most`, of so many decimals."""
    low = None if above is None else f"{above + 10**-decimals:,.{decimals}f}"
    high = None if most is None else f"{most:,.{decimals}f}"
    if low is None or high is None:
        return f"at most {high}" if low is None else f"{low} or more"
    return low if low == high else f"{low} to {high}"


def _times(
    tables: PinnedTables, config: ChurnTreeConfig, *, as_of: pd.Timestamp
) -> list[pd.Timestamp]:
    """Return the training times, oldest first: their horizons end before the last window."""
    first = known_span(tables.paths, as_of)[0] + pd.Timedelta(days=config.least_days)
    newest = as_of - pd.Timedelta(days=2 * config.horizon_days)
    apart = pd.Timedelta(days=config.apart_days)
    times = [newest - number * apart for number in reversed(range(config.windows))]
    found = [at for at in times if at >= first]
    if not found:
        raise NotEnoughData(
            f"as_of = {as_of}: rules need {config.least_days} days of orders, a window of "
            f"{config.horizon_days} days to learn from and one to test on; the shop's first order "
            f"line was known at {first - pd.Timedelta(days=config.least_days)}"
        )
    return found


def _leaves(tree: "DecisionTreeClassifier") -> list[Filter | None]:
    """Return the filter of each leaf, with one bound of a field in each direction.

    A threshold is rounded down to the decimals of its field, so no value of so many decimals
    changes its side.
    """
    nodes, found = tree.tree_, list[Filter | None]()

    def walk(node: int, bounds: Mapping[tuple[str, Operator], float]) -> None:
        if nodes.children_left[node] < 0:
            parts = tuple(
                Compare(name, "number", sign, value) for (name, sign), value in bounds.items()
            )
            found.append(And(parts) if len(parts) > 1 else parts[0] if parts else None)
            return
        name = list(INPUTS)[nodes.feature[node]]
        scale = 10 ** INPUTS[name][1]
        value = math.floor(float(nodes.threshold[node]) * scale) / scale
        walk(nodes.children_left[node], {**bounds, (name, "<="): value})
        walk(nodes.children_right[node], {**bounds, (name, ">"): value})

    walk(0, {})
    return found
