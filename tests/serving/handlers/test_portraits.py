"""One customer's portrait: groups of the segments' state, and what the row counts at once."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from features.workspace import Workspace
from tests.serving.shop import DAY, NOW, churn_model, put_bundle, put_champions, serving
from tests.serving.stocked import stock
from training.segments.refresh import SegmentStore

PATH = "/v1/customers:portrait"
OF_SEGMENTS = ("rfm", "lifecycle", "segments", "channels")
OF_ROW = ("affinities", "price_band", "rhythm", "trends")
THEN, AS_OF = "2024-02-24T00:00:00Z", "2024-03-01T00:00:00Z"


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop with prices and categories; its segments were computed at THEN and at AS_OF."""
    home = stock(tmp_path_factory.mktemp("portrait") / "shop", channel="web")
    ws = Workspace.open(home)
    put_bundle(ws, "churn", "1", churn_model())
    put_champions(ws, recommender="1", churn="1")
    store = SegmentStore(ws)
    store.define("potters", 'product_ids_365d = "pot"')
    store.refresh(NOW - 6 * DAY, months=1)
    store.refresh(NOW)
    return home


@pytest.fixture
def ws(computed: Path, tmp_path: Path) -> Workspace:
    return Workspace.open(Path(shutil.copytree(computed, tmp_path / "shop")))


@pytest.fixture
def client(ws: Workspace) -> Iterator[TestClient]:
    with serving(REGULARS_HOME=str(ws.home)) as client:
        yield client


def portrait(client: TestClient, customer_id: str, **body: Any) -> dict[str, Any]:
    answer = client.post(PATH, json={"customer_id": customer_id, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def order(client: TestClient, number: int, time: str, **item: Any) -> None:
    event = {
        "event_id": f"e{number}",
        "type": "order_completed",
        "order_id": f"n{number}",
        "customer_id": "anna",
        "time": time,
        "currency": "GBP",
        "items": [{"product_id": "cup", "quantity": 1, "unit_price": 4.0, **item}],
    }
    assert client.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1


def test_a_portrait_holds_the_card(client: TestClient) -> None:
    for name in ("anna", "fee/only", "nobody"):
        card = client.post("/v1/customers:predictions", json={"customer_id": name}).json()
        found = portrait(client, name)
        assert {key: found.get(key) for key in card} == card | {"request_id": found["request_id"]}
        assert found["as_of"] == AS_OF


def test_the_groups_now_before_and_since(client: TestClient) -> None:
    # At THEN anna was the second of three in recency and spend, and had one order: quintiles 2, 1
    # and 2. At AS_OF she is the first of five in recency and spend, and the third in orders.
    found = portrait(client, "anna")
    assert found["rfm"] == {
        "as_of": AS_OF,
        "code": "Champions",
        "name": "Champions",
        "since": AS_OF,
        "previous_code": "Inactive",
        "previous_name": "Inactive",
    }
    assert found["lifecycle"] == {"as_of": AS_OF, "code": "new", "name": "New", "since": THEN}
    assert found["segments"] == {
        "as_of": AS_OF,
        "segments": [
            {"key": "lifecycle-new", "since": THEN},
            {"key": "potters", "since": THEN},
            {"key": "rfm-champions", "since": AS_OF},
        ],
    }
    assert found["channels"] == {"as_of": AS_OF, "channels": ["web"]}
    dan = portrait(client, "dan")  # known since January, and always the last
    assert (dan["rfm"]["code"], dan["rfm"]["since"]) == ("Inactive", "2024-02-01T00:00:00Z")
    assert (dan["rfm"]["previous_code"], dan["rfm"]["previous_name"]) == (None, None)
    assert (dan["lifecycle"]["code"], dan["lifecycle"]["since"]) == ("active", THEN)


def test_every_member_has_the_segment_in_the_portrait(client: TestClient) -> None:
    customers = ["anna", "ben", "cleo", "dan", "fee/only"]
    portraits = {name: portrait(client, name)["segments"]["segments"] for name in customers}
    for segment in client.get("/v1/segments").json()["segments"]:
        members = client.get(f"/v1/segments/{segment['key']}/members").json()["members"]
        expected = {m["customer_id"]: m["since"] for m in members}
        shown = {
            n: s["since"] for n, p in portraits.items() for s in p if s["key"] == segment["key"]
        }
        assert shown == expected


def test_words_come_in_the_language_and_codes_stay(client: TestClient) -> None:
    found = portrait(client, "anna", language="zh")
    assert (found["rfm"]["code"], found["rfm"]["name"]) == ("Champions", "核心客户")
    assert (found["rfm"]["previous_code"], found["rfm"]["previous_name"]) == (
        "Inactive",
        "沉睡客户",
    )
    assert (found["lifecycle"]["code"], found["lifecycle"]["name"]) == ("new", "新客户")
    answer = client.post(PATH, json={"customer_id": "anna", "language": "fr"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/language"


def test_what_the_row_says(client: TestClient) -> None:
    found = portrait(client, "anna")  # 1 tea of 2.55 3 days ago, 2 pots of 9.00 10 days ago
    assert found["affinities"]["as_of"] == AS_OF
    pots, tea = found["affinities"]["categories"]
    assert (pots["category"], pots["spend"], pots["last_time"]) == (
        None,
        18,
        "2024-02-20T00:00:00Z",
    )
    assert (tea["category"], tea["spend"], tea["last_time"]) == (
        "drinks",
        2.55,
        "2024-02-27T00:00:00Z",
    )
    assert (pots["share"], tea["share"]) == pytest.approx((18 / 20.55, 2.55 / 20.55))
    assert found["rhythm"] == {
        "as_of": AS_OF,
        "median_days": 7,
        "spread_days": None,
        "days_since_last_order": 3,
        "overdue": None,
    }
    assert found["trends"] == {
        "as_of": AS_OF,
        "orders": {"last_90_days": 2, "previous_90_days": 0, "change": None},
        "spend": {"last_90_days": 20.55, "previous_90_days": 0, "change": None},
    }


def test_the_price_band_is_a_third_of_the_catalogue(client: TestClient) -> None:
    # Prices 2.55, 3, 4, 5 and 9: thirds at 3 + 1/3 and 4 + 2/3. Units are 3, 2, 5 and 1.
    for name, spend, units, code in (
        ("anna", 20.55, 3, "high"),
        ("ben", 6.55, 2, "low"),
        ("cleo", 19.55, 5, "mid"),
        ("dan", 3, 1, "low"),
    ):
        band = portrait(client, name)["price_band"]
        assert band["code"] == code
        assert band["mean_unit_spend"] == pytest.approx(spend / units)
        assert (band["mid_from"], band["mid_to"]) == pytest.approx((10 / 3, 14 / 3))
    assert portrait(client, "fee/only")["price_band"] is None


def test_fresh_orders_count_at_once_and_change_no_group(client: TestClient) -> None:
    before = portrait(client, "anna")
    order(client, 1, "2024-02-29T00:00:00Z", quantity=2)
    order(client, 2, "2023-11-22T00:00:00Z")  # 100 days ago
    found = portrait(client, "anna")
    assert found["historic_number_of_orders"] == 4
    largest = found["affinities"]["categories"]
    assert [(c["category"], c["spend"]) for c in largest] == [
        (None, 18),
        ("ware", 12),
        ("drinks", 2.55),
    ]
    assert largest[1]["last_time"] == "2024-02-29T00:00:00Z"
    # Orders 100, 10, 3 and 1 days ago: gaps of 90, 7 and 2 days, quartiles at 4.5 and 48.5.
    rhythm = found["rhythm"]
    assert (rhythm["median_days"], rhythm["spread_days"]) == (7, 44)
    assert (rhythm["days_since_last_order"], rhythm["overdue"]) == (1, False)
    assert found["trends"]["orders"] == {"last_90_days": 3, "previous_90_days": 1, "change": 2}
    assert found["trends"]["spend"]["change"] == pytest.approx((28.55 - 4) / 4)
    assert found["price_band"]["mean_unit_spend"] == pytest.approx(32.55 / 6)
    for part in OF_SEGMENTS:
        assert found[part] == before[part]


def test_an_unknown_customer_is_no_error(client: TestClient) -> None:
    found = portrait(client, "nobody")
    assert found["fallback_reason"] == "unknown_customer"
    assert [found[part] for part in (*OF_SEGMENTS, *OF_ROW)] == [None] * 8


def test_a_free_product_is_no_purchase(client: TestClient) -> None:
    free = {"product_id": "tea", "quantity": 1, "unit_price": 0}
    event = {
        "event_id": "free",
        "type": "order_completed",
        "order_id": "free",
        "customer_id": "newcomer",
        "time": AS_OF,
        "currency": "GBP",
        "items": [free],
    }
    assert client.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1
    found = portrait(client, "newcomer")
    assert found["affinities"]["categories"] == []
    assert found["fallback_reason"] == "no_history"


def test_an_order_of_a_fee_alone(client: TestClient) -> None:
    found = portrait(client, "fee/only")
    assert found["fallback_reason"] == "no_history"
    assert found["affinities"]["categories"] == []
    assert found["rhythm"]["days_since_last_order"] == 4
    assert found["trends"]["orders"]["last_90_days"] == 0
    assert found["rfm"]["code"] == "Recent"  # quintiles 4, 1 and 1


def test_a_new_state_answers_at_once(client: TestClient, ws: Workspace) -> None:
    assert "rich" not in str(portrait(client, "anna")["segments"])
    SegmentStore(ws).define("rich", "spend_total >= 20")
    assert {"key": "rich", "since": AS_OF} in portrait(client, "anna")["segments"]["segments"]
    SegmentStore(ws).remove("rich")
    assert "rich" not in str(portrait(client, "anna")["segments"])


def test_before_the_first_refresh_there_are_no_groups(computed: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(computed, tmp_path / "shop"))
    shutil.rmtree(home / "segments")
    with serving(REGULARS_HOME=str(home)) as client:
        found = portrait(client, "anna")
        assert [found[part] for part in OF_SEGMENTS] == [None] * 4
        assert "fallback_reason" not in found
        assert found["rhythm"]["median_days"] == 7
        SegmentStore(Workspace.open(home)).refresh(NOW, months=0)
        assert portrait(client, "anna")["rfm"]["code"] == "Champions"


def test_damaged_segments_degrade_the_answer(client: TestClient, ws: Workspace) -> None:
    file = SegmentStore(ws).states.current_file
    file.write_bytes(file.read_bytes() + b"x")
    found = portrait(client, "anna")
    assert [found[part] for part in OF_SEGMENTS] == [None] * 4
    assert found["fallback_reason"] == "store_unavailable"
    assert found["historic_clv"] == pytest.approx(20.55)


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
