"""Where the time of one answer goes: its stages in request order, in process, on this thread."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
import torch
from threadpoolctl import threadpool_limits

from experiments.exposures import DATABASE, Exposure, ExposureLog
from features.logs.events import EventLog
from features.workspace import Workspace
from serving.answers.drafts import Draft
from serving.answers.items import items
from serving.backend import Backend, Settings
from serving.bench.load import BenchError
from serving.schemas.base import Model
from serving.schemas.recommendations import RecommendationAnswer, RecommendationRequest
from serving.state.served import Served
from training.data.inputs import FloatArray, Queries, encode_rows
from training.lists.slates import Policy
from training.recommenders.two_stage.model import TwoStage

T = TypeVar("T")
RANKED: Final = 200
"""Candidates whose ranking is measured by itself."""
WARM_UP: Final = 100
_ID: Final = "0" * 32
_MODEL: Final = Model(name="recommender", version="1")


class Stopwatch:
    """CPU microseconds of this thread, by stage."""

    def __init__(self) -> None:
        self.found: dict[str, list[float]] = {}

    def __call__(self, stage: str, run: Callable[..., T], *given: Any, **named: Any) -> T:
        """Return what `run` does, and note what it took."""
        started = time.thread_time_ns()
        done = run(*given, **named)
        self.found.setdefault(stage, []).append((time.thread_time_ns() - started) / 1e3)
        return done

    def medians(self) -> dict[str, float]:
        """Return the median of each stage, without the watch's own, as they were met first."""
        own = Stopwatch()
        for _ in range(WARM_UP):
            own("nothing", lambda: None)
        spent = float(np.median(own.found["nothing"]))
        return {stage: float(np.median(took)) - spent for stage, took in self.found.items()}


def stages(home: Path, bodies: Iterable[str]) -> Mapping[str, float]:
    """Return the median CPU microseconds of each stage of the champion's answers to `bodies`.

    Each is taken by itself, so that their sum leaves out what joins them. Raises BenchError where
    nothing is promoted or materialized.
    """
    torch.set_num_threads(1)
    threadpool_limits(limits=1)
    ws = Workspace.open(home)
    with (
        closing(Backend(Settings(workspace=ws, stores=ws))) as backend,
        closing(EventLog(ws.events_db)) as events,
        closing(ExposureLog(ws.experiments / DATABASE)) as exposures,
    ):
        backend.models.refresh()
        answers = _Answers(backend.models.served, events, exposures)
        for number, body in enumerate(bodies):
            if number == WARM_UP:
                answers.watch.found.clear()
            answers.answer(body.encode(), backend)
    return answers.watch.medians()


class _Answers:
    """Answers as `serving.handlers.recommendations` does, stage by stage."""

    def __init__(self, served: Served, events: EventLog, exposures: ExposureLog) -> None:
        catalogue, champion, store = served.catalogue, served.champion, served.store
        if catalogue is None or champion is None or store is None:
            raise BenchError("no champion is served: promote one and materialize first")
        self.watch = Stopwatch()
        self._catalogue, self._champion, self._store = catalogue, champion, store
        self._events, self._exposures = events, exposures
        self._decoder = msgspec.json.Decoder(RecommendationRequest)
        self._scorer = served.rankers[champion].score
        model = served.rankers[champion].bundle.model
        self._two_stage = model if isinstance(model, TwoStage) else None
        if self._two_stage is not None:
            self._nominate = self._two_stage.nominator(catalogue.products)

    def answer(self, body: bytes, backend: Backend) -> None:
        """Answer a request of a stored customer."""
        watch, now = self.watch, backend.now()
        asked = watch("decode the request", self._decoder.decode, body)
        customer_id = str(asked.customer_id)
        row = watch("the customer's row (Feast)", self._store.online_customer, customer_id)
        if row is None:
            raise BenchError(f"customer_id = {customer_id!r}: not in the online store")
        watch("fresh events", self._events.since, customer_id, row["snapshot_timestamp"])
        products = self._catalogue.products
        query = watch("row to query", encode_rows, [row], [customer_id], products, now)
        draft = Draft(catalogue=self._catalogue, scores=self._scores(query), customer=query)
        listed = watch("the list", items, draft, asked, policy=Policy(), recommendation_id=_ID)
        shown = Exposure(
            recommendation_id=_ID,
            experiment=None,
            variant=None,
            unit_id=customer_id,
            model_version=self._champion,
            scenario="bench",
            product_ids=tuple(item.product_id for item in listed),
            propensities=tuple(item.propensity for item in listed),
            exposed_timestamp=now,
        )
        watch("its exposure, a commit for it alone", self._exposures.append, [shown])
        answer = RecommendationAnswer(
            request_id=_ID,
            recommendation_id=_ID,
            model=_MODEL,
            experiments=[],
            feature_age_s=0.0,
            items=listed,
        )
        watch("encode the answer", msgspec.json.encode, answer)

    def _scores(self, query: Queries) -> FloatArray:
        if self._two_stage is None:
            alone: FloatArray = self.watch("scores", self._scorer, query)[0]
            return alone
        found = self.watch("candidates and their inputs", self._nominate, query)
        self.watch("rankers", self._two_stage.rank, found.inputs)
        inputs = np.resize(found.inputs.T, (found.inputs.shape[1], RANKED)).T
        self.watch(f"(rankers, {RANKED} candidates)", self._two_stage.rank, inputs)
        scores: FloatArray = self._scorer(query)[0]
        return scores
