"""What models find of a simulated shop's truth: by hand, and on a shop whose tastes are planted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from features import snapshots
from features.datasets import simulated
from features.feast_store import register
from features.ingest import ingest
from features.offline import OfflineFeatures
from features.simulator import World, WorldConfig
from features.simulator.truth import demand, season, utilities
from features.simulator.words import CATEGORIES
from features.workspace import Workspace
from tests.training.tiny import products
from training.benchmarks.correlations import Floats, estimate, means, personal, rank_correlations
from training.benchmarks.truth import Moment, Truth, TruthCorrelations, moments, recovered
from training.commands.benchmark import app
from training.data.training_data import TrainingData
from training.errors import NotEnoughData
from training.recommenders.baselines import Popularity, PopularityConfig
from training.recommenders.two_tower.model import TwoTower, TwoTowerConfig
from training.run import Run

CUSTOMERS, PRODUCTS = 120, 60
RUNNER = CliRunner()


class Shop:
    """Two cuts of a shop of 12 categories by hand: everybody likes what sells, and what they like.

    The season and the fashion of each category change between the cuts; a fifth is bought.
    """

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        category = np.arange(PRODUCTS) % 12
        self.tastes = rng.normal(size=(CUSTOMERS, PRODUCTS))
        popularity = rng.normal(size=PRODUCTS)
        self.seasons = [rng.normal(size=12)[category] for _ in range(2)]
        self.fashions = [rng.normal(size=12)[category] for _ in range(2)]
        catalogue = replace(products(PRODUCTS), categories=[f"category {c}" for c in category])
        self.truths = []
        for seasonal, fashion in zip(self.seasons, self.fashions, strict=True):
            total = popularity + seasonal + fashion
            bought = rng.random(self.tastes.shape) < 0.2
            wanted = np.where(bought, np.nan, total + self.tastes)
            self.truths.append(
                Truth(products=catalogue, utilities=wanted, demand=total, season=seasonal)
            )

    def judge(
        self, *, tastes: Floats, season: float = 1.0, fashion: float = 1.0
    ) -> TruthCorrelations:
        """Judge one who knows popularity, and so much of the rest, in a scale of his own."""
        scores = []
        for scale, truth, seasonal, fashionable in zip(
            (2, 5), self.truths, self.seasons, self.fashions, strict=True
        ):
            known = truth.demand + (season - 1) * seasonal + (fashion - 1) * fashionable
            scores.append(scale * (known + tastes) + 7)
        return recovered(scores, self.truths, seed=0)


@pytest.fixture(scope="module")
def by_hand() -> Shop:
    return Shop()


def test_who_knows_the_truth_gets_1(by_hand: Shop) -> None:
    found = by_hand.judge(tastes=by_hand.tastes)
    assert found.customers == CUSTOMERS
    for one in (found.preferences, found.tastes):
        assert (one.value, one.low, one.high) == pytest.approx((1, 1, 1))
    assert found.popularity.value > 0.98  # the mean over customers holds what is left of tastes
    assert found.season.value > 0.98


def test_who_tells_everyone_the_same_knows_no_tastes(by_hand: Shop) -> None:
    found = by_hand.judge(tastes=np.zeros_like(by_hand.tastes))
    assert (found.tastes.value, found.tastes.low, found.tastes.high) == (0, 0, 0)
    assert found.popularity.value == pytest.approx(1)
    assert found.season.value > 0.98
    assert 0.5 < found.preferences.value < 0.95


def test_shuffled_tastes_are_worth_nothing(by_hand: Shop) -> None:
    shuffled = np.random.default_rng(1).permutation(by_hand.tastes)
    found = by_hand.judge(tastes=shuffled)
    assert abs(found.tastes.value) < 0.05
    assert found.tastes.low < 0 < found.tastes.high
    assert found.popularity.value > 0.98


def test_the_season_is_not_the_fashion(by_hand: Shop) -> None:
    nothing = np.zeros_like(by_hand.tastes)
    season_alone = by_hand.judge(tastes=nothing, fashion=0).season
    assert season_alone.value > 0.8
    assert season_alone.low > 0.3
    fashion_alone = by_hand.judge(tastes=nothing, season=0).season
    assert fashion_alone.value < 0.5
    backwards = by_hand.judge(tastes=nothing, season=-1).season
    assert backwards.value < -0.9


def test_what_is_bought_does_not_count(by_hand: Shop) -> None:
    """Scores of what was bought may be anything."""
    scores = [truth.demand + by_hand.tastes for truth in by_hand.truths]
    changed = [
        np.where(np.isnan(truth.utilities), 1e9, one)
        for one, truth in zip(scores, by_hand.truths, strict=True)
    ]
    assert recovered(changed, by_hand.truths, seed=0) == recovered(scores, by_hand.truths, seed=0)


def test_the_later_cut_is_judged(by_hand: Shop) -> None:
    first, last = by_hand.truths
    nothing = np.zeros_like(by_hand.tastes)
    found = recovered(
        [nothing + first.demand, last.demand + by_hand.tastes], by_hand.truths, seed=0
    )
    assert found.tastes.value == pytest.approx(1)


def test_correlations_of_ranks_by_hand() -> None:
    x = np.array([[1.0, 2, 3, 4], [1, 2, 3, np.nan], [1, 1, 2, 2]])
    y = np.array([[10.0, 30, 20, 40], [3, 2, 1, 9], [1, 2, 3, 4]])
    expected = [0.8, -1, 2 / np.sqrt(5)]  # 1 - 6 * 2 / (4 * 15); reversed; with ties
    np.testing.assert_allclose(rank_correlations(x, y), expected)


def test_an_interval_holds_what_is_drawn() -> None:
    values = np.random.default_rng(0).normal(3, 2, 400)
    found = estimate(means, values, seed=0)
    assert found.value == values.mean()
    half = 1.96 * values.std() / 20
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), 0.02)
    assert estimate(means, values, seed=0) == found


def test_personal_takes_out_each_customer_s_own_share_of_the_common() -> None:
    rng = np.random.default_rng(0)
    shared, own = rng.normal(size=50), rng.normal(size=(400, 50))
    left = personal(rng.uniform(1, 9, (400, 1)) * shared + own)
    for row, taste in zip(left[:5], own[:5], strict=True):
        assert np.corrcoef(row, shared)[0, 1] == pytest.approx(0, abs=0.05)
        assert np.corrcoef(row, taste)[0, 1] > 0.9


@pytest.fixture(scope="module")
def world() -> World:
    return World(WorldConfig(customers=80, products=60, days=371, seed=4))


class TestTruth:
    """The parts of the world's log weights."""

    def test_utilities_are_what_chances_are_made_of(self, world: World) -> None:
        at = world.start + pd.Timedelta(days=200)
        there = np.flatnonzero(world.alive(at))
        ids = world.customers.customer_ids[there]
        odds = world.chances(ids, at)
        weights = utilities(world, ids, at)
        past = world.purchases.before(200.0)
        bought = np.zeros((80, 60), dtype=bool)
        bought[past.customer, past.product] = True
        new = ~bought[there] & (odds > 0)
        config = world.config
        logits = np.log(odds[new]) - np.log1p(-odds[new])
        expected = (logits - config.response_intercept) / config.response_slope
        np.testing.assert_allclose(weights[new], expected)
        assert (np.isinf(weights) == (odds == 0)).all()
        again = utilities(world, ids[[5, 2, 5]], at)
        np.testing.assert_allclose(again, weights[[5, 2, 5]])

    def test_demand_is_of_who_has_no_tastes(self, world: World) -> None:
        at = world.start + pd.Timedelta(days=100)
        people = world.customers
        plain = World(world.config)
        plain.customers = replace(
            people,
            tastes=np.zeros_like(people.tastes),
            sensitivity=np.full(len(people.rate), people.sensitivity.mean()),
        )
        weights = utilities(plain, people.customer_ids[:1], at)[0]
        np.testing.assert_allclose(demand(world, at), weights)

    def test_the_season_peaks_on_its_day(self, world: World) -> None:
        times = [world.start + pd.Timedelta(days=7 * week) for week in range(53)]
        by_week = np.stack([season(world, at) for at in times], axis=1)
        for place, category in enumerate(world.products.category):
            kind = CATEGORIES[category]
            peak = times[int(by_week[place].argmax())].dayofyear
            assert min((peak - kind.peak) % 365, (kind.peak - peak) % 365) <= 7
            assert np.ptp(by_week[place]) == pytest.approx(2 * kind.season, rel=0.01)

    def test_it_begins_with_the_world(self, world: World) -> None:
        with pytest.raises(ValueError, match="the world starts at 2023-01-02"):
            demand(world, world.start - pd.Timedelta(seconds=1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "holds no simulated shop: run `python -m features simulate`"),
        (["--model", "churn"], "model 'churn': not a recommender model"),
        (["--model", "popularity", "--model", "gpt"], "model 'gpt': known are two_stage"),
        (["epochs=0"], "epochs = 0"),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    Workspace.create(tmp_path)
    done = RUNNER.invoke(app, ["truth", "--home", str(tmp_path), *arguments])
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.strip().count("\n") == 0


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    world = World(WorldConfig(customers=1200, products=300, days=730, seed=5))
    ws = Workspace.create(tmp_path_factory.mktemp("truth"), clock="simulated")
    world.save(ws)
    ws.advance(world.end)
    ingest(ws, simulated.load(world))
    snapshots.build(ws, as_of=ws.now())
    return ws


@pytest.fixture(scope="module")
def data(ws: Workspace) -> TrainingData:
    register(ws)
    client = OfflineFeatures(ws)
    return TrainingData(ws, client, as_of=ws.now())


@pytest.fixture(scope="module")
def cuts(ws: Workspace, data: TrainingData) -> tuple[Moment, Moment]:
    return moments(World.open(ws), data, seed=0)


@pytest.fixture(scope="module")
def scores(cuts: tuple[Moment, Moment]) -> list[Floats]:
    config = TwoTowerConfig(epochs=2)
    run = Run(device="cpu")
    return [cut.scores(TwoTower.fit(cut.data, config=config, seed=0, run=run)) for cut in cuts]


@pytest.mark.slow
@pytest.mark.timeout(900)
class TestSimulatedShop:
    """1,200 customers and 300 products, and what a two-tower finds of them in two epochs."""

    def test_the_truth_is_found(self, cuts: tuple[Moment, Moment], scores: list[Floats]) -> None:
        found = recovered(scores, [cut.truth for cut in cuts], seed=0)
        popular = Popularity(PopularityConfig())
        same = recovered([cut.scores(popular) for cut in cuts], [cut.truth for cut in cuts], seed=0)
        assert found.tastes.low > 0.3
        assert found.preferences.low > same.preferences.high + 0.1
        assert found.popularity.low > 0.7
        assert found.season.low > 0.8
        assert (same.tastes.low, same.tastes.high) == (0, 0)

    def test_planted_tastes_shuffled_are_not_found(
        self, ws: Workspace, data: TrainingData, scores: list[Floats]
    ) -> None:
        world = World.open(ws)
        people = world.customers
        shuffled = np.random.default_rng(0).permutation(people.tastes)
        world.customers = replace(people, tastes=shuffled)
        truths = [cut.truth for cut in moments(world, data, seed=0)]
        found = recovered(scores, truths, seed=0)
        assert abs(found.tastes.value) < 0.05
        assert found.popularity.low > 0.7
        assert found.season.low > 0.8

    def test_the_command_shows_models_beside_each_other(self, ws: Workspace) -> None:
        asked = ["truth", "--model", "popularity", "--model", "ease", "--home", str(ws.home)]
        done = RUNNER.invoke(app, asked, env={"COLUMNS": "120"})
        assert done.exit_code == 0, done.output
        lines = {line.split("  ")[0].strip(): line for line in done.output.splitlines()}
        assert "popularity" in lines["of"]
        assert "ease" in lines["of"]
        assert "0.00 [0.00, 0.00]" in lines["tastes alone"]
        assert {"preferences", "popularity", "season"} <= lines.keys()

    def test_half_a_year_must_be_known(self, ws: Workspace, data: TrainingData) -> None:
        early = data.before(data.times[20])
        with pytest.raises(NotEnoughData, match="no snapshot is 182 days older"):
            moments(World.open(ws), early, seed=0)
