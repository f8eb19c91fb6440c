"""What the two-tower sees in a step of its training."""

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
    """Customers of one snapshot and what they went on to buy, out of C products."""

    catalogue: Catalogue
    visitors: Visitors
    bought_by: Tensor  # (N,) row of the customer
    bought: Tensor  # (N,) the candidate
    log_q: Tensor  # (C,) log of the probability that a product is here: 0 where all are


def shuffled(
    seen: "Sequence[Examples]",
    catalogues: Sequence[Catalogue],
    *,
    batch_size: int,
    full_softmax_products: int,
    negatives: int,
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """Yield the examples in random order, each batch from one snapshot.

    A batch has about `batch_size` customers. `catalogues` are those of `seen`; one of more than
    `full_softmax_products` comes as a sample that is drawn for each batch: what the batch bought,
    and about `negatives` more.
    """
    parts = [
        (number, rows)
        for number, one in enumerate(seen)
        for rows in np.array_split(
            rng.permutation(len(one.queries)), max(1, round(len(one.queries) / batch_size))
        )
    ]
    for place in rng.permutation(len(parts)):
        number, rows = parts[place]
        one, catalogue = seen[number], catalogues[number]
        bought_by, bought = one.bought_by(rows)
        queries = one.queries[rows]
        width = len(one.products)
        log_q = np.zeros(width, dtype=np.float32)
        if width > full_softmax_products:
            drawn = draw(
                mixed_chances(one.bought.columns, width, negatives=negatives),
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
    """Return `queries` as the network reads them."""
    return Visitors(
        activity=torch.from_numpy(queries.activity),
        history=torch.from_numpy(queries.history),
        days=torch.from_numpy(queries.history_days),
    )
