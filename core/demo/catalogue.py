"""What the shop sells: products with a category, a hidden price and a popularity, and which of them come late."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from core.demo.calibration import SHOP

_SLOTS_PER_PRODUCT = 24  # finer slots cost memory (1 million products: 96 MB), coarser ones lose the rare products


@dataclass(frozen=True)
class Catalogue:
    """Arrays by product. A product is drawn by drawing one of the `slots`, where popular products hold many."""

    categories: npt.NDArray[np.int32]
    prices: npt.NDArray[np.float64]
    slots: npt.NDArray[np.int32]
    """Product of each slot; those released after train ends come last."""
    early_slots: int
    """Slots of the products that are there from the first day."""

    def __len__(self) -> int:
        return len(self.prices)

    def draw(self, rng: np.random.Generator, late: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
        """One product for each entry of `late`, which says whether the late releases are on sale yet."""
        on_sale = np.where(late, len(self.slots), self.early_slots)
        return self.slots[(rng.random(len(late)) * on_sale).astype(np.int64)]


def stock_catalogue(rng: np.random.Generator, sessions: int) -> Catalogue:
    """A catalogue for a log of so many sessions."""
    products = min(max(round(SHOP.products_per_session * sessions), 60), SHOP.most_products)
    categories = _categories(rng, products)
    category_level = rng.normal(0.0, SHOP.category_price_log_sd, int(categories.max()) + 1)
    product_level = rng.normal(0.0, SHOP.product_price_log_sd, products)
    prices = np.exp(category_level[categories] + product_level)
    fame = rng.normal(0.0, SHOP.category_popularity_log_sd, len(category_level))
    popularity = np.exp(fame[categories] + rng.normal(0.0, SHOP.popularity_log_sd, products))
    prices *= SHOP.price_mean * popularity.sum() / (prices @ popularity)  # or one dear bestseller would shift a seed
    order = rng.permutation(products).astype(np.int32)  # late products are spread over the ids
    edges = np.rint(np.cumsum(popularity[order]) / popularity.sum() * products * _SLOTS_PER_PRODUCT).astype(np.int64)
    slots = np.repeat(order, np.diff(edges, prepend=0))
    early = max(round(products * (1 - SHOP.released_share)), 1)
    return Catalogue(categories=categories, prices=prices, slots=slots, early_slots=int(edges[early - 1]))


def _categories(rng: np.random.Generator, products: int) -> npt.NDArray[np.int32]:
    """A category for each product. Sizes are quantiles of a lognormal, not draws: seeds differ only in who is big."""
    count = max(min(SHOP.categories, products // SHOP.products_per_category_least), 1)
    bell = NormalDist(0.0, SHOP.category_size_log_sd)
    size = np.cumsum(rng.permutation([math.exp(bell.inv_cdf((place + 0.5) / count)) for place in range(count)]))
    drawn = np.searchsorted(size, rng.random(products) * size[-1], side="right")
    categories: npt.NDArray[np.int32] = np.minimum(drawn, count - 1).astype(np.int32)
    return categories
