"""Build the card of a dataset from the counts of reading and assembly."""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import polars as pl

from core.dataset import DatasetCard, FileCard, SplitCard, SubmissionColumns, TableCard, UnknownValue
from core.ingestion.input_files import InputFiles
from core.ingestion.rows.read_counts import ReadCounts
from core.ingestion.sessions.assembly_counts import AssemblyCounts
from core.ingestion.sessions.dictionaries import IdCounts
from core.ingestion.sources.paths import skipped_files
from core.ingestion.sources.source import Source, size_in_bytes
from core.own_columns import OwnColumnCard, TableName
from core.schema import CATEGORY_ID, PRODUCT_ID, TEST_ROLE, TRAIN_ROLE, USER_ID, USER_SESSION, VALUE

_DECIMALS = 6  # of sums of money; more would show rounding errors


@dataclass(frozen=True)
class WantedSessions:
    """The sessions to predict.

    Attributes:
        count: their number.
        without_events: number of those without a usable row in the test file.
        columns: columns of the submission.
    """

    count: int
    without_events: int
    columns: SubmissionColumns


@dataclass(frozen=True)
class IngestionCounts:
    """What reading and assembly counted.

    Attributes:
        read: role -> counts of the rows of its file.
        ids: id column -> numbers of distinct ids.
        assembled: counts of events, units and sessions.
        wanted: the sessions to predict.
        unassigned_purchases: number of lost purchases that belong to no known session and no known user.
        split: how one log was split; None if train and test are separate files.
        own: the own columns.
        tables: the tables of products and users.
    """

    read: dict[int, ReadCounts]
    ids: dict[str, IdCounts]
    assembled: AssemblyCounts
    wanted: WantedSessions
    unassigned_purchases: int
    split: SplitCard | None
    own: tuple[OwnColumnCard, ...]
    tables: dict[TableName, TableCard]


def make_card(files: InputFiles, counts: IngestionCounts, *, fingerprint: str, synthetic: bool) -> DatasetCard:
    """Build the card of a dataset; see `DatasetCard` for its fields."""
    assembled, sample = counts.assembled, files.sample_submission
    train_name, test_name = files.part_names
    reasons = counts.read[TRAIN_ROLE].reasons + counts.read[TEST_ROLE].reasons
    return DatasetCard(
        fingerprint=fingerprint,
        name=files.display_name,
        synthetic=synthetic,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        mapping=files.mapping.name,
        value_rule=files.mapping.value,
        has_users=files.mapping.has_users,
        mapping_notes=files.mapping_notes,
        train=_file_card(train_name, files.train, TRAIN_ROLE, counts),
        test=_file_card(test_name, files.test, TEST_ROLE, counts),
        sample_submission=sample.name if sample else None,
        submission_columns=counts.wanted.columns,
        to_predict=counts.wanted.count,
        without_events=counts.wanted.without_events,
        known_sessions=assembled.known_sessions,
        composite_train=assembled.files[TRAIN_ROLE].composite,
        composite_test=assembled.files[TEST_ROLE].composite,
        users_in_both=counts.ids[USER_ID].both,
        products_new_in_test=counts.ids[PRODUCT_ID].test - counts.ids[PRODUCT_ID].both,
        sessions_with_differing_values=assembled.untrained[UnknownValue.DIFFERING_VALUES],
        quarantine_reasons=_most_frequent_first(reasons),
        untrained=_most_frequent_first(assembled.untrained),
        untrained_value=round(assembled.untrained_value, _DECIMALS),
        lost_value=round(float(counts.read[TRAIN_ROLE].lost_purchases.get_column(VALUE).sum()), _DECIMALS),
        unassigned_purchases=counts.unassigned_purchases,
        split=counts.split,
        own=counts.own,
        tables=counts.tables,
    )


def _most_frequent_first(counts: Counter[str]) -> dict[str, int]:
    """Return the counts by size; equal ones in alphabetical order."""
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _file_card(name: str, source: Source | None, role: int, counts: IngestionCounts) -> FileCard:
    """Return the card of a file; `source` is None for the test part of a log, whose file is that of the train part."""
    read, assembled = counts.read[role], counts.assembled.files[role]
    values = pl.concat(assembled.values).sort()  # so that the mean does not depend on the order of summation
    return FileCard(
        name=name,
        bytes=None if source is None else size_in_bytes(source),
        rows=read.rows,
        kept=assembled.rows,
        quarantined=read.quarantined,
        ignored=read.ignored,
        duplicates=assembled.duplicates,
        removed=read.kept - assembled.rows,
        purchases=read.purchases.usable,
        lost_purchases=read.purchases.lost,
        sent_twice=assembled.sent_twice,
        joined_visits=assembled.joined_visits,
        sessions=counts.ids[USER_SESSION].in_file(role),
        users=counts.ids[USER_ID].in_file(role),
        products=counts.ids[PRODUCT_ID].in_file(role),
        categories=counts.ids[CATEGORY_ID].in_file(role),
        first_time=min(assembled.times),
        last_time=max(assembled.times),
        value_mean=cast("float | None", values.mean()),
        value_median=cast("float | None", values.median()),
        order=None if source is None else read.order.result(),
        empty_cells=read.empty_cells(),
        files=read.files,
        passed_over=tuple(skipped_files(source)) if isinstance(source, Path) else (),
    )
