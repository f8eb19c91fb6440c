"""The training batches of the two-tower."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from training.data.inputs import Queries
from training.recommenders.two_tower.negatives import draw, mixed_chances
from training.recommenders.two_tower.towers import Catalogue, Visitors

if TYPE_CHECKING:
    from training.recommenders.two_tower.examples import Examples


class Batch(NamedTuple):
    """Customers of one snapshot and their next purchases, out of C products."""

    catalogue: Catalogue
    visitors: Visitors
    bought_by: Tensor  # (N,) row of the customer
    bought: Tensor  # (N,) the candidate
    log_q: Tensor  # (C,) log of the probability that a product is included; 0 if all are


def shuffled(
    snapshots: "Sequence[Examples]",
    catalogues: Sequence[Catalogue],
    *,
    batch_size: int,
    full_softmax_products: int,
    negatives: int,
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """Yield the examples in random order, each batch from one snapshot.

    A batch has about `batch_size` customers. `catalogues` are those of `snapshots`; one of more
    than `full_softmax_products` is sampled for each batch: the batch's products, and about
    `negatives` others.
    """
    parts = [
        (number, rows)
        for number, snapshot in enumerate(snapshots)
        for rows in np.array_split(
            rng.permutation(len(snapshot.queries)),
            max(1, round(len(snapshot.queries) / batch_size)),
        )
    ]
    for place in rng.permutation(len(parts)):
        number, rows = parts[place]
        snapshot, catalogue = snapshots[number], catalogues[number]
        bought_by, bought = snapshot.bought_by(rows)
        queries = snapshot.queries[rows]
        width = len(snapshot.products)
        log_q = np.zeros(width, dtype=np.float32)
        if width > full_softmax_products:
            drawn = draw(
                mixed_chances(snapshot.bought.columns, width, negatives=negatives),
                certain=np.concatenate([bought, queries.history.ravel()]),
                rng=rng,
            )
            catalogue = catalogue.take(torch.from_numpy(drawn.places))
            queries = replace(queries, history=drawn.find(queries.history))
            bought, log_q = drawn.find(bought), drawn.log_q
        yield Batch(
            catalogue,
            visitors_of(queries),
            torch.from_numpy(bought_by),
            torch.from_numpy(bought),
            torch.from_numpy(log_q),
        )


def visitors_of(queries: Queries) -> Visitors:
    """Return `queries` as inputs of the network."""
    return Visitors(
        activity=torch.from_numpy(queries.activity),
        history=torch.from_numpy(queries.history),
        days=torch.from_numpy(queries.history_days),
    )
