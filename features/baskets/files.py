"""The rules and bundles of a cut as files beside its products, for serving."""

from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa

from configs.code import source_digest
from configs.parquet_files import read_parquet, write_parquet
from features.baskets.rules import MinedRules

KINDS: Final = ("rules", "bundles")
"""The files of a cut, and the prefixes of their names."""
CODE: Final = source_digest("features.baskets.rules")
"""The digest of the code that mines them, part of the names: other code writes other files."""
_ALL: Final = "all_orders"
_IDS: Final = ("product_id", "other_id", "first_id", "second_id", "third_id")


def names_of(suffix: str) -> dict[str, str]:
    """Return the name of each kind of file for a cut, whose `suffix` says its time and rows."""
    return {kind: f"{kind}-{suffix}-{CODE[:8]}.parquet" for kind in KINDS}


def write(folder: Path, names: dict[str, str], mined: MinedRules) -> None:
    """Write the `mined` rules and bundles into `folder`, each file in one step."""
    for kind, frame in (("rules", mined.rules), ("bundles", mined.bundles)):
        rows = frame.assign(**{_ALL: mined.orders})
        schema = pa.schema(
            [(name, pa.string() if name in _IDS else pa.int64()) for name in rows.columns]
        )
        table = pa.Table.from_pandas(rows, schema=schema, preserve_index=False)
        write_parquet(folder / names[kind], table)


def read(folder: Path, names: dict[str, str], *, otherwise: str) -> MinedRules:
    """Return what `write` wrote. Raises FileNotFoundError, and DamagedFile naming `otherwise`.

    Without a rule and a bundle, the number of orders is 0.
    """
    rules, bundles = (
        read_parquet(folder / names[kind], otherwise=otherwise).to_pandas() for kind in KINDS
    )
    orders = pd.concat([rules[_ALL], bundles[_ALL]]).max()
    return MinedRules(
        orders=0 if pd.isna(orders) else int(orders),
        rules=rules.drop(columns=_ALL),
        bundles=bundles.drop(columns=_ALL),
    )
