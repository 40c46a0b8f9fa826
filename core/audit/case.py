"""What the rules look at: one stored dataset. What several rules need is computed once, when it is first asked for."""

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

from core.audit.phrases import DAY, shown
from core.audit.sample import Sample, draw_sample
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
    SESSION,
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

START: Final = "start"
END: Final = "end"
EVENTS: Final = "events"
BUYS: Final = "buys"
COMPOSITE: Final = "composite"
KNOWN_VALUE: Final = "known_value"
ID_COLUMNS: Final = {SESSION: USER_SESSION, USER: USER_ID, PRODUCT: PRODUCT_ID, CATEGORY: CATEGORY_ID}
"""Stored column -> column of the files, whose name its dictionary has."""

_EDGE: Final = 0.05
"""The middle nine tenths of a file's events say where the log lies; a stray event cannot move them."""
FAR_LENGTHS: Final = 3
"""Lengths of the middle part (a day at least) beyond it, from which on an event is far outside the log. An even log
reaches 0.06 of a length beyond, one that doubles every half year over five years 1.3: three are wrong clocks."""


@dataclass(frozen=True)
class Span:
    """Where a file lies in time, in epoch seconds: its first and last event but for those that are far outside, the
    bounds of the middle nine tenths of its events.
    """

    first: int
    low: int
    high: int
    last: int

    @property
    def bounds(self) -> tuple[int, int]:
        """Before and after which an event is far outside."""
        return _bounds(self.low, self.high)


def _bounds(low: int, high: int) -> tuple[int, int]:
    reach = FAR_LENGTHS * max(high - low, DAY)
    return low - reach, high + reach


@dataclass(frozen=True, eq=False)
class AuditCase:
    """A dataset under audit. `report` hears of the feature groups while the feature sample is computed."""

    dataset: Dataset
    report: Callable[[int, int, str], None] = lambda part, parts, text: None

    @cached_property
    def card(self) -> DatasetCard:
        """The dataset's card."""
        return self.dataset.card()

    @property
    def files(self) -> tuple[tuple[Role, FileCard], ...]:
        """The two files' cards with their roles."""
        return ("train", self.card.train), ("test", self.card.test)

    @cached_property
    def events(self) -> pl.LazyFrame:
        """One row an event of both files: role, unit, session, user, product, category, type, time; no order."""
        columns = (UNIT, SESSION, USER, PRODUCT, CATEGORY, TYPE, TIME)
        parts = [
            self.dataset.events(role).select(pl.lit(code, dtype=pl.Int8).alias(ROLE), *columns)
            for code, role in enumerate(ROLES)
        ]
        return pl.concat(parts)

    @cached_property
    def units(self) -> pl.DataFrame:
        """One row a unit: what Dataset.units() has and end (epoch seconds), events, buys; by role, session, user."""
        spans = self.events.group_by(UNIT).agg(
            pl.col(TIME).max().alias(END),
            pl.len().cast(pl.Int64).alias(EVENTS),
            (pl.col(TYPE) == EVENT_CODE[BUY]).sum().cast(pl.Int64).alias(BUYS),
        )
        return self.dataset.units().join(spans, on=UNIT, how="inner").sort(ROLE, SESSION, USER).collect()

    def of_role(self, role: int) -> pl.DataFrame:
        """The units of one file."""
        return self.units.filter(pl.col(ROLE) == role)

    @cached_property
    def total_events(self) -> int:
        """Events of both files."""
        return int(self.units.get_column(EVENTS).sum())

    @cached_property
    def train_sessions(self) -> pl.DataFrame:
        """One row a session id of train: session, value, buys; by session."""
        return (
            self.of_role(TRAIN_ROLE)
            .group_by(SESSION)
            .agg(pl.col(VALUE).first(), pl.col(BUYS).sum())
            .drop_nulls(VALUE)
            .sort(SESSION)
        )

    @cached_property
    def train_values(self) -> NDArray[np.float64]:
        """The values of train, one a session id, smallest first: sums over them do not depend on any order."""
        return np.sort(self.train_sessions.get_column(VALUE).to_numpy().astype(np.float64))

    @cached_property
    def event_words(self) -> dict[str, int]:
        """The files' words for events, in lower case, and the code of the event type that each stands for."""
        stored = self.dataset.folder / MAPPING_FILE
        mapping = tomllib.loads(stored.read_text(encoding="utf-8")) if stored.is_file() else {}
        words: dict[str, str] = mapping.get("event_words") or {word: word for word in EVENT_TYPES}
        return {word.strip().lower(): EVENT_CODE[kind] for word, kind in words.items()}

    @cached_property
    def types(self) -> dict[int, dict[int, int]]:
        """Role -> event type's code -> events."""
        counted = self.events.group_by(ROLE, TYPE).len().collect()
        found: dict[int, dict[int, int]] = {TRAIN_ROLE: {}, TEST_ROLE: {}}
        for role, kind, events in counted.sort(ROLE, TYPE).iter_rows():
            found[role][kind] = events
        return found

    @cached_property
    def days(self) -> pl.DataFrame:
        """One row a file and day (UTC) with events: role, day (days since 1970), events; by role and day."""
        day = (pl.col(TIME) // DAY).alias("day")
        return self.events.group_by(ROLE, day).agg(pl.len().cast(pl.Int64).alias(EVENTS)).sort(ROLE, "day").collect()

    @cached_property
    def spans(self) -> tuple[Span, Span]:
        """Where the events of train and of test lie in time."""
        return self._span("train"), self._span("test")

    def _span(self, role: Role) -> Span:
        time, events = pl.col(TIME), self.dataset.events(role)
        middle = [time.quantile(share, "nearest").cast(pl.Int64).alias(str(share)) for share in (_EDGE, 1 - _EDGE)]
        low, high = events.select(middle).collect().row(0)
        near = events.filter(time.is_between(*_bounds(low, high)))
        first, last = near.select(time.min().alias("first"), time.max().alias("last")).collect().row(0)
        return Span(first, low, high, last)

    @cached_property
    def starts_apart(self) -> float:
        """How far the files lie apart in time: Kolmogorov-Smirnov distance of the sessions' starts, 0 to 1.

        1 where one file follows the other, about 0 where sessions were dealt to the files at random.
        """
        train, test = (self.of_role(role).get_column(START).to_numpy() for role in (TRAIN_ROLE, TEST_ROLE))
        return float(ks_2samp(train, test, method="asymp").statistic)

    @cached_property
    def sample(self) -> Sample:
        """The features of some units of both files."""
        return draw_sample(self.dataset, self.report)

    def dictionary(self, column: str) -> pl.LazyFrame:
        """The ids of a stored column: `code` and `id` as it stands in the files."""
        name = ID_COLUMNS[column]
        return self.dataset.dictionary(name).select(pl.col(column).alias("code"), pl.col(name).alias("id"))

    def names(self, column: str, codes: Sequence[int]) -> list[str]:
        """The ids of some codes of a stored column, as they are shown to people, in the order of the codes."""
        wanted = pl.Series("code", codes, dtype=pl.Int64).implode()
        found = dict(self.dictionary(column).filter(pl.col("code").is_in(wanted)).collect().iter_rows())
        return [shown(found[code]) for code in codes]
