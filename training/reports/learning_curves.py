"""Learning curves: the loss and the metrics by epoch."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import matplotlib as mpl
from matplotlib.figure import Figure


@contextmanager
def draw_curves(
    title: str, history: Mapping[int, Mapping[str, float]], *, best: int
) -> Iterator[Figure]:
    """Yield a figure with a panel per metric over the epochs of `history`; `best` is marked."""
    epochs = sorted(history)
    names = [
        name
        for name in history[epochs[0]]
        if len({history[epoch][name] for epoch in epochs}) > 1 or name == "loss"
    ]
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(3.2 * len(names), 2.8), layout="constrained")
        for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            axes.plot(epochs, [history[epoch][name] for epoch in epochs], marker="o")
            axes.axvline(best, color="0.7", linestyle=":")
            axes.set(title=name, xlabel="epoch", xticks=epochs)
        figure.suptitle(title)
        yield figure
