"""The order lines that inspect looks at, with their columns by role."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from features.files.numbers import NumberFormat, numbers
from features.files.times import times
from features.ids import clean_ids
from features.inspect.draft import STAND_INS, Draft
from features.schema import BadInput


@dataclass(frozen=True)
class Lines:
    """Rows of text and the column of each role."""

    file: Path
    rows: pd.DataFrame
    roles: Mapping[str, str]

    def __contains__(self, role: str) -> bool:
        return role in self.roles

    def with_rows(self, rows: pd.DataFrame) -> "Lines":
        """Return the same with other `rows`."""
        return replace(self, rows=rows)

    def cells(self, role: str) -> pd.Series:
        """Return the text of a role's column."""
        return self.rows[self.roles[role]]

    def ids(self, role: str) -> pd.Series:
        """Return a role's ids in the plain spelling, null where empty."""
        return clean_ids(self.cells(role))

    def numbers(self, role: str, draft: Draft) -> pd.Series:
        """Return a role's numbers, null where `draft`'s format reads none; that is a question."""
        cells = self.cells(role)
        spelling = NumberFormat(
            decimal=draft.values.get("decimal", "."), thousands=draft.values.get("thousands", "")
        )
        code = draft.values.get("currency")
        try:
            return numbers(cells, file=self.file, spelling=spelling, currency=code)
        except BadInput as error:
            draft.ask(f"order_lines.{role}", f"one cell is no number: {error}")
            return pd.to_numeric(cells.astype(object), errors="coerce").astype("float64")

    def moments(self, draft: Draft) -> pd.Series | None:
        """Return the local times by `draft`; None, and a question, if they cannot be read."""
        columns: Sequence[str] | str = draft.values["order_lines.event_timestamp"]
        names = [columns] if isinstance(columns, str) else list(columns)
        cells = self.rows[names[0]]
        for name in names[1:]:
            cells = cells.str.cat(self.rows[name], sep=" ")
        zone = draft.values.get("timezone", STAND_INS["timezone"])
        try:
            moments, _ = times(
                cells.rename(", ".join(names)),
                timezone=zone,
                file=self.file,
                time_format=draft.values.get("time_format", "ISO8601"),
            )
            local: pd.Series = moments.dt.tz_convert(zone).dt.tz_localize(None)
            return local
        except BadInput as error:
            draft.ask("time_format", f"not every time can be read: {error}")
            return None
