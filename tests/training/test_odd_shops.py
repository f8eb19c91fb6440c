"""Small and odd shops: each model is fitted, or refused with the shop's own cause and days."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from configs.errors import UserError
from configs.loader import Config
from features.ingest import ingest
from features.materialize import materialize
from features.online.store import online_products
from features.schema import RetailDataset
from features.workspace import Workspace
from tests.features.shop import line, lines, time
from training.__main__ import app
from training.errors import NotEnoughData
from training.fit import FitResult, fit
from training.models import config_class, spec
from training.registry.versions import RegistryError, find, promote

Row = dict[str, object]
END: Final = time("2024-07-01")


def bought(
    count: int, *, customers: int, products: int, days: int, price: float = 2.0
) -> list[Row]:
    """Return `count` orders of one line, drawn over the `days` before END."""
    rng = np.random.default_rng(5)
    rows = []
    for number in range(count):
        at = END - pd.Timedelta(minutes=int(rng.integers(1, days * 24 * 60)))
        customer, product = rng.integers(0, customers), rng.integers(0, products)
        event = str(at.tz_localize(None))
        rows.append(line(f"o{number}", f"c{customer}", f"p{product}", event, price=price))
    return rows


def guests(rows: list[Row]) -> list[Row]:
    return [{**row, "customer_id": None} for row in rows]


def unique_articles(rows: list[Row]) -> list[Row]:
    return [{**row, "product_id": f"piece {number}"} for number, row in enumerate(rows)]


SHOPS: Final[dict[str, Callable[[], list[Row]]]] = {
    "one order": lambda: [line("o", "c", "p", "2024-06-20")],
    "one day": lambda: bought(40, customers=8, products=5, days=1),
    "45 days": lambda: bought(200, customers=20, products=9, days=45),
    "guests only": lambda: guests(bought(200, customers=20, products=9, days=300)),
    "one product": lambda: bought(200, customers=20, products=1, days=300),
    "one customer": lambda: bought(60, customers=1, products=9, days=300),
    "thirty customers": lambda: bought(300, customers=30, products=12, days=300),
    "zero prices": lambda: bought(200, customers=20, products=9, days=300, price=0.0),
    "unique articles": lambda: unique_articles(bought(300, customers=20, products=1, days=300)),
    "everybody new": lambda: [
        {**row, "customer_id": f"new{number}"}
        for number, row in enumerate(bought(200, customers=1, products=9, days=300))
    ],
    "fees only": lambda: [
        {**row, "line_type": "fee"} for row in bought(50, customers=5, products=2, days=300)
    ],
}
CAUSES: Final[dict[str, str]] = {
    "one order": "the data hold 1 day of purchases, 2024-06-20 to 2024-06-20: 1 line of 1 customer",
    "one day": "the data hold 1 day of purchases, 2024-06-30 to 2024-06-30",
    "45 days": "the data hold 45 days of purchases, 2024-05-17 to 2024-06-30",
    "guests only": "all sale lines are guests', without a customer_id (200 lines, 2023-09-0",
    "one product": "of 20 customers and 1 product",
    "one customer": "of 1 customer and 9 products",
    "thirty customers": "of 30 customers and 12 products",
    "zero prices": "no sale line of a known customer has a positive price (200 lines, 2023-09-0",
    "unique articles": "of 20 customers and 300 products",
    "everybody new": "of 200 customers and 9 products",
    "fees only": "no order line is a sale of a product (50 lines, 2023-09-12 to 2024-06-30)",
}
QUICK: Final[dict[str, Mapping[str, Any]]] = {
    "popularity": {},
    "own_purchases": {},
    "recency": {},
    "churn": {"epochs": 1, "hidden": [4]},
    "two_tower": {"epochs": 1, "embedding_dim": 4},
}
SLOW: Final[dict[str, Mapping[str, Any]]] = {
    "cosine": {},
    "rp3beta": {},
    "ease": {},
    "ials": {},
    "logistic_regression": {},
    "two_stage": {"two_tower": {"epochs": 1, "embedding_dim": 4}, "windows": 1},
}
FIGURES: Final = {"45 days", "one product", "one customer", "thirty customers"}
"""The shops in which a recommender can be measured."""
UNMEASURED: Final = {"one product", "thirty customers", "unique articles", "fees only"}
"""The shops in which a churn baseline can be fitted; all customers came back in the last 90 days,
so that it cannot be measured."""
NOTHING_SOLD: Final = {"guests only", "zero prices", "fees only"}
"""The shops without a purchase by a known customer."""


def put(home: Path, rows: list[Row], *, clock: str = f"fixed:{END.isoformat()}") -> Workspace:
    frame = lines(*rows)
    ws = Workspace.create(home, clock=clock)
    kept = {str(kind): int(n) for kind, n in frame["line_type"].value_counts().items()}
    ingest(
        ws, RetailDataset(source="odd", order_lines=frame, read=len(frame), kept=kept, dropped={})
    )
    return ws


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Workspace]:
    made: dict[str, Workspace] = {}

    def get(name: str) -> Workspace:
        if name not in made:
            made[name] = put(tmp_path_factory.mktemp("odd"), SHOPS[name]())
        return made[name]

    return get


def attempt(ws: Workspace, model: str, settings: Mapping[str, Any]) -> FitResult | str:
    """Return the fitted version, or the message of the refusal; any other error is raised."""
    config: Config = config_class(model)(**settings)
    try:
        return fit(ws, model, as_of=END, config=config, device="cpu")
    except UserError as error:
        return str(error)


def check(ws: Workspace, name: str, models: Mapping[str, Mapping[str, Any]]) -> None:
    for model, settings in models.items():
        outcome = attempt(ws, model, settings)
        if isinstance(outcome, str):
            assert CAUSES[name] in outcome, (model, outcome)
            assert "as_of" not in outcome
            continue
        unmeasured = outcome.version.unmeasured
        measured = bool(outcome.metrics)
        assert measured == (unmeasured is None)
        if (name, model) == ("45 days", "two_stage"):  # its rankers need another window
            assert "the data before the window hold 17 days" in str(unmeasured)
        else:
            recommends = spec(model).registered == "recommender"
            assert measured == (recommends and name in FIGURES), (model, unmeasured)
            assert measured or CAUSES[name] in str(unmeasured)


def check_fitted(ws: Workspace, models: Mapping[str, Mapping[str, Any]], *names: str) -> None:
    """Check that just the models `names`, out of `models`, have a version."""
    fitted = set()
    for model in models:
        try:
            fitted.add(find(ws, model).manifest.model)
        except RegistryError:
            continue
    assert fitted == set(names)


@pytest.mark.parametrize("name", ["one order", "guests only", "everybody new"])
def test_a_shop_gets_what_it_can_have_and_refusals_name_its_cause(
    shops: Callable[[str], Workspace], name: str
) -> None:
    check(shops(name), name, QUICK)
    check_fitted(shops(name), QUICK, "popularity", "own_purchases")
    promote(shops(name), "recommender")
    materialize(shops(name), END)
    _, products = online_products(shops(name))
    assert len(products) == {"one order": 1, "guests only": 9, "everybody new": 9}[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", SHOPS)
def test_every_shop_and_every_quick_model(shops: Callable[[str], Workspace], name: str) -> None:
    check(shops(name), name, QUICK)
    more = ["two_tower"] if name in FIGURES else []
    more += ["recency"] if name in UNMEASURED else []
    check_fitted(shops(name), QUICK, "popularity", "own_purchases", *more)
    promote(shops(name), "recommender")
    materialize(shops(name), END)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*FIGURES, "zero prices", "everybody new"}))
def test_every_other_model(shops: Callable[[str], Workspace], name: str) -> None:
    check(shops(name), name, SLOW)
    two_stage = {*FIGURES, "everybody new"} if name != "45 days" else FIGURES
    counted = () if name in NOTHING_SOLD else ("cosine", "rp3beta", "ease", "ials")
    more = ["two_stage"] if name in two_stage else []
    more += ["logistic_regression"] if name in UNMEASURED else []
    check_fitted(shops(name), SLOW, *counted, *more)


@pytest.mark.parametrize("model", ["customers", "past_rate"])
def test_a_customer_model_whose_horizon_is_too_long_to_be_measured_is_fitted(
    shops: Callable[[str], Workspace], model: str
) -> None:
    result = attempt(shops("thirty customers"), model, {"horizon_days": 280})
    assert isinstance(result, FitResult), result
    assert result.metrics == {}
    assert "two horizons of 280 days are needed; the data hold" in str(result.version.unmeasured)


@pytest.mark.parametrize("name", sorted(NOTHING_SOLD - {"fees only"}))
def test_a_customer_model_of_nobody_is_refused(
    shops: Callable[[str], Workspace], name: str
) -> None:
    for model in ("customers", "past_rate", "bg_nbd"):
        assert CAUSES[name] in str(attempt(shops(name), model, {})), model
    with pytest.raises(RegistryError):
        find(shops(name), "customers")


def test_data_that_end_long_before_the_cut_are_named_before_anything_is_built(
    tmp_path: Path,
) -> None:
    ws = put(tmp_path, [line("o", "c", "p", "2024-01-02 10:00")])
    with pytest.raises(NotEnoughData) as refused:
        fit(ws, "popularity", as_of=END)
    assert str(refused.value) == (
        "the last order line is of 2024-01-02T10:00:00+00:00, and popularity needs orders in the "
        "28 days before the cut, 2024-07-01T00:00:00+00:00: give --as-of 2024-01-03, or ingest "
        "again with --clock fixed:2024-01-03T00:00:00Z"
    )
    assert not ws.snapshots.exists()
    version = fit(ws, "popularity", as_of=ws.midnight("2024-01-03")).version
    assert version.unmeasured is not None


def test_the_table_shows_a_dash_where_nobody_was_measured_and_says_why(
    shops: Callable[[str], Workspace],
) -> None:
    home = str(shops("one order").home)
    done = CliRunner().invoke(app, ["fit", "popularity", "--home", home])
    assert done.exit_code == 0, done.output
    assert re.search(r"│ any +│ +- │ +- │", done.output)
    assert (
        f"Not measured: {fit(shops('one order'), 'popularity', as_of=END).version.unmeasured}."
        in (done.output)
    )
