"""The tables of an evaluation as text, for the console and for Markdown."""

from collections.abc import Iterator
from typing import Final

from training.evaluation.intervals import Comparison, Estimate
from training.evaluation.recommender_judge import LISTS, K
from training.evaluation.results import Evaluation
from training.evaluation.segments import EVERYONE, LABELS, NEWCOMERS, SegmentList
from training.reports.text_table import TextTable

NDCG: Final = f"ndcg_at_{K}"
COLUMNS: Final = {
    NDCG: "NDCG",
    f"recall_at_{K}": "recall",
    f"hit_rate_at_{K}": "hit rate",
    f"mrr_at_{K}": "MRR",
    f"novelty_at_{K}": "novelty",
    f"diversity_at_{K}": "diversity",
}


SHORT: Final = {
    EVERYONE: "all",
    NEWCOMERS: "0",
    "orders_1": "1",
    "orders_2_5": "2-5",
    "orders_6_up": "6+",
    "age_14d": "0-14 d",
    "age_90d": "15-90 d",
    "age_older": "91+ d",
}
"""Short labels of the segments, for the width of a console."""


def headline(evaluation: Evaluation) -> Iterator[TextTable]:
    """Yield the console's tables: figures and leads by list, NDCG by segment and by window."""
    for name in LISTS:
        yield figures(evaluation, name)
    yield leads(evaluation)
    for name in LISTS:
        yield segments(evaluation, name)
        if len(evaluation.windows) > 1:
            yield by_window(evaluation, name)


def figures(evaluation: Evaluation, name: str) -> TextTable:
    """Return the means of every model in the list `name`: a row per model."""
    part = evaluation.parts[SegmentList(EVERYONE, name)]
    rows = [
        (
            model,
            *(_number(part.means[model][figure]) for figure in COLUMNS),
            f"{part.coverage[model]:.4f}",
        )
        for model in evaluation.models
    ]
    return TextTable(
        title=f"List {name!r}, {K} places, {part.customers} customers",
        columns=("model", *COLUMNS.values(), "coverage"),
        rows=tuple(rows),
    )


def leads(evaluation: Evaluation) -> TextTable:
    """Return the model's lead in NDCG over each baseline in both lists."""
    parts = [evaluation.parts[SegmentList(EVERYONE, name)] for name in LISTS]
    rows = [
        (baseline, *(_lead(part, baseline, NDCG, marked=True) for part in parts))
        for baseline in evaluation.baselines
    ]
    return TextTable(
        title=f"Lead of {evaluation.model} in NDCG@{K}, 95% interval "
        "(*: over the list's best baseline)",
        columns=("over", *(f"list {name!r}" for name in LISTS)),
        rows=tuple(rows),
    )


def all_leads(evaluation: Evaluation, name: str) -> TextTable:
    """Return the model's lead over each baseline in every figure of the list `name`."""
    part = evaluation.parts[SegmentList(EVERYONE, name)]
    rows = [
        (baseline, *(_lead(part, baseline, figure) for figure in COLUMNS))
        for baseline in evaluation.baselines
    ]
    return TextTable(
        title=f"Lead of {evaluation.model} in the list {name!r}, 95% interval",
        columns=("over", *COLUMNS.values()),
        rows=tuple(rows),
    )


def segments(evaluation: Evaluation, name: str) -> TextTable:
    """Return the NDCG of every model in the list `name`: a column per segment."""
    parts = {segment: evaluation.parts.get(SegmentList(segment, name)) for segment in LABELS}
    counts = ("customers", *("-" if p is None else str(p.customers) for p in parts.values()))
    rows = [
        (model, *("-" if p is None else _number(p.means[model][NDCG]) for p in parts.values()))
        for model in evaluation.models
    ]
    return TextTable(
        title=f"NDCG@{K} of the list {name!r}: of all customers, by their orders before the "
        "window, and by days since the product's first sale",
        columns=("model", *(SHORT[segment] for segment in LABELS)),
        rows=(counts, *rows),
    )


def segment_leads(evaluation: Evaluation, name: str) -> TextTable:
    """Return the model's lead in NDCG over the best baseline of the list, by segment."""
    best = evaluation.parts[SegmentList(EVERYONE, name)].best(NDCG)
    rows = []
    for segment, label in LABELS.items():
        part = evaluation.parts.get(SegmentList(segment, name))
        if part is not None and best is not None:
            means = (_number(part.means[model][NDCG]) for model in (evaluation.model, best))
            rows.append((label, str(part.customers), *means, _lead(part, best, NDCG)))
    return TextTable(
        title=f"NDCG@{K} of the list {name!r} and its best baseline, by segment",
        columns=(
            "segment",
            "customers",
            evaluation.model,
            best or "no baseline",
            "lead, 95% interval",
        ),
        rows=tuple(rows),
    )


def by_window(evaluation: Evaluation, name: str) -> TextTable:
    """Return the NDCG of every model in the list `name`: a column per window, and their mean."""
    part = SegmentList(EVERYONE, name)
    every = [*(origin.parts[part] for origin in evaluation.windows), evaluation.parts[part]]
    rows = [(model, *(_number(p.means[model][NDCG]) for p in every)) for model in evaluation.models]
    starts = (
        str(origin.start.tz_convert(evaluation.timezone).date()) for origin in evaluation.windows
    )
    return TextTable(
        title=f"NDCG@{K} of the list {name!r}, by the window's first day",
        columns=("model", *starts, "mean"),
        rows=tuple(rows),
    )


def _number(estimate: Estimate) -> str:
    return "-" if estimate.value != estimate.value else f"{estimate.value:.4f}"


def _lead(part: Comparison, baseline: str, figure: str, *, marked: bool = False) -> str:
    lead = part.leads[baseline][figure]
    if lead.value != lead.value:
        return "-"
    mark = "*" if marked and part.best(figure) == baseline else ""
    return f"{lead.value:+.4f}{mark} [{lead.low:+.4f}, {lead.high:+.4f}]"
