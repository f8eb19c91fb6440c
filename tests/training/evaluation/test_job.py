"""A piece of work is named by all that its weights depend on."""

from dataclasses import replace

from features.model_inputs import CUSTOMER_INPUTS, PRODUCT_INPUTS
from features.snapshots import CODE_VERSION
from tests.training.shop import DAYS, Shop
from training.customers.baselines import RecencyConfig
from training.evaluation.job import prepare

CONFIG = RecencyConfig(horizon_days=28)


def test_the_key_changes_with_whatever_changes_the_weights(shop: Shop) -> None:
    job = prepare(shop.ws, "recency", as_of=shop.full.as_of, config=CONFIG)
    assert job.code == (CODE_VERSION, CUSTOMER_INPUTS, PRODUCT_INPUTS)
    others = [
        replace(job, model="logistic_regression"),
        replace(job, config=RecencyConfig(horizon_days=29)),
        replace(job, seed=1),
        replace(job, as_of=job.as_of - DAYS),
        replace(job, data_digest="other"),
        replace(job, code=("0", CUSTOMER_INPUTS, PRODUCT_INPUTS)),
        replace(job, code=(CODE_VERSION, CUSTOMER_INPUTS[1:], PRODUCT_INPUTS)),
        replace(job, code=(CODE_VERSION, CUSTOMER_INPUTS, PRODUCT_INPUTS[1:])),
    ]
    assert len({job.key, *(other.key for other in others)}) == len(others) + 1
    assert prepare(shop.ws, "recency", as_of=shop.full.as_of, config=CONFIG).key == job.key
