"""A version of the family `customers`: four targets and the card, from one model."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from features.workspace import Workspace
from tests.serving.shop import CHURN_RATE, NOW, put_bundle, put_champions, serving
from training.customers.past_rate import PastRate
from training.families import FAMILIES, targets

TARGETS = tuple(FAMILIES["customers"].predictions)
SHARE = 90 / 365


@pytest.fixture
def client(ws: Workspace) -> Iterator[TestClient]:
    put_bundle(ws, "customers", "1", PastRate(horizon_days=90))
    put_champions(ws, recommender="1", churn="1", customers="1")
    with serving(REGULARS_HOME=str(ws.home)) as found:
        yield found


def predicted(client: TestClient, target: str, *customer_ids: str, **more: Any) -> dict[str, Any]:
    body = {"customer_ids": [*customer_ids], **more}
    answer = client.post(f"/v1/predictions/{target}", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["model"] == {"name": "customers", "version": "1"}
    return found


def value(client: TestClient, target: str, customer_id: str) -> float:
    number = predicted(client, target, customer_id)["predictions"][0]["value"]
    assert isinstance(number, float)
    return number


def test_every_target_is_what_the_model_predicts(client: TestClient) -> None:
    # anna: 2 orders of 6 pounds in the past year
    assert value(client, "expected_spend", "anna") == pytest.approx(6 * SHARE)
    churn = value(client, "churn", "anna")
    assert churn == pytest.approx(np.exp(-2 * SHARE))
    orders = value(client, "expected_orders", "anna")
    assert orders == pytest.approx(2 * SHARE)
    assert orders >= 1 - churn


def test_a_time_beyond_the_horizon_is_null_and_its_interval_has_one_end(client: TestClient) -> None:
    assert targets()["next_order"]["customers"].interval is not None
    (anna,) = predicted(client, "next_order", "anna")["predictions"]
    assert anna["value"] is None  # the median is 365 ln(2) / 2 = 126 days
    assert anna["interval"]["high"] is None
    assert 0 < anna["interval"]["low"] < 90


def test_the_card_agrees_with_the_targets_and_fresh_orders_count(client: TestClient) -> None:
    before = value(client, "expected_orders", "anna")
    items = [{"product_id": "tea", "quantity": 1, "unit_price": 30.0}]
    orders = [
        {
            "type": "order_completed",
            "event_id": f"e{number}",
            "order_id": f"fresh{number}",
            "customer_id": "anna",
            "time": (NOW - timedelta(hours=number)).isoformat(),
            "currency": "GBP",
            "items": items,
        }
        for number in range(1, 5)
    ]
    assert client.post("/v1/events", json={"events": orders}).json()["accepted"] == 4
    assert value(client, "expected_orders", "anna") == pytest.approx(before + 4 * SHARE)
    card = client.post("/v1/customers:predictions", json={"customer_id": "anna"}).json()
    assert card["model"]["name"] == "customers"
    assert card["churn_probability"] == value(client, "churn", "anna")
    assert card["predicted_number_of_orders"] == value(client, "expected_orders", "anna")
    assert card["predicted_clv"] == value(client, "expected_spend", "anna")
    days = value(client, "next_order", "anna")
    due = datetime.fromisoformat(card["expected_date_of_next_order"])
    assert abs((due - NOW).total_seconds() / 86_400 - days) < 1e-3


def test_an_unknown_customer_gets_what_all_customers_do(client: TestClient) -> None:
    for target in ("churn", "expected_orders", "expected_spend"):
        (nobody,) = predicted(client, target, "nobody")["predictions"]
        assert (nobody["value"], nobody["fallback_reason"]) == (CHURN_RATE, "unknown_customer")
    (nobody,) = predicted(client, "next_order", "nobody")["predictions"]
    assert nobody["value"] is None


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_reasons_add_up_and_come_in_words(client: TestClient, target: str, language: str) -> None:
    found = predicted(client, target, "anna", explain=True, language=language)
    (anna,) = found["predictions"]
    predicted_value = 90 if anna["value"] is None else anna["value"]  # the horizon's end
    total = sum(reason["impact"] for reason in anna["reasons"])
    assert total == pytest.approx(predicted_value - found["typical_value"], abs=1e-5)
    texts = [reason["text"] for reason in anna["reasons"]]
    assert texts or total == 0
    assert all(("典型客户" if language == "zh" else "typical customer") in text for text in texts)


def test_without_its_champion_churn_still_answers(ws: Workspace) -> None:
    with serving(REGULARS_HOME=str(ws.home)) as found:
        body = {"customer_ids": ["anna"]}
        churn = found.post("/v1/predictions/churn", json=body).json()
        assert churn["model"] == {"name": "churn", "version": "1"}
        orders = found.post("/v1/predictions/expected_orders", json=body).json()
        assert orders["fallback_reason"] == "model_unavailable"
        assert orders["predictions"][0]["value"] is None
