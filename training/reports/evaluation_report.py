"""The report of an evaluation: Markdown with its plots, and figures, in one MLflow run."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from training.evaluation.intervals import DRAWS, Comparison
from training.evaluation.recommender_judge import LISTS, K
from training.evaluation.results import Evaluation
from training.evaluation.segments import BUYER_DAYS, EVERYONE, NEWCOMERS, SegmentList
from training.models import config_class
from training.registry.tracking import Tracking
from training.reports import evaluation_tables
from training.reports.evaluation_plots import draw_models, draw_segments, draw_windows
from training.reports.learning_curves import draw_curves
from training.reports.text_table import TextTable

FILE: Final = "report.md"
CAVEAT: Final = (
    "Caveat: the epochs were chosen on this same window, so these figures and intervals flatter "
    "the model by that choice."
)
_WHO: Final = f"""\
**Who is measured.** Customers who bought before the window and bought in it a product that some
known customer had bought before. Each model ranks the full catalogue; a list has {K} places. The
list "all" may name anything, "new" only what the customer never bought; in "new" those customers
count who bought something new. NDCG has binary gains and the best list of min({K}, products
bought) places as its ideal; recall divides by the same number. Equal scores keep the order of the
product ids. What was recorded later than the window's start was not known.

**Segments.** By orders before the window. Customers without one ({NEWCOMERS}) are outside the main
figures; nothing is known of them, and their two lists are one. By product age, from the first sale
to the window's start: the same lists, of which only products of that age count, for the customers
who bought one.

**Beyond accuracy.** Coverage: the share of the products bought before the window that stands in any
list. Novelty: mean -log2 of the share of the last {BUYER_DAYS} days' customers who bought the
product (Zhou et al., 2010), in bits. Diversity: mean 1 - cosine of a list's products by title and
category (Ziegler et al., 2005)."""


def caveat(found: Evaluation) -> str | None:
    """Return the warning that is due where the number of epochs was chosen on the window."""
    counting = [name for name in found.models if "epochs" in config_class(name).model_fields]
    return f"{CAVEAT} It holds for {', '.join(counting)}." if counting else None


def command(found: Evaluation) -> str:
    """Return the command that makes this evaluation again."""
    settings = found.config.model_dump(mode="json")
    defaults = type(found.config)().model_dump(mode="json")
    changed = [f"'{k}={json.dumps(v)}'" for k, v in settings.items() if v != defaults[k]]
    day = found.as_of.tz_convert(found.timezone).date()
    return " ".join(
        [
            f"python -m training evaluate {found.model}",
            *changed,
            f"--as-of {day} --seed {found.seed} --windows {len(found.windows)}",
            f"--baselines {found.asked}",
        ]
    )


def markdown(found: Evaluation) -> str:
    """Return the whole report; its images lie beside it."""
    several = len(found.windows) > 1
    text = [f"# {found.model} beside its baselines", *_preamble(found)]
    text += ["## Figures", "![NDCG@10 by model](ndcg_by_model.png)"]
    text += [_table(evaluation_tables.figures(found, name)) for name in LISTS]
    if found.baselines:
        text += ["## Leads", *(_table(evaluation_tables.all_leads(found, name)) for name in LISTS)]
    text += ["## Segments", "![NDCG@10 by segment](ndcg_by_segment.png)"]
    for name in LISTS:
        text += [
            _table(evaluation_tables.segments(found, name)),
            _table(evaluation_tables.segment_leads(found, name)),
        ]
    if several:
        text += ["## Windows", "![NDCG@10 by window](ndcg_by_window.png)"]
        text += [_table(evaluation_tables.by_window(found, name)) for name in LISTS]
    if found.windows[-1].history:
        text += ["## Learning curves", "![metrics by epoch](learning_curves.png)"]
    return "\n\n".join([*text, ""])


def log_report(tracking: Tracking, found: Evaluation) -> None:
    """Log figures, settings, report and plots to the evaluation's run."""
    client: Any = tracking.client
    run_id = found.run_id
    tracking.log_params(run_id, found.config.model_dump(mode="json"))
    tracking.log_metrics(run_id, dict(_metrics(found)))
    for step, origin in enumerate(found.windows, start=1):
        for name in LISTS:
            own = _means(
                origin.parts[SegmentList(EVERYONE, name)], found.model, f"window.{_prefix(name)}"
            )
            tracking.log_metrics(run_id, dict(own), step=step)
    client.log_text(run_id, markdown(found), FILE)
    client.log_dict(run_id, _plain(found), "report.json")
    client.log_dict(run_id, found.config.model_dump(mode="json"), "config.yaml")
    drawn = {"ndcg_by_model.png": draw_models(found), "ndcg_by_segment.png": draw_segments(found)}
    if len(found.windows) > 1:
        drawn["ndcg_by_window.png"] = draw_windows(found)
    newest = found.windows[-1]
    if newest.history:
        best = newest.epochs[found.model]
        drawn["learning_curves.png"] = draw_curves(found.model, newest.history, best=best)
    for name, drawing in drawn.items():
        with drawing as figure:
            client.log_figure(run_id, figure, name)


def _preamble(found: Evaluation) -> Iterator[str]:
    """Yield what was done, on which data, to whom."""
    facts = [f"- command: `{command(found)}`", f"- code: `{found.git_commit}`"]
    for origin in found.windows:
        start, end = (t.tz_convert(found.timezone).date() for t in (origin.start, origin.end))
        epochs = "".join(f", {name} {count} epochs" for name, count in origin.epochs.items())
        facts.append(
            f"- window {start} to {end} (its first day, and the day after it): "
            f"{origin.customers} customers, {origin.newcomers} without an earlier order; learned "
            f"from what was known before it{epochs}; data digest `{origin.data_digest}`"
        )
    facts.append(f"- settings: `{json.dumps(found.config.model_dump(mode='json'))}`")
    facts.append(f"- baselines: {', '.join(found.baselines) or 'none'}, with their own settings")
    facts.append(f"- seed {found.seed}, of the models and of the draws")
    yield "\n".join(facts)
    warning = caveat(found)
    if warning is not None:
        yield warning
    yield _WHO
    mean = (
        " Figures are the mean of the windows; a customer is drawn with its figures in all of them."
        if len(found.windows) > 1
        else ""
    )
    yield (
        f"**Intervals** are 95% paired bootstrap percentiles: {DRAWS} draws of the customers, the "
        f"same for every model.{mean} A best baseline is the one with the highest NDCG in the list."
    )


def _table(grid: TextTable) -> str:
    """Return `grid` in Markdown."""
    lines = [
        f"**{grid.title}**",
        "",
        f"| {' | '.join(grid.columns)} |",
        f"|---{'|---:' * (len(grid.columns) - 1)}|",
        *(f"| {' | '.join(row)} |" for row in grid.rows),
    ]
    return "\n".join(lines)


def _metrics(found: Evaluation) -> Iterator[tuple[str, float]]:
    """Yield the figures as MLflow names them: the model's, by segment too; baselines'; leads."""
    for (segment, name), part in found.parts.items():
        if segment == EVERYONE:
            yield from _means(part, found.model, _prefix(name))
            for baseline in found.baselines:
                yield from _means(part, baseline, f"{baseline}.{_prefix(name)}")
            yield from _leads(part, _prefix(name))
        else:
            yield from _means(part, found.model, f"{segment}.{_prefix(name)}")


def _means(part: Comparison, model: str, prefix: str) -> Iterator[tuple[str, float]]:
    if part.customers:
        for figure, mean in part.means[model].items():
            yield f"{prefix}{figure}", mean.value
        yield f"{prefix}coverage_at_{K}", part.coverage[model]


def _leads(part: Comparison, prefix: str) -> Iterator[tuple[str, float]]:
    for baseline, by_figure in part.leads.items():
        for figure, lead in by_figure.items() if part.customers else ():
            start = f"lead.{baseline}.{prefix}{figure}"
            yield from (
                (start, lead.value),
                (f"{start}_low", lead.low),
                (f"{start}_high", lead.high),
            )


def _prefix(name: str) -> str:
    return "" if name == "all" else f"{name}_"


def _plain(found: Evaluation) -> dict[str, Any]:
    """Return everything as JSON can hold it: parts by segment, then by list."""

    def nested(parts: dict[SegmentList, Comparison]) -> dict[str, dict[str, Any]]:
        made: dict[str, dict[str, Any]] = {}
        for (segment, name), part in parts.items():
            if part.customers:  # without any its figures are NaN, which JSON lacks
                made.setdefault(segment, {})[name] = asdict(part)
        return made

    return {
        "model": found.model,
        "config": found.config.model_dump(mode="json"),
        "seed": found.seed,
        "as_of": found.as_of.isoformat(),
        "baselines": list(found.baselines),
        "git_commit": found.git_commit,
        "parts": nested(found.parts),
        "windows": [
            {
                "start": origin.start.isoformat(),
                "end": origin.end.isoformat(),
                "data_digest": origin.data_digest,
                "customers": origin.customers,
                "newcomers": origin.newcomers,
                "epochs": origin.epochs,
                "history": {str(epoch): m for epoch, m in origin.history.items()},
                "parts": nested(origin.parts),
            }
            for origin in found.windows
        ],
    }
