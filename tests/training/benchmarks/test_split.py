"""A published split: read or refused, learned from its train file alone, answered in full."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional
from typer.testing import CliRunner

from training.benchmarks.split import (
    K,
    SplitError,
    answer_split,
    best_new,
    held_out_metrics,
    hold_out,
    read_split,
)
from training.benchmarks.split_tower import SplitNet, SplitTower, SplitTowerConfig
from training.commands.benchmark import app
from training.data.pairs import Pairs
from training.run import SILENT, Progress, Run

CONFIG = SplitTowerConfig(
    epochs=15, embedding_dim=8, batch_size=20, negatives=60, learning_rate=0.03
)
RUNNER = CliRunner()


@pytest.fixture
def train(tmp_path: Path) -> Path:
    """Write two communities of 30 users, each with 12 of the 30 items of its own.

    The ids have gaps: items 100 to 129 belong to even users, 500 to 529 to odd ones.
    """
    rng = np.random.default_rng(0)
    lines = []
    for user in range(10, 70):
        items = rng.choice(30, 12, replace=False) + (500 if user % 2 else 100)
        lines.append(" ".join(map(str, [user, *items])))
    file = tmp_path / "train.txt"
    file.write_text("\n".join(lines) + "\n")
    return file


def answer(
    train: Path, *, seed: int = 0, work: str = "work", progress: Progress = SILENT
) -> pd.DataFrame:
    """Return the lists that a small model learns from `train`, in the folder `work` beside it."""
    folder = train.with_name(work)
    return answer_split(
        train, config=CONFIG, work=folder, seed=seed, device="cpu", progress=progress
    ).lists


def test_it_finds_the_rest_of_a_users_community(train: Path) -> None:
    lists = answer(train)
    of_train = {int(line.split()[0]): line.split()[1:] for line in train.read_text().splitlines()}
    assert [(name, str(kind)) for name, kind in lists.dtypes.items()] == [
        *(("user", "int64"), ("item", "int64"), ("rank", "int64"))
    ]
    assert set(lists["user"]) == set(of_train)
    for user, own in lists.groupby("user"):
        assert list(own["rank"]) == list(range(1, K + 1))
        assert own["item"].is_unique
        assert not set(own["item"].astype(str)) & set(of_train[int(str(user))])
    first = lists[lists["rank"] <= 18]  # as many are left of the community
    assert ((first["item"] >= 500) == (first["user"] % 2 == 1)).mean() > 0.95


def test_the_same_seed_gives_the_same_lists(train: Path) -> None:
    first = answer(train)
    pd.testing.assert_frame_equal(first, answer(train, work="again"))
    assert not first.equals(answer(train, seed=1))


@pytest.mark.parametrize("moment", [("choose", 3), ("train", 1)])
def test_cut_off_it_goes_on_to_the_same_lists(train: Path, moment: tuple[str, int]) -> None:
    def stop(phase: str, epoch: int, metrics: dict[str, float]) -> None:  # noqa: ARG001
        if (phase, epoch) == moment:
            raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        answer(train, progress=Progress(on_epoch=stop))
    told: list[tuple[str, int]] = []
    going_on = Progress(on_epoch=lambda phase, epoch, _: told.append((phase, epoch)))
    resumed = answer(train, progress=going_on)
    assert told[0] == moment
    pd.testing.assert_frame_equal(resumed, answer(train, work="whole"))


def test_training_sets_a_users_items_apart(train: Path) -> None:
    split = read_split(train)
    pairs, shape = split.pairs, split.shape

    def margin(model: SplitTower) -> float:
        users, items = model.vectors()
        scores = users @ items.T
        return float(scores[pairs.rows, pairs.columns].mean() - scores.mean())

    untrained = SplitTower(CONFIG, pairs=pairs, shape=shape, seed=0)
    trained = SplitTower.fit(pairs, shape=shape, config=CONFIG, seed=0, run=Run(device="cpu"))
    assert margin(trained) > margin(untrained) + 0.05


def test_towers_and_their_gradients_are_those_of_the_dense_products() -> None:
    held = torch.tensor([[1.0, 1, 0], [0, 1, 0], [1, 1, 1], [0, 0, 1]])
    rows, columns = (place.numpy() for place in held.nonzero(as_tuple=True))
    config = SplitTowerConfig(embedding_dim=4, layers=2)
    net = SplitNet(config, pairs=Pairs(rows=rows, columns=columns), shape=(4, 3), seed=0)
    near = held / (held.sum(1, keepdim=True) * held.sum(0)).sqrt()
    users, items = net.users, net.items
    dense = (
        functional.normalize(users + near @ items + near @ near.T @ users),
        functional.normalize(items + near.T @ users + near.T @ near @ items),
    )
    towers = [tower[:, :-1] for tower in net.towers()]
    for found, expected in zip(towers, dense, strict=True):
        torch.testing.assert_close(found, expected)
    wanted = torch.autograd.grad((dense[0] @ dense[1].T)[0, 2], [users, items])
    given = torch.autograd.grad((towers[0] @ towers[1].T)[0, 2], [users, items])
    for found, expected in zip(given, wanted, strict=True):
        torch.testing.assert_close(found, expected)


def test_held_out_pairs_are_every_users_share() -> None:
    rows = np.repeat(np.arange(3), [1, 10, 25])
    pairs = Pairs(rows=rows, columns=np.concatenate([np.arange(n) for n in (1, 10, 25)]))
    left, held = hold_out(pairs, share=0.1, rng=np.random.default_rng(0))
    counts = np.bincount(held.rows, minlength=3)
    assert counts[0] == 0  # it keeps its only one
    assert counts[1] == 1
    assert counts[2] in (2, 3)
    both = [*zip(left.rows, left.columns, strict=True), *zip(held.rows, held.columns, strict=True)]
    assert sorted(both) == list(zip(pairs.rows, pairs.columns, strict=True))


def test_recall_divides_by_all_that_was_held_out() -> None:
    left = Pairs(rows=np.array([0, 1]), columns=np.array([30, 29]))
    held = Pairs(rows=np.zeros(30, dtype=np.int64), columns=np.arange(30))
    model = SplitTower(SplitTowerConfig(), pairs=left, shape=(2, 31), seed=0)
    found = held_out_metrics(model, left, held, users=np.array([0]))
    assert found == {"recall_at_20": pytest.approx(20 / 30), "ndcg_at_20": pytest.approx(1)}


def test_a_list_ends_where_the_items_do() -> None:
    known = Pairs(rows=np.array([0, 0, 1]), columns=np.array([0, 1, 2]))
    model = SplitTower(SplitTowerConfig(), pairs=known, shape=(2, 3), seed=0)
    lists = best_new(model, known, np.array([0, 1]), k=3)
    assert lists[0].tolist() == [2, -1, -1]
    assert sorted(lists[1].tolist()) == [-1, 0, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"1 2 3\n4 x\n", "line 2: 'x' is no id; ids are whole numbers from 0"),
        (b"1 2.5\n", "line 1: '2.5' is no id"),
        (b"1 -2\n", "line 1: '-2' is no id"),
        (b"1 9223372036854775808\n", "line 1: '9223372036854775808' is no id"),
        (b"1 2\n\n3 4\n", "line 2: it is empty; a line holds a user, then at least one item"),
        (b"1 2\n3\n", "line 2: user 3 has no item; a line holds a user, then at least one item"),
        (b"1 2\n3 4\n1 5\n", "line 3: user 1 has line 1 already; a user has one line"),
        (b"1 2 3 2 3\n", "line 1: item 2 appears twice; a line names an item once"),
        (b"PAR1\xff\xfe", "a split is a text"),
        (b"1 2\n3 4\n", "no pair could be held out"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "train.txt"
    file.write_bytes(content)
    with pytest.raises(SplitError) as refused:
        answer(file)
    assert message in str(refused.value)
    assert str(file) in str(refused.value)


def test_the_command_writes_the_file_and_leaves_nothing_else(train: Path) -> None:
    output = train.with_name("lists.parquet")
    asked = ["split", "--train", str(train), "--output", str(output), "--embedding-dim", "4"]
    settings = ["epochs=2", "batch_size=30", "negatives=20"]
    done = RUNNER.invoke(app, [*asked, *settings, "--device", "cpu"], env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    assert "recall_at_20" in done.output
    assert "1200 rows, 60 users" in done.output
    assert list(pd.read_parquet(output).columns) == ["user", "item", "rank"]
    assert {file.name for file in train.parent.iterdir()} == {"train.txt", "lists.parquet"}


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [("1 2 2\n", [], "line 1: item 2 appears twice"), ("1 2 3\n", ["wings=2"], "wings = 2")],
)
def test_what_a_user_can_mend_is_one_line(
    tmp_path: Path, content: str, settings: list[str], message: str
) -> None:
    file = tmp_path / "train.txt"
    file.write_text(content)
    asked = ["split", "--train", str(file), "--output", str(tmp_path / "lists.parquet"), *settings]
    done = RUNNER.invoke(app, asked)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.strip().count("\n") == 0
    assert not (tmp_path / "lists.parquet").exists()
