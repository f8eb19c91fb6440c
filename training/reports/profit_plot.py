"""The plot of a contact plan: expected profit by number of customers contacted."""

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from training.reports.panels import BEST, OTHER, OWN
from training.reports.text_table import TextTable
from training.value.profit import Profit, ProfitConfig, ProfitPlan, Scored, curve, recency_order


def profit_table(found: ProfitPlan, *, currency: str) -> TextTable:
    """Return the choices side by side: a row each."""
    choices: dict[str, Profit | None] = {
        "positive gain (chosen)": found.chosen,
        "everyone": found.everyone,
        "nobody": found.nobody,
        "longest away, as many": found.by_recency,
        "longest away, best number": found.best_by_recency,
    }
    return TextTable(
        title=f"Expected profit in {currency}; from .. to: at the ends of the save rate's interval",
        columns=("contact", "customers", "expected profit", "from .. to"),
        rows=tuple(
            (
                name,
                f"{profit.contacted:,}",
                f"{profit.value:,.2f}",
                _range(profit),
            )
            for name, profit in choices.items()
            if profit is not None
        ),
    )


def _range(profit: Profit) -> str:
    """Return the ends; "-" where the save rate has no interval, or nobody is contacted."""
    return "-" if profit.low == profit.high else f"{profit.low:,.2f} .. {profit.high:,.2f}"


@contextmanager
def draw_profit(
    scored: Scored, found: ProfitPlan, config: ProfitConfig, *, currency: str
) -> Iterator[Figure]:
    """Yield the plot: the profit of the first n by gain with its interval, and by recency.

    Marked are the chosen number, everyone and nobody.
    """
    low, value, high = curve(found.margin_at_risk[found.order], config)
    number = np.arange(len(value))
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        axes = figure.subplots()
        axes.fill_between(number, low, high, color=OWN, alpha=0.2, linewidth=0)
        axes.plot(number, value, color=OWN, label="largest gain first")
        if scored.days is not None:
            by_recency = curve(found.margin_at_risk[recency_order(scored)], config)[1]
            axes.plot(number, by_recency, color=OTHER, label="longest time since an order first")
        for mark, label, profit in (
            ("o", "chosen", found.chosen),
            ("s", "everyone", found.everyone),
            ("D", "nobody", found.nobody),
        ):
            text = f"{label}: {profit.contacted:,} customers, {profit.value:,.0f} {currency}"
            axes.plot(profit.contacted, profit.value, mark, color=BEST, markersize=6, label=text)
        axes.axhline(0, color=BEST, linewidth=0.8)
        axes.set(xlabel="customers contacted", ylabel=f"expected profit, {currency}")
        axes.set_title("Profit of a contact; the band is the save rate's interval")
        axes.grid(alpha=0.3)
        axes.legend()
        yield figure
