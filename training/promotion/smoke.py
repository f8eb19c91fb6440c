"""Answer from a packaged version, alone: `python -m training.promotion.smoke BUNDLE FOLDER`.

`customers.parquet` and `products.parquet` in FOLDER are rows of stored features; the answers go to
`answers.parquet`. `smoke_test` runs this in a process of its own, and compares the answers with
those of the model in this one.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from configs.code import ROOT
from training.bundle import load_bundle
from training.data.inputs import encode_products, encode_queries
from training.families import FAMILIES, imported
from training.interfaces import Batch

CUSTOMERS, PRODUCTS, ANSWERS = "customers.parquet", "products.parquet", "answers.parquet"
LIMIT_S: Final = 300.0
_NEAR: Final = 1e-5


def answers(bundle: Path, customers: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Return what the version in `bundle` answers for `customers`, at its data cut."""
    made = load_bundle(bundle)
    at = pd.Timestamp(made.manifest.as_of)
    encoded = encode_products(products, at)
    batch = Batch(queries=encode_queries(customers, encoded, at), products=encoded)
    found: pd.DataFrame = imported(FAMILIES[made.name].batch)(made.model, batch)
    return found


def smoke_test(bundle: Path, customers: pd.DataFrame, products: pd.DataFrame) -> str | None:
    """Return what is wrong with the packaged version in `bundle`; None if it answers well.

    `customers` and `products` are stored features at the version's data cut.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        customers.to_parquet(folder / CUSTOMERS)
        products.to_parquet(folder / PRODUCTS)
        command = [sys.executable, "-m", __name__, str(bundle), scratch]
        try:
            done = subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return f"it did not answer in {LIMIT_S:.0f} s"
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["no message"])[-1]
        found = pd.read_parquet(folder / ANSWERS)
    return _wrong(found, answers(bundle, customers, products))


def _wrong(found: pd.DataFrame, expected: pd.DataFrame) -> str | None:
    if found.empty:
        return "it answers nothing"
    for name in found.select_dtypes("number"):
        if np.isnan(found[name]).any():
            return f"{name} is no number for some customers"
    if list(found) != list(expected) or len(found) != len(expected):
        return "its rows differ from those of the model in this process"
    for name in found:
        same = (
            np.allclose(found[name], expected[name], rtol=_NEAR, atol=_NEAR)
            if pd.api.types.is_numeric_dtype(found[name])
            else found[name].equals(expected[name])
        )
        if not same:
            return f"{name} differs from that of the model in this process"
    return None


def main(bundle: Path, folder: Path) -> None:
    """Answer from the files in `folder`."""
    customers, products = (pd.read_parquet(folder / name) for name in (CUSTOMERS, PRODUCTS))
    answers(bundle, customers, products).to_parquet(folder / ANSWERS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
