"""Repeat purchase rates by product, from all purchases before a time."""

from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import pandas as pd

from configs.json_files import read_json, write_json
from training.data.inputs import FloatArray, Products

if TYPE_CHECKING:
    from training.data.training_data import TrainingData

FILE: Final = "rebuy.json"
REBUY_INPUTS: Final = (
    "rebuy_share",  # share of the buyers who bought again on another day
    "rebuy_days",  # mean number of days on which a buyer bought again
    "log_buyers",
)
_PRIOR_BUYERS: Final = 20.0  # weight of the mean product's rates, in buyers


class Rebuy:
    """The REBUY_INPUTS of products; those of the mean product where a product was never bought."""

    def __init__(self, rates: pd.DataFrame, *, unknown: list[float]) -> None:
        self._rates = rates  # index product_id, columns REBUY_INPUTS
        self._unknown = unknown

    @classmethod
    def fit(cls, data: "TrainingData") -> Self:
        """Compute the rates from the purchases before `data.as_of`."""
        return cls.of(data.purchases(data.start, data.as_of))

    @classmethod
    def of(cls, bought: pd.DataFrame) -> Self:
        """Compute the rates from `bought`: columns customer_id, product_id, event_timestamp."""
        day = bought["event_timestamp"].dt.floor("D")
        days = bought.assign(day=day).groupby(["product_id", "customer_id"])["day"].nunique()
        repeats = pd.DataFrame({"buyers": 1.0, "share": days > 1, "days": days - 1.0})
        counts = repeats.groupby("product_id").sum()
        buyers = counts.pop("buyers")
        mean = counts.sum() / max(buyers.sum(), 1)
        smoothed = (counts + _PRIOR_BUYERS * mean).div(buyers + _PRIOR_BUYERS, axis=0)
        rates = smoothed.set_axis(list(REBUY_INPUTS[:2]), axis=1).assign(
            log_buyers=np.log1p(buyers)
        )
        return cls(rates, unknown=[float(mean["share"]), float(mean["days"]), 0.0])

    def inputs(self, products: Products) -> FloatArray:
        """Return (C, 3), columns REBUY_INPUTS, of `products`."""
        rows = self._rates.reindex(products.product_ids).to_numpy(np.float64)
        filled: FloatArray = np.where(np.isnan(rows), self._unknown, rows).astype(np.float32)
        return filled

    def save(self, folder: Path) -> None:
        """Write the rates into the existing `folder`."""
        columns = self._rates.reset_index().to_dict(orient="list")
        write_json(folder / FILE, {"unknown": self._unknown, "products": columns})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        saved = read_json(folder / FILE)
        rates = pd.DataFrame(saved["products"]).set_index("product_id")
        return cls(rates[list(REBUY_INPUTS)], unknown=saved["unknown"])
