"""CPU time of the stages of one request, in their order, in process, on this thread."""

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
from features.logs.events import EventLog, LogCut
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
"""Candidates whose ranking is measured separately."""
WARM_UP: Final = 100
_ID: Final = "0" * 32
_MODEL: Final = Model(name="recommender", version="1")


class Stopwatch:
    """CPU microseconds of this thread, by stage."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}

    def __call__(self, stage: str, run: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Return the result of `run`, and record its CPU time."""
        started = time.thread_time_ns()
        result = run(*args, **kwargs)
        self.times.setdefault(stage, []).append((time.thread_time_ns() - started) / 1e3)
        return result

    def medians(self) -> dict[str, float]:
        """Return the median of each stage minus the stopwatch's overhead, in order of first use."""
        empty = Stopwatch()
        for _ in range(WARM_UP):
            empty("nothing", lambda: None)
        overhead = float(np.median(empty.times["nothing"]))
        return {stage: float(np.median(spent)) - overhead for stage, spent in self.times.items()}


def stages(home: Path, bodies: Iterable[str]) -> Mapping[str, float]:
    """Return the median CPU microseconds of each stage of the champion's answers to `bodies`.

    Stages are measured separately: their sum does not include the code between them. Raises
    BenchError if nothing is promoted or materialized.
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
                answers.watch.times.clear()
            answers.answer(body.encode(), backend)
    return answers.watch.medians()


class _Answers:
    """Answers like `serving.handlers.recommendations`, stage by stage."""

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
        """Answer a request for a stored customer."""
        watch, now = self.watch, backend.now()
        request = watch("decode the request", self._decoder.decode, body)
        customer_id = str(request.customer_id)
        row = watch("the customer's row (Feast)", self._store.online_customer, customer_id)
        if row is None:
            raise BenchError(f"customer_id = {customer_id!r}: not in the online store")
        cut = LogCut(row["snapshot_timestamp"], row["log_sequence"])
        watch("fresh events", self._events.since, customer_id, cut)
        products = self._catalogue.products
        query = watch("row to query", encode_rows, [row], [customer_id], products, now)
        draft = Draft(catalogue=self._catalogue, scores=self._scores(query), customer=query)
        listed = watch("the list", items, draft, request, policy=Policy(), recommendation_id=_ID)
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
        watch("the exposure, in its own commit", self._exposures.append, [shown])
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
            single: FloatArray = self.watch("scores", self._scorer, query)[0]
            return single
        nominees = self.watch("candidates and their inputs", self._nominate, query)
        self.watch("rankers", self._two_stage.rank, nominees.inputs)
        inputs = np.resize(nominees.inputs.T, (nominees.inputs.shape[1], RANKED)).T
        self.watch(f"(rankers, {RANKED} candidates)", self._two_stage.rank, inputs)
        scores: FloatArray = self._scorer(query)[0]
        return scores
