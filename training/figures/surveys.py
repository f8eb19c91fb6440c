"""Satisfaction from surveys: CSAT and NPS, of each customer's latest answer.

CSAT is the share of scores of 4 and 5, on a scale from 1 to 5, with a Wilson interval. NPS is the
share of promoters (9, 10) minus that of detractors (0 to 6), on a scale from 0 to 10 (Reichheld
2003, "The One Number You Need to Grow"), times 100. They describe the customers who answered.
"""

import pandas as pd

from training.figures.rates import difference_of_shares, wilson


def satisfaction(answers: pd.DataFrame, *, as_of: pd.Timestamp, days: int) -> pd.DataFrame:
    """Return a row for each question with an answer in the `days` before `as_of` (UTC).

    `answers` are those of `given_tables.read_survey`; one at or after `as_of` is not known yet, and
    of each customer only the latest one to a question counts, so that the rows are independent.
    Columns: question, customers, value, low, high; CSAT as a share, NPS from -100 to 100.
    """
    start = as_of - pd.Timedelta(days=days)
    recent = answers[(answers["time"] >= start) & (answers["time"] < as_of)]
    latest = recent.sort_values("time").drop_duplicates(["customer_id", "question"], keep="last")
    rows = []
    for question, scores in latest.groupby("question")["score"]:
        if question == "csat":
            value, low, high = map(float, wilson((scores >= 4).sum(), len(scores)))
        else:
            found = difference_of_shares(
                int((scores >= 9).sum()), int((scores <= 6).sum()), len(scores)
            )
            value, low, high = (100 * end for end in (found.value, found.low, found.high))
        rows.append((question, len(scores), value, low, high))
    return pd.DataFrame(rows, columns=["question", "customers", "value", "low", "high"])
