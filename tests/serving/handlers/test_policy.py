"""The shop's policy over HTTP: what holds for every list whose request does not say otherwise."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from configs.loader import ConfigError
from experiments.exposures import DATABASE, read
from features.workspace import Workspace
from serving.answers.items import policy_of
from serving.backend import Settings
from serving.schemas.recommendations import RecommendationRequest
from tests.serving.requests import ask, products, start_experiment
from tests.serving.shop import DAY, NOW, serving
from training.lists.slates import Policy

DRAWN = "{k: 3, explore: 2, pool: 3}"


def served(ws: Workspace, policy: str) -> AbstractContextManager[TestClient]:
    file = ws.home / "policy.yaml"
    file.write_text(policy)
    return serving(REGULARS_HOME=str(ws.home), REGULARS_POLICY=str(file))


def propensities(answer: dict[str, Any]) -> list[float]:
    return [item["propensity"] for item in answer["items"]]


def test_a_request_says_what_it_wants_otherwise(ws: Workspace) -> None:
    with served(ws, "{k: 2, strategy: new_to_you, diversity: 0.5}") as client:
        assert products(ask(client, customer_id="anna")) == ["cup", "mug"]
        assert products(ask(client, customer_id="anna", k=1)) == ["cup"]
        assert products(ask(client, customer_id="anna", strategy="for_you")) == ["tea", "pot"]
        everything = ask(client, customer_id="anna", k=10, strategy="for_you", diversity=0.0)
        assert products(everything) == ["tea", "pot", "cup", "mug", "茶/1"]  # the code's defaults
    with served(ws, "strategy: trending") as client:
        answer = ask(client, customer_id="dan")
        assert answer["model"]["name"] == "popularity"
        assert "fallback_reason" not in answer


def test_null_is_said_too() -> None:
    shop = Policy(k=5, strategy="trending", max_per_category=2, diversity=0.5)
    assert policy_of(RecommendationRequest(), shop) == shop
    freed = policy_of(RecommendationRequest(max_per_category=None), shop)
    assert freed == shop.model_copy(update={"max_per_category": None})


def test_what_was_bought_within_the_days_is_not_listed(ws: Workspace) -> None:
    with served(ws, "bought_within_days: 5") as client:
        assert products(ask(client, customer_id="anna")) == ["pot", "cup", "mug", "茶/1"]
        assert products(ask(client, customer_id="ben")) == ["tea", "cup", "mug", "pot", "茶/1"]
        again = ask(client, customer_id="anna", strategy="buy_again")
        assert products(again) == ["pot"]


def test_what_was_returned_within_the_days_is_not_listed(ws: Workspace) -> None:
    back = {
        "event_id": "r1",
        "type": "order_refunded",
        "customer_id": "anna",
        "order_id": "o0",
        "currency": "GBP",
        "time": (NOW - 3 * DAY).isoformat(),
        "items": [{"product_id": "tea", "quantity": 1, "unit_price": 2.0}],
    }
    with served(ws, "returned_within_days: 4") as client:
        assert products(ask(client, customer_id="anna"))[0] == "tea"
        bought_elsewhere = back | {"event_id": "r2", "customer_id": "zoe", "order_id": "o99"}
        answer = client.post("/v1/events", json={"events": [back, bought_elsewhere]})
        assert answer.json()["accepted"] == 2, answer.text
        stranger = ask(client, customer_id="zoe")
        assert stranger["fallback_reason"] == "no_history"
        assert "tea" not in products(stranger)
        assert products(ask(client, customer_id="anna")) == ["pot", "cup", "mug", "茶/1"]
        assert products(ask(client, customer_id="ben"))[0] == "tea"
        trending = ask(client, customer_id="anna", strategy="trending")
        assert "tea" in products(trending)  # no look at the customer
    with served(ws, "returned_within_days: 3") as client:  # three days ago exactly
        assert products(ask(client, customer_id="anna"))[0] == "tea"


def test_drawn_positions_are_told_and_logged(ws: Workspace) -> None:
    with served(ws, DRAWN) as client:
        answers = [ask(client, customer_id="anna") for _ in range(120)]
        plain = ask(client, customer_id="anna", k=1)
    assert {tuple(propensities(answer)) for answer in answers} == {(1, 1 / 3, 1 / 3)}
    assert {products(answer)[0] for answer in answers} == {"tea"}
    pairs = {tuple(products(answer)) for answer in answers}
    assert len(pairs) == 3 * 2  # one is missed once in 500 million runs
    assert (products(plain), propensities(plain)) == (["tea"], [1])
    log = read(ws.experiments / DATABASE)
    assert log["product_ids"].tolist() == [products(a) for a in [*answers, plain]]
    assert log["propensities"].tolist() == [propensities(a) for a in [*answers, plain]]
    for row in log.head(30).itertuples():  # the log is enough to draw again
        rng = np.random.default_rng(int(str(row.recommendation_id), 16))
        drawn = rng.choice(["pot", "cup", "mug"], 2, replace=False)
        assert row.product_ids == ["tea", *drawn]


def test_a_retry_draws_nothing_new(ws: Workspace) -> None:
    with served(ws, DRAWN) as client:
        answers = [
            client.post(
                "/v1/recommendations",
                json={"customer_id": "anna"},
                headers={"Idempotency-Key": f"key {number // 2}"},
            ).json()
            for number in range(20)
        ]
    assert answers[::2] == answers[1::2]
    assert len({tuple(products(answer)) for answer in answers}) > 1
    assert len(read(ws.experiments / DATABASE)) == 10


def test_without_an_exposure_nothing_is_drawn(ws: Workspace) -> None:
    (ws.experiments / DATABASE).mkdir(parents=True)
    with served(ws, DRAWN) as client:
        answers = [ask(client, customer_id="anna") for _ in range(5)]
    for answer in answers:
        assert answer["fallback_reason"] == "exposure_log_unavailable"
        assert (products(answer), propensities(answer)) == (["tea", "pot", "cup"], [1, 1, 1])


def test_a_variant_draws_too(ws: Workspace) -> None:
    start_experiment(ws, own=1e-9)
    with served(ws, DRAWN) as client:
        answer = ask(client, customer_id="anna")
    assert answer["experiments"] == [{"key": "test", "variant": "popular"}]
    assert propensities(answer) == [1, 1 / 3, 1 / 3]


def test_a_broken_policy_opens_nothing(ws: Workspace, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("explore: many")
    named = {"REGULARS_HOME": str(ws.home), "REGULARS_POLICY": str(tmp_path / "policy.yaml")}
    with pytest.raises(ConfigError, match="explore = 'many'"):
        Settings.of(named)
