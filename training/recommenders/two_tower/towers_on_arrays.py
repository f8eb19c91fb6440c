"""The two-tower's scores on plain arrays: for one customer torch's call overhead dominates.

It computes the same as `TwoTowerNet`, from the same weights; torch is used for training and GPUs.
"""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from training.data.inputs import FloatArray, Queries
from training.kernels.activations import gelu_
from training.kernels.decayed_means import add_repeats, read_history
from training.kernels.dot_products import DotScorer, QueryVectors
from training.recommenders.two_tower.towers import Candidates, TwoTowerNet


def array_scorer(net: TwoTowerNet, candidates: Candidates) -> DotScorer:
    """Return the function of the scores (B, C) of `candidates`, with `net` on the CPU."""
    lasting, current, demand = (part.numpy() for part in candidates)
    if net.cosine:
        current = _normalised(current)
    temperature = np.exp(_array(net.log_temperature))
    tower = _Tower(
        lasting=lasting,
        rates=np.exp(_array(net.query.log_rate)),
        share=_array(net.query.share),
        mean=_array(net.query.standardise.mean),
        scale=_array(net.query.standardise.scale),
    )
    (weight_1, bias_1), (weight_2, bias_2) = (
        (_array(layer.weight), _array(layer.bias)) for layer in net.query.mix_layers()
    )
    repeat_rates = np.exp(_array(net.repeat.log_rate))
    repeat_weight = _array(net.repeat.weight)

    def query_vectors(queries: Queries) -> QueryVectors:
        history, days = queries.history, queries.history_days
        known, query = read_history(history, days, queries.activity, tuple(tower))
        hidden = weight_1 @ known.T
        gelu_(hidden, bias_1)
        query += (weight_2 @ hidden).T
        query += bias_2
        if net.cosine:
            query = _normalised(query)
        query /= temperature

        def add(scores: FloatArray) -> None:
            np.add(scores, demand, out=scores)
            add_repeats(history, days, repeat_rates, repeat_weight, scores)

        return query, add

    return DotScorer(current, query_vectors)


def _array(tensor: Tensor) -> FloatArray:
    """Return a copy, which further training of the network does not change."""
    array: FloatArray = tensor.detach().numpy().copy()
    return array


def _normalised(vectors: FloatArray) -> FloatArray:
    """Return `vectors` (N, D) scaled to length 1."""
    lengths = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    unit: FloatArray = vectors / np.maximum(lengths, np.float32(1e-12))
    return unit


class _Tower(NamedTuple):
    """The query tower's parameters for a history: H heads, D embedding, F inputs."""

    lasting: FloatArray  # (C, D)
    rates: FloatArray  # (H,)
    share: FloatArray  # (H,)
    mean: FloatArray  # (F,)
    scale: FloatArray  # (F,)
