"""Published splits of users and items without times: reading, training, writing lists.

This is the only random split: such files have no times, so the epochs are chosen on pairs held out
of the train file at random. The terms are those of the files: a user is a customer, an item a
product.
"""

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch

from configs.code import byte_digest, digest_of
from configs.errors import UserError
from configs.json_files import write_json
from training.benchmarks.split_tower import SplitTower, SplitTowerConfig
from training.data.inputs import IntArray
from training.data.pairs import Pairs
from training.evaluation.last_window import Metrics, read_history
from training.evaluation.ranking_metrics import ndcg
from training.lists.ranking import BATCH
from training.run import SILENT, Device, Progress, Run

K: Final = 20
HELD_OUT: Final = 0.1
"""The share of each user's pairs that is held out while the epochs are chosen."""
JUDGED_USERS: Final = 4_000
"""The epochs are chosen on at most this many users, drawn once."""
_LARGEST_ID: Final = 2**63 - 1


class SplitError(UserError, ValueError):
    """A split's file breaks a rule; the message names the file, the line and the rule."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """The pairs of users and items, which are numbered in the order of their ids."""

    users: IntArray  # (U,) ids
    items: IntArray  # (I,) ids
    pairs: Pairs

    @property
    def shape(self) -> tuple[int, int]:
        """The number of users and of items."""
        return len(self.users), len(self.items)


def read_split(file: Path) -> Split:
    """Read one line per user: its id, then those of its items, whole numbers separated by spaces.

    Raises SplitError for another token, a line without an item, a user on two lines, an item twice
    on a line and an empty file.
    """
    users: dict[int, int] = {}
    owners, owned = [], []
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise SplitError(f"{file}: a split is a text of whole numbers: {error}") from None
    for number, line in enumerate(lines, start=1):
        where = f"{file}, line {number}"
        tokens = line.split()
        if len(tokens) < 2:
            problem = f"user {tokens[0]} has no item" if tokens else "it is empty"
            raise SplitError(f"{where}: {problem}; a line holds a user, then at least one item")
        user, *items = (_id(token, where) for token in tokens)
        if user in users:
            raise SplitError(
                f"{where}: user {user} has line {users[user]} already; a user has one line"
            )
        if len(set(items)) != len(items):
            twice = next(item for place, item in enumerate(items) if item in items[:place])
            raise SplitError(f"{where}: item {twice} appears twice; a line names an item once")
        users[user] = number
        owners += [user] * len(items)
        owned += items
    if not users:
        raise SplitError(f"{file}: the file is empty; a split has a line for each user")
    user_ids, rows = np.unique(np.array(owners, dtype=np.int64), return_inverse=True)
    item_ids, columns = np.unique(np.array(owned, dtype=np.int64), return_inverse=True)
    order = np.lexsort((columns, rows))
    return Split(
        users=user_ids, items=item_ids, pairs=Pairs(rows=rows[order], columns=columns[order])
    )


def _id(token: str, where: str) -> int:
    if not (token.isascii() and token.isdecimal()) or int(token) > _LARGEST_ID:
        raise SplitError(f"{where}: {token!r} is no id; ids are whole numbers from 0")
    return int(token)


def hold_out(pairs: Pairs, *, share: float, rng: np.random.Generator) -> tuple[Pairs, Pairs]:
    """Return `pairs` without a random `share` of each user's, and the drawn ones.

    Every user keeps a pair. A fractional number of pairs is met in the mean over users.

    >>> ten = Pairs(rows=np.zeros(10, dtype=np.int64), columns=np.arange(10))
    >>> left, held = hold_out(ten, share=0.2, rng=np.random.default_rng(0))
    >>> len(left.rows), len(held.rows), len({*left.columns, *held.columns})
    (8, 2, 10)
    """
    rows, columns = pairs.rows, pairs.columns
    count = np.bincount(rows)
    drawn = np.floor(share * count + rng.random(len(count))).astype(np.int64)
    drawn = np.minimum(drawn, np.maximum(count - 1, 0))
    shuffled = np.lexsort((rng.random(len(rows)), rows))  # within each user
    place = np.empty_like(rows)
    place[shuffled] = np.arange(len(rows)) - (np.cumsum(count) - count)[rows]
    held = place < drawn[rows]
    return (
        Pairs(rows=rows[~held], columns=columns[~held]),
        Pairs(rows=rows[held], columns=columns[held]),
    )


@dataclass(frozen=True, kw_only=True)
class Answered:
    """The lists for a split, and the metrics of the model that chose the epochs."""

    lists: pd.DataFrame
    """Columns user, item and rank, from 1 = best; whole numbers."""
    epochs: int
    metrics: Metrics
    """Recall and NDCG of the held-out pairs after `epochs`."""


def answer_split(
    train: Path,
    *,
    config: SplitTowerConfig,
    work: Path,
    seed: int,
    device: Device,
    progress: Progress = SILENT,
) -> Answered:
    """Train on the file `train` and list the K best new items for each of its users.

    The epochs are chosen on held-out pairs, then the model is trained again on all pairs. An
    interrupted training in the folder `work` resumes, if file, config, seed and code are the same;
    the caller removes the folder. Raises SplitError.
    """
    split = read_split(train)
    content = hashlib.sha256(train.read_bytes()).hexdigest()
    work = work / digest_of(content, config.model_dump(mode="json"), seed, byte_digest())
    left, held = hold_out(split.pairs, share=HELD_OUT, rng=np.random.default_rng(seed))
    if not len(held.rows):
        raise SplitError(f"{train}: no pair could be held out; users of several items are needed")
    history = _History(work / "epochs.json")

    def add_epoch(epoch: int, metrics: Metrics) -> None:
        history.add(epoch, metrics)
        progress.on_epoch("choose", epoch, metrics)

    def judge(model: SplitTower) -> Metrics:
        return held_out_metrics(model, left, held, users=_drawn(held, seed=seed))

    def run(phase: str, **callbacks: Any) -> Run:
        return Run(checkpoints=work / phase, device=device, **callbacks)

    def fit(pairs: Pairs, config: SplitTowerConfig, run: Run) -> SplitTower:
        return SplitTower.fit(pairs, shape=split.shape, config=config, seed=seed, run=run)

    fit(left, config, run("choose", on_epoch=add_epoch, validate=judge))
    best = history.best()
    chosen = config.model_copy(update={"epochs": best})
    model = fit(split.pairs, chosen, run("train", on_epoch=partial(progress.on_epoch, "train")))
    metrics = {name: value for name, value in history.epochs[best].items() if name != "loss"}
    return Answered(lists=_lists(model, split), epochs=best, metrics=metrics)


def held_out_metrics(model: SplitTower, left: Pairs, held: Pairs, *, users: IntArray) -> Metrics:
    """Return recall and NDCG at K of the `held` pairs, the mean over `users` that have one.

    Recall divides by the number of held pairs, as the published tables do, not by at most K.
    """
    best = best_new(model, left, users, k=K)
    count = int(max(left.columns.max(), held.columns.max())) + 1
    named = np.where(best >= 0, users[:, None] * count + best, -1)
    hits = np.isin(named, held.rows * count + held.columns)
    wanted = np.bincount(held.rows, minlength=users.max() + 1)[users]
    return {
        f"recall_at_{K}": float((hits.sum(1) / wanted).mean()),
        f"ndcg_at_{K}": float(ndcg(hits, wanted).mean()),
    }


def best_new(model: SplitTower, known: Pairs, users: IntArray, *, k: int) -> IntArray:
    """Return the places of the k best items of each of `users` that are not in `known`, (B, k).

    -1 where fewer are left.
    """
    of_users, of_items = model.vectors()
    count = min(k, len(of_items))
    lists = np.full((len(users), k), -1, dtype=np.int64)
    for start in range(0, len(users), BATCH):
        batch = users[start : start + BATCH]
        scores = of_users[batch] @ of_items.T
        spans = np.searchsorted(known.rows, [batch, batch + 1]).T
        for row, (first, stop) in enumerate(spans):
            scores[row, known.columns[first:stop]] = -np.inf
        best = torch.topk(torch.from_numpy(scores), count)  # `top_k` sorts whole rows
        lists[start : start + BATCH, :count] = best.indices.masked_fill(best.values.isinf(), -1)
    return lists


def _drawn(held: Pairs, *, seed: int) -> IntArray:
    """Return at most JUDGED_USERS of the users in `held`."""
    users = np.unique(held.rows)
    return np.random.default_rng(seed).permutation(users)[:JUDGED_USERS]


def _lists(model: SplitTower, split: Split) -> pd.DataFrame:
    best = best_new(model, split.pairs, np.arange(len(split.users)), k=K)
    rows, places = np.nonzero(best >= 0)
    named = {
        "user": split.users[rows],
        "item": split.items[best[rows, places]],
        "rank": places + 1,
    }
    return pd.DataFrame(named)


class _History:
    """The metrics by epoch, stored in a file, so that an interrupted run can resume."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.epochs = read_history(file)

    def add(self, epoch: int, metrics: Metrics) -> None:
        self.epochs[epoch] = metrics
        write_json(self._file, self.epochs)

    def best(self) -> int:
        """Return the first epoch of the best recall."""
        return max(self.epochs, key=lambda epoch: (self.epochs[epoch][f"recall_at_{K}"], -epoch))
