"""What an experiment says over HTTP: the analysis, of a process of its own."""

import asyncio
from pathlib import Path

import pytest

from experiments.readout import analyze_workspace
from experiments.report import as_json
from features.workspace import Workspace
from serving.handlers.experiments import Experiments
from serving.problems import Problem
from tests.experiments.spring import DAY, NOON, spring_shop, trade
from tests.serving.shop import serving


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    """A shop at noon where `spring` compares versions 2 (old) and 3 (new) for a week's window."""
    return spring_shop(tmp_path / "shop")


def test_results_are_the_analysis(shop: Workspace) -> None:
    trade(shop, old=120, new=120)
    shop.advance(NOON + 8 * DAY)
    expected = as_json(analyze_workspace(shop, "spring"))
    with serving(REGULARS_HOME=str(shop.home)) as client:
        while (answer := client.get("/v1/experiments/spring/results")).status_code == 503:
            assert answer.json()["detail"] == "it is being computed: retry later"
        assert client.get("/v1/experiments/summer/results").status_code == 404
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["key"], found["status"], found["units"]) == (
        "spring",
        "running",
        {"new": 120, "old": 120},
    )
    assert found["sample_ratio"] == expected["sample_ratio"]
    effect = found["effects"][0]
    assert effect["effect_size"] == pytest.approx(1 / 6)
    low, high = expected["effects"][0]["effect_size_always"]
    assert effect["effect_size_always"] == {"low": low, "high": high}
    assert found["means"] == expected["means"]
    assert found["as_of"] == "2011-12-17T12:00:00Z"


def test_a_broken_sample_ratio_withholds_the_effects(shop: Workspace) -> None:
    trade(shop, old=300, new=200)
    shop.advance(NOON + 8 * DAY)
    found = asyncio.run(Experiments(shop, patience_s=240).results(request_id="r", key="spring"))
    assert (found.sample_ratio.ok, found.effects) == (False, [])


def test_an_analysis_is_shared_and_given_again_for_a_moment(shop: Workspace) -> None:
    made = shop.experiments / "spring" / "analysis.json"

    async def ask() -> list[bool]:
        hasty, desk = Experiments(shop, patience_s=0), Experiments(shop, patience_s=240)
        with pytest.raises(Problem, match="retry later") as refused:
            await hasty.results(request_id="r", key="spring")
        assert refused.value.status == 503
        await asyncio.gather(*(desk.results(request_id="r", key="spring") for _ in range(3)))
        stood = [made.exists()]
        made.unlink()
        await desk.results(request_id="r", key="spring")
        stood.append(made.exists())
        await hasty.close()
        return stood

    assert asyncio.run(ask()) == [True, False]
