"""A piece of work is named by all that its weights depend on, and reads one state of the shop."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from configs.code import code_digest
from features import snapshots
from features.cut_digests import cut_digest
from features.ingest import ingest
from features.schema import RetailDataset
from features.workspace import Workspace
from tests.features.shop import line, lines, time, workspace
from tests.training.shop import DAYS, Shop
from training.customers.baselines import RecencyConfig
from training.errors import DataChanged
from training.evaluation.job import Job, prepare

CONFIG = RecencyConfig(horizon_days=28)
CUT = time("2011-03-01")


def test_the_key_changes_with_whatever_changes_the_weights(shop: Shop) -> None:
    job = prepare(shop.ws, "recency", as_of=shop.full.as_of, config=CONFIG)
    assert job.key == f"{job.work}-{code_digest()}"
    others = [
        replace(job, model="logistic_regression"),
        replace(job, config=RecencyConfig(horizon_days=29)),
        replace(job, seed=1),
        replace(job, as_of=job.as_of - DAYS),
        replace(job, data_digest="other"),
        replace(job, code="other"),
    ]
    assert len({job.key, *(other.key for other in others)}) == len(others) + 1
    assert replace(job, code="other").work == job.work
    assert prepare(shop.ws, "recency", as_of=shop.full.as_of, config=CONFIG).key == job.key


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Return a prepared job; three more files of history were ingested before it read any row."""
    ann = [line(f"a{month}", "ann", "p1", f"2011-0{month}-05") for month in (1, 2)]
    ws = workspace(tmp_path, lines(*ann, line("b", "bob", "p2", "2011-01-12")))
    prepared = prepare(ws, "recency", as_of=CUT, config=CONFIG)
    for number in range(3):
        _ingest_history(ws, f"2011-02-1{number}")
    return prepared


def _ingest_history(ws: Workspace, day: str) -> None:
    dataset = RetailDataset(
        source=day,
        order_lines=lines(line(day, "cid", "p1", day)),
        read=1,
        kept={"sale": 1},
        dropped={},
    )
    ingest(ws, dataset)


def test_a_file_ingested_during_a_training_is_not_read(job: Job) -> None:
    for data in (job.full, job.past.before(job.past.times[0])):
        assert "cid" not in set(data.customers(data.as_of))
    assert job.full.orders(job.past.as_of, CUT)["customer_id"].tolist() == ["ann"]
    assert job.full.digest == job.data_digest
    assert job.data_digest != cut_digest(job.ws, CUT)
    assert job.full.activity_rows(CUT, ["ann", "bob"])["orders_30d"].tolist() == [1, 0]


def test_snapshots_of_other_rows_are_refused(job: Job) -> None:
    snapshots.build(job.ws, as_of=CUT)
    with pytest.raises(DataChanged, match="run the command again"):
        job.full.activity_rows(CUT, ["ann"])
    with pytest.raises(DataChanged, match="run the command again"):
        job.full.products(CUT)
    again = prepare(job.ws, "recency", as_of=CUT, config=CONFIG)
    assert pd.isna(again.full.activity_rows(CUT, ["dan"])["orders_30d"].item())
    assert "cid" in again.full.customers(CUT)
