"""Association rules between products, from the orders known before a cut (Agrawal et al., 1993).

A rule from A to B has a support (the share of all orders with both), a confidence (the share of the
orders with A that have B), a lift (the confidence divided by the share of all orders with B), and a
direction in time: how often an order with A was followed by B, against an order with B by A.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pydantic
from scipy.sparse import csr_array

from configs.loader import Config
from features.baskets.counting import IntArray, Rows, followed, triples
from features.baskets.orders import Orders

RULES: Final = ("product_id", "other_id", "orders", "product_orders", "other_orders")
DIRECTION: Final = ("followed", "preceded")
_BLOCK: Final = 256  # products whose companions are counted at once


class RulesConfig(Config):
    """Which rules and bundles are stored."""

    min_orders: int = pydantic.Field(3, ge=1, description="fewest orders of a rule or a bundle")
    rules: int = pydantic.Field(50, ge=1, description="rules stored from each product")
    bundles: int = pydantic.Field(20, ge=0, description="bundles stored with each product")
    window_days: float = pydantic.Field(
        90.0, gt=0, description="days in which a later order follows an earlier one"
    )


@dataclass(frozen=True, kw_only=True)
class MinedRules:
    """What is bought together in a shop, as counts."""

    orders: int
    """All orders with a product."""
    rules: pd.DataFrame
    """Columns RULES and DIRECTION: `orders` with both products, with each of them, orders with the
    first product that the same customer followed by the other within the window, and orders with
    the other that were followed by the first. Sorted by product_id, strongest first."""
    bundles: pd.DataFrame
    """Sets of three products: columns first_id, second_id, third_id (ascending), orders."""


def mine(order_lines: pd.DataFrame, *, config: RulesConfig | None = None) -> MinedRules:
    """Return the rules and bundles in canonical `order_lines`, of all that are given.

    From each product, the strongest `rules` are stored: those with the highest geometric mean of
    the two confidences, which favours neither the products that everybody buys nor chance; of equal
    ones the first product ids. A bundle's products all have stored rules from one of them, which
    stores the `bundles` with the most orders.
    """
    config = config or RulesConfig()
    orders = Orders.of(order_lines)
    counts = np.asarray(orders.matrix.sum(axis=0), dtype=np.int64)
    firsts, seconds, together = _strongest(orders.matrix, counts, config)
    starts = np.searchsorted(firsts, np.arange(len(counts) + 1))
    rows = Rows(starts, seconds)
    names = orders.product_ids
    after, before = _in_time(orders, rows, config.window_days)
    rules = pd.DataFrame(
        {
            "product_id": names[firsts],
            "other_id": names[seconds],
            "orders": together,
            "product_orders": counts[firsts],
            "other_orders": counts[seconds],
            "followed": after,
            "preceded": before,
        }
    )
    sets, held = _bundles(orders.matrix, rows, config)
    bundles = pd.DataFrame(
        {
            "first_id": names[sets[:, 0]],
            "second_id": names[sets[:, 1]],
            "third_id": names[sets[:, 2]],
            "orders": held,
        }
    )
    return MinedRules(orders=len(orders), rules=rules, bundles=bundles)


def _strongest(
    matrix: csr_array, counts: IntArray, config: RulesConfig
) -> tuple[IntArray, IntArray, IntArray]:
    """Return the first product, the other one and the orders of both, for each stored rule."""
    transposed, parts = csr_array(matrix.T), []
    for start in range(0, len(counts), _BLOCK):
        both = csr_array(transposed[start : start + _BLOCK] @ matrix).tocoo()
        firsts, seconds = both.coords[0].astype(np.int64) + start, both.coords[1].astype(np.int64)
        often = (both.data >= config.min_orders) & (firsts != seconds)
        firsts, seconds, together = firsts[often], seconds[often], both.data[often]
        # Within a row, the squared mean orders like the mean; 64-bit ratios of counts are exact
        # enough that equal ones are equal.
        strength = together.astype(np.float64) ** 2 / counts[seconds]
        order = np.lexsort((seconds, -strength, firsts))
        firsts, seconds, together = firsts[order], seconds[order], together[order]
        rank = np.arange(len(firsts)) - np.searchsorted(firsts, firsts)
        parts.append(np.stack([firsts, seconds, together])[:, rank < config.rules])
    merged = np.concatenate(parts, axis=1) if parts else np.empty((3, 0), dtype=np.int64)
    return merged[0], merged[1], merged[2]


def _in_time(orders: Orders, rules: Rows, window_days: float) -> tuple[IntArray, IntArray]:
    """Return for each rule: orders of its first product that the other follows, and the reverse."""
    baskets, later = _rows(orders.matrix), orders.later(window_days=window_days)
    width = len(rules.starts) - 1
    firsts = np.repeat(np.arange(width), np.diff(rules.starts))
    reverse = np.argsort(rules.columns, kind="stable")
    reversed_starts = np.searchsorted(rules.columns[reverse], np.arange(width + 1))
    after, before = np.zeros(len(firsts), dtype=np.int64), np.zeros(len(firsts), dtype=np.int64)
    followed(tuple(baskets), later, tuple(rules), after)
    counts = np.zeros(len(firsts), dtype=np.int64)
    followed(tuple(baskets), later, (reversed_starts, firsts[reverse]), counts)
    before[reverse] = counts
    return after, before


def _bundles(matrix: csr_array, rules: Rows, config: RulesConfig) -> tuple[IntArray, IntArray]:
    """Return the distinct stored sets (N, 3), ascending, and the orders (N,) of each."""
    baskets, holders = _rows(matrix), _rows(csr_array(matrix.T))
    slots = np.full(matrix.shape[1], -1, dtype=np.int64)
    parts: list[IntArray] = [np.empty((0, 4), dtype=np.int64)]
    for product in range(len(rules.starts) - 1):
        companions = rules.columns[rules.starts[product] : rules.starts[product + 1]]
        if len(companions) < 2 or not config.bundles:
            continue
        companions = np.sort(companions)
        counts = np.zeros((len(companions), len(companions)), dtype=np.int64)
        orders = holders.columns[holders.starts[product] : holders.starts[product + 1]]
        triples(tuple(baskets), orders, companions, slots, counts)
        lows, highs = np.nonzero(counts >= config.min_orders)
        held = counts[lows, highs]
        best = np.lexsort((highs, lows, -held))[: config.bundles]
        one = np.full(len(best), product)
        sets = np.sort(np.stack([one, companions[lows[best]], companions[highs[best]]], 1), axis=1)
        parts.append(np.column_stack([sets, held[best]]))
    distinct = np.unique(np.concatenate(parts), axis=0)
    return distinct[:, :3], distinct[:, 3]


def _rows(matrix: csr_array) -> Rows:
    return Rows(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64))
