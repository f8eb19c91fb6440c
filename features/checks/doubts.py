"""Every doubt about a workspace's data, the weightiest first."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import pandas as pd

from features.checks.doubt import Doubt, Evidence
from features.checks.figures import Figures
from features.checks.id_doubts import id_doubts
from features.checks.join_doubts import join_doubts
from features.checks.money_doubts import money_doubts
from features.checks.order_doubts import order_doubts
from features.checks.order_lines import orders_of, with_local_times
from features.checks.time_doubts import time_doubts

_RULES: Final[tuple[Callable[[Evidence], Iterator[Doubt]], ...]] = (
    order_doubts,
    id_doubts,
    join_doubts,
    time_doubts,
    money_doubts,
)


def doubts(tables: Mapping[str, pd.DataFrame], figures: Figures) -> list[Doubt]:
    """Return what is odd about the canonical `tables`, whose figures are `figures`.

    A doubt is a question, not an error: nothing is changed. No order line: no doubt.
    """
    lines = with_local_times(tables["order_lines"], figures.timezone)
    if lines.empty:
        return []
    evidence = Evidence(
        figures=figures,
        lines=lines,
        orders=orders_of(lines),
        customers=tables["customers"],
        products=tables["products"],
    )
    return [doubt for rule in _RULES for doubt in rule(evidence)]
