"""A doubt: something odd about a workspace's data, with the option that solves it."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import pandas as pd

from features.checks.figures import Figures

EXAMPLES: Final = 5


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """Something odd about the data: true as counted, but perhaps not what the shop meant."""

    code: str
    """A stable name for programs, in snake_case."""
    summary: str
    """One sentence with the counts."""
    detail: str
    """What it does to the features, or how it was found."""
    way_on: str
    """What to do, with the option of the mapping or of the command that does it."""
    examples: tuple[str, ...] = ()
    """Up to five values from the data."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return asdict(self) | {"examples": list(self.examples)}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the rules read. All local times are of the shop's `figures.timezone`."""

    figures: Figures
    lines: pd.DataFrame = field(repr=False)
    """Order lines with `local` and `amount` (`order_lines.with_local_times`)."""
    orders: pd.DataFrame = field(repr=False)
    """One row per order (`order_lines.orders_of`)."""
    customers: pd.DataFrame = field(repr=False)
    products: pd.DataFrame = field(repr=False)


def examples(values: Iterable[Any]) -> tuple[str, ...]:
    """Return the first few `values` as text.

    >>> examples(range(9))
    ('0', '1', '2', '3', '4')
    """
    return tuple(str(value) for value, _ in zip(values, range(EXAMPLES), strict=False))


def yaml_list(values: Iterable[str]) -> str:
    """Return the first few `values` as a YAML list.

    >>> yaml_list(["0", 'a"b'])
    '["0", "a\\\\"b"]'
    """
    return json.dumps(list(examples(values)), ensure_ascii=False)
