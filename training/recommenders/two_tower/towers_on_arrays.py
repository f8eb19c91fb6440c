"""The two-tower's scores on plain arrays: for one customer torch's calls cost more than its sums.

What `TwoTowerNet` computes, from the same weights; that network remains for learning and for GPUs.
"""

from typing import NamedTuple

import numpy as np

from configs.compiled import Plain, compiled
from training.data.inputs import FloatArray, IntArray, Queries
from training.kernels.activations import gelu_
from training.kernels.dot_products import DotScorer, QueryVectors
from training.kernels.faded_history import group
from training.networks.standardise import LIMIT
from training.recommenders.two_tower.towers import Candidates, TwoTowerNet


def array_scorer(net: TwoTowerNet, candidates: Candidates) -> DotScorer:
    """Return the function that gives the scores (B, C) of `candidates`, with `net` on the CPU."""
    state = {name: tensor.numpy().copy() for name, tensor in net.state_dict().items()}
    lasting, current, demand = (part.numpy() for part in candidates)
    if net.cosine:
        current = _normalised(current)
    temperature = np.exp(state["log_temperature"])
    rates, repeat_rates = (np.exp(state[f"{part}.log_rate"]) for part in ("query", "repeat"))
    tower = _Tower(
        lasting=lasting,
        rates=rates,
        share=state["query.share"],
        mean=state["query.standardise.mean"],
        scale=state["query.standardise.scale"],
    )

    def query_vectors(queries: Queries) -> QueryVectors:
        given = (queries.history, queries.history_days, queries.activity)
        known, query = _read(*given, tuple(tower))
        hidden = state["query.mix.0.weight"] @ known.T
        gelu_(hidden, state["query.mix.0.bias"])
        query += (state["query.mix.3.weight"] @ hidden).T
        query += state["query.mix.3.bias"]
        if net.cosine:
            query = _normalised(query)
        query /= temperature

        def add(scores: FloatArray) -> None:
            np.add(scores, demand, out=scores)
            _add_repeats(*given[:2], repeat_rates, state["repeat.weight"], scores)

        return query, add

    return DotScorer(current, query_vectors)


def _normalised(vectors: FloatArray) -> FloatArray:
    """Return `vectors` (N, D), each of length 1."""
    lengths = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    unit: FloatArray = vectors / np.maximum(lengths, np.float32(1e-12))
    return unit


class _Tower(NamedTuple):
    """What the query tower reads a history by: H heads, D embedding, F inputs."""

    lasting: FloatArray  # (C, D)
    rates: FloatArray  # (H,)
    share: FloatArray  # (H,)
    mean: FloatArray  # (F,)
    scale: FloatArray  # (F,)


@compiled
def _read(
    history: IntArray, days: FloatArray, activity: FloatArray, tower: Plain
) -> tuple[FloatArray, FloatArray]:
    """Return what the query tower mixes (B, H D + H + F), and what it takes as it is (B, D).

    The embeddings of one order are added up first: its purchases fade alike.
    """
    lasting, rates, share, mean, scale = tower
    heads, dim = len(rates), lasting.shape[1]
    known = np.zeros((len(history), heads * dim + heads + len(mean)), dtype=np.float32)
    direct = np.zeros((len(history), dim), dtype=np.float32)
    order = np.empty(dim, dtype=np.float32)
    for row in range(len(history)):
        line = known[row]
        slot = 0
        while slot < history.shape[1]:
            day, count = days[row, slot], 0
            order[:] = 0
            while slot < history.shape[1] and days[row, slot] == day:
                if history[row, slot] >= 0:
                    count += 1
                    order += lasting[history[row, slot]]
                slot += 1
            if count:
                for head in range(heads):
                    left = np.exp(-rates[head] * day)
                    line[heads * dim + head] += left * np.float32(count)
                    line[head * dim : (head + 1) * dim] += left * order
        for head in range(heads):
            means, total = line[head * dim : (head + 1) * dim], line[heads * dim + head]
            means /= total + np.float32(1)
            direct[row] += share[head] * means
            line[heads * dim + head] = np.log1p(total)
        for number in range(len(mean)):
            z = (activity[row, number] - mean[number]) / scale[number]
            z = min(max(z, np.float32(-LIMIT)), np.float32(LIMIT))
            line[heads * dim + heads + number] = z
    return known, direct


@compiled
def _add_repeats(
    history: IntArray, days: FloatArray, rates: FloatArray, weight: FloatArray, scores: FloatArray
) -> None:
    """Add what `RepeatPath` adds to `scores` (B, C)."""
    length, heads = history.shape[1], len(rates)
    groups, places = np.empty(length, dtype=np.int64), np.empty(length, dtype=np.int64)
    left = np.empty(heads, dtype=np.float32)
    for row in range(len(history)):
        counts = np.zeros((group(history[row], places, groups), heads), dtype=np.float32)
        day = np.float32(-1)
        for slot in range(length):
            if groups[slot] >= 0:
                if days[row, slot] != day:
                    day = days[row, slot]
                    for head in range(heads):
                        left[head] = np.exp(-rates[head] * day)
                counts[groups[slot]] += left
        for number in range(len(counts)):
            added = np.float32(0)
            for head in range(heads):
                added += np.log1p(np.float32(4) * counts[number, head]) * weight[head]
            scores[row, places[number]] += added
