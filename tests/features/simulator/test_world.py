"""The simulated shop as a whole: reproducible; who is there, and who comes."""

import hashlib
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from configs.loader import ConfigError, load_config
from features.simulator import World, WorldConfig
from features.simulator.customers import draw_visit_days
from features.workspace import Workspace, WorkspaceError

WEEK = pd.Timedelta(days=7)


DIGEST = """
import hashlib
from features.simulator import World, WorldConfig
tables = World(WorldConfig(customers=60, products=36, days=120, seed={seed})).history()
print(hashlib.sha256("".join(t.to_csv() for t in tables.values()).encode()).hexdigest())
"""


def digest(seed: int) -> str:
    tables = World(WorldConfig(customers=60, products=36, days=120, seed=seed)).history()
    return hashlib.sha256("".join(t.to_csv() for t in tables.values()).encode()).hexdigest()


@pytest.mark.parametrize(
    "start", ["0", "86400", "20110701", "2011-07-01T00:00:00", "07/01/2011", "2011-07", "", 86400]
)
def test_the_first_day_is_written_one_way_or_refused(start: object) -> None:
    with pytest.raises(ConfigError, match=r"start = .*write YYYY-MM-DD"):
        load_config(WorldConfig, overrides=[f"start={start!r}"])
    for day in ("2011-07-01", "'2011-07-01'"):
        assert load_config(WorldConfig, overrides=[f"start={day}"]).start == date(2011, 7, 1)


class TestReproducible:
    def test_same_seed_same_frames(self, world: World, tables: dict[str, pd.DataFrame]) -> None:
        again = World(world.config).history()
        for name, frame in tables.items():
            assert_frame_equal(frame, again[name], check_exact=True)

    def test_same_seed_same_bytes_in_another_process(self) -> None:
        other = subprocess.run(
            [sys.executable, "-c", DIGEST.format(seed=5)],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": "77", "OMP_NUM_THREADS": "2"},
            cwd=Path(__file__).parents[3],
        )
        assert other.stdout.strip() == digest(5)

    def test_other_seed_other_bytes(self) -> None:
        assert digest(5) != digest(6)

    def test_more_customers_leave_the_products_alone(self, world: World) -> None:
        bigger = World(world.config.model_copy(update={"customers": 500}))
        assert bigger.products.titles == world.products.titles
        np.testing.assert_array_equal(bigger.products.price, world.products.price)

    def test_open_rebuilds_what_save_left(self, world: World, tmp_path: Path) -> None:
        ws = Workspace.create(tmp_path, clock="simulated")
        with pytest.raises(WorkspaceError, match="python -m features simulate"):
            World.open(ws)
        world.save(ws)
        assert World.open(ws).config == world.config

    @pytest.mark.slow
    def test_a_large_shop_takes_under_20_seconds(self) -> None:
        script = (
            "import time; begin = time.process_time()\n"
            "from features.simulator import World, WorldConfig\n"
            "World(WorldConfig(customers=5000, products=1000, days=730)).history()\n"
            "print(time.process_time() - begin)"
        )
        run = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        assert float(run.stdout) < 20


class TestAlive:
    def test_from_joining_until_leaving(self, world: World) -> None:
        people = world.customers
        i = int(np.flatnonzero((people.joined > 0) & (people.churned < 300))[0])
        hours = [
            np.floor(day) * 24 + 8 + 12 * (day - np.floor(day))
            for day in (people.joined[i], people.churned[i])
        ]
        joined, left = (world.start + pd.Timedelta(hours=hour) for hour in hours)
        second = pd.Timedelta(seconds=1)
        seen = [bool(world.alive(at)[i]) for at in (joined - second, joined + second)]
        seen += [bool(world.alive(at)[i]) for at in (left - second, left + second)]
        assert seen == [False, True, True, False]

    def test_without_churn_nobody_leaves(self, world: World) -> None:
        loyal = World(world.config.model_copy(update={"churn_per_year": 0.0}))
        assert loyal.alive(world.end + pd.Timedelta(days=365)).all()

    def test_affinity_is_the_person_s(self, world: World) -> None:
        people, shop = world.customers, world.products
        found = world.affinity(people.customer_ids[[3, 1]], shop.product_ids[[7, 0, 5]])
        assert found.shape == (2, 3)
        assert found[1, 2] == pytest.approx(people.tastes[1] @ shop.traits[5])
        with pytest.raises(ValueError, match="product_id = 'X': not of this world"):
            world.affinity(people.customer_ids[:1], ["X"])


class TestVisits:
    def test_are_of_the_living_in_the_window(self, world: World) -> None:
        visits = world.visits(world.end, 28, np.random.default_rng(1))
        assert visits["time"].is_monotonic_increasing
        assert visits["time"].between(world.end, world.end + 4 * WEEK, inclusive="left").all()
        for customer, time in zip(visits["customer_id"][::50], visits["time"][::50], strict=True):
            assert world.alive(time)[world.customers.customer_ids == customer].all()
        again = world.visits(world.end, 28, np.random.default_rng(1))
        assert_frame_equal(visits, again)

    def test_come_at_each_customer_s_own_rhythm(self, world: World) -> None:
        rng = np.random.default_rng(2)
        people = world.customers
        traffic = np.arange(101.0)
        customer, day = draw_visit_days(people, traffic, first=364, per_order=400, rng=rng)
        stay = people.churned > 464
        seen = np.bincount(customer, minlength=len(stay))[stay]
        mean = people.rate[stay] * 400 * 100 / 365.25
        assert np.abs((seen - mean) / np.sqrt(mean)).max() < 5
        assert (people.churned[customer] > day).all()

    def test_start_at_a_midnight(self, world: World) -> None:
        with pytest.raises(ValueError, match="a midnight"):
            world.visits(world.end + pd.Timedelta(hours=1), 7, np.random.default_rng(1))
