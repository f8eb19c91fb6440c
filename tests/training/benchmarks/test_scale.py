"""What a size costs: the table adds up, by hand and on shops of a few dozen customers."""

import multiprocessing
import threading
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from features.workspace import Workspace
from training.benchmarks.scale import ScaleError, known_sizes, measure
from training.benchmarks.scale_costs import Cost, grid, ratios, shape, write_costs
from training.commands.benchmark import app

RUNNER = CliRunner()
ONE = Cost(
    size=1,
    customers=5000,
    products=1000,
    stage="build",
    rows=200,
    wall_seconds=4.0,
    cpu_seconds=8.0,
    peak_mb=500.0,
)
FOUR = replace(ONE, size=4, rows=1000, wall_seconds=12.0, cpu_seconds=20.0, peak_mb=1250.0)


def test_ratios_are_to_the_same_stage_of_the_first_size() -> None:
    other = replace(ONE, stage="score", wall_seconds=6.0)
    rows = ratios([ONE, other, FOUR, replace(other, size=4, wall_seconds=9.0)])
    names = ("rows", "wall_seconds", "cpu_seconds", "peak_mb")
    found = [[row[f"{name}_ratio"] for name in names] for row in rows]
    assert found == [[1, 1, 1, 1], [1, 1, 1, 1], [5, 3, 2.5, 2.5], [1, 1.5, 1, 1]]
    shown = grid([ONE, FOUR]).rows
    assert shown[1] == ("4x build", "1,000", "5.0", "12.0", "3.0", "20.0", "2.5", "1,250", "2.5")


def test_the_file_holds_all_and_replaces_the_last_one(tmp_path: Path) -> None:
    file = tmp_path / "new" / "scale.csv"
    for costs in ([ONE], [ONE, FOUR]):
        write_costs(costs, file)
        assert pd.read_csv(file).to_dict("records") == ratios(costs)
    assert [one.name for one in file.parent.iterdir()] == ["scale.csv"]


def test_customers_grow_faster_than_products() -> None:
    assert [shape(size) for size in (1, 4, 16)] == [(1250, 500), (5000, 1000), (20000, 2000)]


@pytest.mark.parametrize("text", ["", "1,", "0", "-1,2", "1,two", "nan", "inf", "1,1.0"])
def test_sizes_are_different_numbers_above_0(text: str) -> None:
    with pytest.raises(ScaleError, match=f"sizes = '{text}': different numbers above 0"):
        known_sizes(text)


def test_a_workspace_that_stands_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "size-2").mkdir()
    asked = ["scale", "--sizes", "1,2", "--work", str(tmp_path)]
    done = RUNNER.invoke(app, [*asked, "--output", str(tmp_path / "scale.csv")])
    assert done.exit_code == 2
    assert "size-2 already exists; choose another folder" in done.stderr
    assert done.stderr.strip().count("\n") == 0
    assert [one.name for one in tmp_path.iterdir()] == ["size-2"]


def test_a_killed_stage_is_named(tmp_path: Path) -> None:
    others = set(multiprocessing.active_children())

    def kill() -> None:
        while not (begun := set(multiprocessing.active_children()) - others):
            time.sleep(0.01)
        for child in begun:  # it imports still
            child.kill()

    killer = threading.Thread(target=kill, daemon=True)
    with pytest.raises(ScaleError, match=r"size 0\.5, simulate: its process was killed"):
        list(measure([0.5], work=tmp_path, on_stage=lambda *_: killer.start()))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_stage_of_small_shops_is_measured(tmp_path: Path) -> None:
    work, file = tmp_path / "work", tmp_path / "scale.csv"
    asked = ["scale", "--sizes", "0.01,0.03", "--work", str(work), "--output", str(file)]
    done = RUNNER.invoke(app, asked, env={"COLUMNS": "100"})
    assert done.exit_code == 0, done.output
    assert "0.03x epoch" in done.output
    costs = pd.read_csv(file)
    assert list(costs["stage"]) == ["simulate", "build", "train", "epoch", "score"] * 2
    assert list(costs["size"]) == [0.01] * 5 + [0.03] * 5
    assert (costs.drop(columns="stage") > 0).all(axis=None)
    small, large = (
        dict(zip(of["stage"], of["rows"], strict=True)) for _, of in costs.groupby("size")
    )
    assert all(small[stage] < large[stage] for stage in small)
    assert large["simulate"] == pytest.approx(3 * small["simulate"], rel=0.3)
    ws = Workspace.open(work / "size-0.03")
    lists = pd.read_parquet(ws.home / "lists.parquet")
    assert len(lists) == large["score"]
    assert lists.groupby(["list", "customer_id"]).size().eq(10).all()
