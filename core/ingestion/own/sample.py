"""Samples of whole sessions, products or users of a dataset, on which own columns are checked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import polars as pl

from core.dataset import EVENTS_FILE, UNITS_FILE
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

MAX_EVENTS: Final = 300_000
"""Events of a sample, in both files together: enough for thresholds, and read in a second."""
_SEED: Final = 24

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
IS_BUY: Final = pl.col(TYPE) == EVENT_CODE[BUY]


class OwnSample:
    """Samples of a dataset that has been written. Each is read once, on first use.

    Args:
        folder: the dataset's folder, with its tables.
        names: stored names of the own columns.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folder = folder
        self._names = list(names)
        n_events = int(self.all_events.select(pl.len()).collect().item())
        self._stride = max(-(-n_events // MAX_EVENTS), 1)

    @property
    def share(self) -> float:
        """Share of the units, products or users in a sample."""
        return 1 / self._stride

    @property
    def all_events(self) -> pl.LazyFrame:
        """The events of both files, with their role."""
        return pl.concat(
            pl.scan_parquet(self._folder / EVENTS_FILE.format(role=role), glob=False).with_columns(
                pl.lit(code, dtype=pl.Int8).alias(ROLE)
            )
            for code, role in enumerate(ROLES)
        )

    @cached_property
    def units(self) -> pl.DataFrame:
        """One row per unit: unit, role, user, value; null if composite."""
        units = pl.scan_parquet(self._folder / UNITS_FILE, glob=False)
        value = pl.when(~pl.col(COMPOSITE)).then(VALUE).alias(VALUE)
        return units.select(UNIT, ROLE, USER, value).collect()

    def events_of(self, key: str, names: Sequence[str]) -> pl.DataFrame:
        """Return all events of some units, products or users, chosen by a hash of the key, sorted by unit and time."""
        events = self.all_events.select(ROLE, UNIT, USER, PRODUCT, CATEGORY, TYPE, TIME, *names)
        return events.filter(pl.col(key).hash(_SEED) % self._stride == 0).collect()

    @cached_property
    def events(self) -> pl.DataFrame:
        """All events of some sessions of both files, with all own columns."""
        return self.events_of(UNIT, self._names)

    @cached_property
    def train_events(self) -> pl.DataFrame:
        """Those of the train sessions with a known value, which is added."""
        known = self.units.filter(pl.col(ROLE) == TRAIN_ROLE, pl.col(VALUE).is_not_null()).select(UNIT, VALUE)
        events = self.events.filter(pl.col(ROLE) == TRAIN_ROLE)
        return events.join(known, on=UNIT, how="inner", maintain_order="left")

    @cached_property
    def sessions(self) -> pl.DataFrame:
        """One row per session of `train_events`, in their order, as it is at one event before it buys.

        That event is the first one that is not a BUY, if possible of a product that the session does not buy. Its cells
        have the stored names. The first filled cells before a BUY are there under FIRST. If a session has only BUY
        events, they are those of its first one.
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
        """One row per session of `train_events` and product of `single_products`: BOUGHT is whether it is bought."""
        facts = self.sessions.select(UNIT, N_PRODUCTS, TIME)
        events = self.train_events.join(self.single_products.to_frame(), on=PRODUCT, how="semi", maintain_order="left")
        names = (pl.col(name).drop_nulls().first() for name in self._names)
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
