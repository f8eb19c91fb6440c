"""The plot of the cost of diversity: NDCG@10 against the mean distance of a list's products."""

from collections.abc import Iterator
from contextlib import contextmanager

from matplotlib.figure import Figure

from training.evaluation.recommender_judge import LISTS, K
from training.evaluation.results import LEVELS, DiversityCost
from training.reports.evaluation_tables import NDCG
from training.reports.panels import OWN, panels_by_list


@contextmanager
def draw_price(cost: DiversityCost) -> Iterator[Figure]:
    """Yield the plot of NDCG@10 against diversity: a panel per list, a point per level."""
    title = f"{cost.model}: what diversity costs on the last window"
    with panels_by_list(cost, title, 3.4) as (figure, panels):
        for axes, name in zip(panels, LISTS, strict=True):
            rows = cost.levels[cost.levels["list"] == name]
            diversity, ndcg = rows["intra_list_diversity"].to_numpy(), rows[NDCG].to_numpy()
            axes.plot(diversity, ndcg, color=OWN, marker="o", markersize=4)
            for x, y, level in zip(diversity, ndcg, LEVELS, strict=True):
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
