"""The retail world with known truth: who likes what, who has left, what a recommendation does.

Customers have tastes, a rhythm of orders, a price sensitivity and a day on which they silently
leave; products have categories, texts, prices, seasons and launches. In a week, customer i weighs
product j by

    log weight = taste_i . trait_j + appeal_j - sensitivity_i * log(price_j / category's median)
                 + log(1 + repeat_j * sum over past purchases of x * exp(1 - x)),

x being the age of the purchase over the days until the product is used up, `appeal` the sum of
popularity, season, fashion and novelty in that week. An order takes products without replacement
with probability proportional to their weight (an exponential race: Efraimidis and Spirakis, 2006).
The answer to a recommendation is logistic in the same log weight. Equal configs give bit-identical
worlds.
"""

import json
from datetime import date
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pydantic
from scipy.special import expit

from configs.loader import Config
from features.schema import TEXT
from features.simulator.calendar import DAY, day_of_year, intensity, shop_day
from features.simulator.catalogue import Catalogue, Floats, Integers, draw_catalogue
from features.simulator.customers import (
    Customers,
    draw_customers,
    draw_order_days,
    draw_visit_days,
)
from features.simulator.ledger import (
    canonical,
    customer_rows,
    draw_order_lines,
    product_rows,
    times,
)
from features.simulator.orders import Purchases, draw_purchases, log_weights
from features.simulator.slates import check_slates, codes
from features.times import read_day
from features.workspace import Workspace, WorkspaceError, write_json

Bools = npt.NDArray[np.bool_]
_FILE = "world.json"
_WEEKS_AFTER = 53  # in which prices and fashions go on changing after the history


class WorldConfig(Config):
    """A world: its size, its time and its habits; shares and rates are means over customers."""

    customers: int = pydantic.Field(default=2000, ge=1)
    products: int = pydantic.Field(default=500, ge=12)
    days: int = pydantic.Field(default=730, ge=7)
    start: date = date(2023, 1, 2)
    """First day (UTC) of the history, which ends `days` days later."""
    seed: int = pydantic.Field(default=7, ge=0)
    orders_per_year: float = pydantic.Field(default=14, gt=0)
    churn_per_year: float = pydantic.Field(default=0.45, ge=0)
    """Hazard of leaving for good, a year."""
    newcomers: float = pydantic.Field(default=0.5, ge=0, le=1)
    """Share of customers who join after the start."""
    guests: float = pydantic.Field(default=0.03, ge=0, le=1)
    """Share of orders in which the customer is not recognised."""
    late: float = pydantic.Field(default=0.03, ge=0, le=1)
    """Share of orders (and refunds) that are recorded 1 to 10 days after they happened."""
    chinese: float = pydantic.Field(default=0.3, ge=0, le=1)
    """Share of product titles in Chinese."""
    visits_per_order: float = pydantic.Field(default=4, gt=0)
    """Visits, each of which is shown a slate, for each order of a customer's rhythm."""
    examination: float = pydantic.Field(default=0.85, gt=0, le=1)
    """Position p of a slate is examined with probability examination ** (p - 1)."""
    response_intercept: float = -7.0
    """Log odds of buying an examined product of log weight 0."""
    response_slope: float = pydantic.Field(default=0.7, gt=0)
    """Log odds of buying an examined product, by log weight."""

    @pydantic.field_validator("start", mode="before")
    @classmethod
    def _day_as_written(cls, value: object) -> object:
        """Refuse what pydantic would read as a day: numbers are seconds since 1970 to it."""
        if not isinstance(value, str | date):
            raise ValueError("write YYYY-MM-DD")
        return read_day(value) if isinstance(value, str) else value


class World:
    """A shop drawn from `config`: its history, its truth, and its answers to recommendations.

    >>> world = World(WorldConfig(customers=20, products=24, days=60, seed=1))
    >>> lines = world.history()["order_lines"]
    >>> bool((lines["recorded_timestamp"] < world.end).all())
    True
    """

    def __init__(self, config: WorldConfig) -> None:
        self.config = config
        self.start = pd.Timestamp(config.start, tz="UTC").as_unit("us")
        self.end = self.start + pd.Timedelta(days=config.days)
        self._first = np.datetime64(config.start, "D")
        weeks = np.arange(-(-config.days // 7) + _WEEKS_AFTER) * 7
        self.products: Catalogue = draw_catalogue(
            config.products,
            days=config.days,
            weeks=weeks.astype(float),
            year_days=day_of_year(self._first + weeks).astype(float),
            chinese=config.chinese,
            seed=config.seed,
        )
        self.customers: Customers = draw_customers(
            config.customers,
            days=config.days,
            newcomers=config.newcomers,
            orders_per_year=config.orders_per_year,
            churn_per_year=config.churn_per_year,
            seed=config.seed,
        )

    @classmethod
    def open(cls, workspace: Workspace) -> Self:
        """Rebuild the world that `save` left in `workspace`; WorkspaceError where there is none."""
        try:
            saved = json.loads((workspace.home / _FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise WorkspaceError(
                f"{workspace.home} holds no simulated shop: run `python -m features simulate`"
            ) from None
        return cls(WorldConfig(**saved))

    def save(self, workspace: Workspace) -> None:
        """Write the config into `workspace`."""
        write_json(workspace.home / _FILE, self.config.model_dump(mode="json"))

    @cached_property
    def purchases(self) -> Purchases:
        """Every line of sale until `end`, recorded by then or not."""
        traffic = intensity(self._first, self.config.days)
        seed = self.config.seed
        customer, day = draw_order_days(self.customers, traffic, seed=seed)
        return draw_purchases(self.products, self.customers, customer, day, seed=seed)

    def history(self) -> dict[str, pd.DataFrame]:
        """Return canonical `order_lines`, `customers` and `products`, as known at `end`."""
        lines = draw_order_lines(
            self.products,
            self.customers,
            self.purchases,
            guests=self.config.guests,
            late=self.config.late,
            seed=self.config.seed,
        )
        known = lines["recorded_timestamp"] < self.config.days * DAY
        return {
            "order_lines": canonical(lines[known], self.start),
            "customers": customer_rows(self.customers, self.start),
            "products": product_rows(self.products, self.start),
        }

    # The truth.

    def alive(self, at: pd.Timestamp) -> Bools:
        """Return which customers have joined and not left by `at`, in the order of their ids."""
        moment = self._moments(pd.Series([at]))
        return self.customers.alive(np.arange(self.config.customers), moment)

    def affinity(self, customer_ids: npt.ArrayLike, product_ids: npt.ArrayLike) -> Floats:
        """Return how much each of B customers likes each of C products, all else equal: (B, C).

        The part of the log weight that lies in the person: popularity, price, season and past
        purchases are left out.
        """
        customer = codes(self.customers.customer_ids, customer_ids, name="customer_id")
        product = codes(self.products.product_ids, product_ids, name="product_id")
        liked: Floats = self.customers.tastes[customer] @ self.products.traits[product].T
        return liked

    def chances(self, customer_ids: npt.ArrayLike, at: pd.Timestamp) -> Floats:
        """Return P(buys | examines) at `at` for B customers and every product: (B, P).

        Zero for products not launched, and for customers who are not alive. Past purchases count
        up to the Monday (the world's weekday of start) before `at`, and as far as `history` goes.
        """
        customer = codes(self.customers.customer_ids, customer_ids, name="customer_id")
        rows, row = np.unique(customer, return_inverse=True)
        day = shop_day(self._moments(pd.Series([at])))[0]
        chances = self._chances(rows, int(day // 7))
        return np.where(self.alive(at)[customer, None], chances[row], 0.0)

    def _chances(self, rows: Integers, week: int) -> Floats:
        past = self.purchases.before(7.0 * week)
        weights = log_weights(self.products, self.customers, rows, week=week, past=past)
        odds: Floats = expit(self.config.response_intercept + self.config.response_slope * weights)
        return odds

    # What happens after the history.

    def visits(self, start: pd.Timestamp, days: int, rng: np.random.Generator) -> pd.DataFrame:
        """Draw the visits (customer_id, time) in [start, start + days), sorted by time.

        Living customers visit at their own rhythm; days are the world's, from 00:00 UTC.
        """
        if start != start.normalize() or start < self.start:
            raise ValueError(f"start = {start}: a midnight (UTC), not before {self.start}")
        first = (start - self.start).days
        customer, day = draw_visit_days(
            self.customers,
            intensity(self._first + first, days),
            first=first,
            per_order=self.config.visits_per_order,
            rng=rng,
        )
        ids = pd.Series(self.customers.customer_ids[customer], dtype=TEXT)
        return pd.DataFrame({"customer_id": ids, "time": times(day, self.start)})

    def respond(self, slates: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """Draw what customers buy from `slates`, as canonical order lines.

        `slates` has a row for each product shown: customer_id, time, position (from 1) and
        product_id; a visit is a customer at a time. Each position is examined, and each examined
        product bought (one unit, at the week's price), independently of the others and of what
        other slates sold. A visit's order is `V<customer_id>-<microseconds since 1970>`, at the
        visit's time. Raises ValueError on unknown ids, or a position or product shown twice.
        """
        offers = self._offers(slates)
        bought = offers[rng.random(len(offers)) < offers["probability"]]
        since_1970 = bought["event_timestamp"] + self.start.value // 1000
        lines = bought.assign(
            order_id="V" + bought["customer_id"] + "-" + since_1970.astype(str),
            line_type="sale",
            quantity=1.0,
            channel="web",
            recorded_timestamp=bought["event_timestamp"],
        )
        lines = lines.sort_values(["event_timestamp", "order_id", "line_number"])
        return canonical(lines, self.start)

    def expected(self, slates: pd.DataFrame) -> pd.DataFrame:
        """Return what `respond` gives in expectation for each customer of `slates`, sorted by id.

        conversion: P(at least one purchase over all the customer's visits in `slates`); revenue:
        the expected sum of what is bought, in the shop's currency.
        """
        offers = self._offers(slates)
        offers["none"] = np.log1p(-offers["probability"])
        offers["revenue"] = offers["probability"] * offers["unit_price"]
        summed = offers.groupby("customer_id", as_index=False)[["none", "revenue"]].sum()
        summed.insert(1, "conversion", -np.expm1(summed.pop("none")))
        return summed.astype({"customer_id": TEXT})

    def _offers(self, slates: pd.DataFrame) -> pd.DataFrame:
        """Return each row of `slates` with its price and its probability of being bought."""
        check_slates(slates)
        customer = codes(self.customers.customer_ids, slates["customer_id"], name="customer_id")
        product = codes(self.products.product_ids, slates["product_id"], name="product_id")
        moment = self._moments(slates["time"])
        week = (shop_day(moment) // 7).astype(np.int64)
        chance = np.empty(len(slates))
        for now in np.unique(week):
            here = np.flatnonzero(week == now)
            rows, row = np.unique(customer[here], return_inverse=True)
            chance[here] = self._chances(rows, int(now))[row, product[here]]
        position = slates["position"].to_numpy(np.int64)
        examined = self.config.examination ** (position - 1)
        return pd.DataFrame(
            {
                "customer_id": self.customers.customer_ids[customer],
                "product_id": self.products.product_ids[product],
                "line_number": position,
                "event_timestamp": moment,
                "unit_price": self.products.prices(product, week),
                "probability": chance * examined * self.customers.alive(customer, moment),
            }
        )

    def _moments(self, times: "pd.Series[pd.Timestamp]") -> Integers:
        """Return UTC times as microseconds since the start; ValueError before it."""
        since = (pd.to_datetime(times, utc=True) - self.start).dt.as_unit("us")
        moments = since.to_numpy().astype(np.int64)
        if len(moments) and moments.min() < 0:
            raise ValueError(f"time = {times.min()}: the world starts at {self.start}")
        return moments
