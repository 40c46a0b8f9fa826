"""Products of the demo, each with a category, a hidden price, a popularity and a release date."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from core.demo.calibration import SHOP
from core.demo.clock import draw_weighted

_SLOTS_PER_PRODUCT = 24
"""More slots take more memory (96 MB for a million products); with fewer, rare products get no slot."""


@dataclass(frozen=True)
class Catalogue:
    """Categories and prices by product number. A product is drawn as one of the `slots`, in proportion to popularity.

    Attributes:
        categories: category number of each product.
        prices: price of each product, in value units.
        slots: product of each slot. Products released after the end of train come last.
        n_early_slots: number of slots of the products that are on sale from the first day.
    """

    categories: npt.NDArray[np.int32]
    prices: npt.NDArray[np.float64]
    slots: npt.NDArray[np.int32]
    n_early_slots: int

    def __len__(self) -> int:
        return len(self.prices)

    def draw(self, rng: np.random.Generator, is_late: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
        """Draw one product per entry of the mask, which says whether products released after train are on sale."""
        n_slots = np.where(is_late, len(self.slots), self.n_early_slots)
        return self.slots[(rng.random(len(is_late)) * n_slots).astype(np.int64)]


def stock_catalogue(rng: np.random.Generator, sessions: int) -> Catalogue:
    """Create the catalogue for a log with this number of sessions."""
    n_products = min(round(SHOP.products_per_session * sessions), SHOP.max_products)
    categories = _categories(rng, n_products)
    category_level = rng.normal(0.0, SHOP.category_price_log_sd, int(categories.max()) + 1)
    product_level = rng.normal(0.0, SHOP.product_price_log_sd, n_products)
    prices = np.exp(category_level[categories] + product_level)
    category_popularity = rng.normal(0.0, SHOP.category_popularity_log_sd, len(category_level))
    popularity = np.exp(category_popularity[categories] + rng.normal(0.0, SHOP.popularity_log_sd, n_products))
    # Without this, one expensive bestseller would shift all values of a seed.
    prices *= SHOP.price_mean * popularity.sum() / (prices @ popularity)
    order = rng.permutation(n_products).astype(np.int32)  # spreads the late products over the ids
    edges = np.rint(np.cumsum(popularity[order]) / popularity.sum() * n_products * _SLOTS_PER_PRODUCT).astype(np.int64)
    slots = np.repeat(order, np.diff(edges, prepend=0))
    n_early = max(round(n_products * (1 - SHOP.released_share)), 1)
    return Catalogue(categories=categories, prices=prices, slots=slots, n_early_slots=int(edges[n_early - 1]))


def _categories(rng: np.random.Generator, n_products: int) -> npt.NDArray[np.int32]:
    """Draw a category for each product.

    Category sizes are quantiles of a lognormal distribution, so seeds differ only in which categories are large.
    """
    count = max(min(SHOP.max_categories, n_products // SHOP.min_products_per_category), 1)
    log_size = NormalDist(0.0, SHOP.category_size_log_sd)
    sizes = [math.exp(log_size.inv_cdf((rank + 0.5) / count)) for rank in range(count)]
    return draw_weighted(rng, rng.permutation(sizes), n_products).astype(np.int32)
