"""What a store lacks is never listed, whatever the stocks, the strategy and the request."""

import asyncio
import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.logs.product_changes import ProductChange, ProductChanges
from features.workspace import Workspace
from serving.backend import Backend, Settings
from serving.schemas.recommendations import Filter, RecommendationRequest
from serving.schemas.similar import SimilarRequest
from serving.state.store_stock import StoreStock
from tests.serving.shop import NOW, put_champions
from tests.serving.stocked import PRODUCTS
from training.lists.slates import Strategy

STORES = ("north", "south/1", "东店")
UNITS = st.sampled_from([0.0, 0.5, 3.0])
STOCK = st.dictionaries(st.sampled_from(STORES), UNITS, min_size=1)
POSTED = st.lists(st.tuples(st.sampled_from([*PRODUCTS, "new"]), STOCK), max_size=6)
REQUESTS = st.fixed_dictionaries(
    {"k": st.integers(1, 8)},
    optional={
        "customer_id": st.sampled_from(["anna", "ben", "cleo", "nobody", "fee/only"]),
        "strategy": st.sampled_from(get_args(Strategy)),
        "diversity": st.sampled_from([0.0, 0.5, 1.0]),
        "max_per_category": st.sampled_from([1, 2]),
        "session_product_ids": st.lists(st.sampled_from([*PRODUCTS]), max_size=2),
        "personalized": st.booleans(),
    },
)


@pytest.fixture(scope="module")
def ws(stocked: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of the stocked shop whose champion relates two products."""
    home = shutil.copytree(stocked, tmp_path_factory.mktemp("copy") / "shop")
    put_champions(Workspace.open(Path(home)), recommender="2")
    return Workspace.open(Path(home))


@pytest.fixture(scope="module")
def backend(ws: Workspace) -> Iterator[Backend]:
    with closing(Backend(Settings.of({"REGULARS_HOME": str(ws.home)}))) as backend:
        yield backend


def listed(backend: Backend, request: Mapping[str, Any], **conditions: Any) -> list[str]:
    made = RecommendationRequest(**request, filter=Filter(**conditions))
    answer = asyncio.run(backend.recommendations.answer(made, request_id="r"))
    return [item.product_id for item in answer.items]


@given(posted=POSTED, requests=st.lists(REQUESTS, min_size=1, max_size=3))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_what_a_store_lacks_is_never_listed(
    ws: Workspace, backend: Backend, posted: list[tuple[str, dict[str, float]]], requests: Any
) -> None:
    """Changes of earlier examples stay: the oracle starts from what the log holds."""
    with closing(ProductChanges(ws.product_changes_db)) as log:
        has = {name: set(stores) for name, stores in log.since().stores.items()}
        for product_id, units in posted:
            change = ProductChange(product_id=product_id, store_stock=units)
            log.record([change], clock=lambda: NOW)
            has[product_id] = {store for store, count in units.items() if count > 0}
    backend.models.refresh()
    for request in requests:
        for store in (*STORES, "never named"):
            allowed = {name for name, stores in has.items() if store in stores}
            found = listed(backend, request, store_id=store)
            assert set(found) <= allowed
            everything = {**request, "k": 100}
            unfiltered = listed(backend, everything)
            assert set(listed(backend, everything, store_id=store)) == allowed & set(unfiltered)
            similar = SimilarRequest(product_id="tea", filter=Filter(store_id=store))
            answer = asyncio.run(backend.similar.answer(similar, request_id="r"))
            assert {item.product_id for item in answer.items} == allowed - {"tea"}


@given(
    turns=st.lists(st.dictionaries(st.sampled_from("abcde"), st.sets(st.sampled_from("xyz")))),
)
@settings(deadline=None, derandomize=True)
def test_changes_one_after_the_other_are_the_last_state(turns: list[dict[str, set[str]]]) -> None:
    places = {name: place for place, name in enumerate("abcd")}  # e is in no catalogue
    stock, has = StoreStock(), {}
    for turn in turns:
        stock = stock.updated(turn, places)
        has.update(turn)
        for store in "xyzw":
            lacks = [store not in has.get(name, ()) for name in "abcd"]
            np.testing.assert_array_equal(stock.lacking(store, 4), lacks)
    assert len(stock.stores) == len(stock.places)
