"""The tables that a shop gives beside its orders: costs of acquisition, and answers to surveys.

Every fault is refused with file, row, column, value and rule.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from features.files.cells import refuse, text
from features.files.numbers import NumberFormat, numbers
from features.files.tables import read_header, read_rows
from features.files.times import times
from features.schema import BadInput

QUESTIONS: Final = {"csat": (1, 5), "nps": (0, 10)}
"""Question -> the lowest and the highest score."""


def read_costs(file: Path) -> pd.DataFrame:
    """Return the costs of acquisition of each month, and channel if the file has this column.

    Columns of the file: month (YYYY-MM), cost (in the shop's currency, from 0), channel (as in the
    orders; optional). Returned: month, channel (null without the column), cost. Raises BadInput.
    """
    rows = _rows(file, ("month", "cost"), optional=("channel",))
    month = text(rows["month"])
    valid = month.str.fullmatch(r"(?:19|2\d)\d\d-(?:0[1-9]|1[0-2])").fillna(False).astype(bool)
    refuse(rows["month"], ~valid, file=file, rule="a month as YYYY-MM, such as 2024-07")
    cost = numbers(rows["cost"], file=file, spelling=NumberFormat())
    refuse(rows["cost"], ~cost.between(0, 1e12), file=file, rule="a number from 0, below 1e12")
    frame = pd.DataFrame({"month": month, "channel": pd.NA, "cost": cost})
    if "channel" in rows:
        frame["channel"] = text(rows["channel"])
        refuse(rows["channel"], frame["channel"].isna(), file=file, rule="a channel, in every row")
    twice = frame.duplicated(["month", "channel"])
    rule = "a month comes once" + (" for each channel" if "channel" in rows else "")
    refuse(rows["month"], twice, file=file, rule=rule)
    return frame


def read_survey(file: Path, *, timezone: str) -> pd.DataFrame:
    """Return the answers of a survey.

    Columns of the file: customer_id, time (ISO 8601, with an offset or in `timezone`), question
    (one of QUESTIONS), score (a whole number in its range). Returned: the same, times in UTC.
    Raises BadInput, also where a customer has two answers to a question at one time.
    """
    rows = _rows(file, ("customer_id", "time", "question", "score"))
    ids, question = text(rows["customer_id"]), text(rows["question"]).str.lower()
    refuse(rows["customer_id"], ids.isna(), file=file, rule="a customer's id")
    known = question.isin(list(QUESTIONS))
    refuse(rows["question"], ~known, file=file, rule=f"one of {', '.join(QUESTIONS)}")
    time, _ = times(rows["time"], timezone=timezone, file=file)
    refuse(rows["time"], time.isna(), file=file, rule="the time of the answer")
    score = numbers(rows["score"], file=file, spelling=NumberFormat())
    for name, (low, high) in QUESTIONS.items():
        bad = (question == name) & ~(score.between(low, high) & (score == score.round()))
        rule = f"a whole number from {low} to {high}, for {name}"
        refuse(rows["score"], bad.fillna(True).astype(bool), file=file, rule=rule)
    frame = pd.DataFrame({"customer_id": ids, "time": time, "question": question, "score": score})
    twice = frame.duplicated(["customer_id", "time", "question"])
    rule = "a customer answers a question once at a time"
    refuse(rows["customer_id"], twice, file=file, rule=rule)
    return frame


def _rows(file: Path, needed: Sequence[str], *, optional: Sequence[str] = ()) -> pd.DataFrame:
    """Return all columns of `file`. Raises BadInput if one is missing, or unknown."""
    header = read_header(file)
    columns = f"{', '.join(needed)}" + "".join(f", {name} (optional)" for name in optional)
    for name in header:
        if name not in (*needed, *optional):
            raise BadInput(file=str(file), column=name, rule=f"unknown; known are {columns}")
    for name in needed:
        if name not in header:
            raise BadInput(file=str(file), column=name, rule=f"missing; needed are {columns}")
    return read_rows(file, columns=header)
