"""Costs and surveys from files: read as they are, or refused by row."""

from pathlib import Path

import pandas as pd
import pytest

from features.schema import BadInput
from tests.features.shop import time
from training.figures.given_tables import read_costs, read_survey

ANSWER = "ann,2024-07-01 10:00:00,nps,9"


def costs(tmp_path: Path, text: str) -> pd.DataFrame:
    file = tmp_path / "costs.csv"
    file.write_text(text, encoding="utf-8")
    return read_costs(file)


def survey(tmp_path: Path, *rows: str) -> pd.DataFrame:
    file = tmp_path / "survey.csv"
    file.write_text("\n".join(["customer_id,time,question,score", *rows]) + "\n", encoding="utf-8")
    return read_survey(file, timezone="Europe/Berlin")


def test_costs_by_month_and_by_channel(tmp_path: Path) -> None:
    plain = costs(tmp_path, "month,cost\n2024-06,100\n2024-07,0\n")
    assert plain["month"].tolist() == ["2024-06", "2024-07"]
    assert plain["cost"].tolist() == [100, 0]
    assert plain["channel"].isna().all()
    split = costs(tmp_path, "month,channel,cost\n2024-06,web,100\n2024-06,shop,50.5\n")
    assert split["channel"].tolist() == ["web", "shop"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("month,cost\n2024-13,1\n", "row 2, column 'month', value '2024-13': a month as YYYY-MM"),
        ("month,cost\n2024-7,1\n", "row 2, column 'month', value '2024-7'"),
        ("month,cost\n,1\n", "row 2, column 'month', value missing"),
        ("month,cost\n2024-07,1\n2024-08,-1\n", "row 3, column 'cost', value '-1': a number from"),
        ("month,cost\n2024-07,\n", "row 2, column 'cost', value missing: a number from 0"),
        ("month,cost\n2024-07,many\n", "row 2, column 'cost', value 'many': a number"),
        ("month,cost\n2024-07,1\n2024-07,2\n", "row 3, column 'month', .*: a month comes once"),
        ("month,channel,cost\n2024-07,,1\n", "row 2, column 'channel', value missing: a channel"),
        (
            "month,channel,cost\n2024-07,web,1\n2024-07,web,1\n",
            "row 3, column 'month', .*once for each channel",
        ),
        ("month,chanel,cost\n2024-07,web,1\n", "column 'chanel': unknown; known are month, cost"),
        ("month\n2024-07\n", "column 'cost': missing; needed are month, cost, channel"),
        ("month,cost\n", "holds no rows"),
    ],
)
def test_bad_costs_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=rf"costs\.csv.*{message}"):
        costs(tmp_path, text)


def test_answers_are_local_times(tmp_path: Path) -> None:
    found = survey(tmp_path, ANSWER, "bob,2024-07-01 10:00:00,CSAT,5")
    assert found["time"].tolist() == [time("2024-07-01 08:00")] * 2
    assert found["question"].tolist() == ["nps", "csat"]
    assert found["score"].tolist() == [9, 5]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("bob,2024-07-01 10:00:00,nps,11", "column 'score', value '11': a whole number from 0 to"),
        ("bob,2024-07-01 10:00:00,nps,8.5", "column 'score', value '8.5': a whole number"),
        ("bob,2024-07-01 10:00:00,csat,0", "column 'score', value '0': .*1 to 5, for csat"),
        ("bob,2024-07-01 10:00:00,nps,", "column 'score', value missing: a whole number"),
        ("bob,2024-07-01 10:00:00,ces,5", "column 'question', value 'ces': one of csat, nps"),
        ("bob,2024-07-01 10:00:00,,5", "column 'question', value missing: one of csat, nps"),
        (",2024-07-01 10:00:00,nps,5", "column 'customer_id', value missing: a customer's id"),
        ("bob,last week,nps,5", "column 'time', value 'last week': a time like"),
        ("bob,,nps,5", "column 'time', value missing: the time of the answer"),
        (ANSWER, "column 'customer_id', value 'ann': a customer answers a question once"),
    ],
)
def test_bad_answers_are_named(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(BadInput, match=rf"survey\.csv, row 3, {message}"):
        survey(tmp_path, ANSWER, row)
