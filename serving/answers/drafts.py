"""Choice of the model that scores the products for one request, and of its inputs.

A degraded draft is still valid; its `reason` says what was missing.
"""

import logging
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from msgspec import Struct
from msgspec.structs import replace

from experiments.assignment import assign
from features.logs.events import EventLog
from features.times import DAY_US, microseconds
from serving.schemas.base import Assigned, FallbackReason, Model
from serving.schemas.recommendations import RecommendationRequest
from serving.state.catalogue import Catalogue
from serving.state.customers import Customer, StoreUnavailable, age_s, read_customer, staleness
from serving.state.served import Ranker, Served
from training.data.inputs import FloatArray, Queries, encode_rows
from training.interfaces import Related, Scorer
from training.lists.slates import Policy

logger = logging.getLogger(__name__)
POPULARITY: Final = "popularity"
CONTENT: Final = "content"
_POPULAR: Final = Model(name=POPULARITY, version=None)
_CONTENT: Final = Model(name=CONTENT, version=None)


class Draft(Struct, frozen=True, kw_only=True):
    """The scored catalogue of one request, before the list is composed and recorded."""

    catalogue: Catalogue | None = None
    scores: FloatArray | None = None
    """(C,) scores of the catalogue's products; None without a catalogue, or before `scored`."""
    unscored: tuple[Scorer, Queries] | None = None
    """The scorer that `scored` calls, and its queries (B = 1)."""
    customer: Queries | None = None
    """(1,) the customer's purchases; None if there are none, or they were not read."""
    unlisted: tuple[str, ...] = ()
    """Products not to show to this visitor: those of the session, or recently returned."""
    related: Related | None = None
    """Strength of co-purchase between products, from the model that made the scores."""
    source: str = POPULARITY
    """The model or fallback that made the scores."""
    model: Model = _POPULAR
    experiments: tuple[Assigned, ...] = ()
    age_s: float | None = None
    reason: FallbackReason | None = None


def draft(
    served: Served,
    events: EventLog | None,
    request: RecommendationRequest,
    *,
    policy: Policy,
    now: pd.Timestamp,
) -> Draft:
    """Return the draft of `request` at `now`, with the customer's new `events` included.

    If a model scores it, the draft has no scores yet: pass it to `scored`.
    """
    catalogue = served.catalogue
    if catalogue is None:
        return Draft(reason="model_unavailable")
    basis = _popular(catalogue, now)
    if policy.strategy == "trending":
        return basis
    by_content = policy.strategy == CONTENT
    if by_content:
        basis = _by_content(basis, encode_rows([{}], [""], catalogue.products, now))
    if not request.personalized:
        return replace(basis, reason="not_personalized")
    customer, reason = _customer(served, events, request.customer_id, now)
    now = served.time(now)
    since_us = microseconds(now) - round(policy.returned_within_days * DAY_US)
    returned = () if customer is None else customer.returned(since_us=since_us)
    if customer is not None and customer.bought:
        unit_id = None if by_content else str(request.customer_id)
        personal = _of_customer(served, catalogue, customer, unit_id, now)
        return replace(personal, unlisted=returned)
    looked_at: list[str] = []
    if policy.strategy != "buy_again":
        posted = () if customer is None else customer.looked_at
        looked_at = [*posted, *request.session_product_ids]
    session = _of_session(served, catalogue, customer, looked_at, now, by_content=by_content)
    if session is None:
        return replace(basis, unlisted=returned, reason=reason)
    return replace(
        session,
        unlisted=session.unlisted + returned,
        reason=None if request.customer_id is None else reason,
    )


def scored(draft: Draft) -> Draft:
    """Return `draft` with the scores of its model, if it has no scores yet."""
    if draft.unscored is None:
        return draft
    score, queries = draft.unscored
    return replace(draft, scores=score(queries)[0], unscored=None)


def _customer(
    served: Served,
    events: EventLog | None,
    customer_id: str | None,
    now: pd.Timestamp,
) -> tuple[Customer | None, FallbackReason]:
    """Return the customer, and the fallback reason to use if it has no purchases."""
    if customer_id is None:
        return None, "not_personalized"
    try:
        customer = read_customer(served.store, events, customer_id, at=now, since=served.cut)
    except StoreUnavailable as error:
        logger.warning("customer row: %s", error)
        return None, "store_unavailable"
    return customer, "no_history" if customer else "unknown_customer"


def _popular(catalogue: Catalogue, now: pd.Timestamp) -> Draft:
    """Return a draft that scores by recent demand, without data of the customer."""
    age = age_s(now, catalogue.as_of_us)
    return Draft(catalogue=catalogue, scores=catalogue.shelf.popularity, age_s=age)


def _of_customer(
    served: Served, catalogue: Catalogue, customer: Customer, unit_id: str | None, now: pd.Timestamp
) -> Draft:
    """Return the draft of the version assigned to the unit; recent demand if none is loaded.

    Without a `unit_id`, the draft is by content.
    """
    if unit_id is None:
        queries = encode_rows([customer.row], [""], catalogue.products, now)
        age, reason = age_s(now, customer.stored_us, catalogue.as_of_us), staleness(customer, now)
        draft = replace(_popular(catalogue, now), customer=queries, reason=reason, age_s=age)
        return _by_content(draft, queries)
    name, assigned = _assigned(served, unit_id)
    if name in served.rankers:
        reason = staleness(customer, now)
    else:
        name, assigned, reason = served.champion, (), "model_unavailable"
    queries = encode_rows([customer.row], [unit_id], catalogue.products, now)
    draft = replace(_popular(catalogue, now), customer=queries, reason=reason)
    if name is None:
        return draft
    age = age_s(now, customer.stored_us, catalogue.as_of_us)
    draft = _to_score(draft, served.rankers[name], queries)
    return replace(draft, experiments=assigned, age_s=age)


def _of_session(
    served: Served,
    catalogue: Catalogue,
    customer: Customer | None,
    product_ids: Sequence[str],
    now: pd.Timestamp,
    *,
    by_content: bool,
) -> Draft | None:
    """Return the draft for a history in which one of each of `product_ids` (newest last) was bought
    just now: by content, or the champion's.

    The visitor knows these products, so they are not listed. `customer` has no purchases. None
    without a known product, or a champion that is needed.
    """
    seen = [
        name for name in dict.fromkeys(reversed(product_ids)) if name in catalogue.products.places
    ]
    if not seen or (served.champion is None and not by_content):
        return None
    places = [catalogue.products.places[name] for name in seen]
    bought = {
        "recent_products": seen,
        "recent_timestamps": [microseconds(now)] * len(seen),
        "recent_values": np.nan_to_num(catalogue.prices[places]).tolist(),
    }
    known, stored_us = ({}, None) if customer is None else (customer.row, customer.stored_us)
    queries = encode_rows([{**known, **bought}], [""], catalogue.products, now)
    age = age_s(now, stored_us, catalogue.as_of_us)
    draft = replace(_popular(catalogue, now), unlisted=tuple(seen), age_s=age)
    if by_content or served.champion is None:
        return _by_content(draft, queries)
    return _to_score(draft, served.rankers[served.champion], queries)


def _by_content(draft: Draft, queries: Queries) -> Draft:
    """Return `draft`, to be scored by the content of the products for `queries` (B = 1)."""
    if draft.catalogue is None:
        return draft
    scorer = draft.catalogue.content
    return replace(draft, scores=None, unscored=(scorer, queries), source=CONTENT, model=_CONTENT)


def _to_score(draft: Draft, ranker: Ranker, queries: Queries) -> Draft:
    """Return `draft`, to be scored by `ranker` for `queries` (B = 1)."""
    manifest = ranker.bundle.manifest
    return replace(
        draft,
        unscored=(ranker.score, queries),
        related=ranker.related,
        source=manifest.model,
        model=Model(name=manifest.name, version=manifest.version),
    )


def _assigned(served: Served, unit_id: str) -> tuple[str | None, tuple[Assigned, ...]]:
    """Return the version for the unit, and the variant that determines it, if any."""
    for experiment in served.experiments:  # at most one runs at a time
        variant = assign(experiment, unit_id)
        if variant is not None:
            name = experiment.variants[variant].model
            return name, (Assigned(key=experiment.key, variant=variant),)
    return served.champion, ()
