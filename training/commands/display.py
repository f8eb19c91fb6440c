"""Console output of a training: its progress by epoch, and figures side by side."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import rich.progress
from rich import box
from rich.console import Group
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from configs.cli import open_console
from configs.plain_lines import PlainLines
from training.evaluation.last_window import Metrics
from training.fit import FitResult
from training.reports.text_table import TextTable
from training.run import Progress

console = open_console()


class Display:
    """Progress lines: one for the features, one per phase of training (or trial).

    Without a terminal, plain lines on stderr say now and then how far the work is.
    """

    def __init__(self, progress: rich.progress.Progress, *, epochs: int | None) -> None:
        self._progress = progress
        self._epochs = epochs
        self._tasks: dict[str, TaskID] = {}
        self._plain = None if progress.console.is_terminal else PlainLines()

    @property
    def progress(self) -> Progress:
        """The callbacks that update these lines."""
        return Progress(on_build=self._on_build, on_epoch=self._on_epoch, on_model=self._on_model)

    def _on_build(self, done: int, total: int) -> None:
        self._show("features", done, total=total)

    def _on_epoch(self, phase: str, epoch: int, metrics: Metrics) -> None:
        shown = [f"{name} {value:.4f}" for name, value in list(metrics.items())[:4]]
        self._show(phase, epoch, total=self._epochs, figures="  ".join(shown))

    def _on_model(self, done: int, total: int) -> None:
        self._show("models", done, total=total)

    def _show(self, line: str, done: int, *, total: int | None, figures: str = "") -> None:
        """Set `line` to `done`; its first update adds it."""
        if self._plain is not None:
            self._plain.show(line, done, total, figures=figures)
        if line not in self._tasks:
            self._tasks[line] = self._progress.add_task(line, total=total, figures=figures)
        self._progress.update(self._tasks[line], completed=done, total=total, figures=figures)


@contextmanager
def show(*, epochs: int | None) -> Iterator[Display]:
    """Yield a live display; `epochs` is the largest number of epochs of a phase."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<9}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with rich.progress.Progress(*columns, console=console) as progress:
        yield Display(progress, epochs=epochs)


def show_outcome(result: FitResult) -> None:
    """Print which version a fit registered or reused, and which one of other code it replaces."""
    version, other = result.version, result.other_code
    if other is not None:
        console.print(
            f"{other.name} version {other.version} came from other code, commit "
            f"{other.manifest.git_commit}: trained again",
            soft_wrap=True,
            highlight=False,
        )
    outcome = "existed already" if result.reused else "registered"
    console.print(f"{version.name} version {version.version} ({version.manifest.model}) {outcome}.")
    if version.unmeasured is not None:
        console.print(f"Not measured: {version.unmeasured}.", soft_wrap=True, highlight=False)


def compare_metrics(title: str, columns: Mapping[str, Metrics]) -> Table:
    """Return a table of metrics: a row per metric, a column for each of `columns`.

    "-" stands where nobody could be measured; counts of customers are whole numbers.
    """
    table = Table(title=title, title_justify="left")
    table.add_column("metric")
    for name in columns:
        table.add_column(name, justify="right")
    names = dict.fromkeys(name for metrics in columns.values() for name in metrics)
    for name in names or ["any"]:
        table.add_row(name, *(_figure(name, metrics.get(name)) for metrics in columns.values()))
    return table


def _figure(name: str, value: float | None) -> str:
    if value is None or math.isnan(value):
        return "-"
    return f"{value:,.0f}" if name in ("customers", "new_customers") else f"{value:.4f}"


def table(grid: TextTable, *, words: bool = False) -> Group:
    """Return `grid` as a table for the console, under its title.

    The cells after the first of a row are numbers, or `words`, which begin at the left.
    """
    rendered = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)  # fits 80 columns
    for place, name in enumerate(grid.columns):
        rendered.add_column(
            name, justify="right" if place and not words else "left", no_wrap=not place
        )
    for row in grid.rows:
        rendered.add_row(*row)
    return Group(Text(grid.title, style="italic"), rendered)
