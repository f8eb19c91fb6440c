"""The common parts of an evaluation's plots: a panel per list, colours, error bars."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from configs.durable import replacing
from configs.privacy import output_mode
from training.evaluation.intervals import Estimate
from training.evaluation.recommender_judge import LISTS
from training.evaluation.results import DiversityCost, Evaluation

OWN, BEST, OTHER = "C0", "0.25", "0.65"  # colours


def svg(figure: Figure) -> str:
    """Return `figure` as SVG: the same text for the same figure, without a date or random ids."""
    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "regulars", "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def write_plot(figure: Figure, output: Path) -> None:
    """Replace `output` by `figure` as SVG in one step; the user's umask says who may read it."""
    with replacing(output, mode=output_mode()) as file:
        file.write(svg(figure).encode())


@contextmanager
def panels_by_list(
    result: Evaluation | DiversityCost, title: str, height: float
) -> Iterator[tuple[Figure, tuple[Axes, ...]]]:
    """Yield a figure with a panel per list."""
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(10, height), layout="constrained")
        figure.suptitle(f"{title}, before {result.as_of.tz_convert(result.timezone).date()}")
        yield figure, tuple(figure.subplots(1, len(LISTS)))


def error_bars(means: list[Estimate]) -> list[list[float]]:
    """Return the distances of the intervals' ends below and above the means."""
    return [[m.value - m.low for m in means], [m.high - m.value for m in means]]
