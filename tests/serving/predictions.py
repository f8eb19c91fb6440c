"""The offline inputs of the shop's churn model."""

from typing import Any

import pandas as pd

from features.offline import OfflineFeatures
from features.online.store import online_products
from features.workspace import Workspace
from tests.serving.shop import NOW
from training.data.inputs import Queries, encode_products, encode_queries

CUSTOMERS = ["anna", "ben", "cleo", "dan"]


def offline(ws: Workspace) -> tuple[Queries, Any]:
    as_of, frame = online_products(ws)
    assert as_of == NOW
    catalogue = encode_products(frame, as_of)
    entities = pd.DataFrame({"customer_id": CUSTOMERS, "event_timestamp": NOW})
    return encode_queries(OfflineFeatures(ws).customers(entities), catalogue, NOW), catalogue
