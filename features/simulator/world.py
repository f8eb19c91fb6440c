"""The retail world with known ground truth: tastes, churn, and responses to recommendations.

Customers have tastes, a rhythm of orders, a price sensitivity and a day on which they silently
leave; products have categories, texts, prices, seasons and launches. In a week, the weight of
product j for customer i is

    log weight = taste_i . trait_j + appeal_j - sensitivity_i * log(price_j / category's median)
                 + log(1 + repeat_j * sum over past purchases of x * exp(1 - x)),

where x is the age of the purchase divided by the days until the product is used up, and `appeal` is
the sum of popularity, season, fashion and novelty in that week. An order draws products without
replacement with probability proportional to their weight (an exponential race: Efraimidis and
Spirakis, 2006). The response to a recommendation is logistic in the same log weight. Equal configs
give bit-identical worlds.
"""

from datetime import date
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pydantic
from scipy.special import expit

from configs.json_files import read_json, write_json
from configs.loader import Config
from features.schema import TEXT
from features.simulator.calendar import DAY, day_of_year, intensity, shop_day
from features.simulator.catalogue import Catalogue, Floats, Integers, draw_catalogue
from features.simulator.customers import Customers, draw_customers, draw_order_days, draw_visit_days
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
from features.workspace import Workspace, WorkspaceError

Bools = npt.NDArray[np.bool_]
_FILE = "world.json"
_WEEKS_AFTER = 53  # weeks after the history in which prices and fashions still change


class WorldConfig(Config):
    """Size, time and behaviour of a world; shares and rates are means over customers."""

    customers: int = pydantic.Field(default=2000, ge=1)
    products: int = pydantic.Field(default=500, ge=12)
    days: int = pydantic.Field(default=730, ge=7)
    start: date = date(2023, 1, 2)
    """First day (UTC) of the history, which ends `days` days later."""
    seed: int = pydantic.Field(default=7, ge=0)
    orders_per_year: float = pydantic.Field(default=14, gt=0)
    churn_per_year: float = pydantic.Field(default=0.45, ge=0)
    """Hazard of leaving permanently, per year."""
    newcomers: float = pydantic.Field(default=0.5, ge=0, le=1)
    """Share of customers who join after the start."""
    guests: float = pydantic.Field(default=0.03, ge=0, le=1)
    """Share of orders in which the customer is not recognised."""
    late: float = pydantic.Field(default=0.03, ge=0, le=1)
    """Share of orders (and refunds) that are recorded 1 to 10 days after they happened."""
    chinese: float = pydantic.Field(default=0.3, ge=0, le=1)
    """Share of product titles in Chinese."""
    visits_per_order: float = pydantic.Field(default=4, gt=0)
    """Visits per order of a customer's rhythm; each visit is shown a slate."""
    examination: float = pydantic.Field(default=0.85, gt=0, le=1)
    """Position p of a slate is examined with probability examination ** (p - 1)."""
    response_intercept: float = -7.0
    """Log odds of buying an examined product of log weight 0."""
    response_slope: float = pydantic.Field(default=0.7, gt=0)
    """Increase of the log odds of buying an examined product per unit of log weight."""

    @pydantic.field_validator("start", mode="before")
    @classmethod
    def _day_as_written(cls, value: object) -> object:
        """Refuse what pydantic would read as a day: numbers are seconds since 1970 to it."""
        if not isinstance(value, str | date):
            raise ValueError("write YYYY-MM-DD")
        return read_day(value) if isinstance(value, str) else value


class World:
    """A shop drawn from `config`: history, ground truth, and responses to recommendations.

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
        """Rebuild the world saved in `workspace`. Raises WorkspaceError if there is none."""
        try:
            saved = read_json(workspace.home / _FILE)
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
        """All sale lines until `end`, also those that are recorded later."""
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

    # Ground truth.

    def alive(self, at: pd.Timestamp) -> Bools:
        """Return whether each customer has joined and not left by `at`, in the order of the ids."""
        moment = self._moments(pd.Series([at]))
        return self.customers.alive(np.arange(self.config.customers), moment)

    def affinity(self, customer_ids: npt.ArrayLike, product_ids: npt.ArrayLike) -> Floats:
        """Return (B, C) the preference of B customers for C products, all else equal.

        This is the personal part of the log weight, without popularity, price, season and past
        purchases.
        """
        customer = codes(self.customers.customer_ids, customer_ids, name="customer_id")
        product = codes(self.products.product_ids, product_ids, name="product_id")
        liked: Floats = self.customers.tastes[customer] @ self.products.traits[product].T
        return liked

    def chances(self, customer_ids: npt.ArrayLike, at: pd.Timestamp) -> Floats:
        """Return (B, P) the values of P(buys | examines) at `at` for B customers and all products.

        Zero for products not launched, and for customers who are not alive. Past purchases count
        up to the Monday (the weekday of the world's start) before `at`, at most up to `end`.
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

    # After the history.

    def visits(self, start: pd.Timestamp, days: int, rng: np.random.Generator) -> pd.DataFrame:
        """Draw the visits (customer_id, time) in [start, start + days), sorted by time.

        Only customers who are alive visit, at their own rhythm; days start at 00:00 UTC.
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
        """Draw the purchases of customers from `slates`, as canonical order lines.

        `slates` has a row for each product shown: customer_id, time, position (from 1) and
        product_id; a visit is one customer at one time. Examination of a position, and purchase of
        an examined product (one unit, at the week's price), are independent of other positions and
        of purchases from other slates. A visit's order is `V<customer_id>-<microseconds since
        1970>`, at the visit's time. Raises ValueError for unknown ids, or a position or product
        shown twice.
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
        """Return the expected result of `respond` for each customer of `slates`, sorted by id.

        conversion: P(at least one purchase over all the customer's visits in `slates`); revenue:
        the expected value of the purchases, in the shop's currency.
        """
        offers = self._offers(slates)
        offers["none"] = np.log1p(-offers["probability"])
        offers["revenue"] = offers["probability"] * offers["unit_price"]
        summed = offers.groupby("customer_id", as_index=False)[["none", "revenue"]].sum()
        summed.insert(1, "conversion", -np.expm1(summed.pop("none")))
        return summed.astype({"customer_id": TEXT})

    def _offers(self, slates: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of `slates` with price and purchase probability."""
        check_slates(slates)
        customer = codes(self.customers.customer_ids, slates["customer_id"], name="customer_id")
        product = codes(self.products.product_ids, slates["product_id"], name="product_id")
        moment = self._moments(slates["time"])
        week = (shop_day(moment) // 7).astype(np.int64)
        chance = np.empty(len(slates))
        for now in np.unique(week):
            current = np.flatnonzero(week == now)
            rows, row = np.unique(customer[current], return_inverse=True)
            chance[current] = self._chances(rows, int(now))[row, product[current]]
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
        """Return UTC times as microseconds since the start. Raises ValueError for earlier times."""
        since = (pd.to_datetime(times, utc=True) - self.start).dt.as_unit("us")
        moments = since.to_numpy().astype(np.int64)
        if len(moments) and moments.min() < 0:
            raise ValueError(f"time = {times.min()}: the world starts at {self.start}")
        return moments
