"""The two-tower's inputs from histories: decayed means of embeddings, and repeats."""

import numpy as np

from configs.compiled import Plain, compiled
from training.data.inputs import FloatArray, IntArray
from training.kernels.faded_history import group


@compiled
def read_history(
    history: IntArray, days: FloatArray, activity: FloatArray, tower: Plain
) -> tuple[FloatArray, FloatArray]:
    """Return the inputs of the query tower's mix (B, H D + H + F), and the direct part (B, D).

    The embeddings of one order are added first, since its purchases have one decay. `tower` is a
    `_Tower` of `towers_on_arrays`, as a tuple.
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
            z = min(max(z, np.float32(-5)), np.float32(5))
            line[heads * dim + heads + number] = z
    return known, direct


@compiled
def add_repeats(
    history: IntArray, days: FloatArray, rates: FloatArray, weight: FloatArray, scores: FloatArray
) -> None:
    """Add to `scores` (B, C) what `RepeatPath` adds for repeated purchases."""
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
