"""Shops with a known truth, and their exports, spoiled as real ones are.

Each shop first draws its truth (`truth.draw`) and then writes the files that its platform would
write of it. `facts.facts` says what tables hold, `truth.truth` what they must hold.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.features.datasets.spoiled.kaggle import kaggle
from tests.features.datasets.spoiled.magento import magento
from tests.features.datasets.spoiled.marketplace import marketplace
from tests.features.datasets.spoiled.shopify import shopify
from tests.features.datasets.spoiled.till_gbk import till_gbk
from tests.features.datasets.spoiled.truth import Spoiled
from tests.features.datasets.spoiled.woocommerce import woocommerce

SHOPS: Final[dict[str, Callable[[Path, int], Spoiled]]] = {
    "shopify": shopify,
    "woocommerce": woocommerce,
    "magento": magento,
    "till_gbk": till_gbk,
    "kaggle": kaggle,
    "marketplace": marketplace,
}
"""By name: writes a shop's files of a seed into a folder."""
