"""The Feast objects of a workspace: entities, views over its snapshots, a service a model."""

from pathlib import Path
from typing import Any, Final

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.types import Array, Bytes, FeastType, Float64, Int64, String

from features.customer_row import ONLINE_VALUE, ONLINE_VIEW
from features.schema import ACTIVITY_COUNTS, ACTIVITY_TIMES, SALES_COUNTS, SALES_TIMES
from features.times import STALE_AFTER

"""Snapshots are weekly: an older row has missed one."""
_HISTORY: Final = {
    "recent_products": Array(String),
    "recent_timestamps": Array(Int64),
    "recent_values": Array(Float64),
    "returned_products": Array(String),
    "returned_timestamps": Array(Int64),
}
_WHOLE: Final = ("orders_", "products_", "returns_", "buyers_")


def build(home: Path) -> list[Any]:
    """Return the Feast objects that read the snapshots of the workspace at the absolute `home`.

    Times are integers, microseconds since 1970: Feast's own type keeps seconds only online.
    """
    files = home / "snapshots"
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
                path=str(home / f"online/{name}.parquet" if online else files / name / "*.parquet"),
                timestamp_field="event_timestamp",
                created_timestamp_column="created_timestamp",
            ),
            online=online,
        )

    times = dict.fromkeys(("snapshot_timestamp", *ACTIVITY_TIMES), Int64)
    customer_activity = view("customer_activity", customer, _numbers(ACTIVITY_COUNTS) | times)
    customer_history = view("customer_history", customer, _HISTORY)
    customer_online = view(ONLINE_VIEW, customer, {ONLINE_VALUE: Bytes}, online=True)
    product_sales = view(
        "product_sales",
        product,
        _numbers(SALES_COUNTS) | dict.fromkeys(SALES_TIMES, Int64),
    )
    product_catalog = view(
        "product_catalog",
        product,
        dict.fromkeys(("title", "category", "parent_product_id"), String),
    )
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


def _numbers(names: tuple[str, ...]) -> dict[str, FeastType]:
    return {name: Int64 if name.startswith(_WHOLE) else Float64 for name in names}
