"""A piece of work is named by all that its weights depend on."""

from dataclasses import replace

from configs.code import code_digest
from tests.training.shop import DAYS, Shop
from training.customers.baselines import RecencyConfig
from training.evaluation.job import prepare

CONFIG = RecencyConfig(horizon_days=28)


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
