"""The variant of a unit: a pure function of the experiment's salt and the unit's id.

Two independent numbers in [0, 1) decide. The unit takes part when the first lies below
`exposed_share`, which only grows. The second selects the variant by weights that never change. So
ramping adds units and moves none.

Standard library only: any system can compute the same answer.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experiments.definition import Experiment


def position(salt: str, unit_id: str) -> float:
    """Return the place of `unit_id` in [0, 1): the first 64 bits of SHA-256, cut to 53.

    Salt and id are joined by a NUL, which no id contains.

    >>> position("spring", "12345")
    0.02252092587086385
    """
    digest = sha256(f"{salt}\0{unit_id}".encode()).digest()
    return float((int.from_bytes(digest[:8], "big") >> 11) * 2.0**-53)


def pick(weights: Mapping[str, float], place: float) -> str:
    """Return the name whose interval contains `place` in [0, 1).

    The intervals are adjacent, in order of the names, with widths proportional to the weights.

    >>> [pick({"b": 1, "a": 3}, place) for place in (0.0, 0.7499, 0.75, 0.9999)]
    ['a', 'a', 'b', 'b']
    """
    names = sorted(weights)
    place *= sum(weights[name] for name in names)
    edge = 0.0
    for name in names:
        edge += weights[name]
        if place < edge:
            return name
    return names[-1]


def assign(experiment: "Experiment", unit_id: str | None) -> str | None:
    """Return the name of the unit's variant; None when it is anonymous or takes no part."""
    if unit_id is None:
        return None
    if position(f"{experiment.salt}/share", unit_id) >= experiment.exposed_share:
        return None
    weights = {name: variant.weight for name, variant in experiment.variants.items()}
    return pick(weights, position(experiment.salt, unit_id))
