"""The lead of a model over others on the same customers, with paired intervals."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from training.evaluation.intervals import Sample, compare
from training.evaluation.ranking_metrics import Figures


@dataclass(frozen=True, kw_only=True)
class Lead:
    """A model's mean figure minus that of another one, with its paired 95% interval."""

    over: str
    """The other model: a baseline's name, or a version as `recommender@3`."""
    mean: float
    """The other model's mean figure."""
    value: float
    low: float
    high: float


def leads(own: Figures, others: Mapping[str, Figures]) -> tuple[Lead, ...]:
    """Return the lead of `own` (N,) over each of `others`, for the same N customers.

    >>> own, other = np.array([1.0, 0.5, 1.0]), np.array([0.5, 0.0, 0.5])
    >>> leads(own, {"other": other})[0].value
    0.5
    """
    if not others:
        return ()
    ids = np.arange(len(own)).astype(object)
    samples = {
        name: Sample(customer_ids=ids, figures={"figure": figures}, coverage=float("nan"))
        for name, figures in {"": own, **others}.items()
    }
    found = compare([samples], seed=0)
    return tuple(
        Lead(
            over=name,
            mean=found.means[name]["figure"].value,
            value=lead["figure"].value,
            low=lead["figure"].low,
            high=lead["figure"].high,
        )
        for name, lead in found.leads.items()
    )
