"""Products of the demo, each with a category, a hidden price, a popularity and a release date."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from core.demo.calibration import SHOP

_SLOTS_PER_PRODUCT = 24
"""More slots take more memory (96 MB for a million products); with fewer, rare products get no slot."""


@dataclass(frozen=True)
class Catalogue:
    """Arrays by product. A product is drawn by drawing one of the `slots`; popular products have many slots."""

    categories: npt.NDArray[np.int32]
    prices: npt.NDArray[np.float64]
    slots: npt.NDArray[np.int32]
    """Product of each slot. Products released after the end of train come last."""
    early_slots: int
    """Number of slots of the products that are on sale from the first day."""

    def __len__(self) -> int:
        return len(self.prices)

    def draw(self, rng: np.random.Generator, late: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
        """Draw one product per entry of `late`, which says whether the late products are on sale."""
        on_sale = np.where(late, len(self.slots), self.early_slots)
        return self.slots[(rng.random(len(late)) * on_sale).astype(np.int64)]


def stock_catalogue(rng: np.random.Generator, sessions: int) -> Catalogue:
    """Create the catalogue for a log with this number of sessions."""
    products = min(max(round(SHOP.products_per_session * sessions), 60), SHOP.most_products)
    categories = _categories(rng, products)
    category_level = rng.normal(0.0, SHOP.category_price_log_sd, int(categories.max()) + 1)
    product_level = rng.normal(0.0, SHOP.product_price_log_sd, products)
    prices = np.exp(category_level[categories] + product_level)
    category_popularity = rng.normal(0.0, SHOP.category_popularity_log_sd, len(category_level))
    popularity = np.exp(category_popularity[categories] + rng.normal(0.0, SHOP.popularity_log_sd, products))
    # Without this, one expensive bestseller would shift all values of a seed.
    prices *= SHOP.price_mean * popularity.sum() / (prices @ popularity)
    order = rng.permutation(products).astype(np.int32)  # spreads the late products over the ids
    edges = np.rint(np.cumsum(popularity[order]) / popularity.sum() * products * _SLOTS_PER_PRODUCT).astype(np.int64)
    slots = np.repeat(order, np.diff(edges, prepend=0))
    early = max(round(products * (1 - SHOP.released_share)), 1)
    return Catalogue(categories=categories, prices=prices, slots=slots, early_slots=int(edges[early - 1]))


def _categories(rng: np.random.Generator, products: int) -> npt.NDArray[np.int32]:
    """Draw a category for each product.

    Category sizes are quantiles of a lognormal distribution, so seeds differ only in which categories are large.
    """
    count = max(min(SHOP.categories, products // SHOP.products_per_category_least), 1)
    log_size = NormalDist(0.0, SHOP.category_size_log_sd)
    sizes = [math.exp(log_size.inv_cdf((rank + 0.5) / count)) for rank in range(count)]
    edges = np.cumsum(rng.permutation(sizes))
    drawn = np.searchsorted(edges, rng.random(products) * edges[-1], side="right")
    categories: npt.NDArray[np.int32] = np.minimum(drawn, count - 1).astype(np.int32)
    return categories
