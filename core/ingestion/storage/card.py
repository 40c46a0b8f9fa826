"""Build the card of a dataset from the counts of reading and assembly."""

from __future__ import annotations

import datetime
from collections import Counter

import polars as pl

from core.dataset import DatasetCard, FileCard, UnknownValue
from core.ingestion.mapping import Mapping
from core.ingestion.rows.read_counts import ReadCounts
from core.ingestion.sessions.assembly import AssemblyCounts
from core.ingestion.sessions.dictionaries import IdCounts
from core.ingestion.sources.source import Source, size_in_bytes, skipped_files_of
from core.schema import (
    CATEGORY_ID,
    PRODUCT_ID,
    ROLES,
    TEST_ROLE,
    TRAIN_ROLE,
    USER_ID,
    USER_SESSION,
    VALUE,
)

_DECIMALS = 6  # of sums of money; more would show rounding errors


def make_card(
    sources: dict[int, Source],
    *,
    name: str,
    sample_submission: str | None,
    mapping: Mapping,
    synthetic: bool,
    fingerprint: str,
    read_counts: dict[int, ReadCounts],
    ids: dict[str, IdCounts],
    assembled: AssemblyCounts,
    to_predict: int,
    notes: list[str],
    unassigned_purchases: int,
) -> DatasetCard:
    """Build the card. `sources` and `read_counts` are keyed by role, `ids` by id column."""
    lost = read_counts[TRAIN_ROLE].lost_purchases
    reasons: Counter[str] = sum((counts.reasons for counts in read_counts.values()), Counter())
    train, test = (
        _file_card(sources[role], role, read_counts[role], ids=ids, assembled=assembled)
        for role in (TRAIN_ROLE, TEST_ROLE)
    )
    return DatasetCard(
        fingerprint=fingerprint,
        name=name,
        synthetic=synthetic,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        mapping=mapping.name,
        value_rule=mapping.value,
        mapping_notes=tuple(notes),
        train=train,
        test=test,
        sample_submission=sample_submission,
        to_predict=to_predict,
        known_sessions=assembled.known_sessions,
        composite_train=assembled.composite[TRAIN_ROLE],
        composite_test=assembled.composite[TEST_ROLE],
        users_in_both=ids[USER_ID].both,
        products_new_in_test=ids[PRODUCT_ID].test - ids[PRODUCT_ID].both,
        sessions_with_differing_values=assembled.untrained[UnknownValue.DIFFERING_VALUES],
        quarantine_reasons=_most_frequent_first(reasons),
        untrained=_most_frequent_first(assembled.untrained),
        untrained_value=round(assembled.untrained_value, _DECIMALS),
        lost_value=round(float(lost.get_column(VALUE).sum()), _DECIMALS),
        unassigned_purchases=unassigned_purchases,
    )


def _most_frequent_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(((str(name), rows) for name, rows in counts.items()), key=lambda pair: (-pair[1], pair[0])))


def _file_card(
    source: Source, role: int, counts: ReadCounts, *, ids: dict[str, IdCounts], assembled: AssemblyCounts
) -> FileCard:
    def distinct(column: str) -> int:
        return int(getattr(ids[column], ROLES[role]))

    values = pl.concat(assembled.values).sort()  # so that the mean does not depend on the order of summation
    mean, median = (values.mean(), values.median()) if role == TRAIN_ROLE else (None, None)
    return FileCard(
        name=source.name,
        bytes=size_in_bytes(source),
        rows=counts.rows,
        kept=assembled.rows[role],
        quarantined=counts.quarantined,
        ignored=counts.ignored,
        duplicates=assembled.duplicates[role],
        removed=counts.kept - assembled.rows[role],
        purchases=counts.purchases.usable,
        lost_purchases=counts.purchases.lost,
        sent_twice=assembled.sent_twice[role],
        joined_visits=assembled.joined_visits[role],
        sessions=distinct(USER_SESSION),
        users=distinct(USER_ID),
        products=distinct(PRODUCT_ID),
        categories=distinct(CATEGORY_ID),
        first_time=assembled.first_time[role],
        last_time=assembled.last_time[role],
        value_mean=mean if isinstance(mean, float) else None,
        value_median=median if isinstance(median, float) else None,
        order=counts.order(),
        empty_cells=counts.empty_cells(),
        files=counts.files(),
        passed_over=tuple(skipped_files_of(source)),
    )
