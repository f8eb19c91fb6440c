"""What is answered while something is out, which alarm tells of it, and that it ends by itself."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pytest
from starlette.testclient import TestClient

from features.materialize import materialize
from features.workspace import Workspace, write_json
from serving.models.watcher import ANSWERED
from tests.serving.faults import FAILED, GARBAGE
from tests.serving.metrics import DEPENDENCIES, scrape, up, value
from tests.serving.requests import VIEW, ask, start_experiment
from tests.serving.shop import DAY, NOW, churn_model, put_bundle, put_champions, serving, until
from training.customers.baselines import LogisticRegression
from training.recommenders.baselines import Popularity, PopularityConfig

Told = tuple[int, str | None]
"""Status, and code or fallback_reason."""
ASKED: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "list": ("POST", "/v1/recommendations", {"customer_id": "anna", "k": 2}),
    "churn": ("POST", "/v1/predictions/churn", {"customer_ids": ["anna"]}),
    "event": ("POST", "/v1/events", {"events": [VIEW]}),
    "product": ("PUT", "/v1/products:batch", {"products": [{"product_id": "a", "title": "A"}]}),
}
WELL: Final[dict[str, Told]] = {name: (202 if name == "event" else 200, None) for name in ASKED}
NO_STORE, REFUSED = (200, "store_unavailable"), (503, "store_unavailable")
NO_MODEL = (200, "model_unavailable")


@dataclass(frozen=True, kw_only=True)
class Outage:
    """Something below a workspace's home that is out, before a service starts or while it runs."""

    place: str
    how: Literal["gone", "a folder", "garbled"]
    at_start: bool = False
    asked: str = "list"
    key: str | None = None
    """The request's Idempotency-Key."""
    told: Told
    down: str | None
    """The dependencies whose `regulars_up` is 0; None: none is, and FAILED tells."""

    def __str__(self) -> str:
        when = "start" if self.at_start else "run"
        return f"{self.place} is {self.how} at {when}: {self.asked}"


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
        for outage in (*OUTAGES, *MORE)
    ],
    ids=str,
)
def test_what_an_outage_changes_ends_with_it(ws: Workspace, outage: Outage) -> None:
    if "test" in outage.place:
        start_experiment(ws, popular=1e-9)
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


def check_told(client: TestClient, outage: Outage) -> None:
    """Assert that answer and alarm come to be what `outage` says, and that the service is ready."""
    if outage.down is None:
        until(lambda: value(scrape(client), FAILED) > 0)
    else:
        down = outage.down.split()
        until(lambda: up(client) == {name: float(name not in down) for name in DEPENDENCIES})
    assert said(client, outage) == outage.told
    assert client.get("/readyz").status_code == client.get("/livez").status_code == 200


def well(client: TestClient, outage: Outage) -> bool:
    return said(client, outage) == WELL[outage.asked] and set(up(client).values()) == {1.0}


def said(client: TestClient, outage: Outage) -> Told:
    method, path, body = ASKED[outage.asked]
    headers = {} if outage.key is None else {"Idempotency-Key": outage.key}
    answer = client.request(method, path, json=body, headers=headers)
    content = answer.json()
    if answer.status_code == 503:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "1"
    parts = [content, *content.get("predictions", [])]
    reasons = [part.get("code") or part.get("fallback_reason") for part in parts]
    return answer.status_code, next(filter(None, reasons), None)


@contextmanager
def out(home: Path, outage: Outage) -> Iterator[Callable[[], None]]:
    """Take the place away, or put something else there; give what brings it back, as its end."""
    place = home / outage.place
    aside = place.with_name(f"{place.name}.aside")
    stood = place.exists()
    if stood:
        place.rename(aside)
    if outage.how == "a folder":
        place.mkdir()
    elif outage.how == "garbled" and aside.is_dir():
        for file in filter(Path.is_file, aside.rglob("*")):
            garbled = place / file.relative_to(aside)
            garbled.parent.mkdir(parents=True, exist_ok=True)
            garbled.write_bytes(GARBAGE)
    elif outage.how == "garbled":
        place.write_bytes(GARBAGE)

    def mend() -> None:
        if place.is_dir() and (aside.exists() or not stood):
            shutil.rmtree(place)
        if aside.exists():
            aside.rename(place)
        elif not stood:
            place.unlink(missing_ok=True)

    yield mend
    if aside.exists():
        mend()


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
