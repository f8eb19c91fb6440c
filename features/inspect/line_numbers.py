"""Line numbers, and lines that are equal in every cell."""

import pandas as pd

from features.inspect.columns import reason
from features.inspect.draft import Draft
from features.inspect.lines import Lines
from features.inspect.words import counted


def line_number(lines: Lines, orders: pd.Series, draft: Draft) -> None:
    """Write `order_lines.line_number` into `draft` if it is unique in an order."""
    if "line_number" not in lines:
        return
    name = lines.roles["line_number"]
    pairs = pd.DataFrame({"order": orders, "line": lines.cells("line_number")})
    different = ~lines.rows.duplicated()
    again = pairs[different].duplicated()
    if pairs["line"].isna().any() or again.any():
        draft.note("", f"{name!r} is not used: it is empty or repeated in an order")
        return
    draft.put("order_lines.line_number", name, reason(lines.rows, name))


def identical_lines(lines: Lines, draft: Draft) -> None:
    """Note how many lines are equal to one before in every cell."""
    again = lines.rows.duplicated()
    if not again.any():
        return
    row = again.idxmax()
    numbered = "order_lines.line_number" in draft.values
    what = "repeat a line number and are dropped" if numbered else "count as separate pieces"
    many = counted(int(again.sum()), "row")
    draft.note("order_lines", f"equal to a row before: {many}, such as row {row}; they {what}")
