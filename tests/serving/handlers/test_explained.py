"""Churn predictions with their reasons."""

import asyncio
from contextlib import closing
from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from configs.folder_checksums import write_checksums
from configs.json_files import read_json, write_json
from features.offline import OfflineFeatures
from features.workspace import Workspace
from serving.backend import Backend, Settings
from serving.schemas.predictions import ChurnRequest
from tests.serving.predictions import CUSTOMERS, offline
from tests.serving.shop import NOW, TYPICAL, churn_model, serving
from training.customers.reasons import FEATURES, SHOWN, explain, typical_row
from training.data.inputs import encode_rows


def explained(client: TestClient, *customer_ids: str) -> dict[str, Any]:
    body = {"customer_ids": customer_ids, "explain": True}
    answer = client.post("/v1/predictions/churn", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_reasons_are_those_computed_offline(ws: Workspace, client: TestClient) -> None:
    queries, catalogue = offline(ws)
    entities = pd.DataFrame({"customer_id": CUSTOMERS, "event_timestamp": NOW})
    rows = OfflineFeatures(ws).customers(entities)
    told = explain(churn_model().predict, rows, queries, at=NOW, typical=TYPICAL)
    found = explained(client, *CUSTOMERS)
    for prediction, reasons in zip(found["predictions"], told, strict=True):
        given = prediction["reasons"]
        assert [r["feature"] for r in given] == [r.feature for r in reasons]
        assert [r["value"] for r in given] == [r.value for r in reasons]
        np.testing.assert_allclose(
            [r["impact"] for r in given], [r.impact for r in reasons], atol=1e-6
        )
    queries = encode_rows([typical_row(TYPICAL, NOW)], [""], catalogue, NOW)
    (middle,) = churn_model().predict(queries)
    assert found["typical_value"] == pytest.approx(float(middle), abs=1e-6)


def test_reasons_are_few_in_plain_units_and_add_up(client: TestClient) -> None:
    found = explained(client, "anna")
    (prediction,) = found["predictions"]
    reasons = prediction["reasons"]
    assert 0 < len(reasons) <= SHOWN
    assert {r["feature"] for r in reasons} <= set(FEATURES)
    values = {r["feature"]: r["value"] for r in reasons}
    known = {
        "days_since_last_order": 3,
        "days_since_first_order": 10,
        "orders_365d": 2,
        "orders_90d_last_year": 0,
        "spend_365d": 6,
        "products_365d": 2,
        "returns_365d": 0,
    }
    assert values == {name: known[name] for name in values}
    sizes = [abs(r["impact"]) for r in reasons]
    assert sizes == sorted(sizes, reverse=True)
    rest = prediction["value"] - found["typical_value"] - sum(r["impact"] for r in reasons)
    assert abs(rest) <= (len(FEATURES) - len(reasons)) * sizes[-1] + 1e-6


def test_who_is_not_predicted_has_no_reasons(client: TestClient) -> None:
    found = explained(client, "nobody", "anna", "fee/only")
    assert ["reasons" in p for p in found["predictions"]] == [False, True, False]
    nobody = explained(client, "nobody")
    assert nobody["typical_value"] == found["typical_value"]


def test_only_who_asks_is_told(client: TestClient) -> None:
    answer = client.post("/v1/predictions/churn", json={"customer_ids": ["anna"]}).json()
    assert "typical_value" not in answer
    assert "reasons" not in answer["predictions"][0]
    bad = client.post("/v1/predictions/churn", json={"customer_ids": ["a"], "explain": "yes"})
    assert bad.json()["errors"][0]["pointer"] == "/explain"


def test_a_version_without_a_typical_customer_gives_no_reasons(ws: Workspace) -> None:
    file = ws.bundles / "churn" / "1" / "bundle.json"
    manifest = read_json(file)
    del manifest["typical"]
    write_json(file, manifest)
    write_checksums(file.parent)
    with serving(REGULARS_HOME=str(ws.home)) as client:
        found = explained(client, "anna")
    assert found["predictions"][0]["value"] is not None
    assert "reasons" not in found["predictions"][0]
    assert "typical_value" not in found


def test_others_get_their_turn_while_a_thousand_are_explained(ws: Workspace) -> None:
    with closing(Backend(Settings.of({"REGULARS_HOME": str(ws.home)}))) as backend:
        backend.models.refresh()
        few = asyncio.run(_turns(backend, explain=False))  # while their rows are read
        assert asyncio.run(_turns(backend, explain=True)) > 2 * few


async def _turns(backend: Backend, *, explain: bool) -> int:
    """Return how many turns others had during one call."""
    request = ChurnRequest(customer_ids=CUSTOMERS * 250, explain=explain)
    call = asyncio.create_task(backend.predictions.answer(request, target="churn", request_id="r"))
    turns = 0
    while not call.done():
        await asyncio.sleep(0)
        turns += 1
    assert all(bool(p.reasons) == explain for p in (await call).predictions)
    return turns
