"""Simulated customers shop against the real service: A/B, then A/A, on one workspace."""

import shutil
from pathlib import Path
from typing import Final

import httpx
import pandas as pd
import pytest

from experiments.definition import Experiment, ExperimentError
from experiments.exposures import DATABASE, ExposureLog, read
from experiments.lifecycle import kill, status, stop
from experiments.outcomes import outcomes
from experiments.service_client import connect
from experiments.simulation_http import simulate_over_http
from experiments.start import start
from features.datasets import simulated
from features.ingest import ingest
from features.logs.events import all_order_lines
from features.materialize import materialize
from features.simulator import World, WorldConfig
from features.workspace import Workspace
from serving.backend import Settings
from tests.experiments.spring import exposure
from tests.serving.server import Server, server
from tests.serving.shop import LOCAL, put_bundle, put_champions, serving_at
from training.recommenders.baselines import (
    OwnPurchases,
    OwnPurchasesConfig,
    Popularity,
    PopularityConfig,
)

NOBODY: Final = connect("http://127.0.0.1:9")
"""A connection to where no service answers."""


def quiet(done: int, total: int) -> None:
    """Show no progress."""


def experiment(key: str, control: str, treatment: str) -> Experiment:
    return Experiment.model_validate(
        {
            "key": key,
            "variants": {"control": {"model": control}, "treatment": {"model": treatment}},
            "control": "control",
            "window_days": 7,
            "planned_units": 300,
        }
    )


@pytest.fixture(scope="module")
def world() -> World:
    return World(WorldConfig(customers=400, products=60, days=60, seed=5))


@pytest.fixture
def ws(world: World, tmp_path: Path) -> Workspace:
    """The simulated shop at its end, its features online; 1 is own purchases, 2 popularity."""
    made = Workspace.create(tmp_path / "shop", clock="simulated")
    world.save(made)
    made.advance(world.end)
    ingest(made, simulated.load(world))
    materialize(made, world.end)
    put_bundle(made, "recommender", "1", OwnPurchases(OwnPurchasesConfig()))
    put_bundle(made, "recommender", "2", Popularity(PopularityConfig()))
    put_champions(made, recommender="1")
    return made


def test_a_service_that_does_not_answer_ends_the_simulation(ws: Workspace) -> None:
    start(ws, experiment("ab", "recommender@2", "champion"))
    with pytest.raises(
        ExperimentError, match=r"POST /v1/recommendations:batch at http://127.0.0.1:9: "
    ):
        simulate_over_http(ws, "ab", NOBODY, customers=5, days=1, seed=1, progress=quiet)


def test_an_interrupted_simulation_says_how_to_go_on(ws: Workspace) -> None:
    start(ws, experiment("ab", "recommender@2", "champion"))
    with ExposureLog(ws.experiments / DATABASE) as log:
        log.append([exposure(1, experiment="ab", variant="control")])

    def simulate() -> str:
        with pytest.raises(ExperimentError, match="in a simulation that did not end") as found:
            simulate_over_http(ws, "ab", NOBODY, customers=5, days=1, seed=1, progress=quiet)
        return str(found.value).partition("Continue with ")[2]

    anew = "`python -m experiments start FILE key=NEW`"
    assert simulate() == f"`python -m experiments kill ab --reason interrupted` and {anew}"
    kill(ws, "ab", reason="interrupted")
    assert simulate() == anew


class Refusing(httpx.BaseTransport):
    """Hands every third request to `service`, and answers the others itself.

    Of three requests the first is refused (429); the second is served, but its answer is lost on
    the way and becomes a 503.
    """

    def __init__(self, service: httpx.Client) -> None:
        self._service, self.requests = service, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        turn = self.requests % 3
        if turn == 1:
            return httpx.Response(429, headers={"Retry-After": "0"})
        answer = self._service.send(request)
        if turn == 2:
            return httpx.Response(503, headers={"Retry-After": "0"})
        return httpx.Response(answer.status_code, content=answer.content)


def copied(ws: Workspace, home: Path) -> Workspace:
    shutil.copytree(ws.home, home)
    return Workspace.open(home)


def settings(ws: Workspace) -> Settings:
    return Settings.of({"REGULARS_HOME": str(ws.home), "REGULARS_WITHOUT_KEYS": "1"})


def exposures(ws: Workspace) -> pd.DataFrame:
    """Return the exposures of "ab" by customer, without their random ids."""
    rows = read(ws.experiments / DATABASE, "ab").drop(columns="recommendation_id")
    return rows.sort_values("unit_id").reset_index(drop=True)


def units(ws: Workspace) -> pd.DataFrame:
    """Return the outcome of every customer of "ab"."""
    seen, lines = read(ws.experiments / DATABASE, "ab"), all_order_lines(ws)
    found = outcomes(status(ws, "ab").experiment, seen, lines, as_of=ws.now())
    return found.units.sort_values("unit_id").reset_index(drop=True)


def replay(ws: Workspace, http: httpx.Client, *, of: Workspace) -> None:
    """Repeat what happened in `of`, with a request for every list and for every order."""
    lists, lines = exposures(of), all_order_lines(of)
    lines = lines[lines["event_timestamp"] >= ws.now()]
    days = sorted({*lists["exposed_timestamp"], *lines["recorded_timestamp"]})
    for day in days:
        ws.advance(day)
        for customer_id in lists.loc[lists["exposed_timestamp"] == day, "unit_id"]:
            body = {"customer_id": customer_id, "k": 10, "scenario": "simulation"}
            http.post("/v1/recommendations", json=body).raise_for_status()
        for order_id, bought in lines[lines["recorded_timestamp"] == day].groupby("order_id"):
            event = {
                "event_id": order_id,
                "type": "order_completed",
                "customer_id": bought["customer_id"].iloc[0],
                "time": bought["event_timestamp"].iloc[0].isoformat(),
                "order_id": order_id,
                "currency": ws.currency,
                "items": bought[["product_id", "quantity", "unit_price"]].to_dict("records"),
            }
            http.post("/v1/events", json={"events": [event]}).raise_for_status()
    ws.advance(of.now())


def test_batches_give_the_exposures_and_outcomes_of_single_requests(
    ws: Workspace, tmp_path: Path
) -> None:
    start(ws, experiment("ab", "recommender@2", "champion"))
    other = copied(ws, tmp_path / "other")
    with serving_at(settings(ws)) as http:
        simulate_over_http(ws, "ab", http, customers=150, days=3, seed=1, progress=quiet)
    with serving_at(settings(other)) as http:
        replay(other, http, of=ws)
    assert len(exposures(ws)) > 100
    assert units(ws)["conversion"].sum() > 10
    pd.testing.assert_frame_equal(exposures(other), exposures(ws))
    pd.testing.assert_frame_equal(units(other), units(ws))


def test_a_refused_request_is_repeated_and_counts_once(ws: Workspace, tmp_path: Path) -> None:
    start(ws, experiment("ab", "recommender@2", "champion"))
    other = copied(ws, tmp_path / "other")
    loops = []
    with serving_at(settings(ws)) as http:
        loops += [simulate_over_http(ws, "ab", http, customers=90, days=2, seed=1, progress=quiet)]
    with serving_at(settings(other)) as service:
        refusing = Refusing(service)
        with httpx.Client(transport=refusing, base_url=LOCAL) as http:
            loops += [
                simulate_over_http(other, "ab", http, customers=90, days=2, seed=1, progress=quiet)
            ]
    assert refusing.requests > 20
    assert loops[0].true_means == loops[1].true_means
    pd.testing.assert_frame_equal(exposures(other), exposures(ws))
    pd.testing.assert_frame_equal(units(other), units(ws))


@pytest.mark.slow
def test_the_loop_over_http_knows_the_truth(ws: Workspace, world: World, tmp_path: Path) -> None:
    start(ws, experiment("ab", "recommender@2", "champion"))
    with server(ws.home, tmp_path / "log") as service:
        _a_b(ws, world, service)
        stop(ws, "ab")
        start(ws, experiment("aa", "champion", "recommender@1"))
        _a_a(ws, service)


def _a_b(ws: Workspace, world: World, service: Server) -> None:
    found = simulate_over_http(
        ws, "ab", service.http, customers=250, days=4, seed=1, progress=quiet
    )
    seen = read(ws.experiments / DATABASE, "ab")
    units = sum(found.analysis.units.values())
    assert units == len(seen) == seen["unit_id"].nunique() > 150
    assert (found.analysis.waiting, found.analysis.crossed) == (0, 0)
    assert ws.now() == world.end + pd.Timedelta(days=3 + 7 + 1)
    again = simulate_over_http(ws, "ab", NOBODY, customers=9, days=1, seed=3, progress=quiet)
    assert again == found
    assert set(seen["model_version"]) == {"recommender@1", "recommender@2"}
    orders = all_order_lines(ws)
    bought = orders[orders["event_timestamp"] >= world.end]
    assert set(bought["customer_id"]) <= set(seen["unit_id"])
    means = found.analysis.means
    revenue = sum(found.analysis.units[name] * means[name]["revenue"] for name in means)
    assert revenue == pytest.approx((bought["quantity"] * bought["unit_price"]).sum())
    for effect in found.analysis.effects:
        truth = found.truth["treatment"][effect.metric]
        assert truth > 0
        assert effect.effect_size_always.holds(truth)


def _a_a(ws: Workspace, service: Server) -> None:
    """Runs on what the first experiment left: the lists know its orders."""
    found = simulate_over_http(
        ws, "aa", service.http, customers=150, days=2, seed=2, progress=quiet
    )
    assert found.truth == {"treatment": {"conversion": 0.0, "revenue": 0.0}}
    assert all(effect.effect_size_always.holds(0) for effect in found.analysis.effects)
