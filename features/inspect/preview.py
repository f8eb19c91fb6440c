"""What would come in by a mapping, its questions set aside."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from configs.errors import UserError
from features.checks.doubt import Doubt
from features.checks.doubts import doubts
from features.checks.figures import Figures, figures
from features.datasets import csv
from features.datasets.mapping import ShopMapping
from features.schema import TABLES


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What would come in, or why nothing would."""

    figures: Figures | None = None
    """None if `ingest` would refuse the files."""
    doubts: tuple[Doubt, ...] = ()
    """What is odd about the data that would come in."""
    refusal: str | None = None
    """Why `ingest` would refuse the files even with every question confirmed."""


def preview(files: Sequence[Path], mapping: ShopMapping, *, now: pd.Timestamp) -> Preview:
    """Return what `files` hold by `mapping`; `now` (UTC) is the clock of its doubts."""
    answered = mapping.model_copy(update={"questions": {}})
    try:
        dataset = csv.load(list(files), answered)
    except UserError as error:
        return Preview(refusal=str(error))
    tables = {name: getattr(dataset, name) for name in TABLES}
    shown = figures(tables, timezone=mapping.timezone, currency=mapping.currency, now=now)
    return Preview(figures=shown, doubts=tuple(doubts(tables, shown)))
