"""The purchase sequence of customers as the network reads it: their last orders, newest first."""

from typing import Final

import numpy as np

from training.data.inputs import FloatArray, Queries

ORDERS: Final = 24
"""Orders that are read, at most."""
TOKEN: Final = ("log_days_ago", "log_days_since_the_one_before", "log_value", "log_lines")
"""The inputs of an order. The oldest one that is read has 0 days since the one before it."""


def sequence_of(queries: Queries) -> tuple[FloatArray, FloatArray]:
    """Return the last orders (B, ORDERS, len(TOKEN)) and which of them exist (B, ORDERS), as 0/1.

    Lines of the same moment are one order. Only the stored history is read, which ends before
    `queries.at`.
    """
    days, values = queries.history_days.astype(np.float64), queries.history_values
    line = _lines(queries)
    begins = line.copy()
    begins[:, 1:] &= days[:, 1:] != days[:, :-1]
    order = np.cumsum(begins, axis=1) - 1  # (B, L) the place of the line's order
    rows, columns = np.nonzero(line & (order < ORDERS))
    place = order[rows, columns]
    tokens = np.zeros((len(queries), ORDERS, len(TOKEN)), dtype=np.float64)
    np.add.at(tokens[:, :, 2], (rows, place), values[rows, columns])
    np.add.at(tokens[:, :, 3], (rows, place), 1.0)
    tokens[rows, place, 0] = days[rows, columns]
    exists = tokens[:, :, 3] > 0
    older = np.zeros_like(tokens[:, :, 0])
    older[:, :-1] = np.where(exists[:, 1:], tokens[:, 1:, 0] - tokens[:, :-1, 0], 0)
    tokens[:, :, 1] = older
    return np.log1p(tokens).astype(np.float32), exists.astype(np.float32)


def _lines(queries: Queries) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Return which places (B, L) of the history hold a line.

    A product that the catalogue lacks is -1 like a padded place, but has a value or days.
    """
    return (queries.history >= 0) | (queries.history_values > 0) | (queries.history_days > 0)
