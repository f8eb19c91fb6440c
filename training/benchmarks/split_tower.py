"""The two-tower for a published split, whose only data are pairs of users and items."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np
import pydantic
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch.nn import functional

from configs.loader import Config
from training.data.inputs import FloatArray
from training.data.pairs import Pairs
from training.run import Run


class SplitTowerConfig(Config):
    """Architecture and training of the towers."""

    epochs: int = pydantic.Field(30, ge=1, description="passes over the users, at most")
    embedding_dim: int = pydantic.Field(
        64, ge=2, description="dimensions of a user and an item; the last of an item is its level"
    )
    layers: int = pydantic.Field(
        2, ge=0, description="number of steps from neighbour to neighbour in a tower"
    )
    temperature: float = pydantic.Field(0.14, gt=0, description="divisor of the scores")
    negatives: int = pydantic.Field(4096, ge=1, description="items drawn for a step's softmax")
    popularity_power: float = pydantic.Field(
        0.75, ge=0, description="exponent of an item's number of users, for its probability"
    )
    pair_dropout: float = pydantic.Field(
        0.2, ge=0, lt=1, description="share of the pairs dropped in a step"
    )
    learning_rate: float = pydantic.Field(5e-3, gt=0, description="step of AdamW")
    learning_rate_decay: float = pydantic.Field(
        0.93, gt=0, le=1, description="factor of learning_rate after each epoch"
    )
    batch_size: int = pydantic.Field(
        1024, ge=1, description="approximate number of users in a step"
    )


class Batch(NamedTuple):
    """Users, their items, and the sampled negatives."""

    users: Tensor  # (B,)
    rows: Tensor  # (N,) place in `users`
    items: Tensor  # (N,)
    negatives: Tensor  # (M,) drawn with replacement
    log_q: Tensor  # (M,) log of the probability of each draw


class Bags(NamedTuple):
    """A sparse matrix (R, C), by rows."""

    columns: Tensor  # (N,)
    starts: Tensor  # (R + 1,)
    weights: Tensor  # (N,)

    def sums(self, vectors: Tensor) -> Tensor:
        """Return this matrix times `vectors` (C, D): (R, D)."""
        return functional.embedding_bag(
            self.columns,
            vectors,
            self.starts,
            mode="sum",
            per_sample_weights=self.weights,
            include_last_offset=True,
        )


class _Sums(torch.autograd.Function):
    """`Bags.sums` whose gradient is `Bags.sums` of the transpose: several times faster."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, bags: Bags, transposed: Bags) -> Tensor:
        ctx.transposed = transposed
        return bags.sums(vectors)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return ctx.transposed.sums(gradient.contiguous()), None, None


def _sums(vectors: Tensor, bags: Bags, *, transposed: Bags) -> Tensor:
    result: Tensor = _Sums.apply(vectors, bags, transposed)  # type: ignore[no-untyped-call]
    return result


class SplitTower:
    """Ranks items by the cosine of the user's and the item's vector plus the item's level.

    The sum is one dot product of embeddings: a user's last dimension is 1, an item's is its level.
    A tower adds to the vector of an id those of its neighbours and of their neighbours, so that
    users are represented by their items, and items by their users (LightGCN; He et al., 2020). The
    loss is a softmax over the catalogue, estimated from a sample (SSM; Wu et al., 2022).
    """

    def __init__(
        self, config: SplitTowerConfig, *, pairs: Pairs, shape: tuple[int, int], seed: int
    ) -> None:
        self.config = config
        self._pairs, self._shape = pairs, shape
        self._net = SplitNet(config, pairs=pairs, shape=shape, seed=seed)

    @classmethod
    def fit(
        cls,
        pairs: Pairs,
        *,
        shape: tuple[int, int],
        config: SplitTowerConfig,
        seed: int,
        run: Run,
    ) -> Self:
        """Train on `pairs`, places in a matrix of `shape` (users, items), for `config.epochs`.

        Every user must have a pair.
        """
        from training.networks.trainer import Learner, train

        model = cls(config, pairs=pairs, shape=shape, seed=seed)
        learner = Learner(
            model._net,
            batches=model._batches,
            loss=model._net.loss,
            model=lambda: model,
            learning_rate=config.learning_rate,
            learning_rate_decay=config.learning_rate_decay,
            weight_decay=0.0,
            seed=seed,
            run=run,
        )
        train(learner, epochs=config.epochs, run=run)
        return model

    def vectors(self) -> tuple[FloatArray, FloatArray]:
        """Return the embeddings of all users (U, D) and of all items (I, D)."""
        with torch.inference_mode():
            users, items = self._net.towers()
        return users.cpu().numpy(), items.cpu().numpy()

    def _batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield the users in random order, each once."""
        users, items = self._shape
        users_per_item = np.bincount(self._pairs.columns, minlength=items)
        share = np.maximum(users_per_item, 1) ** self.config.popularity_power
        share /= share.sum()
        starts = np.searchsorted(self._pairs.rows, np.arange(users + 1))
        steps = max(1, round(users / self.config.batch_size))
        for user_ids in np.array_split(rng.permutation(users), steps):
            spans = [np.arange(*starts[user : user + 2]) for user in user_ids]
            rows = np.repeat(np.arange(len(user_ids)), [len(span) for span in spans])
            negatives = rng.choice(items, self.config.negatives, p=share)
            yield Batch(
                torch.from_numpy(user_ids),
                torch.from_numpy(rows),
                torch.from_numpy(self._pairs.columns[np.concatenate(spans)]),
                torch.from_numpy(negatives),
                torch.from_numpy(np.log(share[negatives]).astype(np.float32)),
            )


class SplitNet(nn.Module):
    """A vector per id, and the towers over them."""

    weights: Tensor  # (N,) of the pairs, by user, then item
    items_of_users: Tensor
    user_starts: Tensor
    by_item: Tensor  # (N,) the pairs by item, then user
    users_of_items: Tensor
    item_starts: Tensor

    def __init__(
        self, config: SplitTowerConfig, *, pairs: Pairs, shape: tuple[int, int], seed: int
    ) -> None:
        super().__init__()
        self._config = config
        of_user = np.bincount(pairs.rows, minlength=shape[0])
        of_item = np.bincount(pairs.columns, minlength=shape[1])
        by_item = np.lexsort((pairs.rows, pairs.columns))
        weights = ((of_user[pairs.rows] * of_item[pairs.columns]) ** -0.5).astype(np.float32)
        matrix = sp.csr_array((weights, (pairs.rows, pairs.columns)), shape=shape)
        first = _singular_vectors(matrix, dim=config.embedding_dim - 1, seed=seed)
        self.users, self.items = (nn.Parameter(vectors) for vectors in first)
        self.level = nn.Parameter(torch.zeros(shape[1], 1))
        self._register("weights", weights)
        self._register("items_of_users", pairs.columns)
        self._register("user_starts", np.concatenate([[0], np.cumsum(of_user)]))
        self._register("by_item", by_item)
        self._register("users_of_items", pairs.rows[by_item])
        self._register("item_starts", np.concatenate([[0], np.cumsum(of_item)]))

    def _register(self, name: str, array: np.ndarray[Any, Any]) -> None:
        self.register_buffer(name, torch.from_numpy(array), persistent=False)

    def towers(self, *, pair_dropout: float = 0.0) -> tuple[Tensor, Tensor]:
        """Return the embeddings of all users (U, D) and all items (I, D).

        A random share `pair_dropout` of the pairs is left out, and the others weigh more.
        """
        weights = functional.dropout(self.weights, pair_dropout)
        histories = Bags(self.items_of_users, self.user_starts, weights)
        holders = Bags(self.users_of_items, self.item_starts, weights[self.by_item])
        users: Tensor = self.users
        items: Tensor = self.items
        all_users, all_items = users, items
        for _ in range(self._config.layers):
            users, items = (
                _sums(items, histories, transposed=holders),
                _sums(users, holders, transposed=histories),
            )
            all_users, all_items = all_users + users, all_items + items
        ones = torch.ones_like(users[:, :1])
        return (
            torch.cat([functional.normalize(all_users), ones], dim=1),
            torch.cat([functional.normalize(all_items), self.level], dim=1),
        )

    def loss(self, batch: Batch) -> Tensor:
        """Return `sampled_softmax_loss` of the batch."""
        users, items = self.towers(pair_dropout=self._config.pair_dropout)
        queries = functional.embedding(batch.users, users) / self._config.temperature
        right = (
            functional.embedding(batch.rows, queries) * functional.embedding(batch.items, items)
        ).sum(1)
        others = queries @ functional.embedding(batch.negatives, items).T
        return sampled_softmax_loss(right, others, batch.rows, log_q=batch.log_q)


def _singular_vectors(matrix: Any, *, dim: int, seed: int) -> list[Tensor]:
    """Return vectors (R, dim) and (C, dim) of about length 0.8 whose products approximate `matrix`.

    Similar rows and columns of `matrix` (R, C) start with similar vectors, which saves the first
    epochs; the other dimensions are random.
    """
    from sklearn.utils.extmath import randomized_svd

    rng = torch.Generator().manual_seed(seed)
    rank = min(dim, *matrix.shape)
    left, strength, right = randomized_svd(matrix, rank, n_iter=4, random_state=seed)
    vectors = []
    for side in (left, right.T):
        embedded = torch.from_numpy((side * np.sqrt(strength)).astype(np.float32))
        noise = 0.01 * torch.randn(len(side), dim, generator=rng)
        padded = functional.pad(functional.normalize(embedded), (0, dim - rank))
        vectors.append(0.8 * padded + noise)
    return vectors


def sampled_softmax_loss(right: Tensor, others: Tensor, rows: Tensor, *, log_q: Tensor) -> Tensor:
    """Return the weighted mean over queries of the mean cross entropy of their pairs.

    `right` (N,) are the scores of the pairs and `rows` (N,) their queries. `others` (B, M) are the
    scores of candidates, each drawn with the probability exp of `log_q` (M,), whose sum estimates
    that of the whole catalogue (Bengio and Senecal, 2008). A query's weight is the square root of
    its number of pairs, as in `softmax_loss`.

    >>> from math import log
    >>> right, others = torch.tensor([log(3.0)]), torch.tensor([[log(1.0), log(2.0)]])
    >>> log_q = torch.tensor([log(1 / 2), log(1 / 4)])  # they stand for (1 * 2 + 2 * 4) / 2 = 5
    >>> loss = sampled_softmax_loss(right, others, torch.tensor([0]), log_q=log_q)
    >>> round(float(loss), 5) == round(log((3 + 5) / 3), 5)
    True
    """
    count = torch.bincount(rows, minlength=len(others)).to(right.dtype)
    rest = torch.logsumexp(others - log_q, dim=1) - np.log(others.shape[1])
    surprise = torch.logaddexp(rest[rows], right) - right
    loss: Tensor = (surprise / count.sqrt()[rows]).sum() / count.sqrt().sum()
    return loss
