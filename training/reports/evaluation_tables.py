"""The tables of an evaluation as text, for the console and for Markdown alike."""

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
"""The segments as the console has room for them."""


def headline(found: Evaluation) -> Iterator[TextTable]:
    """Yield what the console shows: figures and leads by list, NDCG by segment and by window."""
    for name in LISTS:
        yield figures(found, name)
    yield leads(found)
    for name in LISTS:
        yield segments(found, name)
        if len(found.windows) > 1:
            yield by_window(found, name)


def figures(found: Evaluation, name: str) -> TextTable:
    """Return the means of every model in the list `name`: a row a model."""
    part = found.parts[SegmentList(EVERYONE, name)]
    rows = [
        (
            model,
            *(_number(part.means[model][figure]) for figure in COLUMNS),
            f"{part.coverage[model]:.4f}",
        )
        for model in found.models
    ]
    return TextTable(
        title=f"List {name!r}, {K} places, {part.customers} customers",
        columns=("model", *COLUMNS.values(), "coverage"),
        rows=tuple(rows),
    )


def leads(found: Evaluation) -> TextTable:
    """Return by how much NDCG the model exceeds each baseline in both lists."""
    parts = [found.parts[SegmentList(EVERYONE, name)] for name in LISTS]
    rows = [
        (baseline, *(_lead(part, baseline, NDCG, marked=True) for part in parts))
        for baseline in found.baselines
    ]
    return TextTable(
        title=f"Lead of {found.model} in NDCG@{K}, 95% interval (*: over the list's best baseline)",
        columns=("over", *(f"list {name!r}" for name in LISTS)),
        rows=tuple(rows),
    )


def all_leads(found: Evaluation, name: str) -> TextTable:
    """Return by how much the model exceeds each baseline in every figure of the list `name`."""
    part = found.parts[SegmentList(EVERYONE, name)]
    rows = [
        (baseline, *(_lead(part, baseline, figure) for figure in COLUMNS))
        for baseline in found.baselines
    ]
    return TextTable(
        title=f"Lead of {found.model} in the list {name!r}, 95% interval",
        columns=("over", *COLUMNS.values()),
        rows=tuple(rows),
    )


def segments(found: Evaluation, name: str) -> TextTable:
    """Return the NDCG of every model in the list `name`: a column a segment."""
    parts = {segment: found.parts.get(SegmentList(segment, name)) for segment in LABELS}
    counts = ("customers", *("-" if p is None else str(p.customers) for p in parts.values()))
    rows = [
        (model, *("-" if p is None else _number(p.means[model][NDCG]) for p in parts.values()))
        for model in found.models
    ]
    return TextTable(
        title=f"NDCG@{K} of the list {name!r}: of all customers, by their orders before the "
        "window, and by days since the product's first sale",
        columns=("model", *(SHORT[segment] for segment in LABELS)),
        rows=(counts, *rows),
    )


def segment_leads(found: Evaluation, name: str) -> TextTable:
    """Return by how much NDCG the model exceeds the best baseline of the list, by segment."""
    best = found.parts[SegmentList(EVERYONE, name)].best(NDCG)
    rows = []
    for segment, label in LABELS.items():
        part = found.parts.get(SegmentList(segment, name))
        if part is not None and best is not None:
            means = (_number(part.means[model][NDCG]) for model in (found.model, best))
            rows.append((label, str(part.customers), *means, _lead(part, best, NDCG)))
    return TextTable(
        title=f"NDCG@{K} of the list {name!r} beside its best baseline, by segment",
        columns=("segment", "customers", found.model, best or "no baseline", "lead, 95% interval"),
        rows=tuple(rows),
    )


def by_window(found: Evaluation, name: str) -> TextTable:
    """Return the NDCG of every model in the list `name`: a column a window, and their mean."""
    part = SegmentList(EVERYONE, name)
    every = [*(origin.parts[part] for origin in found.windows), found.parts[part]]
    rows = [(model, *(_number(p.means[model][NDCG]) for p in every)) for model in found.models]
    starts = (str(origin.start.tz_convert(found.timezone).date()) for origin in found.windows)
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
