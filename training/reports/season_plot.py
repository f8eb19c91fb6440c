"""The plot of a customer model through the seasons: its level, its calibration, its reliability."""

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from training.reports.panels import BEST, OTHER, OWN


@contextmanager
def draw_seasons(
    figures: pd.DataFrame, reliability: pd.DataFrame, *, title: str
) -> Iterator[Figure]:
    """Yield three panels: level by cut, calibration error by cut, and reliability by tenth.

    `figures` and `reliability` are those of `training.benchmarks.seasons.Seasons`.
    """
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(12, 3.6), layout="constrained")
        figure.suptitle(title)
        level, error, tenths = figure.subplots(1, 3)
        places = range(len(figures))
        level.plot(places, figures["churn_rate"], color=BEST, marker="o", label="came")
        level.plot(places, figures["mean_prediction"], color=OWN, marker="o", label="predicted")
        level.set(title="share of customers who stay away", ylim=(0, 1))
        level.legend()
        error.bar(places, figures["ece"], color=OWN)
        error.axhline(0.05, color=BEST, linestyle="--", linewidth=1)
        error.set(title="expected calibration error; dashed: 0.05", ylim=(0, None))
        for axes in (level, error):
            step = max(1, len(figures) // 8)
            axes.set_xticks(
                list(places)[::step], figures["cut"].tolist()[::step], rotation=35, ha="right"
            )
            axes.grid(axis="y", alpha=0.3)
        for _, part in reliability.groupby("cut"):
            tenths.plot(part["predicted"], part["actual"], color=OTHER, linewidth=0.6)
        weight = reliability["customers"].to_numpy()
        mean = {
            name: reliability[name].mul(weight).groupby(reliability["tenth"]).sum()
            / reliability["customers"].groupby(reliability["tenth"]).sum()
            for name in ("predicted", "actual")
        }
        tenths.plot(mean["predicted"], mean["actual"], color=OWN, marker="o", label="all cuts")
        line = np.array([0, 1])
        tenths.plot(line, line, color=BEST, linestyle="--", linewidth=1, label="as predicted")
        tenths.set(title="by tenth of the customers", xlabel="predicted", ylabel="came")
        tenths.legend()
        tenths.grid(alpha=0.3)
        yield figure
