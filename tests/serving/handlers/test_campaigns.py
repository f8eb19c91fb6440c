"""The profit of a campaign over HTTP: by hand, and what is refused."""

from typing import Any

import pytest
from starlette.testclient import TestClient

PATH = "/v1/campaigns:profit"
ANNA = {"customer_id": "anna", "churn_probability": 0.5, "expected_spend": 40.0}
BEN = {"customer_id": "ben", "churn_probability": 0.2, "expected_spend": 40.0}
COSTS = {"margin": 0.5, "contact_cost": 1, "save_rate": 0.1}


def asked(client: TestClient, *customers: dict[str, Any], **changes: Any) -> dict[str, Any]:
    answer = client.post(PATH, json={"customers": customers, **COSTS, **changes})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_two_customers_by_hand(client: TestClient) -> None:
    """anna: 0.1 * 0.5 * 80 * 0.5 - 1 = 1; ben: 0.1 * 0.2 * 50 * 0.5 - 1 = -0.5."""
    body = asked(client, BEN, ANNA, save_rate_low=0.05, save_rate_high=0.2)
    (contact,) = body["contacts"]
    assert contact == {
        "customer_id": "anna",
        "gain": pytest.approx(1),
        "gain_low": pytest.approx(0),
        "gain_high": pytest.approx(3),
        "value_if_saved": 80,
    }
    assert body["chosen"]["contacted"] == 1
    assert (body["everyone"]["contacted"], body["everyone"]["profit"]) == (2, pytest.approx(0.5))
    assert body["nobody"] == {"contacted": 0, "profit": 0, "low": 0, "high": 0}
    assert "by_recency" not in body
    assert body["request_id"]


def test_recency_and_order_value_are_used(client: TestClient) -> None:
    """1.5 * 20 * ln(2) / 0.5 = 41.59 bounds what anna spends; the longest away is ben."""
    usual = {"average_order_value": 20}
    body = asked(
        client,
        {**ANNA, **usual, "days_since_last_order": 3},
        {**BEN, **usual, "days_since_last_order": 90},
        contact_cost=0.5,
    )
    assert [c["value_if_saved"] for c in body["contacts"]] == [pytest.approx(41.589, abs=1e-3)]
    assert body["by_recency"]["contacted"] == 1
    assert body["by_recency"]["profit"] == pytest.approx(0.1 * 0.2 * 50 * 0.5 - 0.5)
    assert body["best_by_recency"]["profit"] == pytest.approx(body["chosen"]["profit"])


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"save_rate_low": 0.05}, "/save_rate_high"),
        ({"save_rate_low": 0.2, "save_rate_high": 0.3}, "/save_rate"),
        ({"margin": 0}, "/margin"),
        ({"contact_cost": -1}, "/contact_cost"),
        ({"customers": []}, "/customers"),
        ({"customers": [ANNA, ANNA]}, "/customers"),
        ({"customers": [{**ANNA, "churn_probability": 1}]}, "/customers"),
        (
            {"customers": [ANNA, {**BEN, "churn_probability": 1.5}]},
            "/customers/1/churn_probability",
        ),
        (
            {"customers": [{**ANNA, "days_since_last_order": 1}, BEN]},
            "/customers/1/days_since_last_order",
        ),
    ],
)
def test_numbers_that_do_not_agree_are_refused(
    client: TestClient, changes: dict[str, Any], pointer: str
) -> None:
    answer = client.post(PATH, json={"customers": [ANNA, BEN], **COSTS, **changes})
    assert answer.status_code == 422
    body = answer.json()
    assert body["code"] == "validation_failed"
    assert [error["pointer"] for error in body["errors"]] == [pointer]


def test_no_number_is_no_number(client: TestClient) -> None:
    text = '{"customers": [{"customer_id": "a", "churn_probability": NaN, "expected_spend": 1}]}'
    assert client.post(PATH, content=text).json()["code"] == "malformed_json"


def test_ten_thousand_customers_are_answered(client: TestClient) -> None:
    many = [{**ANNA, "customer_id": f"c{n}", "expected_spend": n / 100} for n in range(10_000)]
    body = asked(client, *many)
    assert body["chosen"]["contacted"] == len(body["contacts"]) == 7_999
    assert body["contacts"][0]["customer_id"] == "c9999"
