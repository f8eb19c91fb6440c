"""The online store: the customers and products that serving reads, written by `materialize`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
import pandas as pd

from configs.json_files import DamagedFile, read_json
from configs.parquet_files import read_parquet
from configs.paths import plain_name
from features.baskets import files as baskets
from features.baskets.rules import MinedRules
from features.customer_row import ONLINE_VIEW, DamagedRow, OtherCode, unpack
from features.feast_store import ONLINE_DB, open_store
from features.online.rows import OnlineRows
from features.workspace import Workspace, WorkspaceError

CURRENT: Final = "current.json"
"""The file in `ws.online` that holds the current Cut."""
_AGAIN: Final = "remove it, and run `python -m features materialize` again"
ANY_LOG: Final = 2**63 - 1
"""The sequence of a cut whose log is unknown, or another one: only times say what is in it."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What `materialize` wrote last."""

    as_of: pd.Timestamp
    """UTC."""
    digest: str
    """Of the canonical rows known before."""
    code: str
    """`features.customer_row.ROW_CODE` of the code that wrote it."""
    products: str
    """Name of the products' file."""
    events: int
    """The event log's last event in it, as the customers' rows name it."""
    changes: int
    """The sequence of the last product change in it."""
    baskets: Mapping[str, str] = field(default_factory=dict)
    """Names of the files of `features.baskets.files` by kind; empty if older code wrote the cut."""

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> Self:
        """Return the cut in `content`. Raises KeyError, TypeError or ValueError.

        For one of older code, only times say what of the logs is in it.
        """
        return cls(
            as_of=pd.Timestamp(content["as_of"]).as_unit("us"),
            digest=str(content["digest"]),
            code=str(content["code"]),
            products=plain_name(content["products"]),
            events=int(content.get("events", ANY_LOG)),
            changes=int(content.get("changes", ANY_LOG)),
            baskets={kind: plain_name(name) for kind, name in content.get("baskets", {}).items()},
        )

    def to_json(self) -> dict[str, Any]:
        """Return the content for `of_json`."""
        return {**vars(self), "as_of": self.as_of.isoformat()}


class OnlineStore:
    """The customers that `materialize` wrote, one Feast row each.

    Reads need only `ws.feast`, so that a Bento contains this folder and no snapshots.
    """

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._rows = OnlineRows(open_store(ws), ws.feast / ONLINE_DB)

    def online_customer(self, customer_id: str) -> dict[str, Any] | None:
        """Return the customer's stored row (features.customer_row); None for an unknown one.

        `snapshot_timestamp` is the time of its snapshot, which may be stale. Raises WorkspaceError
        for a row that is damaged or that other code wrote, and Feast's errors when the store cannot
        be read; the next call tries again.
        """
        if not customer_id:
            raise ValueError(f"customer_id = {customer_id!r}: a customer has a non-empty id")
        value = self._rows.read(customer_id)
        if value is None:
            return None
        try:
            return unpack(value)
        except OtherCode as error:
            raise WorkspaceError(
                f"{self._ws.feast}: other code wrote the rows ({error}); "
                "run `python -m features materialize`"
            ) from error
        except DamagedRow as error:
            raise WorkspaceError(
                f"{self._ws.feast / ONLINE_DB}: a customer's row is damaged "
                f"({error}); run `python -m features materialize`"
            ) from error

    def online_ids(self, count: int) -> list[str]:
        """Return at most `count` of the stored customers, evenly spaced in order of their ids.

        Empty if `ws.online` is missing.
        """
        file = self._ws.online / f"{ONLINE_VIEW}.parquet"
        if not file.exists():
            return []
        ids = read_parquet(file, columns=["customer_id"], otherwise=_AGAIN)["customer_id"]
        places = np.linspace(0, len(ids) - 1, min(count, len(ids)), dtype=np.int64)
        return [str(name) for name in ids.take(places).to_pylist()]


def online_products(ws: Workspace) -> tuple[pd.Timestamp, pd.DataFrame]:
    """Return the products that `materialize` wrote, sorted by id, and their time (UTC).

    Raises WorkspaceError if nothing was materialized.
    """
    cut = current_cut(ws)
    if cut is None:
        raise WorkspaceError(f"nothing in {ws.online}: run `python -m features materialize` first")
    return cut.as_of, products_of(ws, cut)


def baskets_of(ws: Workspace, cut: Cut) -> MinedRules | None:
    """Return the rules and bundles that `materialize` wrote for `cut`; None if it wrote none."""
    names = dict(cut.baskets)
    return baskets.read(ws.online, names, otherwise=_AGAIN) if names else None


def products_of(ws: Workspace, cut: Cut) -> pd.DataFrame:
    """Return the products that `materialize` wrote for `cut`, sorted by id."""
    frame: pd.DataFrame = read_parquet(ws.online / cut.products, otherwise=_AGAIN).to_pandas()
    return frame


def current_cut(ws: Workspace) -> Cut | None:
    """Return what `materialize` wrote last; None if nothing was materialized.

    Raises DamagedFile, also for a name of a file that leads outside of `ws.online`.
    """
    file = ws.online / CURRENT
    try:
        return Cut.of_json(read_json(file, otherwise=_AGAIN))
    except FileNotFoundError:
        return None
    except DamagedFile:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFile(f"{file}: {error!r}; {_AGAIN}") from error
