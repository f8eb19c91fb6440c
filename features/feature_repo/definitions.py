"""The Feast objects of a workspace: entities, views over its snapshots, one service per model."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.types import Array, Bytes, FeastType, Float64, Int64, String

from configs.paths import exact_pattern
from features.aggregations import Dtype, Expression, Feature
from features.customer_features import CUSTOMER_FEATURES, HISTORY_FEATURES
from features.customer_row import ONLINE_VALUE, ONLINE_VIEW
from features.product_features import CATALOG_FEATURES, PRODUCT_FEATURES
from features.times import STALE_AFTER

_TYPES: Final[dict[Dtype, FeastType]] = {
    "int64": Int64,
    "float64": Float64,
    "timestamp": Int64,
    "text": String,
    "texts": Array(String),
    "timestamps": Array(Int64),
    "floats": Array(Float64),
}
_SNAPSHOT: Final = Expression("snapshot_timestamp", "timestamp")


def build(home: Path) -> list[Any]:
    """Return the Feast objects that read the snapshots of the workspace at the absolute `home`.

    Times are integers, microseconds since 1970: Feast's own type keeps seconds only online.
    """
    folder = exact_pattern(home)
    customer = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.STRING)
    product = Entity(name="product", join_keys=["product_id"], value_type=ValueType.STRING)

    def view(
        name: str, entity: Entity, types: dict[str, FeastType], *, online: bool = False
    ) -> FeatureView:
        return FeatureView(
            name=name,
            entities=[entity],
            ttl=STALE_AFTER,
            schema=[Field(name=entity.join_key, dtype=String)]
            + [Field(name=feature, dtype=kind) for feature, kind in types.items()],
            source=FileSource(
                name=name,
                path=f"{folder}/{f'online/{name}' if online else f'snapshots/{name}/*'}.parquet",
                timestamp_field="event_timestamp",
                created_timestamp_column="created_timestamp",
            ),
            online=online,
        )

    activity = _types(CUSTOMER_FEATURES) | _types([_SNAPSHOT])
    customer_activity = view("customer_activity", customer, activity)
    customer_history = view("customer_history", customer, _types(HISTORY_FEATURES))
    customer_online = view(ONLINE_VIEW, customer, {ONLINE_VALUE: Bytes}, online=True)
    product_sales = view("product_sales", product, _types(PRODUCT_FEATURES))
    product_catalog = view("product_catalog", product, _types(CATALOG_FEATURES))
    customer_views = [customer_activity, customer_history]
    product_views = [product_sales, product_catalog]
    return [
        customer,
        product,
        *customer_views,
        customer_online,
        *product_views,
        FeatureService(name="recommender_v1", features=[*customer_views, *product_views]),
        FeatureService(name="churn_v1", features=customer_views),
    ]


def _types(features: Iterable[Feature]) -> dict[str, FeastType]:
    return {feature.name: _TYPES[feature.dtype] for feature in features}
