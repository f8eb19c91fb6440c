"""The plot of a shop's figures: retention by cohort, churn, and CLV : CAC where costs are given."""

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.figures.acquisition import TOTAL
from training.figures.figures import ShopFigures
from training.reports.panels import OWN


@contextmanager
def draw_figures(figures: ShopFigures) -> Iterator[Figure]:
    """Yield the plot: a panel for each of the shop's tables over time."""
    panels = {"retention": _retention, "repeat_rate": _repeat, "churn": _churn}
    if figures.acquisition is not None:
        panels["ratio"] = _ratio
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(10, 3.6 * ((len(panels) + 1) // 2)), layout="constrained")
        figure.suptitle(f"Figures before {figures.as_of.tz_convert(figures.timezone).date()}")
        axes = figure.subplots((len(panels) + 1) // 2, 2, squeeze=False).ravel()
        for place, draw in zip(axes, panels.values(), strict=False):
            draw(place, figures)
        for place in axes[len(panels) :]:
            place.set_visible(False)
        yield figure


def _retention(axes: Axes, figures: ShopFigures) -> None:
    _map(axes, figures.cohorts, "retention", "ordered in the month, share of the cohort")


def _repeat(axes: Axes, figures: ShopFigures) -> None:
    _map(axes, figures.cohorts, "repeat_rate", "a second order by then, share of the cohort")


def _map(axes: Axes, cohorts: pd.DataFrame, name: str, title: str) -> None:
    """Show the share of each cohort and month as a colour; months that are not over are white."""
    grid = cohorts[cohorts["month"] > 0].pivot(index="cohort", columns="month", values=name)
    axes.set(title=title, xlabel="months since the first order's", ylabel="first order")
    if grid.empty:
        return
    image = axes.imshow(grid.to_numpy(np.float64), aspect="auto", cmap="Blues", vmin=0)
    step = -(-len(grid) // 12)
    axes.set_yticks(range(0, len(grid), step), grid.index[::step].tolist())
    axes.set_xticks(range(0, grid.shape[1], 3), grid.columns[::3].tolist())
    if axes.figure is not None:
        axes.figure.colorbar(image, ax=axes, format=lambda share, _: f"{share:.0%}")


def _churn(axes: Axes, figures: ShopFigures) -> None:
    frame = figures.churn_rates
    days = [end.tz_convert(figures.timezone).date() for end in frame["end"]]
    _bars(axes, [str(day) for day in days], frame, "churn_rate")
    axes.set(title="churn rate of the window that ends at a day", ylim=(0, None))


def _ratio(axes: Axes, figures: ShopFigures) -> None:
    frame = figures.acquisition
    if frame is None:
        return
    frame = frame[(frame["month"] != TOTAL) & frame["clv_to_cac"].notna()]
    names = [
        month if pd.isna(channel) else f"{month} {channel}"
        for month, channel in zip(frame["month"], frame["channel"], strict=True)
    ]
    _bars(axes, names, frame, "clv_to_cac")
    axes.axhline(1, color="0.25", linewidth=0.8)
    axes.set(title="CLV : CAC by month of the first order")


def _bars(axes: Axes, names: list[str], frame: pd.DataFrame, name: str) -> None:
    """Show a figure with its interval at each of `names`."""
    value = frame[name].to_numpy(np.float64)
    ends = [value - frame[f"{name}_low"], frame[f"{name}_high"] - value]
    places = np.arange(len(names))
    axes.errorbar(places, value, yerr=np.nan_to_num(np.array(ends)), fmt="o", color=OWN, capsize=3)
    axes.set_xticks(places, names, rotation=35, ha="right")
    axes.grid(axis="y", alpha=0.3)
