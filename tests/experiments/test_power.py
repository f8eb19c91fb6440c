"""The number of customers an experiment needs."""

import numpy as np
import pandas as pd
import pytest
import tea_tasting
from typer.testing import CliRunner

from experiments.__main__ import app
from experiments.definition import Experiment, ExperimentError
from experiments.power import plan, sample_size
from tests.experiments.spring_orders import AS_OF, SPRING, lines


@pytest.mark.parametrize("lift", [0.05, 0.2])
def test_tea_tasting_asks_for_as_many(lift: float) -> None:
    value = np.random.default_rng(3).gamma(0.5, 20, 5_000)
    metric = tea_tasting.Mean("value", rel_effect_size=lift, power=0.9)
    oracle = metric.solve_power(pd.DataFrame({"value": value}), "n_obs")[0]
    found = sample_size(
        mean=value.mean(),
        std=value.std(ddof=1),
        rel_effect_size=lift,
        alpha=0.05,
        power=0.9,
        share=0.5,
    )
    assert found == pytest.approx(oracle.n_obs, rel=0.01)


def test_the_plan_rests_on_the_shops_own_customers() -> None:
    """Of four customers two bought in the last 7 days, for 10 and 30."""
    rows = [(f"c{n}", -20.0, "sale", 1.0, 5.0) for n in range(4)]
    late = [("c0", 24.0, "sale", 1.0, 10.0), ("c1", 29.0, "sale", 1.0, 30.0)]
    new = ("newcomer", 25.0, "sale", 1.0, 99.0)
    found = plan(SPRING, lines(*rows, *late, new), as_of=AS_OF, rel_effect_size=0.5)
    assert [(one.metric, one.mean) for one in found] == [("conversion", 0.5), ("revenue", 10.0)]
    assert found[0].std == pytest.approx(0.5)
    assert found[1].std == pytest.approx(np.std([10, 30, 0, 0]))
    assert found[0].units == sample_size(
        mean=0.5, std=0.5, rel_effect_size=0.5, alpha=0.05, power=0.8, share=0.5
    )


def test_the_smallest_variant_decides() -> None:
    rows = lines(("a", -1, "sale", 1, 5), ("b", -1, "sale", 1, 5), ("a", 29, "sale", 1, 5))
    uneven = Experiment.model_validate(
        SPRING.model_dump()
        | {"variants": {"old": {"model": "champion", "weight": 9}, "new": {"model": "champion"}}}
    )
    even, few = (
        plan(one, rows, as_of=AS_OF, rel_effect_size=0.5)[0].units for one in (SPRING, uneven)
    )
    assert few / even == pytest.approx((1 / 0.9 + 1 / 0.1) / 4, rel=0.05)


def test_a_shop_without_orders_cannot_be_planned() -> None:
    with pytest.raises(ExperimentError, match="nobody bought in the 7 days"):
        plan(SPRING, lines(), as_of=AS_OF, rel_effect_size=0.5)


def test_a_shop_that_took_back_more_than_it_sold_cannot_be_planned() -> None:
    rows = lines(("a", -1, "sale", 1, 5), ("a", 29, "sale", 1, 5), ("a", 29, "return", -2, 5))
    with pytest.raises(ExperimentError, match=r"mean revenue = -5 in the 7 days"):
        plan(SPRING, rows, as_of=AS_OF, rel_effect_size=0.5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mean", 0.0),
        ("rel_effect_size", 0.0),
        ("rel_effect_size", np.inf),
        ("rel_effect_size", np.nan),
        ("alpha", 0.0),
        ("power", 1.0),
        ("power", 0.0),
        ("share", 1.0),
    ],
)
def test_a_size_that_is_none_is_refused(name: str, value: float) -> None:
    known = {"mean": 1, "std": 1, "rel_effect_size": 0.1, "alpha": 0.05, "power": 0.8, "share": 0.5}
    with pytest.raises(ExperimentError, match=f"{name} = {value}: it must"):
        sample_size(**{**known, name: value})


@pytest.mark.parametrize(
    ("option", "value"),
    [("--rel-effect-size", "0"), ("--chance", "1"), ("--chance", "0")],
)
def test_the_command_refuses_what_has_no_size(option: str, value: str) -> None:
    sizes = {"--rel-effect-size": "0.1", option: value}
    words = [word for pair in sizes.items() for word in pair]
    done = CliRunner().invoke(app, ["power", "spring.yaml", *words])
    assert done.exit_code == 2
    assert f"Invalid value for '{option}'" in done.stderr
