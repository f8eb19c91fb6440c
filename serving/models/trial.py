"""The trial of a version before it answers: requests of all kinds, for customers of this shop.

It uses the request path, so that for the first real request everything is compiled, read and open.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
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
from serving.schemas.recommendations import Filter, RecommendationRequest
from serving.schemas.similar import SimilarRequest
from serving.state.customers import Customer
from serving.state.served import Served
from training.customers import reasons
from training.data.inputs import Products, encode_rows
from training.families import FAMILIES
from training.lists.slates import Policy
from training.targets import Target

CUSTOMERS: Final = 16
"""Maximum number of stored customers in a trial."""
_TRIAL_ID: Final = "0" * 32
_KINDS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"diversity": 0.5},
    {"max_per_category": 1},
    {"strategy": "new_to_you"},
    {"strategy": "buy_again"},
    {"filter": Filter(price_min=0, in_stock=True)},
)


class Refused(RuntimeError):
    """A version failed its trial; the message says how."""


class Trial:
    """Tries versions on served data: the shop's `policy`, stored customers, their `events`."""

    def __init__(
        self, events: EventLog | None, *, clock: Callable[[], pd.Timestamp], policy: Policy
    ) -> None:
        self._events, self._clock, self._policy = events, clock, policy

    def recommender(self, served: Served) -> None:
        """Let the champion of `served`, outside experiments, answer requests of all kinds.

        Raises Refused if its scores are not one finite number per product; errors of the version
        pass through.
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
            scored_draft = scored(draft(served, self._events, request, policy=policy, now=now))
            if scored_draft.scores is not None:
                _check(name, scored_draft.scores, (len(products),))
            items(scored_draft, request, policy=policy, recommendation_id=_TRIAL_ID)
        if len(products):
            similar = SimilarRequest(product_id=str(products.product_ids[0]), explain=True)
            similar_items(catalogue, ranker, similar)

    def predictor(self, served: Served, family: str) -> None:
        """Let the model of `family` in `served` predict and explain.

        Raises Refused if a number is outside its family's range; errors of the model pass through.
        """
        catalogue, bundle, now = served.catalogue, served.predictors.get(family), self._clock()
        if catalogue is None or bundle is None:
            raise ValueError(f"served: without catalogue and {family} there is nothing to try")
        row = {**made_up(catalogue.products)}
        if typical := bundle.manifest.typical:
            row |= reasons.typical_row(typical, now)
        known = Customer(row=row, stored_us=None, complete=True)
        to_predict = [
            CustomerToPredict(customer_id="trial", customer=known, reason=None, age_s=None)
        ]
        to_predict += [read(served, self._events, name, now=now) for name in _stored(served)]
        name = f"{family}@{bundle.version}"
        rows = [{}, *(entry.customer.row for entry in to_predict if entry.customer is not None)]
        queries = encode_rows(rows, ["trial"] * len(rows), catalogue.products, now)
        alone = replace(served, predictors={family: bundle})
        for target, rule in FAMILIES[family].predictions.items():
            values = Target(model=bundle.predictor, prediction=rule).predict(queries)
            _check(name, values, (len(rows),))
            if values.min() < rule.lowest or values.max() > rule.highest:
                raise Refused(
                    f"{name}: predicts {values.min()} to {values.max()}, no {rule.numbers}"
                )
            predict(alone, target, to_predict, now=now, explain="en")


def made_up(products: Products) -> Row:
    """Return a customer who bought two products of the catalogue together, and a third 30 days ago.

    A smaller catalogue gives fewer purchases; an empty one gives no history.
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
    """Yield each kind of request for a session and the first customer; plain ones for the rest."""
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


def _check(name: str, values: npt.NDArray[np.float32], shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise Refused(f"{name}: gives {values.shape} numbers, not {shape}")
    if not np.isfinite(values).all():
        raise Refused(f"{name}: gives numbers that are not finite")
