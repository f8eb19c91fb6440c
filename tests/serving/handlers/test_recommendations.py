"""Recommendations: who gets what, from which version, and why not."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from experiments.assignment import assign
from experiments.exposures import DATABASE, read
from experiments.lifecycle import kill
from features.materialize import materialize
from features.workspace import Workspace
from tests.serving.requests import ask, products, save_clock, start_experiment
from tests.serving.shop import DAY, NOW, put_champions, serving, until


def test_a_known_customer_is_answered_by_the_champion(client: TestClient) -> None:
    answer = ask(client, customer_id="anna", k=3)
    assert answer["model"] == {"name": "recommender", "version": "1"}
    assert products(answer) == ["tea", "pot", "cup"]  # own purchases, newest first, then buyers
    assert [item["position"] for item in answer["items"]] == [1, 2, 3]
    assert {item["source"] for item in answer["items"]} == {"own_purchases"}
    assert {item["propensity"] for item in answer["items"]} == {1.0}
    assert answer["experiments"] == []
    assert answer["feature_age_s"] == 0
    assert "fallback_reason" not in answer
    assert answer["request_id"] != answer["recommendation_id"]


def test_an_unknown_customer_gets_what_sells(client: TestClient) -> None:
    answer = ask(client, customer_id="nobody", k=100)
    assert answer["fallback_reason"] == "unknown_customer"
    assert answer["model"] == {"name": "popularity", "version": None}
    assert products(answer) == ["tea", "cup", "mug", "pot", "茶/1"]  # equal buyers: by id
    assert answer["items"][0]["score"] == 3


def test_a_customer_without_purchases_gets_what_sells(client: TestClient) -> None:
    answer = ask(client, customer_id="fee/only")
    assert answer["fallback_reason"] == "no_history"
    assert products(answer)[:2] == ["tea", "cup"]


def test_without_personalization_nothing_of_the_customer_is_read(client: TestClient) -> None:
    anonymous = ask(client)
    asked = ask(client, customer_id="dan", personalized=False)
    assert anonymous["fallback_reason"] == asked["fallback_reason"] == "not_personalized"
    assert products(anonymous) == products(asked) == ["tea", "cup", "mug", "pot", "茶/1"]


def test_excluded_products_are_not_listed(client: TestClient) -> None:
    answer = ask(client, customer_id="anna", exclude_product_ids=["tea", "unheard of"], k=2)
    assert products(answer) == ["pot", "cup"]
    assert [item["position"] for item in answer["items"]] == [1, 2]


def test_an_empty_workspace_answers_with_a_fallback(tmp_path: Path) -> None:
    Workspace.create(tmp_path, clock="fixed:2024-03-01T00:00:00Z")
    with serving(REGULARS_HOME=str(tmp_path)) as client:
        answer = ask(client, customer_id="anna")
    assert answer["fallback_reason"] == "model_unavailable"
    assert answer["items"] == []


def order(*product_ids: str, event_id: str = "e1", customer_id: str = "anna") -> dict[str, Any]:
    return {
        "event_id": event_id,
        "type": "order_completed",
        "customer_id": customer_id,
        "time": "2024-03-01T00:00:00Z",
        "order_id": f"web-{event_id}",
        "currency": "GBP",
        "items": [{"product_id": p, "quantity": 1, "unit_price": 2} for p in product_ids],
    }


def post(client: TestClient, *events: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/v1/events", json={"events": events})
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_posted_order_changes_the_next_answer(client: TestClient) -> None:
    assert products(ask(client, customer_id="anna", k=2)) == ["tea", "pot"]
    assert post(client, order("mug"))["accepted"] == 1
    answer = ask(client, customer_id="anna", k=2)
    assert products(answer) == ["tea", "mug"]
    bought_now, one_buyer = 1.0, 0.1 * np.log(2)
    assert answer["items"][1]["score"] == pytest.approx(bought_now + one_buyer, abs=1e-6)
    assert products(ask(client, customer_id="ben", k=2)) == ["tea", "cup"]


def test_an_order_makes_an_unknown_customer_known(client: TestClient) -> None:
    post(client, order("mug", customer_id="new"))
    answer = ask(client, customer_id="new", k=2)
    assert products(answer) == ["mug", "tea"]
    assert "fallback_reason" not in answer


def test_events_are_absorbed_by_materialize_and_counted_once(
    ws: Workspace, client: TestClient
) -> None:
    post(client, order("mug"))
    before = ask(client, customer_id="anna", k=5)
    later = replace(ws, clock="fixed:2024-03-01T06:00:00Z")
    as_of = later.now()
    materialize(later, as_of)
    state = client.app.state.backend.models  # type: ignore[attr-defined]
    until(lambda: state.served.catalogue.as_of == as_of)
    after = ask(client, customer_id="anna", k=5)
    assert products(after)[:3] == products(before)[:3] == ["tea", "mug", "pot"]
    bought_six_hours_ago, two_buyers = 0.5 ** (0.25 / 200), 0.1 * np.log(3)
    expected = bought_six_hours_ago + two_buyers
    assert after["items"][1]["score"] == pytest.approx(expected, abs=1e-3)


def test_exposures_say_what_was_shown(ws: Workspace, client: TestClient) -> None:
    answers = [
        ask(client, customer_id="anna", scenario="email", k=2),
        ask(client, customer_id="nobody"),
        ask(client, customer_id="ben", personalized=False),
    ]
    shown = read(ws.experiments / DATABASE)
    assert shown["recommendation_id"].tolist() == [a["recommendation_id"] for a in answers]
    assert shown["product_ids"].tolist() == [products(a) for a in answers]
    assert shown["unit_id"].tolist() == ["anna", "nobody", None]
    assert shown["model_version"].tolist() == ["recommender@1", "popularity", "popularity"]
    assert shown["scenario"].tolist() == ["email", "default", "default"]
    assert shown["propensities"].iloc[0] == [1.0, 1.0]
    assert (shown["exposed_timestamp"] == NOW).all()
    assert shown["experiment"].isna().all()


def test_an_experiment_decides_which_version_answers(ws: Workspace) -> None:
    experiment = start_experiment(ws)
    versions = {"own": "1", "popular": "2"}
    seen = set()
    with serving(REGULARS_HOME=str(ws.home)) as client:
        for customer_id in ("anna", "ben", "cleo", "dan"):
            variant = assign(experiment, customer_id)
            answer = ask(client, customer_id=customer_id)
            assert answer["experiments"] == [{"key": "test", "variant": variant}]
            assert answer["model"]["version"] == versions[str(variant)]
            seen.add(variant)
        assert ask(client, customer_id="nobody")["experiments"] == []
        assert ask(client)["experiments"] == []
    assert seen == {"own", "popular"}
    shown = read(ws.experiments / DATABASE, "test")
    assert len(shown) == 4
    assert set(zip(shown["variant"], shown["model_version"], strict=True)) == {
        ("own", "recommender@1"),
        ("popular", "recommender@2"),
    }


def test_an_ended_experiment_and_a_new_champion_reach_the_next_answers(ws: Workspace) -> None:
    start_experiment(ws, own=1e-9)
    with serving(REGULARS_HOME=str(ws.home)) as client:
        assert ask(client, customer_id="anna")["model"]["version"] == "2"
        kill(ws, "test", reason="seen enough")
        until(lambda: ask(client, customer_id="anna")["model"]["version"] == "1")
        put_champions(ws, recommender="2", churn="1")
        until(lambda: ask(client, customer_id="anna")["model"]["version"] == "2")


def test_a_variant_that_cannot_be_loaded_is_answered_by_the_champion(ws: Workspace) -> None:
    start_experiment(ws, own=1e-9)
    (ws.bundles / "recommender" / "2" / "bundle.json").write_text("{}")
    with serving(REGULARS_HOME=str(ws.home)) as client:
        answer = ask(client, customer_id="anna")
    assert answer["fallback_reason"] == "model_unavailable"
    assert answer["model"] == {"name": "recommender", "version": "1"}
    assert answer["experiments"] == []


def test_without_a_champion_popularity_answers(ws: Workspace) -> None:
    put_champions(ws, churn="1")
    with serving(REGULARS_HOME=str(ws.home)) as client:
        answer = ask(client, customer_id="anna", k=2)
    assert answer["fallback_reason"] == "model_unavailable"
    assert products(answer) == ["tea", "cup"]


def test_old_features_are_told(ws: Workspace) -> None:
    for days, reason in ((8, None), (9, "stale_features")):
        save_clock(ws, NOW + days * DAY)
        with serving(REGULARS_HOME=str(ws.home)) as client:
            answer = ask(client, customer_id="anna", k=2)
        assert answer.get("fallback_reason") == reason
        assert answer["feature_age_s"] == days * 86_400
        assert products(answer) == ["tea", "pot"]


def test_when_the_online_store_fails_popularity_answers(ws: Workspace) -> None:
    (ws.feast / "online.db").unlink()
    (ws.feast / "online.db").mkdir()
    with serving(REGULARS_HOME=str(ws.home)) as client:
        answer = ask(client, customer_id="anna", k=2)
        assert client.get("/readyz").status_code == 200
    assert answer["fallback_reason"] == "store_unavailable"
    assert products(answer) == ["tea", "cup"]


def test_when_exposures_cannot_be_written_the_champion_answers(ws: Workspace) -> None:
    start_experiment(ws, own=1e-9)
    (ws.experiments / DATABASE).mkdir()
    with serving(REGULARS_HOME=str(ws.home)) as client:
        answer = ask(client, customer_id="anna", k=2)
        anonymous = ask(client)
    assert answer["fallback_reason"] == "exposure_log_unavailable"
    assert answer["experiments"] == []
    assert answer["model"] == {"name": "recommender", "version": "1"}
    assert products(answer) == ["tea", "pot"]
    assert anonymous["fallback_reason"] == "exposure_log_unavailable"
    assert anonymous["model"] == {"name": "popularity", "version": None}


def test_when_events_cannot_be_written_the_caller_is_told(ws: Workspace) -> None:
    with serving(REGULARS_HOME=str(ws.home)) as client:
        ask(client, customer_id="anna")
        with closing(sqlite3.connect(ws.events_db)) as connection:
            connection.execute("DROP TABLE lines")
        answer = client.post("/v1/events", json={"events": [order("tea")]})
        listed = ask(client, customer_id="anna", k=2)
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert listed["fallback_reason"] == "store_unavailable"
    assert products(listed) == ["tea", "pot"]  # the stored row still answers


def test_who_cannot_be_read_is_not_called_unknown(ws: Workspace) -> None:
    """Somebody without a stored row may have ordered since."""
    with serving(REGULARS_HOME=str(ws.home)) as client:
        assert ask(client, customer_id="nobody")["fallback_reason"] == "unknown_customer"
        ws.events_db.rename(ws.home / "away")
        assert ask(client, customer_id="nobody")["fallback_reason"] == "store_unavailable"


def test_what_was_just_posted_as_looked_at_is_the_session(ws: Workspace) -> None:
    seen = (
        ("product_viewed", "mug", 31),
        ("product_clicked", "cup", 5),
        ("product_added", "mug", 9),
    )
    with serving(REGULARS_HOME=str(ws.home)) as client:
        found = []
        for kind, name, minutes in seen:
            event = {"event_id": f"{minutes}", "type": kind, "customer_id": "eva"}
            event |= {"time": f"{NOW - pd.Timedelta(minutes=minutes)}", "product_id": name}
            assert client.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1
            found.append(products(ask(client, customer_id="eva")))
        told = products(ask(client, customer_id="nobody", session_product_ids=["mug", "cup"]))
    assert found[0] == ["tea", "cup", "mug", "pot", "茶/1"]  # half an hour ago is another visit
    assert found[2] == told == ["tea", "pot", "茶/1"]
