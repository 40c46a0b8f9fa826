"""Samples of whole sessions, products or users of a dataset, on which own columns are checked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

import polars as pl

from core.dataset import EVENTS_FILE, UNITS_FILE
from core.ingestion.own.explained import centred, scales, similarity
from core.own_columns import Level
from core.schema import (
    BUY,
    CATEGORY,
    COMPOSITE,
    EVENT_CODE,
    PRODUCT,
    ROLE,
    ROLES,
    TIME,
    TRAIN_ROLE,
    TYPE,
    UNIT,
    USER,
    VALUE,
)

MAX_EVENTS: Final = 200_000
"""Events of a sample, in both files together: enough for thresholds, and read in a second."""
_SEED: Final = 24
KEYS: Final[dict[Level, str]] = {"session": UNIT, "product": PRODUCT, "user": USER}

N_PRODUCTS: Final = "n_products"
N_EVENTS: Final = "n_events"
DURATION: Final = "duration"
BOUGHT: Final = "bought"
"""Whether the session has a BUY event."""
ONLY_BUYS: Final = "only_buys"
PICK_BOUGHT: Final = "pick_bought"
"""Whether the session buys the product of the event whose cells are compared."""
FIRST: Final = "first_"
"""Prefix of the first filled cell of a session, before its first BUY event if it has other events."""
MIN_ITEMS: Final = 4
"""Products of a session in which the price of one of them is a small part of the sum."""
IS_BUY: Final = pl.col(TYPE) == EVENT_CODE[BUY]


class OwnSample:
    """Samples of a dataset that has been written. Each is read once, on first use.

    Args:
        folder: the dataset's folder, with its tables.
        levels: stored name of each own column -> its level as the mapping says.
    """

    def __init__(self, folder: Path, levels: Mapping[str, Level]) -> None:
        self._folder = folder
        self._levels = levels
        self._names = list(levels)
        self._samples: dict[Level, pl.DataFrame] = {}
        n_events = int(self.all_events.select(pl.len()).collect().item())
        self._stride = max(-(-n_events // MAX_EVENTS), 1)

    @property
    def share(self) -> float:
        """Share of the units, products or users in a sample."""
        return 1 / self._stride

    @property
    def files(self) -> list[pl.LazyFrame]:
        """The events of the train and of the test file."""
        return [pl.scan_parquet(self._folder / EVENTS_FILE.format(role=role), glob=False) for role in ROLES]

    @property
    def all_events(self) -> pl.LazyFrame:
        """The events of both files, with their role."""
        return pl.concat(
            events.with_columns(pl.lit(code, dtype=pl.Int8).alias(ROLE)) for code, events in enumerate(self.files)
        )

    @cached_property
    def units(self) -> pl.DataFrame:
        """One row per unit: unit, role, user, value; null if composite."""
        units = pl.scan_parquet(self._folder / UNITS_FILE, glob=False)
        value = pl.when(~pl.col(COMPOSITE)).then(VALUE).alias(VALUE)
        return units.select(UNIT, ROLE, USER, value).collect()

    def events_of(self, level: Level) -> pl.DataFrame:
        """Return all events of some sessions, products or users, chosen by a hash, with the own columns of that level.

        Events of sessions have all own columns. The rows are sorted by unit and time.
        """
        if level not in self._samples:
            key = KEYS[level]
            names = [name for name, column in self._levels.items() if key == UNIT or column == level]
            events = self.all_events.select(ROLE, UNIT, USER, PRODUCT, CATEGORY, TYPE, TIME, *names)
            self._samples[level] = events.filter(pl.col(key).hash(_SEED) % self._stride == 0).collect()
        return self._samples[level]

    @cached_property
    def train_events(self) -> pl.DataFrame:
        """Events of the sampled train sessions whose value is known. The column VALUE repeats that value."""
        values = self.units.filter(pl.col(ROLE) == TRAIN_ROLE, pl.col(VALUE).is_not_null()).select(UNIT, VALUE)
        events = self.events_of("session").filter(pl.col(ROLE) == TRAIN_ROLE)
        return events.join(values, on=UNIT, how="inner", maintain_order="left")

    @cached_property
    def sessions(self) -> pl.DataFrame:
        """One row per session of `train_events`, in their order, with the cells of one event before the purchase.

        That event is the first one that is not a BUY, if possible on a product that the session does not buy. Its cells
        have the stored names. The first filled cells before a BUY have the prefix FIRST. If a session has only BUY
        events, the first of them is used.
        """
        bought = IS_BUY.any().over(UNIT, PRODUCT)
        rank = pl.when(~bought).then(0).when(~IS_BUY).then(1).otherwise(2).alias("_rank")
        only_buys = IS_BUY.all().over(UNIT).alias(ONLY_BUYS)
        events = self.train_events.with_columns(rank, only_buys)
        is_early = pl.col(ONLY_BUYS) | ~IS_BUY
        position = pl.col("_rank").arg_min()
        return events.group_by(UNIT, maintain_order=True).agg(
            pl.col(VALUE).first(),
            pl.col(USER).first(),
            pl.col(PRODUCT, CATEGORY).get(position),
            (pl.col("_rank").min() > 0).alias(PICK_BOUGHT),
            pl.col(TIME).min(),
            pl.col(ONLY_BUYS).first(),
            IS_BUY.any().alias(BOUGHT),
            pl.col(PRODUCT).n_unique().alias(N_PRODUCTS),
            pl.len().alias(N_EVENTS),
            (pl.col(TIME).max() - pl.col(TIME).min()).alias(DURATION),
            *(pl.col(name).get(position) for name in self._names),
            *(
                pl.col(name).filter(is_early & pl.col(name).is_not_null()).first().alias(FIRST + name)
                for name in self._names
            ),
        )

    @cached_property
    def single_products(self) -> pl.Series:
        """Products that occur in a single session of both files."""
        is_single = (pl.col(UNIT).min() == pl.col(UNIT).max()).alias("_single")
        sessions = self.all_events.group_by(PRODUCT).agg(is_single)
        return sessions.filter("_single").select(PRODUCT).collect().get_column(PRODUCT)

    @cached_property
    def single_events(self) -> pl.DataFrame:
        """One row per session of `train_events` and product of `single_products`, with its first cells under FIRST.

        BOUGHT is whether the product is bought.
        """
        facts = self.sessions.select(UNIT, N_PRODUCTS, TIME)
        events = self.train_events.join(self.single_products.to_frame(), on=PRODUCT, how="semi", maintain_order="left")
        names = (pl.col(name).drop_nulls().first().alias(FIRST + name) for name in self._names)
        products = events.group_by(UNIT, PRODUCT, maintain_order=True).agg(
            pl.col(VALUE, CATEGORY).first(), IS_BUY.any().alias(BOUGHT), *names
        )
        return products.join(facts, on=UNIT, how="left", maintain_order="left")

    @cached_property
    def users(self) -> pl.DataFrame:
        """One row per user whose sessions are all in train with a known value: user, n (sessions) and value (mean)."""
        is_known = (pl.col(ROLE) == TRAIN_ROLE) & pl.col(VALUE).is_not_null()
        users = self.units.group_by(USER).agg(pl.len().alias("n"), pl.col(VALUE).mean(), is_known.all().alias("_known"))
        return users.filter("_known").drop("_known")

    @cached_property
    def apart(self) -> pl.DataFrame:
        """The rows of `sessions` whose value depends little on the price of the picked product.

        These sessions do not buy it, or have several other products.
        """
        return self.sessions.filter(~pl.col(PICK_BOUGHT) | (pl.col(N_PRODUCTS) >= MIN_ITEMS))

    @cached_property
    def first_of_users(self) -> pl.DataFrame:
        """The first row of `sessions` of every user, without its value."""
        return self.sessions.unique(USER, keep="first", maintain_order=True).drop(VALUE)

    @cached_property
    def similarity_by_user(self) -> list[float]:
        """Similarity of the values of a user's sessions, on each scale."""
        users = self.sessions.get_column(USER)
        return [similarity(values, users) for values in scales(self.sessions.get_column(VALUE).to_numpy())]

    @cached_property
    def similarity_by_product(self) -> list[tuple[float, float]]:
        """Similarity of the values of sessions with the same product, on each scale: overall, and within categories."""
        products, categories = self.apart.get_column(PRODUCT), self.apart.get_column(CATEGORY)
        return [
            (similarity(values, products), similarity(centred(values, categories), products))
            for values in scales(self.apart.get_column(VALUE).to_numpy())
        ]
