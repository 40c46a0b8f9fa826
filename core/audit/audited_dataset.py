"""The dataset under audit, and the tables that several rules need. Each table is computed once, on first use."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from core.audit.sample import Sample, draw_sample
from core.audit.span import Span
from core.base.progress import Report, no_report
from core.base.text import display, fold_case
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


@dataclass(frozen=True, eq=False)
class AuditedDataset:
    """A dataset under audit. `report` receives the progress of the feature sample."""

    dataset: Dataset
    report: Report = no_report

    @cached_property
    def card(self) -> DatasetCard:
        return self.dataset.card()

    @property
    def files(self) -> tuple[tuple[Role, FileCard], ...]:
        """The roles and cards of the two files."""
        return ("train", self.card.train), ("test", self.card.test)

    @property
    def id_columns(self) -> dict[str, str]:
        """The items of ID_COLUMNS, without the users if the log has none: their ids are those of the sessions."""
        return {code: name for code, name in ID_COLUMNS.items() if self.card.has_users or code != USER}

    @cached_property
    def events(self) -> pl.LazyFrame:
        """One row per event of both files: role, unit, session, user, product, category, type, time; unordered."""
        columns = (UNIT, SESSION, USER, PRODUCT, CATEGORY, TYPE, TIME)
        return pl.concat(
            self.dataset.events(role).select(pl.lit(code, dtype=pl.Int8).alias(ROLE), *columns)
            for code, role in enumerate(ROLES)
        )

    @cached_property
    def units(self) -> pl.DataFrame:
        """The rows of `Dataset.units()` with end (epoch seconds), events and buys; ordered by role, session, user."""
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
        """Number of events in both files."""
        return int(self.units.get_column(EVENTS).sum())

    @cached_property
    def train_sessions(self) -> pl.DataFrame:
        """One row per train session with a value: session, value, buys; ordered by session."""
        return (
            self.units_of(TRAIN_ROLE)
            .group_by(SESSION)
            .agg(pl.col(VALUE).first(), pl.col(BUYS).sum())
            .drop_nulls(VALUE)
            .sort(SESSION)
        )

    @cached_property
    def train_values(self) -> NDArray[np.float64]:
        """The values of the train sessions, in ascending order so that sums are reproducible."""
        return np.sort(self.train_sessions.get_column(VALUE).to_numpy().astype(np.float64))

    @cached_property
    def event_words(self) -> dict[str, int]:
        """Event word of the files, in lower case -> code of its event type; the word is "" in a log without types."""
        # the readers of mappings belong to ingestion, on which the audit does not depend
        has_mapping = os.path.lexists(self.dataset.folder / MAPPING_FILE)  # datasets of the first version have none
        text = self.dataset.verified_file(MAPPING_FILE).read_text(encoding="utf-8") if has_mapping else ""
        mapping = tomllib.loads(text)
        if (only_type := mapping.get("every_event_is")) is not None:
            return {"": EVENT_CODE[only_type]}
        words: dict[str, str] = mapping.get("event_words") or {word: word for word in EVENT_TYPES}
        return {fold_case(word.strip()): EVENT_CODE[event_type] for word, event_type in words.items()}

    @cached_property
    def event_counts(self) -> dict[int, dict[int, int]]:
        """Role -> code of the event type -> number of events; types without events are missing."""
        counts: dict[int, dict[int, int]] = {TRAIN_ROLE: {}, TEST_ROLE: {}}
        for role, code, n_events in self.events.group_by(ROLE, TYPE).len().collect().sort(ROLE, TYPE).iter_rows():
            counts[role][code] = n_events
        return counts

    @cached_property
    def events_by_day(self) -> pl.DataFrame:
        """One row per (file, UTC day) with events: role, day (days since 1970-01-01), events; ordered by role, day."""
        day = (pl.col(TIME) // SECONDS_PER_DAY).alias("day")
        return self.events.group_by(ROLE, day).agg(pl.len().cast(pl.Int64).alias(EVENTS)).sort(ROLE, "day").collect()

    @cached_property
    def spans(self) -> tuple[Span, Span]:
        """The periods that train and test cover."""
        return Span.of(self.dataset.events("train")), Span.of(self.dataset.events("test"))

    @cached_property
    def start_distance(self) -> float:
        """Kolmogorov-Smirnov distance between the session starts of train and test; 1 if one file follows the other."""
        train, test = (self.units_of(role).get_column(START).to_numpy() for role in (TRAIN_ROLE, TEST_ROLE))
        return float(ks_2samp(train, test, method="asymp").statistic)

    @cached_property
    def sample(self) -> Sample:
        """A sample of the units of both files with their features."""
        return draw_sample(self.dataset, self.report)

    def dictionary(self, column: str) -> pl.LazyFrame:
        """Return one row per id of a stored column: `code`, `id` as in the files, in_train, in_test."""
        return self.dataset.dictionary(ID_COLUMNS[column]).rename({column: "code", ID_COLUMNS[column]: "id"})

    def display_ids(self, column: str, codes: pl.Series) -> list[str]:
        """Return the ids for some codes of a stored column, in the same order, shortened for display."""
        ids = self.dictionary(column).filter(pl.col("code").is_in(codes.implode())).select("code", "id").collect()
        id_of = dict(ids.iter_rows())
        return [display(id_of[code]) for code in codes]
