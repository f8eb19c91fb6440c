"""Churn predictions, and that HTTP gives what the offline code computes."""

from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from features.workspace import Workspace
from tests.serving.predictions import CUSTOMERS, offline
from tests.serving.shop import CHURN_RATE, OWN_PURCHASES, churn_model, put_champions, serving
from training.kernels.top_k import top_k
from training.recommenders.baselines import OwnPurchases


def predict(client: TestClient, *customer_ids: str) -> dict[str, Any]:
    answer = client.post("/v1/predictions/churn", json={"customer_ids": customer_ids})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_http_gives_what_is_computed_offline(ws: Workspace, client: TestClient) -> None:
    queries, catalogue = offline(ws)
    scores = OwnPurchases(OWN_PURCHASES).scorer(catalogue)(queries)
    best = top_k(scores, 10)
    churn = churn_model().predict(queries)
    for row, customer_id in enumerate(CUSTOMERS):
        answer = client.post("/v1/recommendations", json={"customer_id": customer_id}).json()
        places = [place for place in best[row] if place >= 0]
        listed = [item["product_id"] for item in answer["items"]]
        assert listed == [catalogue.product_ids[place] for place in places]
        given = [item["score"] for item in answer["items"]]
        np.testing.assert_allclose(given, scores[row, places], atol=1e-5)
    predictions = predict(client, *CUSTOMERS)["predictions"]
    np.testing.assert_allclose([p["value"] for p in predictions], churn, atol=1e-5)
    assert len({round(p["value"], 6) for p in predictions}) == len(CUSTOMERS)


def test_each_customer_gets_a_prediction_in_order(client: TestClient) -> None:
    answer = predict(client, "nobody", "anna", "fee/only", "anna")
    assert answer["horizon_days"] == 90
    assert answer["model"] == {"name": "churn", "version": "1"}
    assert answer["feature_age_s"] == 0
    found = answer["predictions"]
    assert [p["customer_id"] for p in found] == ["nobody", "anna", "fee/only", "anna"]
    assert [p.get("fallback_reason") for p in found] == [
        "unknown_customer",
        None,
        "no_history",
        None,
    ]
    assert found[0]["value"] == CHURN_RATE  # the share of all who left
    assert found[1] == found[3]
    assert 0 < found[1]["value"] < 1


def test_a_thousand_customers_in_one_request(client: TestClient) -> None:
    found = predict(client, *(f"c{number}" for number in range(999)), "anna")["predictions"]
    assert len(found) == 1000
    assert "fallback_reason" not in found[-1]


def test_a_posted_order_changes_the_prediction(client: TestClient) -> None:
    before = predict(client, "dan")["predictions"][0]["value"]
    order = {
        "event_id": "e1",
        "type": "order_completed",
        "customer_id": "dan",
        "time": "2024-03-01T00:00:00Z",
        "order_id": "o",
        "currency": "GBP",
        "items": [{"product_id": "tea", "quantity": 1, "unit_price": 2}],
    }
    assert client.post("/v1/events", json={"events": [order]}).status_code == 202
    assert predict(client, "dan")["predictions"][0]["value"] != pytest.approx(before, abs=1e-3)


def test_without_a_model_nothing_is_made_up(ws: Workspace) -> None:
    put_champions(ws, recommender="1")
    with serving(REGULARS_HOME=str(ws.home)) as client:
        answer = predict(client, "anna")
    assert answer["fallback_reason"] == "model_unavailable"
    assert answer["predictions"][0]["value"] is None
    assert answer["horizon_days"] is None
