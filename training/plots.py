"""The plots of an evaluation: NDCG@10 by model, by segment, by window, and by diversity."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.diversity_price import LEVELS, Price
from training.evaluate import LISTS, K
from training.grids import NDCG
from training.intervals import Estimate
from training.rolling import Evaluation
from training.segments import EVERYONE, LABELS, Part

OWN, BEST, OTHER = "C0", "0.25", "0.65"  # colours


@contextmanager
def draw_models(found: Evaluation) -> Iterator[Figure]:
    """Give NDCG@10 with its 95% interval by model, a panel a list."""
    height = 1.2 + 0.3 * len(found.models)
    with _panels(found, f"{found.model}: NDCG@10, 95% interval", height) as (figure, panels):
        for axes, name in zip(panels, LISTS, strict=True):
            part = found.parts[Part(EVERYONE, name)]
            for place, model in enumerate(reversed(found.models)):
                mean = part.means[model][NDCG]
                axes.errorbar(
                    [mean.value],
                    [place],
                    xerr=_reach([mean]),
                    fmt="o",
                    color=OWN if model == found.model else BEST,
                    capsize=3,
                )
            axes.set_yticks(range(len(found.models)), list(reversed(found.models)))
            axes.set_ylim(-0.6, len(found.models) - 0.4)
            axes.set_xlim(left=0)
            axes.set_title(f"list '{name}', {part.customers} customers")
            axes.grid(axis="x", alpha=0.3)
        yield figure


@contextmanager
def draw_segments(found: Evaluation) -> Iterator[Figure]:
    """Give NDCG@10 by segment, a panel a list: the model, its best baseline, the others pale."""
    title = f"{found.model}: NDCG@10 by segment (customers), 95% interval"
    with _panels(found, title, 3.9) as (figure, panels):
        for axes, name in zip(panels, LISTS, strict=True):
            parts = {s: found.parts[Part(s, name)] for s in LABELS if Part(s, name) in found.parts}
            best = parts[EVERYONE].best(NDCG)
            for model in found.models:
                means = [part.means[model][NDCG] for part in parts.values()]
                if model not in (found.model, best):
                    axes.plot([m.value for m in means], "_", color=OTHER, markersize=8)
                    continue
                own = model == found.model
                axes.errorbar(
                    [place + (0.12 if own else -0.12) for place in range(len(means))],
                    [mean.value for mean in means],
                    yerr=_reach(means),
                    fmt="o",
                    color=OWN if own else BEST,
                    capsize=3,
                    label=model if own else f"{model} (best baseline)",
                )
            if len(found.baselines) > 1:
                axes.plot([], [], "_", color=OTHER, markersize=8, label="other baselines")
            labels = [f"{LABELS[segment]} ({part.customers})" for segment, part in parts.items()]
            axes.set_xticks(range(len(parts)), labels, rotation=35, ha="right")
            axes.set_ylim(0, 1.3 * axes.get_ylim()[1])  # room for the legend
            axes.set_title(f"list '{name}'")
            axes.grid(axis="y", alpha=0.3)
            axes.legend(loc="upper left", ncols=2)
        yield figure


@contextmanager
def draw_windows(found: Evaluation) -> Iterator[Figure]:
    """Give NDCG@10 by window, a panel a list, a line a model."""
    with _panels(found, f"{found.model}: NDCG@10 by window", 3.2) as (figure, panels):
        starts = [str(one.start.tz_convert(found.timezone).date()) for one in found.windows]
        for axes, name in zip(panels, LISTS, strict=True):
            for model in found.models:
                means = [one.parts[Part(EVERYONE, name)].means[model] for one in found.windows]
                width = 2.5 if model == found.model else 1.2
                values = [mean[NDCG].value for mean in means]
                axes.plot(starts, values, marker="o", linewidth=width, label=model)
            axes.set_ylim(bottom=0)
            axes.set_title(f"list '{name}'")
            axes.grid(axis="y", alpha=0.3)
        panels[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
        yield figure


@contextmanager
def draw_price(found: Price) -> Iterator[Figure]:
    """Give NDCG@10 against how unlike a list's products are, a panel a list, a point a level."""
    title = f"{found.model}: what diversity costs on the last window"
    with _panels(found, title, 3.4) as (figure, panels):
        for axes, name in zip(panels, LISTS, strict=True):
            rows = found.levels[found.levels["list"] == name]
            unlike, ndcg = rows["intra_list_diversity"].to_numpy(), rows[NDCG].to_numpy()
            axes.plot(unlike, ndcg, color=OWN, marker="o", markersize=4)
            for x, y, level in zip(unlike, ndcg, LEVELS, strict=True):
                axes.annotate(
                    f"{level:g}", (x, y), xytext=(0, -12), textcoords="offset points", ha="center"
                )
            axes.set(
                title=f"list '{name}', by its diversity",
                xlabel=f"mean 1 - cosine of a list's {K} products",
                ylabel=f"NDCG@{K}",
            )
            axes.margins(y=0.15)
            axes.set_ylim(bottom=0)
            axes.grid(alpha=0.3)
        yield figure


def svg(figure: Figure) -> str:
    """Return `figure` as SVG: the same text for the same figure, without a date or random ids."""
    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "regulars", "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


@contextmanager
def _panels(
    found: Evaluation | Price, title: str, height: float
) -> Iterator[tuple[Figure, tuple[Axes, ...]]]:
    """Give a figure with a panel a list."""
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(10, height), layout="constrained")
        figure.suptitle(f"{title}, before {found.as_of.tz_convert(found.timezone).date()}")
        yield figure, tuple(figure.subplots(1, len(LISTS)))


def _reach(means: list[Estimate]) -> list[list[float]]:
    """Return how far the intervals reach below and above the means."""
    return [[m.value - m.low for m in means], [m.high - m.value for m in means]]
