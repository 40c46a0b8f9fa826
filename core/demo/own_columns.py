"""Further columns of the demo files, as examples of own columns: list price, brand and device."""

from __future__ import annotations

from typing import Final

import numpy as np

from core.demo.log_chunk import LogChunk, Shop
from core.demo.text import Text, cents

COLUMNS: Final = ("price", "brand", "device")
MAPPING: Final = """\
# How to read these files with their own columns.
name = "demo with own columns"

[own.price]
column = "price"
kind = "money"
level = "product"

[own.brand]
column = "brand"
kind = "category"
level = "product"

[own.device]
column = "device"
kind = "category"
level = "session"
"""
_BRANDS: Final = np.array(
    [f"{name} {line}" for name in ("Arven", "Belmo", "Corta", "Duvin") for line in "ABCDEF"], "S7"
)
_DEVICES: Final = np.array(["mobile", "desktop", "tablet"], "S7")
_DEVICE_SHARES: Final = (0.58, 0.34, 0.08)
"""Share of the users with each device."""
_STREAM: Final = 1 << 40
"""Second part of the seed. Chunks use the number of their first session plus 1, which is never as large."""
_BRAND_NOISE: Final = 0.25
"""Standard deviation of a product's place among the brands, which rise in price."""


class OwnColumns:
    """The further columns of a shop.

    The price is the one that the simulation adds to session values. Brands differ in price level, and have no other
    effect. Each user has one device in all sessions, which has no effect.
    """

    def __init__(self, shop: Shop) -> None:
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(shop.seed, spawn_key=(_STREAM,))))
        prices = shop.catalogue.prices
        self._cents = np.rint(prices * 100).astype(np.int64)
        place = np.argsort(np.argsort(prices)) / len(prices) + rng.normal(0.0, _BRAND_NOISE, len(prices))
        self._brands = (np.argsort(np.argsort(place)) * len(_BRANDS)) // len(place)
        self._seed = shop.seed

    def parts(self, chunk: LogChunk, rows: np.typing.NDArray[np.int64]) -> list[bytes | Text]:
        """Return the cells of some rows of a chunk, each after a comma, as parts of a line."""
        products, users = chunk.products[rows], chunk.users[chunk.session[rows]]
        draws = (users * 2_654_435_761 + self._seed) % (1 << 32) / (1 << 32)
        devices = np.searchsorted(np.cumsum(_DEVICE_SHARES)[:-1], draws, side="right")
        return [b",", *cents(self._cents[products]), b",", _BRANDS[self._brands[products]], b",", _DEVICES[devices]]
