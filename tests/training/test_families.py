"""A family is one entry: what it names is there, and a new one goes all the way by itself."""

from pathlib import Path

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from features.materialize import materialize
from features.simulator import WorldConfig
from tests.contracts import RUN, PredictorContract
from tests.serving.metrics import scrape, value
from tests.serving.shop import serving, until
from tests.training.shop import Shop, make_shop
from tests.training.toy_family import FAMILY, MODEL
from tests.training.toy_model import Visits, VisitsConfig
from training.__main__ import app
from training.bundle import CURRENT, VersionName, load_bundle, read_champions
from training.commands.score import predict_command
from training.customers.orders import ACTIVE_DAYS
from training.families import FAMILIES, imported, scored_families
from training.fit import fit
from training.models import MODELS, spec
from training.registry.versions import promote


@pytest.mark.parametrize("name", FAMILIES)
def test_what_an_entry_names_is_there(name: str) -> None:
    family = FAMILIES[name]
    assert family.name == name
    assert spec(family.default_model).family is family
    for where in (family.judge, family.batch, family.typical):
        assert where is None or callable(imported(where))


def test_churn_is_scored_for_the_customers_that_it_learns_from() -> None:
    assert scored_families()["churn"].active_days == ACTIVE_DAYS


class TestVisits(PredictorContract):
    highest = 1_000

    @classmethod
    def fit(cls, shop: Shop) -> Visits:
        return Visits.fit(shop.past, config=VisitsConfig(), seed=1, run=RUN)


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "visits", FAMILY)
    monkeypatch.setitem(MODELS, "visits", MODEL)


@pytest.fixture(scope="module")
def own_shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    config = WorldConfig(customers=40, products=12, days=120, seed=4)
    return make_shop(tmp_path_factory.mktemp("visits"), config)


@pytest.mark.slow  # a shop and MLflow's database of its own
@pytest.mark.usefixtures("visits")
def test_a_new_family_is_fitted_measured_promoted_scored_and_served(
    own_shop: Shop, tmp_path: Path
) -> None:
    ws, as_of = own_shop.ws, own_shop.full.as_of
    fitted = fit(ws, "visits", as_of=as_of)
    assert fitted.version.name == "visits"
    assert fitted.version.manifest.feature_service == "churn_v1"
    model = load_bundle(fitted.version.bundle).model
    assert isinstance(model, Visits)
    assert model.horizon_days == 30
    past = own_shop.full.before(as_of - pd.Timedelta(days=30))
    judge = imported(FAMILY.judge)(own_shop.full, at=past.as_of, days=30)
    expected = judge.measure(Visits.fit(past, config=VisitsConfig(), seed=0, run=RUN))
    assert fitted.metrics == expected.metrics

    day = str(as_of.date())
    options = ["--as-of", day, "--home", str(ws.home)]
    measured = CliRunner().invoke(app, ["evaluate", "visits", *options])
    assert measured.exit_code == 0, measured.output
    assert "negative_error" in measured.output

    promoted = promote(ws, "visits")
    champions = read_champions(ws.bundles / CURRENT)
    assert champions == {"visits": VersionName.parse(f"visits/{promoted.version}")}

    output = tmp_path / "visits.parquet"
    verbs = typer.Typer()
    verbs.command("visits")(predict_command("visits"))
    done = CliRunner().invoke(verbs, [*options, "--output", str(output)])
    assert done.exit_code == 0, done.output
    scores = pd.read_parquet(output)
    assert scores.columns.tolist() == ["customer_id", "expected_orders"]
    assert scores["customer_id"].tolist() == own_shop.full.customers(as_of).tolist()
    assert scores["expected_orders"].tolist() == pytest.approx([model.mean] * len(scores))

    materialize(ws, as_of)
    with serving(REGULARS_HOME=str(ws.home)) as client:
        someone = str(scores["customer_id"][0])
        body = {"customer_ids": [someone, "nobody"]}
        answer = client.post("/v1/predictions/visits", json=body).json()
        assert answer["model"] == {"name": "visits", "version": promoted.version}
        assert answer["horizon_days"] == 30
        known, unknown = answer["predictions"]
        assert known["value"] == pytest.approx(model.mean)
        assert unknown["value"] == fitted.metrics["mean_orders"]
        assert unknown["fallback_reason"] == "unknown_customer"
        operation = client.get("/openapi.json").json()["paths"]["/v1/predictions/visits"]["post"]
        assert operation["summary"] == "How often a customer will order"
        until(lambda: value(scrape(client), "regulars_up", dependency="visits") == 1)
        assert value(scrape(client), "regulars_up", dependency="churn") == 0
        answered = client.post("/v1/predictions/churn", json=body).json()
        assert answered["fallback_reason"] == "model_unavailable"
