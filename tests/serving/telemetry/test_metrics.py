"""What Prometheus reads: what is counted, and what the dashboard and the alerts ask for."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

import serving as package
from configs.json_files import read_json, write_json
from experiments.exposures import DATABASE
from features.workspace import Workspace
from tests.serving.metrics import DEPENDENCIES, Samples, scrape, up, value
from tests.serving.requests import EVENTS, PATH, VIEW, start_experiment
from tests.serving.shop import put_champions, serving, until

FOLDER = Path(str(package.__file__)).parent


def expressions() -> Iterator[str]:
    dashboard = json.loads((FOLDER / "grafana.json").read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (v["query"]["query"] for v in dashboard["templating"]["list"] if v["name"] == "job")
    rules = yaml.safe_load((FOLDER / "alerts.yaml").read_text())
    yield from (rule["expr"] for group in rules["groups"] for rule in group["rules"])


def test_what_dashboard_and_alerts_ask_for_is_there(client: TestClient) -> None:
    client.post(PATH, json={"customer_id": "anna"})
    client.post(EVENTS, json={"events": [VIEW]})
    client.post(PATH, json={"k": 0})
    until(lambda: all(up(client).values()))
    found = scrape(client)
    labels: dict[str, set[str]] = {}
    for name, pairs in found:
        labels.setdefault(name, set()).update(label for label, _ in pairs)
    asked = 0
    for expression in expressions():
        for name, conditions in re.findall(r"\b(regulars_\w+)(?:{([^}]*)})?", expression):
            assert name in labels, expression
            wanted = set(re.findall(r"(\w+)(?==~|!=|=)", conditions)) - {"job"}
            assert wanted <= labels[name], expression
            for grouped in re.findall(r"by \(([^)]*)\)", expression):
                by = {label.strip() for label in grouped.split(",")} - {"job", "instance"}
                assert by <= labels[name], expression
            asked += 1
    assert asked > 25


def test_the_dashboard_can_be_imported() -> None:
    dashboard = json.loads((FOLDER / "grafana.json").read_text())
    assert dashboard["templating"]["list"][0]["type"] == "datasource"
    sources: list[Any] = [p["datasource"] for p in dashboard["panels"]]
    sources += [t["datasource"] for p in dashboard["panels"] for t in p["targets"]]
    assert {source["uid"] for source in sources} == {"${datasource}"}
    places = [tuple(p["gridPos"][side] for side in "xy") for p in dashboard["panels"]]
    assert len(set(places)) == len(places) == len({p["id"] for p in dashboard["panels"]})


def test_answers_count_by_version_variant_and_reason(ws: Workspace) -> None:
    start_experiment(ws, own=1e-9)
    with serving(REGULARS_HOME=str(ws.home)) as client:
        before = scrape(client)
        client.post(PATH, json={"customer_id": "anna"})
        client.post("/v1/predictions/churn", json={"customer_ids": ["anna", "ben", "nobody"]})
        client.post(EVENTS, json={"events": [VIEW, VIEW, VIEW | {"event_id": "x", "colour": 1}]})
        client.post(PATH, json={"k": 0})
        after = scrape(client)

    def more(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    answers, churn = "regulars_answers_total", "/v1/predictions/churn"
    of_anna = {"endpoint": PATH, "model_version": "recommender@2", "fallback_reason": "none"}
    assert more(answers, **of_anna, variant="test/popular") == 1
    of_churn = {"endpoint": churn, "model_version": "churn@1", "variant": "none"}
    assert more(answers, **of_churn, fallback_reason="none") == 2
    assert more(answers, **of_churn, fallback_reason="unknown_customer") == 1
    for result in ("accepted", "duplicates", "rejected"):
        assert more("regulars_events_total", result=result) == 1
    assert more("regulars_problems_total", endpoint=PATH, code="validation_failed") == 1
    for status in ("200", "422"):
        assert more("regulars_requests_total", endpoint=PATH, status=status) == 1
    assert more("regulars_request_seconds_count", endpoint=PATH) == 2


def test_each_dependency_has_its_alarm(ws: Workspace) -> None:
    with serving(REGULARS_HOME=str(ws.home)) as client:
        until(lambda: measured_well(scrape(client)))
        failed = value(scrape(client), "regulars_load_failed_timestamp_seconds")
        put_champions(ws, recommender="9", churn="9")
        until(lambda: refused(scrape(client)) == {"recommender", "churn"})
        assert value(scrape(client), "regulars_load_failed_timestamp_seconds") > failed
        put_champions(ws)
        until(lambda: up(client)["champion"] == up(client)["churn"] == 0)


def measured_well(found: Samples) -> bool:
    """Whether all figures are there: they are set one after another."""
    return (
        {value(found, "regulars_up", dependency=name) for name in DEPENDENCIES} == {1.0}
        and value(found, "regulars_ready") == value(found, "regulars_workers") == 1
        and value(found, "regulars_catalogue_products") == 5
        and value(found, "regulars_champion_workers", model_version="recommender@1") == 1
        and ("regulars_feature_age_seconds", frozenset({("of", "products")})) in found
        and value(found, "regulars_feature_age_seconds", of="products") == 0
        and value(found, "regulars_memory_bytes") > 1e7
        and value(found, "regulars_cpu_seconds_total") > 0
    )


def refused(found: Samples) -> set[str]:
    parts = ("recommender", "churn", "products")
    return {part for part in parts if value(found, "regulars_refused", part=part) == 1}


@pytest.mark.parametrize("dependency", ["event_log", "exposure_log", "idempotency", "online_store"])
def test_a_store_that_fails_is_down(ws: Workspace, dependency: str) -> None:
    if dependency == "exposure_log":
        (ws.experiments / DATABASE).mkdir(parents=True)
    if dependency == "online_store":
        (ws.feast / "online.db").unlink()
        (ws.feast / "online.db").mkdir()
    with serving(REGULARS_HOME=str(ws.home)) as client:
        if dependency in {"event_log", "idempotency"}:
            file = ws.events_db if dependency == "event_log" else ws.home / "answered.db"
            file.rename(file.with_suffix(".away"))
            file.mkdir()
        until(lambda: up(client) == {name: float(name != dependency) for name in DEPENDENCIES})


def test_the_age_of_features_is_told_by_the_shops_clock(ws: Workspace) -> None:
    content = read_json(ws.home / "workspace.json")
    later = content | {"clock": "fixed:2024-03-03T00:00:00Z"}
    write_json(ws.home / "workspace.json", later)
    with serving(REGULARS_HOME=str(ws.home)) as client:
        for of in ("products", "customers"):
            name = "regulars_feature_age_seconds"
            until(lambda of=of, name=name: value(scrape(client), name, of=of) == 2 * 86_400)  # type: ignore[misc]
