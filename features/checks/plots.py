"""The plots of the page: revenue by month, orders by hour and by weekday."""

import io
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from features.checks.figures import WEEKDAYS, Figures

_TICKS: Final = 12


def draw(figures: Figures) -> str:
    """Return the plots as one `<svg>` element; it holds no text of the shop's files."""
    with mpl.rc_context({"font.size": 9, "svg.hashsalt": "regulars", "svg.fonttype": "none"}):
        figure = Figure(figsize=(10, 5.4), layout="constrained")
        panels = figure.subplot_mosaic([["months", "months"], ["hours", "weekdays"]])
        _months(panels["months"], figures)
        _bars(
            panels["hours"],
            [str(hour) for hour in range(24)],
            figures.orders_by_hour,
            f"orders by hour, {figures.timezone}",
        )
        _bars(panels["weekdays"], list(WEEKDAYS), figures.orders_by_weekday, "orders by weekday")
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def _months(axes: Axes, figures: Figures) -> None:
    """Plot the net revenue at each month's place on the calendar, so that gaps show."""
    places = [_place(month) for month in figures.revenue_by_month]
    amounts = [float(amount) for amount in figures.revenue_by_month.values()]
    axes.bar(places, amounts, color=["C0" if amount >= 0 else "C3" for amount in amounts])
    if places:
        step = max((places[-1] - places[0]) // _TICKS + 1, 1)
        ticks = list(range(places[0], places[-1] + 1, step))
        axes.set_xticks(ticks, [f"{tick // 12}-{tick % 12 + 1:02d}" for tick in ticks])
    axes.set_title(f"net revenue by month, {figures.currency}")
    axes.grid(axis="y", alpha=0.3)


def _place(month: str) -> int:
    """Return the number of `month` (YYYY-MM), which counts up by one a month.

    >>> _place("2011-01") - _place("2010-12")
    1
    """
    return int(month[:-3]) * 12 + int(month[-2:]) - 1


def _bars(axes: Axes, names: list[str], counts: tuple[int, ...], title: str) -> None:
    axes.bar(names, counts, color="C0")
    axes.set_title(title)
    axes.grid(axis="y", alpha=0.3)
