"""The plots of an evaluation: NDCG@10 by model, by segment, by window, and by diversity."""

from collections.abc import Iterator
from contextlib import contextmanager

from matplotlib.figure import Figure

from training.evaluation.recommender_judge import LISTS
from training.evaluation.results import Evaluation
from training.evaluation.segments import EVERYONE, LABELS, SegmentList
from training.reports.evaluation_tables import NDCG
from training.reports.panels import BEST, OTHER, OWN, error_bars, panels_by_list


@contextmanager
def draw_models(evaluation: Evaluation) -> Iterator[Figure]:
    """Yield the plot of NDCG@10 with its 95% interval by model: a panel per list."""
    height = 1.2 + 0.3 * len(evaluation.models)
    with panels_by_list(evaluation, f"{evaluation.model}: NDCG@10, 95% interval", height) as (
        figure,
        panels,
    ):
        for axes, name in zip(panels, LISTS, strict=True):
            part = evaluation.parts[SegmentList(EVERYONE, name)]
            for place, model in enumerate(reversed(evaluation.models)):
                mean = part.means[model][NDCG]
                axes.errorbar(
                    [mean.value],
                    [place],
                    xerr=error_bars([mean]),
                    fmt="o",
                    color=OWN if model == evaluation.model else BEST,
                    capsize=3,
                )
            axes.set_yticks(range(len(evaluation.models)), list(reversed(evaluation.models)))
            axes.set_ylim(-0.6, len(evaluation.models) - 0.4)
            axes.set_xlim(left=0)
            axes.set_title(f"list '{name}', {part.customers} customers")
            axes.grid(axis="x", alpha=0.3)
        yield figure


@contextmanager
def draw_segments(evaluation: Evaluation) -> Iterator[Figure]:
    """Yield the plot of NDCG@10 by segment: a panel per list; the other baselines are pale."""
    title = f"{evaluation.model}: NDCG@10 by segment (customers), 95% interval"
    with panels_by_list(evaluation, title, 3.9) as (figure, panels):
        for axes, name in zip(panels, LISTS, strict=True):
            parts = {
                s: evaluation.parts[SegmentList(s, name)]
                for s in LABELS
                if SegmentList(s, name) in evaluation.parts
            }
            best = parts[EVERYONE].best(NDCG)
            for model in evaluation.models:
                means = [part.means[model][NDCG] for part in parts.values()]
                if model not in (evaluation.model, best):
                    axes.plot([m.value for m in means], "_", color=OTHER, markersize=8)
                    continue
                is_model = model == evaluation.model
                axes.errorbar(
                    [place + (0.12 if is_model else -0.12) for place in range(len(means))],
                    [mean.value for mean in means],
                    yerr=error_bars(means),
                    fmt="o",
                    color=OWN if is_model else BEST,
                    capsize=3,
                    label=model if is_model else f"{model} (best baseline)",
                )
            if len(evaluation.baselines) > 1:
                axes.plot([], [], "_", color=OTHER, markersize=8, label="other baselines")
            labels = [f"{LABELS[segment]} ({part.customers})" for segment, part in parts.items()]
            axes.set_xticks(range(len(parts)), labels, rotation=35, ha="right")
            axes.set_ylim(0, 1.3 * axes.get_ylim()[1])  # room for the legend
            axes.set_title(f"list '{name}'")
            axes.grid(axis="y", alpha=0.3)
            axes.legend(loc="upper left", ncols=2)
        yield figure


@contextmanager
def draw_windows(evaluation: Evaluation) -> Iterator[Figure]:
    """Yield the plot of NDCG@10 by window: a panel per list, a line per model."""
    with panels_by_list(evaluation, f"{evaluation.model}: NDCG@10 by window", 3.2) as (
        figure,
        panels,
    ):
        starts = [
            str(window.start.tz_convert(evaluation.timezone).date())
            for window in evaluation.windows
        ]
        for axes, name in zip(panels, LISTS, strict=True):
            for model in evaluation.models:
                means = [
                    window.parts[SegmentList(EVERYONE, name)].means[model]
                    for window in evaluation.windows
                ]
                width = 2.5 if model == evaluation.model else 1.2
                values = [mean[NDCG].value for mean in means]
                axes.plot(starts, values, marker="o", linewidth=width, label=model)
            axes.set_ylim(bottom=0)
            axes.set_title(f"list '{name}'")
            axes.grid(axis="y", alpha=0.3)
        panels[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
        yield figure
