"""What the command line shows of a training: its progress by epoch, and figures side by side."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich import box
from rich.console import Console, Group
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from training.evaluation.last_window import Metrics
from training.reports.text_table import TextTable

console = Console()


class Display:
    """Progress lines: one for the features, one a phase of training (or a trial)."""

    def __init__(self, progress: Progress, *, epochs: int | None) -> None:
        self._progress = progress
        self._epochs = epochs
        self._tasks: dict[str, TaskID] = {}

    def on_build(self, done: int, total: int) -> None:
        """Show that `done` of `total` snapshots stand."""
        self._show("features", done, total=total)

    def on_epoch(self, phase: str, epoch: int, metrics: Metrics) -> None:
        """Show an epoch (from 1) of `phase` and its metrics."""
        shown = [f"{name} {value:.4f}" for name, value in list(metrics.items())[:4]]
        self._show(phase, epoch, total=self._epochs, figures="  ".join(shown))

    def on_model(self, done: int, total: int) -> None:
        """Show that `done` of `total` models have answered, over all windows."""
        self._show("models", done, total=total)

    def on_trial(self, trial: int, epoch: int, metrics: Metrics) -> None:
        """Show an epoch (from 1) of trial `trial` (from 0)."""
        self.on_epoch(f"trial {trial}", epoch, metrics)

    def _show(self, line: str, done: int, *, total: int | None, figures: str = "") -> None:
        """Bring the `line` to `done`; it appears when it is first spoken of."""
        if line not in self._tasks:
            self._tasks[line] = self._progress.add_task(line, total=total, figures=figures)
        self._progress.update(self._tasks[line], completed=done, total=total, figures=figures)


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


def table(grid: TextTable) -> Group:
    """Return `grid` as a table for the console, under its title."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)  # fits 80 columns
    for place, name in enumerate(grid.columns):
        made.add_column(name, justify="right" if place else "left", no_wrap=not place)
    for row in grid.rows:
        made.add_row(*row)
    return Group(Text(grid.title, style="italic"), made)
