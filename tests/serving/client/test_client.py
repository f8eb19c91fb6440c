"""The Python client against the real service, and against one that fails."""

import asyncio
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from serving.api.endpoints import endpoints
from serving.client import AsyncClient, Client, ProblemError
from serving.client.endpoints import Call, Endpoints
from serving.schemas.events import OrderCompleted, OrderItem
from serving.schemas.experiments import VariantDefinition
from tests.serving.server import free_port, server
from training.families import targets

CALLS = {name: c for name, c in vars(Endpoints).items() if isinstance(c, Call)}


def test_every_endpoint_is_a_method_of_the_same_types() -> None:
    ours = {(c.method, c.path): (c.answer, c.creates) for c in CALLS.values()}
    theirs = {(e.method, e.path): (e.answer, e.creates) for e in endpoints()}
    assert len(ours) == len(CALLS)
    of_any_family = ours.pop(("POST", "/v1/predictions/{key}"))
    families = {("POST", f"/v1/predictions/{name}"): of_any_family for name in targets()}
    assert ours.items() <= theirs.items() == (ours | families).items()


@pytest.fixture(scope="module")
def url(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("client")
    home = Path(shutil.copytree(shop, folder / "shop"))
    with server(home, folder / "log") as running:
        yield str(running.http.base_url)


def order(number: int) -> OrderCompleted:
    return OrderCompleted(
        event_id=f"client{number}",
        customer_id="client/1",
        time=datetime(2024, 2, 29, tzinfo=UTC),
        order_id=f"client{number}",
        currency="GBP",
        items=[OrderItem(product_id="mug", quantity=2, unit_price=2.5)],
    )


def test_a_customer_from_first_order_to_card(url: str) -> None:
    with Client(url=url) as regulars:
        stranger = regulars.recommend(customer_id="client/1", k=2)
        assert stranger.fallback_reason == "unknown_customer"
        posted = regulars.post_events(events=[order(1)])
        assert (posted.accepted, posted.rejected) == (1, [])
        listed = regulars.recommend(customer_id="client/1", k=2, explain=True)
        assert listed.items[0].product_id == "mug"
        assert listed.items[0].reasons
        churn = regulars.predict_churn(customer_ids=["client/1", "nobody"], explain=True)
        assert churn.predictions[0].reasons
        by_name = regulars.predict("churn", customer_ids=["client/1", "nobody"], explain=True)
        assert by_name.predictions == churn.predictions
        assert churn.predictions[1].fallback_reason == "unknown_customer"
        card = regulars.card(customer_id="client/1")
        assert (card.historic_clv, card.historic_number_of_orders) == (5, 1)
        portrait = regulars.portrait(customer_id="client/1", language="zh")
        assert portrait.historic_clv == 5
        assert portrait.rhythm is not None


def test_experiments_and_their_problems(url: str) -> None:
    sides = {f"v{n}": VariantDefinition(model=f"recommender@{n}") for n in (1, 2)}
    with Client(url=url) as regulars:
        started = regulars.start_experiment("spring", variants=sides, control="v1")
        assert regulars.experiments().experiments == [started.experiment]
        assert regulars.ramp_experiment("spring", exposed_share=1).experiment.status == "running"
        assert regulars.experiment_results("spring").units == {"v1": 0, "v2": 0}
        assert regulars.stop_experiment("spring", reason="seen").experiment.status == "stopped"
        with pytest.raises(ProblemError, match="409 experiment_conflict: ") as refused:
            regulars.kill_experiment("spring", reason="harm")
        assert (refused.value.status, refused.value.code) == (409, "experiment_conflict")
        with pytest.raises(ProblemError) as unknown:
            regulars.experiment_results("../spring")
        assert unknown.value.status == 404


def test_a_problem_names_the_field(url: str) -> None:
    with Client(url=url) as regulars, pytest.raises(ProblemError) as refused:
        regulars.recommend(k=0)
    assert [error.pointer for error in refused.value.errors] == ["/k"]
    assert refused.value.request_id


def test_awaited_it_says_the_same(url: str) -> None:
    async def ask() -> None:
        async with AsyncClient(url=url) as regulars:
            lists = await asyncio.gather(*(regulars.recommend(k=2, customer_id=c) for c in "ab"))
            assert [len(answer.items) for answer in lists] == [2, 2]
            with pytest.raises(ProblemError, match="422 validation_failed"):
                await regulars.card(customer_id="")

    asyncio.run(ask())


@dataclass
class Flaky:
    """A service that answers the statuses `gives`, one after the other, then the card of anna."""

    gives: list[int]
    url: str = ""
    seen: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def flaky(*gives: int, retry_after: str = "0") -> Iterator[Flaky]:
    state = Flaky(gives=list(gives))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            state.seen.append(dict(self.headers.items()))
            status = state.gives.pop(0) if state.gives else 202
            body = json.dumps({"request_id": "r", "accepted": 1, "duplicates": 0, "rejected": []})
            if status == 0:  # no answer: the connection ends
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Retry-After", retry_after)
            self.end_headers()
            self.wfile.write(body.encode() if status == 202 else b"<html>")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        state.url = f"http://127.0.0.1:{http.server_port}"
        try:
            yield state
        finally:
            http.shutdown()
            thread.join()


@pytest.mark.parametrize("failures", [(503,), (429, 503), (0,)])
def test_a_second_try_carries_the_same_idempotency_key(failures: tuple[int, ...]) -> None:
    with flaky(*failures) as service, Client("secret", url=service.url) as regulars:
        assert regulars.post_events(events=[order(2)]).accepted == 1
        regulars.post_events(events=[order(2)])
    *tries, other = [seen["Idempotency-Key"] for seen in service.seen]
    assert len(tries) == len(failures) + 1
    assert len(set(tries)) == 1
    assert other not in tries
    assert {seen["Authorization"] for seen in service.seen} == {"Bearer secret"}


def test_awaited_it_tries_again_too() -> None:
    async def ask(url: str) -> int:
        async with AsyncClient(url=url) as regulars:
            return (await regulars.post_events(events=[order(3)])).accepted

    with flaky(503, 0) as service:
        assert asyncio.run(ask(service.url)) == 1
    assert len({seen["Idempotency-Key"] for seen in service.seen}) == 1


@pytest.mark.parametrize(("status", "tries"), [(503, 3), (500, 1), (401, 1)])
def test_what_does_not_pass_is_raised(status: int, tries: int) -> None:
    with flaky(*[status] * 9) as service, Client(url=service.url) as regulars:
        with pytest.raises(ProblemError, match=f"{status} not_the_service: <html>") as failed:
            regulars.post_events(events=[order(4)])
        assert failed.value.retry_after_s == 0
    assert len(service.seen) == tries


def test_too_long_a_pause_is_the_callers_to_make() -> None:
    with flaky(429, retry_after="3600") as service, Client(url=service.url) as regulars:
        with pytest.raises(ProblemError) as failed:
            regulars.post_events(events=[order(5)])
        assert failed.value.retry_after_s == 3600


def test_a_service_that_is_not_there_is_an_error_of_transport() -> None:
    with (
        Client(url=f"http://127.0.0.1:{free_port()}", retries=1) as regulars,
        pytest.raises(httpx.ConnectError),
    ):
        regulars.card(customer_id="anna")


def test_the_key_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGULARS_KEY", "outside")
    with flaky() as service, Client(url=service.url) as regulars:
        regulars.post_events(events=[order(6)])
    assert service.seen[0]["Authorization"] == "Bearer outside"
