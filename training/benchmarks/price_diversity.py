"""The cost in NDCG of diverse lists: `training diversity`.

A model is trained on what was known before the last window; on that window its lists are composed
again at each level of the `diversity` that a policy or a request may set.
"""

from functools import partial
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_array

from configs.loader import Config
from features.workspace import Workspace
from training.data.content import content_vectors, likeness
from training.data.inputs import IntArray
from training.data.pairs import Pairs
from training.data.windows import WINDOW_DAYS
from training.evaluation import ranking_metrics
from training.evaluation.job import Job, prepare
from training.evaluation.recommender_judge import LISTS, K, RecommenderJudge
from training.evaluation.results import LEVELS, DiversityCost
from training.evaluation.segments import window_of
from training.evaluation.stored_lists import stored_lists
from training.interfaces import Recommender, Scorer
from training.kernels.top_k import top_k
from training.lists.diversity import mmr, pool_size
from training.lists.ranking import BATCH
from training.models import recommender_class, spec
from training.registry.artifacts import write_text
from training.registry.tracking import Tracking, tracked
from training.reports.diversity_plot import draw_price
from training.reports.panels import svg
from training.reports.text_table import TextTable
from training.run import SILENT, Device, Progress, Run

N = TypeVar("N", bound=np.generic)
PLOT: Final = "diversity.svg"
TABLE: Final = "diversity.csv"


def price_diversity(
    ws: Workspace,
    model: str,
    *,
    as_of: pd.Timestamp,
    config: Config | None = None,
    seed: int = 0,
    device: Device = "auto",
    progress: Progress = SILENT,
) -> DiversityCost:
    """Train recommender `model` before the last window up to `as_of` (UTC); price its lists there.

    If it counts epochs, their number is chosen on that window, as in an evaluation, whose stored
    choice is reused. Table and plot are logged as one MLflow run. Raises UnknownModel for a name
    that is no recommender, NotEnoughData or WorkspaceError as `training.evaluate.evaluate` does.
    """
    spec(model, registered="recommender")
    job = prepare(ws, model, as_of=as_of, config=config, seed=seed, progress=progress)
    key, tags = f"diversity-{job.key}", {"kind": "diversity", **job.tags}
    with tracked(ws, key=key, name=f"diversity of {model}", tags=tags) as (tracking, run_id):
        cost = DiversityCost(
            model=model,
            as_of=job.as_of,
            timezone=ws.timezone,
            levels=_price(job, device=device, progress=progress),
            run_id=run_id,
        )
        _log(tracking, cost, job.config)
    return cost


def _price(job: Job, *, device: Device, progress: Progress) -> pd.DataFrame:
    window = window_of(job.full, at=job.past.as_of, days=WINDOW_DAYS)
    config = job.config
    if "epochs" in type(config).model_fields:
        _, chosen = stored_lists(job, window, device=device, on_epoch=progress.on_epoch)
        config = config.model_copy(update={"epochs": chosen.epochs})
    run = Run(
        on_epoch=partial(progress.on_epoch, job.model),
        on_part=progress.on_epoch,
        parts=job.ws.parts,
        device=device,
    )
    fitted = recommender_class(job.model).fit(job.past, config=config, seed=job.seed, run=run)
    return price_of_diversity(fitted, window.judge)


def grid(cost: DiversityCost) -> TextTable:
    """Return the table of `cost`: a row per level, NDCG and diversity of both lists."""
    rows = {name: cost.levels[cost.levels["list"] == name] for name in LISTS}
    figures = (f"ndcg_at_{K}", "intra_list_diversity")
    columns = [rows[name][figure] for name in LISTS for figure in figures]
    cells = zip(*columns, strict=True)
    return TextTable(
        title=f"{cost.model}: NDCG@{K} of a list, and how unlike its products are, by diversity",
        columns=("diversity", *(f"{f} {name!r}" for name in LISTS for f in ("NDCG", "unlike"))),
        rows=tuple(
            (f"{level:.1f}", *(f"{value:.4f}" for value in row))
            for level, row in zip(LEVELS, cells, strict=True)
        ),
    )


def price_of_diversity(model: Recommender, judge: RecommenderJudge, *, k: int = K) -> pd.DataFrame:
    """Return NDCG and diversity at each of LEVELS on the window of `judge`.

    A row per `list` (all, new) and `diversity`: the means of `ndcg_at_k` and of
    `intra_list_diversity` (by the content of the products) over the customers who bought; NaN if no
    customer bought a product that the list may hold. No other rule of a policy is applied.
    """
    scorer = model.scorer(judge.products)
    vectors = content_vectors(judge.products)
    parts = [
        frame.assign(list=name)
        for name, exclude in (("all", None), ("new", judge.owned))
        for frame in _levels(judge, scorer, vectors, wanted=judge.truth(name), exclude=exclude, k=k)
    ]
    rows = pd.MultiIndex.from_product([LISTS, LEVELS], names=["list", "diversity"])
    return pd.concat(parts).groupby(["list", "diversity"]).mean().reindex(rows).reset_index()


def _levels(
    judge: RecommenderJudge,
    scorer: Scorer,
    vectors: csr_array,
    *,
    wanted: Pairs,
    exclude: Pairs | None,
    k: int,
) -> list[pd.DataFrame]:
    """Return the figures of each customer at each level, a frame per batch and level."""
    frames: list[pd.DataFrame] = []
    width = len(judge.products)
    for start in range(0, len(judge.queries), BATCH):
        stop = min(start + BATCH, len(judge.queries))
        truth = wanted.mask(start, stop, width)
        scored = truth.any(axis=1)
        if not scored.any():
            continue
        truth = truth[scored]
        scores = scorer(judge.queries[start:stop])[scored]
        excluded = None if exclude is None else exclude.mask(start, stop, width)[scored]
        pools = top_k(scores, pool_size(k), exclude=excluded)
        relevance = np.where(pools >= 0, _at(scores, pools), -np.inf)
        similarity = np.stack([likeness(vectors, pool) for pool in pools])
        for level in LEVELS:
            chosen = mmr(relevance, similarity, k=k, diversity=level)
            lists = np.where(chosen >= 0, _at(pools, chosen), -1)
            hits = (lists >= 0) & _at(truth, lists)
            figures = {
                "diversity": level,
                f"ndcg_at_{k}": ranking_metrics.ndcg(hits, truth.sum(axis=1)),
                "intra_list_diversity": ranking_metrics.diversity(lists, vectors),
            }
            frames.append(pd.DataFrame(figures))
    return frames


def _at(values: npt.NDArray[N], columns: IntArray) -> npt.NDArray[N]:
    """Return the `values` (B, C) at `columns` (B, K); a negative column takes the first value."""
    return np.take_along_axis(values, np.maximum(columns, 0), axis=1)


def _log(tracking: Tracking, cost: DiversityCost, config: Config) -> None:
    """Log settings, table and plot."""
    tracking.log_params(cost.run_id, config.model_dump(mode="json"))
    folder = tracking.artifacts(cost.run_id)
    write_text(folder / TABLE, cost.levels.to_csv(index=False))
    with draw_price(cost) as figure:
        write_text(folder / PLOT, svg(figure))
