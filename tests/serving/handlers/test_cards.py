"""One customer's card: what was, point in time, and what is predicted."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from features.workspace import Workspace
from tests.serving.shop import CHURN_RATE, put_champions, serving

PATH = "/v1/customers:predictions"
HISTORIC = (
    "historic_clv",
    "historic_number_of_orders",
    "average_days_between_orders",
    "average_order_value",
)
PREDICTED = ("predicted_number_of_orders", "predicted_clv", "expected_date_of_next_order")


def card(client: TestClient, customer_id: str) -> dict[str, Any]:
    answer = client.post(PATH, json={"customer_id": customer_id})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def post(client: TestClient, **event: Any) -> None:
    items = [{"product_id": "tea", "quantity": 2, "unit_price": 7.5}]
    order = {"customer_id": "anna", "currency": "GBP", "items": items, **event}
    assert client.post("/v1/events", json={"events": [order]}).json()["accepted"] == 1


def test_a_card_says_what_was_and_what_is_predicted(client: TestClient) -> None:
    found = card(client, "anna")  # 1 tea 3 days ago, 2 pots 10 days ago, at 2 pounds each
    assert [found[name] for name in HISTORIC] == [6, 2, 7, 3]
    assert [found[name] for name in PREDICTED] == [None, None, None]
    churn = client.post("/v1/predictions/churn", json={"customer_ids": ["anna"]}).json()
    assert found["churn_probability"] == churn["predictions"][0]["value"]
    assert found["horizon_days"] == 90
    assert (found["model"], found["experiments"]) == ({"name": "churn", "version": "1"}, [])
    assert found["feature_age_s"] == 0
    assert "fallback_reason" not in found


def test_what_is_not_defined_is_null(client: TestClient) -> None:
    assert [card(client, "dan")[name] for name in HISTORIC] == [2, 1, None, 2]
    fee = card(client, "fee/only")  # an order, though no product
    assert [fee[name] for name in HISTORIC] == [2, 1, None, 2]
    assert (fee["fallback_reason"], fee["churn_probability"]) == ("no_history", CHURN_RATE)


def test_an_unknown_customer_is_no_error(client: TestClient) -> None:
    found = card(client, "nobody")
    assert found["fallback_reason"] == "unknown_customer"
    assert [found[name] for name in HISTORIC] == [None] * 4
    assert (found["churn_probability"], found["feature_age_s"]) == (CHURN_RATE, None)


def test_a_view_makes_a_customer_known_who_never_ordered(client: TestClient) -> None:
    view = {
        "event_id": "v",
        "type": "product_viewed",
        "customer_id": "new",
        "time": "2024-02-29T00:00:00Z",
        "product_id": "tea",
    }
    client.post("/v1/events", json={"events": [view]})
    found = card(client, "new")
    assert [found[name] for name in HISTORIC] == [0, 0, None, None]
    assert found["fallback_reason"] == "no_history"


def test_fresh_orders_count_at_once_and_refunds_take_nothing_off(client: TestClient) -> None:
    before = card(client, "anna")["churn_probability"]
    post(
        client,
        event_id="e1",
        type="order_completed",
        order_id="new",
        time="2024-02-29T00:00:00Z",  # 1 day ago: 9 days in two gaps
    )
    found = card(client, "anna")
    assert [found[name] for name in HISTORIC] == [21, 3, 4.5, 7]
    assert found["churn_probability"] != before
    post(client, event_id="e2", type="order_refunded", order_id="new", time="2024-02-29T01:00:00Z")
    assert [card(client, "anna")[name] for name in HISTORIC] == [21, 3, 4.5, 7]


def test_without_a_model_the_past_is_still_told(ws: Workspace) -> None:
    put_champions(ws, recommender="1")
    with serving(REGULARS_HOME=str(ws.home)) as client:
        found = card(client, "anna")
    assert found["fallback_reason"] == "model_unavailable"
    assert (found["churn_probability"], found["horizon_days"]) == (None, None)
    assert found["historic_clv"] == 6


def test_without_stores_nothing_is_known_and_an_answer_is_given(ws: Workspace) -> None:
    (ws.online / "current.json").unlink()
    with serving(REGULARS_HOME=str(ws.home)) as client:
        found = card(client, "anna")
    assert found["fallback_reason"] == "model_unavailable"  # without products no model answers
    assert [found[name] for name in HISTORIC] == [None] * 4


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({}, "/customer_id"), ({"customer_id": ""}, "/customer_id"), ({"customer": "a"}, "/customer")],
)
def test_a_bad_request_names_its_field(
    client: TestClient, body: dict[str, Any], pointer: str
) -> None:
    answer = client.post(PATH, json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_the_document_says_when_a_prediction_is_null(client: TestClient) -> None:
    fields = client.get("/openapi.json").json()["components"]["schemas"]["CustomerCard"]
    assert "before returns" in fields["description"]
    for name in PREDICTED:
        assert "null" in fields["properties"][name]["description"]
