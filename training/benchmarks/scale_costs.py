"""The sizes of the scale benchmark, and the costs of the stages: ratios, CSV and table."""

import csv
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final

from configs.durable import replacing
from configs.privacy import output_mode
from training.reports.text_table import TextTable

CUSTOMERS: Final = 1250
PRODUCTS: Final = 500
DAYS: Final = 730
STAGES: Final = ("simulate", "build", "train", "score")
"""The processes of a size; `train` yields two costs: its own, and one more `epoch`."""
MEASURED: Final = ("rows", "wall_seconds", "cpu_seconds", "peak_mb")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The cost of one stage at one size."""

    size: float
    customers: int
    products: int
    stage: str
    rows: int
    """Order lines, rows of snapshots or list positions written, or purchases trained on."""
    wall_seconds: float
    cpu_seconds: float
    """Of all threads, in user and system mode."""
    peak_mb: float
    """The largest resident memory of the stage's process, in 10^6 bytes."""


def shape(size: float) -> tuple[int, int]:
    """Return the numbers of customers and of products of a shop of `size`.

    >>> shape(4)
    (5000, 1000)
    """
    return round(CUSTOMERS * size), round(PRODUCTS * math.sqrt(size))


def ratios(costs: Sequence[Cost]) -> list[dict[str, Any]]:
    """Return the costs as rows, each with its ratios to the same stage of the first size."""
    first_last = reversed(costs)  # of two sizes, the dictionary keeps the last
    first = {cost.stage: asdict(cost) for cost in first_last}
    return [
        row | {f"{name}_ratio": row[name] / first[row["stage"]][name] for name in MEASURED}
        for row in map(asdict, costs)
    ]


def write_costs(costs: Sequence[Cost], output: Path) -> None:
    """Replace `output` by the costs and their ratios as CSV, in one step."""
    rows = ratios(costs)
    with replacing(output, mode=output_mode()) as file:
        text = TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        text.detach()


def grid(costs: Sequence[Cost]) -> TextTable:
    """Return the costs as a table: a row per size and stage, with ratios to the first size."""
    rows = [
        (
            f"{row['size']:g}x {row['stage']}",
            *(
                text
                for name, digits in zip(MEASURED, (0, 1, 1, 0), strict=True)
                for text in (f"{row[name]:,.{digits}f}", f"{row[f'{name}_ratio']:.1f}")
            ),
        )
        for row in ratios(costs)
    ]
    return TextTable(
        title=f"By size; x: over size {costs[0].size:g}",
        columns=("stage", "rows", "x", "seconds", "x", "CPU s", "x", "peak MB", "x"),
        rows=tuple(rows),
    )
