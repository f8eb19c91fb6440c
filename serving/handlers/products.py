"""Products: changes are validated one by one, and written to disk before the answer."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import msgspec
import pandas as pd

from features.logs.product_changes import FIELDS, ProductChange, ProductChanges
from serving.handlers.parts import decode_part
from serving.problems import Problem
from serving.schemas.products import Product, ProductParts, ProductResult, ProductsAnswer

PATH: Final = "/v1/products:batch"
_DECODER: Final = msgspec.json.Decoder(Product)


class Products:
    """Writes posted changes of products to the log."""

    def __init__(self, log: ProductChanges | None, *, clock: Callable[[], pd.Timestamp]) -> None:
        self._log, self._clock = log, clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="products")

    def close(self) -> None:
        """End the thread after its current write."""
        self._thread.shutdown()

    async def take(self, request: ProductParts, *, request_id: str) -> ProductsAnswer:
        """Return each product's outcome. Raises Problem without a writable log."""
        changes: list[ProductChange] = []
        results: list[ProductResult] = []
        for index, part in enumerate(request.products):
            try:
                changes.append(_change(decode_part(_DECODER, part, at=f"/products/{index}")))
                results.append(ProductResult(status=200))
            except Problem as problem:
                details = problem.details(request_id=request_id, instance=PATH)
                results.append(ProductResult(status=problem.status, problem=details))
        if self._log is None:
            raise Problem("store_unavailable", "no product log is configured: set REGULARS_STORES")
        try:
            record = partial(self._log.record, changes, clock=self._clock)
            await asyncio.get_running_loop().run_in_executor(self._thread, record)
        except sqlite3.Error as error:
            raise Problem("store_unavailable", "the product log cannot be written now") from error
        return ProductsAnswer(request_id=request_id, results=results)


def _change(product: Product) -> ProductChange:
    fields = {name: getattr(product, name) for name in FIELDS}
    given = {name: value for name, value in fields.items() if value is not msgspec.UNSET}
    return ProductChange(product_id=product.product_id, **given)
