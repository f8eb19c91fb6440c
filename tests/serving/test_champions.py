"""A new champion is swapped in while requests run; one that fails its trial is not."""

import gc
import shutil
import threading
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array
from starlette.testclient import TestClient

from configs.folder_checksums import write_checksums
from configs.json_files import read_json, write_json
from features.logs.product_changes import ProductChange
from features.workspace import Workspace
from serving.backend import Backend, Settings
from serving.models import watcher
from serving.models.trial import Refused, Trial
from serving.models.watcher import ANSWERED
from serving.state.served import Served
from tests.serving.metrics import scrape, up, value
from tests.serving.requests import ask, products
from tests.serving.shop import churn_model, put_bundle, put_champions, serving, until
from tests.serving.stocked import PRODUCTS
from training.customers.baselines import LogisticRegression
from training.data.inputs import FloatArray
from training.data.vocabulary import Vocabulary
from training.interfaces import Scorer
from training.lists.slates import Policy
from training.recommenders.baselines import Popularity, PopularityConfig
from training.recommenders.item_to_item import Cosine, CosineConfig
from training.recommenders.two_tower.model import TwoTower, TwoTowerConfig

Spoil = Callable[[Workspace], None]
CHURN = "/v1/predictions/churn"


def cosine(ws: Workspace, weights: FloatArray) -> None:
    """Promote a recommender 3 of these weights of five products."""
    model = Cosine(CosineConfig(), product_ids=[*PRODUCTS], weights=csr_array(weights))
    put_bundle(ws, "recommender", "3", model)


def not_finite(ws: Workspace) -> None:
    """Without a history its scores are finite."""
    cosine(ws, np.full((5, 5), np.nan, np.float32))


def too_few_products(ws: Workspace) -> None:
    """Its settings name fewer products than it has weights of."""
    cosine(ws, np.ones((5, 5), np.float32))
    file = ws.bundles / "recommender/3/model/item_to_item.json"
    write_json(file, read_json(file) | {"product_ids": [*PRODUCTS][2:]})
    write_checksums(file.parents[1])


def tower(ws: Workspace, version: str) -> Path:
    model = TwoTower(
        TwoTowerConfig(embedding_dim=8, hidden=8),
        product_ids=Vocabulary(list(PRODUCTS)),
        title_tokens=Vocabulary(["tea"]),
    )
    put_bundle(ws, "recommender", version, model)
    return ws.bundles / "recommender" / version / "model"


def wrong_inputs(ws: Workspace) -> None:
    file = tower(ws, "3") / "two_tower.json"
    settings = read_json(file)
    write_json(file, settings | {"product_inputs": settings["product_inputs"][1:]})
    write_checksums(file.parents[1])


def cut_short(ws: Workspace) -> None:
    file = tower(ws, "3") / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def no_recommender(ws: Workspace) -> None:
    put_bundle(ws, "recommender", "3", churn_model())


def nothing(_: Workspace) -> None:
    """No such folder."""


@pytest.mark.parametrize(
    "spoil",
    [not_finite, too_few_products, wrong_inputs, cut_short, no_recommender, nothing],
    ids=lambda spoil: str(spoil.__name__),
)
def test_a_recommender_that_fails_its_trial_does_not_answer(ws: Workspace, spoil: Spoil) -> None:
    spoil(ws)
    with serving(REGULARS_HOME=str(ws.home)) as client:
        put_champions(ws, recommender="3", churn="1")
        until(lambda: refused(client) == {"recommender"})
        answer = ask(client, customer_id="anna", k=2)
        assert answer["model"] == {"name": "recommender", "version": "1"}
        assert products(answer) == ["tea", "pot"]
        assert "fallback_reason" not in answer
        assert up(client)["champion"] == champions(client)["recommender@1"] == 1
        put_champions(ws, recommender="2", churn="1")
        until(lambda: champions(client) == {"recommender@1": 0, "recommender@2": 1, "churn@1": 1})
        assert ask(client, customer_id="anna")["model"]["version"] == "2"
        assert refused(client) == set()


@pytest.mark.parametrize("coefficient", [np.nan, None], ids=["not finite", "cut short"])
def test_a_churn_model_that_fails_its_trial_does_not_answer(
    ws: Workspace, coefficient: float | None
) -> None:
    weights = np.full(len(LogisticRegression.inputs) + 1, np.nan)
    put_bundle(ws, "churn", "2", LogisticRegression(weights, horizon_days=90))
    if coefficient is None:
        (file,) = (ws.bundles / "churn/2/model").iterdir()
        file.write_bytes(file.read_bytes()[:50])
    with serving(REGULARS_HOME=str(ws.home)) as client:
        before = client.post(CHURN, json={"customer_ids": ["anna"]}).json()["predictions"]
        put_champions(ws, recommender="1", churn="2")
        until(lambda: refused(client) == {"churn"})
        answer = client.post(CHURN, json={"customer_ids": ["anna"]}).json()
        assert answer["model"] == {"name": "churn", "version": "1"}
        assert answer["predictions"] == before
        assert up(client)["churn"] == champions(client)["churn@1"] == 1


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (lambda _: np.zeros((1, 4), np.float32), r"\(1, 4\) numbers, not \(1, 5\)"),
        (lambda _: np.full((1, 5), np.inf, np.float32), "not finite"),
    ],
)
def test_a_trial_wants_a_finite_score_of_every_product(
    ws: Workspace, score: Scorer, said: str
) -> None:
    backend = Backend(Settings.of({"REGULARS_HOME": str(ws.home)}))
    try:
        backend.models.refresh()
        served = backend.models.served
        trial = Trial(None, clock=ws.now, policy=Policy())
        trial.recommender(served)
        ranker = replace(served.rankers["recommender@1"], score=score)
        with pytest.raises(Refused, match=f"recommender@1: .*{said}"):
            trial.recommender(replace(served, rankers={"recommender@1": ranker}))
    finally:
        backend.close()


def test_who_starts_goes_back_to_the_champions_that_answered_last(ws: Workspace) -> None:
    put_champions(ws, recommender="2", churn="1")
    with serving(REGULARS_HOME=str(ws.home)) as client:
        assert ask(client, customer_id="anna")["model"]["version"] == "2"
        put_champions(ws, recommender="9", churn="9")
        until(lambda: refused(client) == {"recommender", "churn"})
    assert read_json(ws.bundles / ANSWERED)["recommender"] == "recommender/2"
    with serving(REGULARS_HOME=str(ws.home)) as client:
        assert ask(client, customer_id="anna")["model"]["version"] == "2"
        until(lambda: refused(client) == {"recommender", "churn"})
    (ws.bundles / ANSWERED).unlink()
    with serving(REGULARS_HOME=str(ws.home)) as client:
        assert ask(client, customer_id="anna")["fallback_reason"] == "model_unavailable"
        until(lambda: refused(client) == {"recommender", "churn"})
        assert up(client)["champion"] == up(client)["churn"] == 0


@pytest.mark.slow
def test_no_request_fails_while_champions_are_swapped(ws: Workspace) -> None:
    not_finite(ws)
    seen: Counter[tuple[int, str | None, str | None]] = Counter()
    end = threading.Event()
    with serving(REGULARS_HOME=str(ws.home)) as client:

        def keep_asking() -> None:
            while not end.is_set():
                answer = client.post("/v1/recommendations", json={"customer_id": "anna", "k": 2})
                body = answer.json()
                reason = body.get("fallback_reason")
                seen[answer.status_code, body["model"]["version"], reason] += 1

        asking = [threading.Thread(target=keep_asking) for _ in range(2)]
        for thread in asking:
            thread.start()
        for version in ("2", "3", "1", "3", "2", "9", "1"):
            put_champions(ws, recommender=version, churn="1")
            if version in {"1", "2"}:
                before = seen[200, version, None]
                until(lambda v=version, n=before: seen[200, v, None] > n)  # type: ignore[misc]
            else:
                until(lambda: refused(client) == {"recommender"})
        end.set()
        for thread in asking:
            thread.join()
    assert set(seen) == {(200, "1", None), (200, "2", None)}


def test_what_a_swapped_version_held_is_free(ws: Workspace) -> None:
    tower(ws, "4")
    put_champions(ws, recommender="4")
    backend = Backend(Settings.of({"REGULARS_HOME": str(ws.home)}))
    try:
        backend.models.refresh()
        (ranker,) = backend.models.served.rankers.values()
        model = ranker.bundle.model
        held = [weakref.ref(part) for part in (ranker, model, ranker.score)]
        object.__setattr__(model, "itself", model)
        del ranker, model
        put_champions(ws, recommender="1")
        gc.disable()
        backend.models.refresh()
        assert [ref() for ref in held] == [None] * 3
        assert backend.models.served.champion == "recommender@1"
    finally:
        gc.enable()
        backend.close()


class Pauses(threading.Event):
    """Takes no time to wait, and mends `broken` the fourth time."""

    def __init__(self, broken: Path) -> None:
        super().__init__()
        self.seconds: list[float | None] = []
        self._broken = broken

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout)
        if len(self.seconds) == 4:
            self._broken.unlink()
        return len(self.seconds) == 6


def test_what_cannot_be_looked_at_is_tried_after_longer_and_longer(ws: Workspace) -> None:
    backend = Backend(Settings.of({"REGULARS_HOME": str(ws.home)}))
    shutil.rmtree(ws.bundles)
    ws.bundles.write_text("no folder")
    pauses = Pauses(ws.bundles)
    try:
        backend.models.follow(pauses)
    finally:
        backend.close()
    assert pauses.seconds == [polls * watcher.POLL_S for polls in (1, 2, 4, 8, 1, 1)]


@dataclass
class Few:
    """A trial that no version passes on more than five products."""

    trial: Trial

    def recommender(self, served: Served) -> None:
        if served.catalogue is not None and len(served.catalogue.products) > 5:
            raise Refused("more than five products")
        self.trial.recommender(served)

    def predictor(self, served: Served, family: str) -> None:
        self.trial.predictor(served, family)


def test_products_that_no_champion_can_score_are_refused(ws: Workspace) -> None:
    backend = Backend(Settings.of({"REGULARS_HOME": str(ws.home)}))
    models = backend.models
    models._versions._trial = Few(models._versions._trial)  # type: ignore[assignment]
    try:
        models.refresh()
        before = models.served
        change = ProductChange(product_id="new", title="RED POT", available=True)
        tea = ProductChange(product_id="tea", available=False)
        backend._changes.record([change, tea], clock=ws.now)  # type: ignore[union-attr]
        models.refresh()
        assert models.served.refused == {"products"}
        assert models.served.champion == "recommender@1"
        assert models.served.catalogue is not None
        assert models.served.catalogue.products is before.catalogue.products  # type: ignore[union-attr]
        assert models.served.catalogue.unavailable.sum() == 1  # what arrays say is heeded
        put_bundle(ws, "recommender", "5", Popularity(PopularityConfig()))
        put_champions(ws, recommender="5")
        models.refresh()
        assert models.served.champion == "recommender@5"
        assert models.served.refused == {"products"}
    finally:
        backend.close()


def refused(client: TestClient) -> set[str]:
    found = scrape(client)
    parts = ("recommender", "churn", "products")
    return {part for part in parts if value(found, "regulars_refused", part=part)}


def champions(client: TestClient) -> dict[str, float]:
    """Return in how many workers each version answers."""
    names = ("recommender@1", "recommender@2", "churn@1")
    found = scrape(client)
    return {name: value(found, "regulars_champion_workers", model_version=name) for name in names}
