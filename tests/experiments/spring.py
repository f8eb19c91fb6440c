"""The experiment that tests share: its definition, its exposures, and a shop where it runs."""

from contextlib import closing
from pathlib import Path

import pandas as pd

from configs.json_files import write_json
from experiments.definition import Experiment
from experiments.exposures import DATABASE, Exposure, ExposureLog
from experiments.start import start
from features.logs.events import Event, EventLog, Item
from features.workspace import Workspace


def exposure(number: int, **changes: object) -> Exposure:
    values: dict[str, object] = {
        "recommendation_id": f"r{number}",
        "experiment": "spring",
        "variant": "champion",
        "unit_id": f"客户/{number}",
        "model_version": "recommender@3",
        "scenario": "default",
        "product_ids": ("b", "a"),
        "propensities": (1.0, 0.5),
        "exposed_timestamp": pd.Timestamp("2011-12-09T12:00:00.000001Z"),
        **changes,
    }
    return Exposure(**values)  # type: ignore[arg-type]


NOON = pd.Timestamp("2011-12-09T12:00:00Z")


def experiment(key: str = "spring", **changes: object) -> Experiment:
    values: dict[str, object] = {
        "key": key,
        "variants": {"old": {"model": "recommender@2"}, "new": {"model": "champion"}},
        "control": "old",
        "exposed_share": 0.1,
        **changes,
    }
    return Experiment.model_validate(values)


DAY = pd.Timedelta(days=1)


def trade(ws: Workspace, *, old: int, new: int) -> None:
    """Expose customers of both variants at noon; every third (old) or second (new) one buys."""
    sides = [("old", n) for n in range(old)] + [("new", n) for n in range(new)]
    with ExposureLog(ws.experiments / DATABASE) as log:
        log.append(
            [
                exposure(n, unit_id=f"{side}{n}", variant=side, exposed_timestamp=NOON)
                for side, n in sides
            ]
        )
    ws.advance(NOON + DAY)
    orders = [
        Event(
            event_id=f"{side}{n}",
            type="order_completed",
            customer_id=f"{side}{n}",
            order_id=f"{side}{n}",
            event_timestamp=NOON + DAY,
            items=(Item(product_id="p", quantity=2, unit_price=5 + n % 4),),
        )
        for side, n in sides
        if n % (3 if side == "old" else 2) == 0
    ]
    with closing(EventLog(ws.events_db)) as events:
        events.append(orders, clock=ws.now)


def spring_shop(home: Path) -> Workspace:
    """Make a shop at noon where `spring` compares versions 2 (old) and 3 (new), window a week."""
    shop = Workspace.create(home, clock="simulated")
    shop.advance(NOON)
    for version in ("2", "3"):
        (shop.bundles / "recommender" / version).mkdir(parents=True)
    write_json(shop.bundles / "current.json", {"recommender": "recommender/3"})
    start(shop, experiment(window_days=7))
    return shop
