"""The declaration of a feature: an aggregate of some rows over a window before T.

One `Aggregation` determines the Ibis expression over all cuts, the update of a stored row by fresh
rows, the stored type (Feast's field, the packed row) and the model input. This module does not
import Ibis: a model that is loaded elsewhere needs only the declarations.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from features.times import DAY_US

if TYPE_CHECKING:
    from ibis.expr.types import Table, Value

Dtype = Literal["int64", "float64", "timestamp", "text", "texts", "timestamps", "floats"]
"""How a feature is stored; timestamps as integers, microseconds since 1970 (UTC)."""
Function = Literal["count", "distinct", "sum", "first", "last"]
_DTYPES: Final[dict[Function, Dtype]] = {
    "count": "int64",
    "distinct": "int64",
    "sum": "float64",
    "first": "timestamp",
    "last": "timestamp",
}
_IBIS: Final[dict[Function, str]] = {
    "count": "count",
    "distinct": "nunique",
    "sum": "sum",
    "first": "min",
    "last": "max",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshRow:
    """One row missing from a stored feature: an order, a return line or a purchased product."""

    happened: int
    """Microseconds since 1970 (UTC)."""
    replaces: int | None = None
    """When the row that it replaces happened; None for a new row."""
    value: float = 0.0
    """In the shop's currency."""
    units: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Measure:
    """The aggregate of a feature, without its window."""

    rows: str
    """Name of the rows in `features.transforms`; online, each one is a FreshRow."""
    function: Function
    column: str
    """A column of the rows, and for `sum` an attribute of FreshRow."""
    latest_only: bool = False
    """Whether only the latest row per key is read; then no window may end before T."""
    group: str = ""
    """Features of one group change together when a prediction is explained."""
    transform: Literal["log1p"] | None = "log1p"
    """How a model reads it; None: only derived inputs in `features.model_inputs` read it."""


@dataclass(frozen=True)
class Aggregation:
    """A feature: `measure` over the window [T - days, T - until_days); `days` None: all time.

    A row counts when it was known before T. Without rows a number is 0, and a timestamp null.
    """

    name: str
    measure: Measure
    days: int | None = None
    until_days: int = 0

    def __post_init__(self) -> None:
        if self.until_days and self.measure.latest_only:
            raise ValueError(
                f"{self.name}: latest_only rows cannot have a window that ends before T"
            )

    @property
    def dtype(self) -> Dtype:
        """How the feature is stored."""
        return _DTYPES[self.measure.function]

    @property
    def group(self) -> str:
        """The group of the feature; one whose window ends before T is a group of its own."""
        return self.name if self.until_days else self.measure.group

    def expression(self, seen: "Table") -> "Value":
        """Return the aggregate of the rows `seen` at each cut (`features.point_in_time.seen`)."""
        where = None
        if self.days is not None:
            where = seen.happened >= seen.time - self.days * DAY_US
        if self.until_days:
            past = seen.happened < seen.time - self.until_days * DAY_US
            where = past if where is None else where & past
        return getattr(seen[self.measure.column], _IBIS[self.measure.function])(where=where)

    def updated(self, stored: float | None, fresh: Sequence[FreshRow], *, now: int) -> Any:
        """Return the feature at `now` (microseconds since 1970): `stored` updated by `fresh` rows.

        It equals a new aggregation as long as no stored row has left the window since.
        """
        if self.dtype == "timestamp":
            times = [row.happened for row in fresh if self._holds(row.happened, now)]
            if stored is not None:
                times.append(int(stored))
            return _choose(self.measure.function, times)
        total = 0.0 if stored is None else float(stored)
        for row in fresh:
            if self._holds(row.happened, now):
                total += self._amount(row)
            if row.replaces is not None and self._holds(row.replaces, now):
                total -= 1
        return total

    def _holds(self, happened: int, now: int) -> bool:
        """Return whether the window at `now` includes `happened`, also after `now` (skew)."""
        if self.days is not None and happened < now - self.days * DAY_US:
            return False
        return not self.until_days or happened < now - self.until_days * DAY_US

    def _amount(self, row: FreshRow) -> float:
        return getattr(row, self.measure.column) if self.measure.function == "sum" else 1


@dataclass(frozen=True)
class Expression:
    """A feature that is not an aggregation: a separate expression computes it."""

    name: str
    dtype: Dtype


Feature = Aggregation | Expression


def names(features: Iterable[Feature], *dtypes: Dtype) -> tuple[str, ...]:
    """Return the names of those `features` that are stored as one of `dtypes`, in their order."""
    return tuple(feature.name for feature in features if feature.dtype in dtypes)


def _choose(function: Function, times: Sequence[int]) -> int | None:
    return (min if function == "first" else max)(times, default=None)
