"""What the audit rules look at: one stored dataset. Tables that several rules need are computed once, on first use."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from core.audit.sample import Sample, draw_sample
from core.base.text import display
from core.dataset import MAPPING_FILE, Dataset, DatasetCard, FileCard
from core.schema import (
    BUY,
    CATEGORY,
    CATEGORY_ID,
    EVENT_CODE,
    EVENT_TYPES,
    PRODUCT,
    PRODUCT_ID,
    ROLE,
    ROLES,
    SECONDS_PER_DAY,
    SESSION,
    START,
    TEST_ROLE,
    TIME,
    TRAIN_ROLE,
    TYPE,
    UNIT,
    USER,
    USER_ID,
    USER_SESSION,
    VALUE,
    Role,
)

END: Final = "end"
EVENTS: Final = "events"
BUYS: Final = "buys"
ID_COLUMNS: Final = {SESSION: USER_SESSION, USER: USER_ID, PRODUCT: PRODUCT_ID, CATEGORY: CATEGORY_ID}
"""Stored column -> column of the files, which is also the name of its dictionary."""

_TAIL: Final = 0.05
"""The middle 90% of the events say where the log lies in time; a few stray events cannot move them."""
FAR_LENGTHS: Final = 3
"""Events farther away than this many lengths of the middle part (at least a day) are outside the log. An evenly filled
log reaches 0.06 lengths beyond it, and one that doubles every half year over five years 1.3."""


@dataclass(frozen=True)
class Span:
    """Where a file lies in time; epoch seconds.

    Attributes:
        first, last: first and last event that is not far outside the log.
        low, high: bounds of the middle 90% of its events.
    """

    first: int
    low: int
    high: int
    last: int

    @property
    def bounds(self) -> tuple[int, int]:
        """Events before and after these times are far outside the log."""
        return _bounds(self.low, self.high)


def _bounds(low: int, high: int) -> tuple[int, int]:
    reach = FAR_LENGTHS * max(high - low, SECONDS_PER_DAY)
    return low - reach, high + reach


@dataclass(frozen=True, eq=False)
class AuditCase:
    """A dataset under audit.

    Attributes:
        dataset: the dataset.
        on_progress: called with parts done, parts in all and the feature group while features are computed.
    """

    dataset: Dataset
    on_progress: Callable[[int, int, str], None] = lambda part, parts, text: None

    @cached_property
    def card(self) -> DatasetCard:
        """The card of the dataset."""
        return self.dataset.card()

    @property
    def files(self) -> tuple[tuple[Role, FileCard], ...]:
        """The roles and cards of the two files."""
        return ("train", self.card.train), ("test", self.card.test)

    @cached_property
    def events(self) -> pl.LazyFrame:
        """One row per event of both files: role, unit, session, user, product, category, type, time; unordered."""
        columns = (UNIT, SESSION, USER, PRODUCT, CATEGORY, TYPE, TIME)
        parts = [
            self.dataset.events(role).select(pl.lit(code, dtype=pl.Int8).alias(ROLE), *columns)
            for code, role in enumerate(ROLES)
        ]
        return pl.concat(parts)

    @cached_property
    def units(self) -> pl.DataFrame:
        """One row per unit, ordered by role, session and user.

        The columns are those of `Dataset.units()` and end (epoch seconds), events and buys (numbers of events).
        """
        spans = self.events.group_by(UNIT).agg(
            pl.col(TIME).max().alias(END),
            pl.len().cast(pl.Int64).alias(EVENTS),
            (pl.col(TYPE) == EVENT_CODE[BUY]).sum().cast(pl.Int64).alias(BUYS),
        )
        return self.dataset.units().join(spans, on=UNIT, how="inner").sort(ROLE, SESSION, USER).collect()

    def units_of(self, role: int) -> pl.DataFrame:
        """Return the units of one file."""
        return self.units.filter(pl.col(ROLE) == role)

    @cached_property
    def total_events(self) -> int:
        """Number of events of both files."""
        return int(self.units.get_column(EVENTS).sum())

    @cached_property
    def train_sessions(self) -> pl.DataFrame:
        """One row per session id of train with a value: session, value, buys; ordered by session."""
        return (
            self.units_of(TRAIN_ROLE)
            .group_by(SESSION)
            .agg(pl.col(VALUE).first(), pl.col(BUYS).sum())
            .drop_nulls(VALUE)
            .sort(SESSION)
        )

    @cached_property
    def train_values(self) -> NDArray[np.float64]:
        """The values of train, one per session id, in ascending order so that sums are reproducible."""
        return np.sort(self.train_sessions.get_column(VALUE).to_numpy().astype(np.float64))

    @cached_property
    def event_words(self) -> dict[str, int]:
        """The words of the files for event types, in lower case -> code of the event type."""
        path = self.dataset.folder / MAPPING_FILE
        mapping = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        words: dict[str, str] = mapping.get("event_words") or {word: word for word in EVENT_TYPES}
        return {word.strip().lower(): EVENT_CODE[event_type] for word, event_type in words.items()}

    @cached_property
    def event_counts(self) -> dict[int, dict[int, int]]:
        """Role -> code of the event type -> number of events; types without events are missing."""
        counts: dict[int, dict[int, int]] = {TRAIN_ROLE: {}, TEST_ROLE: {}}
        for role, code, events in self.events.group_by(ROLE, TYPE).len().collect().sort(ROLE, TYPE).iter_rows():
            counts[role][code] = events
        return counts

    @cached_property
    def events_by_day(self) -> pl.DataFrame:
        """One row per (file, UTC day) with events: role, day (days since 1970-01-01), events; ordered by role, day."""
        day = (pl.col(TIME) // SECONDS_PER_DAY).alias("day")
        return self.events.group_by(ROLE, day).agg(pl.len().cast(pl.Int64).alias(EVENTS)).sort(ROLE, "day").collect()

    @cached_property
    def spans(self) -> tuple[Span, Span]:
        """Where train and test lie in time."""
        return self._span("train"), self._span("test")

    def _span(self, role: Role) -> Span:
        time, events = pl.col(TIME), self.dataset.events(role)
        middle = [time.quantile(share, "nearest").cast(pl.Int64).alias(str(share)) for share in (_TAIL, 1 - _TAIL)]
        low, high = events.select(middle).collect().row(0)
        near = events.filter(time.is_between(*_bounds(low, high)))
        first, last = near.select(time.min().alias("first"), time.max().alias("last")).collect().row(0)
        return Span(first, low, high, last)

    @cached_property
    def start_distance(self) -> float:
        """Kolmogorov-Smirnov distance between the session starts of train and test, 0 to 1.

        It is 1 if one file follows the other, and near 0 if sessions were assigned to the files at random.
        """
        train, test = (self.units_of(role).get_column(START).to_numpy() for role in (TRAIN_ROLE, TEST_ROLE))
        return float(ks_2samp(train, test, method="asymp").statistic)

    @cached_property
    def sample(self) -> Sample:
        """The features of a sample of units of both files."""
        return draw_sample(self.dataset, self.on_progress)

    def dictionary(self, column: str) -> pl.LazyFrame:
        """Return the ids of a stored column: `code`, and `id` as it is in the files."""
        name = ID_COLUMNS[column]
        return self.dataset.dictionary(name).select(pl.col(column).alias("code"), pl.col(name).alias("id"))

    def display_ids(self, column: str, codes: Sequence[int]) -> list[str]:
        """Return the ids of some codes of a stored column for display, in the order of the codes."""
        wanted = pl.Series("code", codes, dtype=pl.Int64).implode()
        ids = dict(self.dictionary(column).filter(pl.col("code").is_in(wanted)).collect().iter_rows())
        return [display(ids[code]) for code in codes]
