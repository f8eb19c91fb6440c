"""Simulated customers shop against the running service, over HTTP, day by day."""

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, Final

import httpx
import numpy as np
import pandas as pd

from configs.json_files import read_json, write_json
from experiments.definition import Experiment, ExperimentError
from experiments.exposures import DATABASE, read
from experiments.lifecycle import status
from experiments.readout import analyze_workspace
from experiments.service_client import ServiceClient
from experiments.simulation import ClosedLoop, assigned, true_means, visits_in_window
from experiments.variant_lists import Lists, VariantLists
from features.simulator import World
from features.workspace import Workspace

K: Final = 10
TRUTH: Final = "truth.json"
_DAY: Final = pd.Timedelta(days=1)
_SAME_LISTS: Final = 0.99
"""Share of lists that must equal those of the variant's version; ties may be in another order."""


def simulate_over_http(
    ws: Workspace,
    key: str,
    http: httpx.Client,
    *,
    customers: int,
    days: int,
    seed: int,
    progress: Callable[[int, int], None],
) -> ClosedLoop:
    """Let simulated customers shop in experiment `key` over `http`, then analyze it.

    Up to `customers` customers get a list, each at its first visit, which falls into the next
    `days` days, and shop from it until their window ends. This happens once: a later call analyzes
    the same exposures again. The workspace's clock moves day by day and ends when the last window
    is over. `progress` gets the number of simulated days and of all days. Raises ExperimentError
    when the service does not answer, or shows other lists than the variants' versions compute in
    process: then no truth is known.
    """
    if ws.clock != "simulated":
        raise ExperimentError(f"the clock is {ws.clock}: simulated customers need `simulated`")
    experiment = status(ws, key).experiment
    file = ws.experiments / key / TRUTH
    if not file.exists():
        _refuse_a_second_simulation(ws, key)
        world, rng = World.open(ws), np.random.default_rng(seed)
        visits = visits_in_window(
            world,
            start=ws.now().ceil("D"),
            days=days,
            customers=customers,
            window=pd.Timedelta(days=experiment.window_days),
            rng=rng,
        )
        part = assigned(experiment, visits)
        seen = _shop(ws, experiment, world, part, http, rng=rng, progress=progress)
        slates = {name: _slates(part, lists) for name, lists in seen.lists.items()}
        write_json(file, true_means(world, slates))
    means = read_json(file)
    if experiment.control not in means:
        raise ExperimentError(
            f"{file}: an older version wrote it; simulate again under a new key: "
            f"`python -m experiments start FILE key=NEW`"
        )
    analysis = analyze_workspace(ws, key)
    return ClosedLoop(analysis=analysis, control=experiment.control, true_means=means)


def _refuse_a_second_simulation(ws: Workspace, key: str) -> None:
    if not len(read(ws.experiments / DATABASE, key)):
        return
    end = ""
    if status(ws, key).status == "running":
        end = f"python -m experiments kill {key} --reason interrupted` and `"
    raise ExperimentError(
        f"customers have seen {key!r} already, in a simulation that did not end: no truth is "
        f"known of them. Continue with `{end}python -m experiments start FILE key=NEW`"
    )


class _Seen:
    """The lists that customers saw, and those they would have seen in the other variants."""

    def __init__(self, experiment: Experiment) -> None:
        self.shown: Lists = {}
        self.recommendation_ids: dict[str, str] = {}
        self.lists: dict[str, Lists] = {name: {} for name in experiment.variants}
        """By variant and customer, including the one that was shown."""
        self.different = 0
        """Lists that differ from the computed one."""

    def add(
        self, customer_id: str, variant: str, answer: Mapping[str, Any], computed_lists: Lists
    ) -> None:
        """Record the `answer` to a customer and the `computed_lists` of every variant."""
        shown = [item["product_id"] for item in answer["items"]]
        self.shown[customer_id] = shown
        self.recommendation_ids[customer_id] = answer["recommendation_id"]
        self.different += shown != computed_lists[variant]
        for name, computed in computed_lists.items():
            self.lists[name][customer_id] = shown if name == variant else computed


def _shop(
    ws: Workspace,
    experiment: Experiment,
    world: World,
    visits: pd.DataFrame,
    http: httpx.Client,
    *,
    rng: np.random.Generator,
    progress: Callable[[int, int], None],
) -> _Seen:
    """Simulate `visits` (with `variant`); orders of a day are posted at its end."""
    seen, service = _Seen(experiment), ServiceClient(http, currency=ws.currency)
    calendar = visits["time"].dt.floor("D")
    days: list[pd.Timestamp] = []
    if len(visits):
        days = list(pd.date_range(calendar.min(), calendar.max(), freq="D"))
    with closing(VariantLists(ws, experiment, k=K)) as variant_lists:
        for number, day in enumerate(days, start=1):
            ws.advance(day)
            newcomers = visits[visits["exposed_timestamp"] == day].drop_duplicates("customer_id")
            computed = variant_lists.compute(newcomers["customer_id"].tolist(), day)
            assigned_to = dict(zip(newcomers["customer_id"], newcomers["variant"], strict=True))
            variants = {customer_id: assigned_to[customer_id] for customer_id in computed}
            answers = service.recommend(experiment, variants, k=K)
            for customer_id, answer in answers.items():
                seen.add(customer_id, variants[customer_id], answer, computed[customer_id])
            orders = world.respond(_slates(visits[calendar == day], seen.shown), rng)
            ws.advance(day + _DAY)
            service.post_orders(orders, seen.recommendation_ids)
            progress(number, len(days))
    if seen.different > (1 - _SAME_LISTS) * len(seen.shown) or not seen.shown:
        raise ExperimentError(
            f"{seen.different} of {len(seen.shown)} lists differ from those of the variants' "
            "versions: does the service serve this workspace, with its products as materialized?"
        )
    end = visits["exposed_timestamp"].max() + pd.Timedelta(days=experiment.window_days)
    ws.advance(end + _DAY)
    return seen


def _slates(visits: pd.DataFrame, lists: Lists) -> pd.DataFrame:
    """Return for each of `visits` the customer's list, if there is one, in the world's format.

    Customers are in the order of `lists`, so that equal visits and lists give equal rows.
    """
    rows = [
        (customer_id, position, product_id)
        for customer_id, products in lists.items()
        for position, product_id in enumerate(products, start=1)
    ]
    offers = pd.DataFrame(rows, columns=["customer_id", "position", "product_id"])
    return visits[["customer_id", "time"]].merge(offers, on="customer_id")
