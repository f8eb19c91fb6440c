"""CSAT and NPS by hand: the latest answer of each customer, none from the future."""

import pandas as pd
import pytest

from tests.features.shop import time
from training.figures.rates import difference_of_shares, wilson
from training.figures.surveys import satisfaction

AS_OF = time("2024-07-01")


def answers(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=["customer_id", "time", "question", "score"])
    return frame.assign(time=[time(at) for at in frame["time"]])


def test_scores_by_hand() -> None:
    nps = [("a", 9), ("b", 10), ("c", 8), ("d", 6), ("e", 0), ("f", 9)]
    csat = [("a", 5), ("b", 4), ("c", 3), ("d", 1)]
    rows = [(c, "2024-06-01", "nps", float(s)) for c, s in nps]
    rows += [(c, "2024-06-01", "csat", float(s)) for c, s in csat]
    frame = satisfaction(answers(*rows), as_of=AS_OF, days=365).set_index("question")
    assert frame.loc["csat", "value"] == 0.5
    assert frame.loc["csat", "low"] == pytest.approx(float(wilson(2, 4)[1]))
    expected = difference_of_shares(3, 2, 6)
    assert frame.loc["nps", "value"] == pytest.approx(100 / 6)
    assert frame.loc["nps", "high"] == pytest.approx(100 * expected.high)
    assert frame["customers"].to_dict() == {"csat": 4, "nps": 6}


def test_only_the_latest_answer_known_before_the_cut_counts() -> None:
    given = answers(
        ("a", "2024-05-01", "csat", 1),
        ("a", "2024-06-01", "csat", 5),
        ("a", "2024-07-01", "csat", 1),  # at the cut: not known yet
        ("b", "2023-07-02", "csat", 1),  # 365 days before it
        ("c", "2023-07-01", "csat", 1),
    )
    (row,) = satisfaction(given, as_of=AS_OF, days=365).to_dict("records")
    assert (row["customers"], row["value"]) == (2, 0.5)


def test_without_answers_there_are_no_rows() -> None:
    later = answers(("a", "2024-07-02", "csat", 1))
    assert satisfaction(later, as_of=AS_OF, days=365).empty
