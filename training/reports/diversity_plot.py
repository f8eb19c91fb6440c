"""The plot of what diversity costs: NDCG@10 against how unlike a list's products are."""

from collections.abc import Iterator
from contextlib import contextmanager

from matplotlib.figure import Figure

from training.evaluation.recommender_judge import LISTS, K
from training.evaluation.results import LEVELS, DiversityCost
from training.reports.evaluation_tables import NDCG
from training.reports.panels import OWN, panels_by_list


@contextmanager
def draw_price(found: DiversityCost) -> Iterator[Figure]:
    """Give NDCG@10 against how unlike a list's products are, a panel a list, a point a level."""
    title = f"{found.model}: what diversity costs on the last window"
    with panels_by_list(found, title, 3.4) as (figure, panels):
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
