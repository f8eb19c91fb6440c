"""What a version must do before it answers: what it will be asked, for customers of this shop.

It goes the way of requests, so that the first of them finds everything compiled, read and open.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.customer_row import Row
from features.logs.events import EventLog
from features.times import DAY_US
from serving.answers.drafts import draft, scored
from serving.answers.items import items, policy_of
from serving.answers.predictions import CustomerToPredict, predict, read
from serving.answers.similar import similar_items
from serving.schemas.products import SimilarRequest
from serving.schemas.recommendations import Filter, RecommendationRequest
from serving.state.customers import Customer
from serving.state.served import Served, predictor
from training.customers import reasons
from training.data.inputs import Products, encode_rows
from training.families import predictions
from training.lists.slates import Policy

CUSTOMERS: Final = 16
"""Stored customers that a version is tried on, at most."""
_DRAWN_BY: Final = "0" * 32
_KINDS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"diversity": 0.5},
    {"max_per_category": 1},
    {"strategy": "new_to_you"},
    {"strategy": "buy_again"},
    {"filter": Filter(price_min=0, in_stock=True)},
)


class Refused(RuntimeError):
    """A version does not do what it must; the message says what it did."""


class Trial:
    """Tries versions on what is served: the shop's `policy`, stored customers, their `events`."""

    def __init__(
        self, events: EventLog | None, *, clock: Callable[[], pd.Timestamp], policy: Policy
    ) -> None:
        self._events, self._clock, self._policy = events, clock, policy

    def recommender(self, served: Served) -> None:
        """Let the champion of `served`, which is in no experiment, answer requests of all kinds.

        Raises Refused where its scores are not a finite number for each product, or what the
        version raises.
        """
        catalogue, name = served.catalogue, served.champion
        if catalogue is None or name is None:
            raise ValueError("served: without catalogue and champion there is nothing to try")
        ranker, products, now = served.rankers[name], catalogue.products, self._clock()
        for row in ({}, made_up(products)):
            queries = encode_rows([row], ["trial"], products, pd.Timestamp(products.at, tz="UTC"))
            _check(name, ranker.score(queries), (1, len(products)))
        for request in _requests(served):
            policy = policy_of(request, self._policy)
            made = scored(draft(served, self._events, request, policy=policy, now=now))
            if made.scores is not None:
                _check(name, made.scores, (len(products),))
            items(made, request, policy=policy, recommendation_id=_DRAWN_BY)
        if len(products):
            similar = SimilarRequest(product_id=str(products.product_ids[0]), explain=True)
            similar_items(catalogue, ranker, similar)

    def predictor(self, served: Served, family: str) -> None:
        """Let the model of `family` in `served` predict and explain.

        Raises Refused where it gives other numbers than its family may, or what the model raises.
        """
        catalogue, bundle, now = served.catalogue, served.predictors.get(family), self._clock()
        if catalogue is None or bundle is None:
            raise ValueError(f"served: without catalogue and {family} there is nothing to try")
        row = {**made_up(catalogue.products)}
        if typical := bundle.manifest.typical:
            row |= reasons.typical_row(typical, now)
        known = Customer(row=row, stored_us=None, complete=True)
        asked = [CustomerToPredict(customer_id="trial", customer=known, reason=None, age_s=None)]
        asked += [read(served, self._events, name, now=now) for name in _stored(served)]
        name = f"{family}@{bundle.version}"
        rows = [{}, *(one.customer.row for one in asked if one.customer is not None)]
        queries = encode_rows(rows, ["trial"] * len(rows), catalogue.products, now)
        found = predictor(bundle).predict(queries)
        _check(name, found, (len(rows),))
        rule = predictions()[family]
        if found.min() < rule.lowest or found.max() > rule.highest:
            raise Refused(f"{name}: predicts {found.min()} to {found.max()}, no {rule.numbers}")
        predict(served, family, asked, now=now, explain=True)


def made_up(products: Products) -> Row:
    """Return a customer who bought two products of the catalogue at once, and one a month before.

    Of fewer products each was bought; of none there is no history.
    """
    bought = [str(name) for name in products.product_ids[:3]]
    end = int(products.at.astype(np.int64))
    days = (0, 0, 30)[: len(bought)]
    return {
        "recent_products": bought or None,
        "recent_timestamps": [end - day * DAY_US for day in days],
        "recent_values": [1.0] * len(bought),
    }


def _requests(served: Served) -> Iterator[RecommendationRequest]:
    """Yield a plain request of every tried customer, and one of each kind of the first and of a
    session.
    """
    customers = _stored(served)
    known = [] if served.catalogue is None else served.catalogue.products.product_ids[:2].tolist()
    for kind in _KINDS:
        yield RecommendationRequest(session_product_ids=known, explain=True, **kind)
        for name in customers[:1]:
            yield RecommendationRequest(customer_id=name, explain=True, **kind)
    for name in customers[1:]:
        yield RecommendationRequest(customer_id=name)


def _stored(served: Served) -> list[str]:
    return [] if served.store is None else served.store.online_ids(CUSTOMERS)


def _check(name: str, found: npt.NDArray[np.float32], shape: tuple[int, ...]) -> None:
    if found.shape != shape:
        raise Refused(f"{name}: gives {found.shape} numbers, not {shape}")
    if not np.isfinite(found).all():
        raise Refused(f"{name}: gives numbers that are not finite")
