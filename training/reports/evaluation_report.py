"""The report of an evaluation in its MLflow run: Markdown, plots and figures."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from training.evaluation.intervals import DRAWS, Comparison
from training.evaluation.recommender_judge import LISTS, K
from training.evaluation.results import Evaluation
from training.evaluation.segments import BUYER_DAYS, EVERYONE, NEWCOMERS, SegmentList
from training.models import config_class
from training.registry.artifacts import write_figure, write_text, write_yaml
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
_METHOD: Final = f"""\
**Customers and lists.** The customers are those who bought before the window and bought in it a
product that a known customer had bought before. Each model ranks the full catalogue; a list has {K}
places. The list "all" may contain any product, "new" only products that the customer never bought;
for "new", only customers who bought a new product count. NDCG has binary gains and the best list of
min({K}, products bought) places as its ideal; recall divides by the same number. Equal scores are
ordered by product id. The models did not see records that arrived after the window's start.

**Segments.** By orders before the window: customers without an order ({NEWCOMERS}) are not in the
main figures; the models know nothing about them, and their two lists are the same. By product age,
from the first sale to the window's start: in the same lists only products of that age count, for
the customers who bought one.

**Beyond accuracy.** Coverage: the share of the products bought before the window that appear in
any list. Novelty: mean -log2 of the share of the last {BUYER_DAYS} days' customers who bought the
product (Zhou et al., 2010), in bits. Diversity: mean 1 - cosine of a list's products by title and
category (Ziegler et al., 2005)."""


def caveat(evaluation: Evaluation) -> str | None:
    """Return the warning for models whose number of epochs was chosen on the window, if any."""
    with_epochs = [
        name for name in evaluation.models if "epochs" in config_class(name).model_fields
    ]
    return f"{CAVEAT} It holds for {', '.join(with_epochs)}." if with_epochs else None


def command(evaluation: Evaluation) -> str:
    """Return the command that repeats this evaluation."""
    settings = evaluation.config.model_dump(mode="json")
    defaults = type(evaluation.config)().model_dump(mode="json")
    changed = [f"'{k}={json.dumps(v)}'" for k, v in settings.items() if v != defaults[k]]
    day = evaluation.as_of.tz_convert(evaluation.timezone).date()
    return " ".join(
        [
            f"python -m training evaluate {evaluation.model}",
            *changed,
            f"--as-of {day} --seed {evaluation.seed} --windows {len(evaluation.windows)}",
            f"--baselines {evaluation.requested_baselines}",
        ]
    )


def markdown(evaluation: Evaluation) -> str:
    """Return the whole report; its images are files beside it."""
    several = len(evaluation.windows) > 1
    text = [f"# {evaluation.model} beside its baselines", *_preamble(evaluation)]
    text += ["## Figures", "![NDCG@10 by model](ndcg_by_model.png)"]
    text += [_table(evaluation_tables.figures(evaluation, name)) for name in LISTS]
    if evaluation.baselines:
        text += [
            "## Leads",
            *(_table(evaluation_tables.all_leads(evaluation, name)) for name in LISTS),
        ]
    text += ["## Segments", "![NDCG@10 by segment](ndcg_by_segment.png)"]
    for name in LISTS:
        text += [
            _table(evaluation_tables.segments(evaluation, name)),
            _table(evaluation_tables.segment_leads(evaluation, name)),
        ]
    if several:
        text += ["## Windows", "![NDCG@10 by window](ndcg_by_window.png)"]
        text += [_table(evaluation_tables.by_window(evaluation, name)) for name in LISTS]
    if evaluation.windows[-1].history:
        text += ["## Learning curves", "![metrics by epoch](learning_curves.png)"]
    return "\n\n".join([*text, ""])


def log_report(tracking: Tracking, evaluation: Evaluation) -> None:
    """Log figures, settings, report and plots to the evaluation's run."""
    run_id, folder = evaluation.run_id, tracking.artifacts(evaluation.run_id)
    tracking.log_params(run_id, evaluation.config.model_dump(mode="json"))
    tracking.log_metrics(run_id, dict(_metrics(evaluation)))
    for step, origin in enumerate(evaluation.windows, start=1):
        for name in LISTS:
            own = _means(
                origin.parts[SegmentList(EVERYONE, name)],
                evaluation.model,
                f"window.{_prefix(name)}",
            )
            tracking.log_metrics(run_id, dict(own), step=step)
    write_text(folder / FILE, markdown(evaluation))
    write_text(folder / "report.json", json.dumps(_plain(evaluation), indent=2, default=str))
    write_yaml(folder / "config.yaml", evaluation.config.model_dump(mode="json"))
    plots = {
        "ndcg_by_model.png": draw_models(evaluation),
        "ndcg_by_segment.png": draw_segments(evaluation),
    }
    if len(evaluation.windows) > 1:
        plots["ndcg_by_window.png"] = draw_windows(evaluation)
    newest = evaluation.windows[-1]
    if newest.history:
        best = newest.epochs[evaluation.model]
        plots["learning_curves.png"] = draw_curves(evaluation.model, newest.history, best=best)
    for name, plot in plots.items():
        with plot as figure:
            write_figure(folder / name, figure)


def _preamble(evaluation: Evaluation) -> Iterator[str]:
    """Yield the command, the windows and their data, the settings and the method."""
    facts = [f"- command: `{command(evaluation)}`", f"- code: `{evaluation.git_commit}`"]
    for origin in evaluation.windows:
        start, end = (t.tz_convert(evaluation.timezone).date() for t in (origin.start, origin.end))
        epochs = "".join(f", {name} {count} epochs" for name, count in origin.epochs.items())
        facts.append(
            f"- window {start} to {end} (its first day, and the day after it): "
            f"{origin.customers} customers, {origin.newcomers} without an earlier order; trained "
            f"on records known before it{epochs}; data digest `{origin.data_digest}`"
        )
    facts.append(f"- settings: `{json.dumps(evaluation.config.model_dump(mode='json'))}`")
    facts.append(
        f"- baselines: {', '.join(evaluation.baselines) or 'none'}, with their own settings"
    )
    facts.append(f"- seed {evaluation.seed}, of the models and of the draws")
    yield "\n".join(facts)
    warning = caveat(evaluation)
    if warning is not None:
        yield warning
    yield _METHOD
    mean = (
        " Figures are the mean of the windows; a customer is drawn with its figures in all windows."
        if len(evaluation.windows) > 1
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


def _metrics(evaluation: Evaluation) -> Iterator[tuple[str, float]]:
    """Yield MLflow metrics: the model's (also by segment), the baselines' and the leads."""
    for (segment, name), part in evaluation.parts.items():
        if segment == EVERYONE:
            yield from _means(part, evaluation.model, _prefix(name))
            for baseline in evaluation.baselines:
                yield from _means(part, baseline, f"{baseline}.{_prefix(name)}")
            yield from _leads(part, _prefix(name))
        else:
            yield from _means(part, evaluation.model, f"{segment}.{_prefix(name)}")


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


def _plain(evaluation: Evaluation) -> dict[str, Any]:
    """Return the evaluation as JSON values: parts by segment, then by list."""

    def nested(parts: dict[SegmentList, Comparison]) -> dict[str, dict[str, Any]]:
        by_segment: dict[str, dict[str, Any]] = {}
        for (segment, name), part in parts.items():
            if part.customers:  # without customers the figures are NaN, which JSON does not allow
                by_segment.setdefault(segment, {})[name] = asdict(part)
        return by_segment

    return {
        "model": evaluation.model,
        "config": evaluation.config.model_dump(mode="json"),
        "seed": evaluation.seed,
        "as_of": evaluation.as_of.isoformat(),
        "baselines": list(evaluation.baselines),
        "git_commit": evaluation.git_commit,
        "parts": nested(evaluation.parts),
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
            for origin in evaluation.windows
        ],
    }
