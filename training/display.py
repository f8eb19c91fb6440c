"""What the command line shows of a training: its progress by epoch, and figures side by side."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from training.assess import Metrics

if TYPE_CHECKING:
    from training.grids import Grid

console = Console()


class Display:
    """Progress lines: one for the features, one a phase of training (or a trial)."""

    def __init__(self, progress: Progress, *, epochs: int | None) -> None:
        self._progress = progress
        self._epochs = epochs
        self._tasks = {"features": progress.add_task("features", total=None, figures="")}

    def on_build(self, done: int, total: int) -> None:
        """Show that `done` of `total` snapshots stand."""
        self._progress.update(self._tasks["features"], completed=done, total=total)

    def on_epoch(self, phase: str, epoch: int, metrics: Metrics) -> None:
        """Show an epoch (from 1) of `phase` and its metrics."""
        if phase not in self._tasks:
            self._tasks[phase] = self._progress.add_task(phase, total=self._epochs, figures="")
        shown = [f"{name} {value:.4f}" for name, value in list(metrics.items())[:4]]
        self._progress.update(self._tasks[phase], completed=epoch, figures="  ".join(shown))

    def on_model(self, done: int, total: int) -> None:
        """Show that `done` of `total` models have answered, over all windows."""
        if "models" not in self._tasks:
            self._tasks["models"] = self._progress.add_task("models", total=total, figures="")
        self._progress.update(self._tasks["models"], completed=done)

    def on_trial(self, trial: int, epoch: int, metrics: Metrics) -> None:
        """Show an epoch (from 1) of trial `trial` (from 0)."""
        self.on_epoch(f"trial {trial}", epoch, metrics)


@contextmanager
def show(*, epochs: int | None) -> Iterator[Display]:
    """Give a live display; `epochs` is the most passes that a phase makes."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<9}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with Progress(*columns, console=console) as progress:
        yield Display(progress, epochs=epochs)


def compare_metrics(title: str, columns: Mapping[str, Metrics]) -> Table:
    """Return a table of metrics: a row a metric, a column each of `columns`."""
    table = Table(title=title, title_justify="left")
    table.add_column("metric")
    for name in columns:
        table.add_column(name, justify="right")
    names = dict.fromkeys(name for metrics in columns.values() for name in metrics)
    for name in names:
        values = (metrics.get(name) for metrics in columns.values())
        table.add_row(name, *("-" if value is None else f"{value:.4f}" for value in values))
    return table


def table(grid: "Grid") -> Group:
    """Return `grid` as a table for the console, under its title."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)  # fits 80 columns
    for place, name in enumerate(grid.columns):
        made.add_column(name, justify="right" if place else "left", no_wrap=not place)
    for row in grid.rows:
        made.add_row(*row)
    return Group(Text(grid.title, style="italic"), made)
