"""The presets of `configs/shops/` that fit a file."""

from collections.abc import Sequence
from typing import Final

from features.datasets.mapping import DAY, PRESETS, columns_of, load_mapping
from features.inspect.draft import Draft

_GIVEN: Final = ("timezone=UTC", "currency=EUR")
"""What a preset leaves to the shop; it does not matter to its columns."""


def fitting_presets(names: Sequence[str], draft: Draft) -> None:
    """Note the presets whose columns of the order lines are all among `names`."""
    for file in sorted(PRESETS.glob("*.yaml")):
        mapping = load_mapping(file, _GIVEN)
        wanted = {part for parts in columns_of(mapping.order_lines).values() for part in parts}
        if wanted - {DAY} <= set(names):
            draft.note("", f"the columns are those of `ingest csv --preset {file.stem}`")
