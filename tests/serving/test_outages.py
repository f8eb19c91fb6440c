"""What is answered while something is out, which alarm tells of it, and that it ends by itself."""

import json
import shutil
from typing import Final

import numpy as np
import pytest
from starlette.testclient import TestClient

from configs.json_files import write_json
from experiments.exposures import DATABASE, ExposureLog
from features.materialize import materialize
from features.workspace import Workspace
from serving.models.watcher import ANSWERED
from tests.serving.faults import FAILED, GARBAGE
from tests.serving.metrics import scrape, up, value
from tests.serving.outages import (
    ASKED,
    NO_MODEL,
    NO_STORE,
    REFUSED,
    Outage,
    Told,
    check_told,
    make_stores,
    out,
    said,
    well,
)
from tests.serving.requests import ask, start_experiment
from tests.serving.shop import DAY, NOW, churn_model, put_bundle, put_champions, serving, until
from training.customers.baselines import LogisticRegression
from training.recommenders.baselines import Popularity, PopularityConfig

OUTAGES: Final = (
    Outage(place="feast/online.db", how="gone", told=NO_STORE, down="online_store"),
    Outage(place="feast/online.db", how="gone", at_start=True, told=NO_STORE, down="online_store"),
    Outage(place="events.db", how="a folder", asked="event", told=REFUSED, down="event_log"),
    Outage(place="events.db", how="garbled", at_start=True, asked="event", told=REFUSED,
           down="event_log"),
    Outage(place="experiments/exposures.db", how="a folder", told=(200,
           "exposure_log_unavailable"), down="exposure_log"),
    Outage(place="experiments", how="garbled", at_start=True, told=(200,
           "exposure_log_unavailable"), down="exposure_log"),
    Outage(place="answered.db", how="garbled", at_start=True, key="k", told=(200, None),
           down="idempotency"),
    Outage(place="product_changes.db", how="garbled", at_start=True, asked="product",
           told=REFUSED, down="product_log"),
    Outage(place="bundles/recommender/1", how="garbled", at_start=True, told=NO_MODEL,
           down="champion"),
    Outage(place="bundles/churn/1", how="gone", at_start=True, asked="churn", told=NO_MODEL,
           down="churn"),
    Outage(place="bundles/current.json", how="garbled", at_start=True, told=NO_MODEL,
           down="champion churn"),
    Outage(place="online/current.json", how="garbled", told=(200, None), down=None),
    Outage(place="online/current.json", how="garbled", at_start=True, told=NO_MODEL,
           down="champion"),
    Outage(place="experiments/test/state.json", how="garbled", at_start=True, told=(200, None),
           down=None),
)  # fmt: skip
STORES: Final[dict[str, tuple[str, str, Told]]] = {
    "events.db": ("event", "event_log", REFUSED),
    "product_changes.db": ("product", "product_log", REFUSED),
    "experiments/exposures.db": ("list", "exposure_log", (200, "exposure_log_unavailable")),
    "answered.db": ("list", "idempotency", (200, None)),
    "feast/online.db": ("list", "online_store", NO_STORE),
}
DAMAGED: Final = tuple(
    Outage(place=place, how=how, at_start=True, asked=asked, told=told, down=down,
           key="k" if place == "answered.db" else None)
    for place, (asked, down, told) in STORES.items()
    for how in ("gone", "empty", "half", "a schema byte", "pages")
)  # fmt: skip
"""Stores that hold something when they are damaged."""
MORE: Final = (
    Outage(place="feast/online.db", how="a folder", asked="churn", told=NO_STORE,
           down="online_store"),
    Outage(place="feast/online.db", how="garbled", at_start=True, asked="churn", told=NO_STORE,
           down="online_store"),
    Outage(place="feast/registry.db", how="garbled", at_start=True, told=NO_STORE,
           down="online_store"),
    Outage(place="events.db", how="gone", told=NO_STORE, down="event_log"),
    Outage(place="answered.db", how="gone", key="k", told=(200, None), down="idempotency"),
    Outage(place="product_changes.db", how="gone", told=(200, None), down="product_log"),
    Outage(place="bundles/recommender/1", how="garbled", told=(200, None), down=""),
    Outage(place="bundles/current.json", how="garbled", told=(200, None), down=None),
    Outage(place="bundles/answered.json", how="garbled", at_start=True, told=(200, None),
           down=None),
    Outage(place="mlflow.db", how="garbled", at_start=True, told=(200, None), down=""),
)  # fmt: skip


@pytest.mark.parametrize(
    "outage",
    [
        pytest.param(outage, marks=[pytest.mark.slow] * (outage in MORE or outage.at_start))
        for outage in (*OUTAGES, *MORE, *DAMAGED)
    ],
    ids=str,
)
def test_what_an_outage_changes_ends_with_it(ws: Workspace, outage: Outage) -> None:
    if "test" in outage.place:
        start_experiment(ws, popular=1e-9)
    if outage in DAMAGED:
        make_stores(ws)
    if outage.at_start:
        with out(ws.home, outage) as mend, serving(REGULARS_HOME=str(ws.home)) as client:
            check_told(client, outage)
            mend()
            until(lambda: well(client, outage))
    else:
        with serving(REGULARS_HOME=str(ws.home)) as client:
            until(lambda: well(client, outage))
            with out(ws.home, outage):
                check_told(client, outage)
            until(lambda: well(client, outage))


def version(client: TestClient) -> str:
    answer = client.post("/v1/recommendations", json={"customer_id": "anna"}).json()
    assert "fallback_reason" not in answer
    return str(answer["model"]["version"])


def test_a_broken_champion_is_refused_and_the_one_that_stood_goes_on(ws: Workspace) -> None:
    put_bundle(ws, "recommender", "9", Popularity(PopularityConfig()))
    file = ws.bundles / "recommender" / "9" / "bundle.json"
    whole = file.read_bytes()
    file.write_bytes(GARBAGE)
    with serving(REGULARS_HOME=str(ws.home)) as client:
        failed = value(scrape(client), FAILED)
        put_champions(ws, recommender="9", churn="1")
        until(lambda: value(scrape(client), FAILED) > failed)
        assert version(client) == "1"
        assert up(client)["champion"] == 1
        materialize(ws, NOW)  # the one that goes on is bound to new products too
        assert version(client) == "1"
        file.write_bytes(whole)
        until(lambda: version(client) == "9")


def test_a_list_where_champions_should_be_named_changes_nothing(ws: Workspace) -> None:
    current = ws.bundles / "current.json"
    named = current.read_bytes()
    with serving(REGULARS_HOME=str(ws.home)) as client:
        answered = (ws.bundles / ANSWERED).read_bytes()
        current.write_text("[]")
        until(lambda: value(scrape(client), FAILED) > 0)
        assert ask(client, customer_id="anna")["model"]["version"] == "1"
        assert (ws.bundles / ANSWERED).read_bytes() == answered == named
    (ws.bundles / ANSWERED).write_text("[]")
    current.write_bytes(named)
    with serving(REGULARS_HOME=str(ws.home)) as client:
        assert ask(client, customer_id="anna")["model"]["version"] == "1"
        until(lambda: (ws.bundles / ANSWERED).read_bytes() == named)


def test_a_churn_model_that_predicts_nonsense_is_refused(ws: Workspace) -> None:
    inputs = len(LogisticRegression.inputs)
    nonsense = LogisticRegression(np.full(inputs + 1, np.nan), horizon_days=90)
    put_bundle(ws, "churn", "8", nonsense)
    put_bundle(ws, "churn", "9", churn_model())

    def predicts(client: TestClient) -> tuple[str, bool]:
        answer = client.post(ASKED["churn"][1], json=ASKED["churn"][2]).json()
        return answer["model"]["version"], 0 < answer["predictions"][0]["value"] < 1

    with serving(REGULARS_HOME=str(ws.home)) as client:
        failed = value(scrape(client), FAILED)
        put_champions(ws, recommender="1", churn="8")
        until(lambda: value(scrape(client), FAILED) > failed)
        assert predicts(client) == ("1", True)
        put_champions(ws, recommender="1", churn="9")
        until(lambda: predicts(client) == ("9", True))


def test_before_the_first_materialize_there_is_no_list_and_then_there_is(ws: Workspace) -> None:
    shutil.rmtree(ws.online)
    shutil.rmtree(ws.feast)
    with serving(REGULARS_HOME=str(ws.home)) as client:
        answer = client.post("/v1/recommendations", json={"customer_id": "anna"}).json()
        assert (answer["items"], answer["fallback_reason"]) == ([], "model_unavailable")
        until(lambda: up(client)["online_store"] == up(client)["champion"] == 0)
        assert value(scrape(client), "regulars_catalogue_products") == 0
        materialize(ws, NOW)
        until(lambda: value(scrape(client), "regulars_catalogue_products") == 5)
        assert version(client) == "1"
        until(lambda: set(up(client).values()) == {1.0})


def test_a_full_exposure_log_is_an_outage_until_it_is_pruned(ws: Workspace) -> None:
    well_told, full = (200, None), (200, "exposure_log_unavailable")
    outage = Outage(place="experiments/exposures.db", how="gone", told=full, down="exposure_log")
    with serving(REGULARS_HOME=str(ws.home), REGULARS_EXPOSURES_GIB="0.0001") as client:
        assert said(client, outage) == well_told
        limit = value(scrape(client), "regulars_log_limit_bytes", log="exposure_log")
        assert limit == 0.0001 * 2**30 // 1
        until(lambda: said(client, outage) == full)
        check_told(client, outage)
        assert value(scrape(client), "regulars_log_bytes", log="exposure_log") >= limit
        with ExposureLog(ws.experiments / DATABASE, busy_timeout_s=5) as log:
            log.prune(NOW + DAY, keep=[])
        until(lambda: well(client, outage))


def test_stale_features_are_told_until_the_next_materialize(ws: Workspace) -> None:
    settings = json.loads((ws.home / "workspace.json").read_text())
    write_json(ws.home / "workspace.json", settings | {"clock": "simulated"})
    ws = Workspace.open(ws.home)
    ws.advance(NOW)
    with serving(REGULARS_HOME=str(ws.home)) as client:
        assert version(client) == "1"
        ws.advance(NOW + 9 * DAY)
        answer = client.post("/v1/recommendations", json={"customer_id": "anna"}).json()
        assert answer["fallback_reason"] == "stale_features"
        age = "regulars_feature_age_seconds"
        until(lambda: value(scrape(client), age, of="customers") == 9 * 86_400)
        materialize(ws, ws.now())
        until(lambda: value(scrape(client), age, of="customers") == 0)
        assert version(client) == "1"
