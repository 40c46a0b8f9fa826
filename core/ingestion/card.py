"""The dataset's card: what was found in the files, counted."""

from __future__ import annotations

import datetime
from pathlib import Path

import polars as pl

from core.dataset import DatasetCard, FileCard
from core.ingestion.units import COMPOSITE, KNOWN_VALUE
from core.ingestion.validation import REASON
from core.schema import CATEGORY, PRODUCT, ROLE, SESSION, TEST_ROLE, TIME, TRAIN_ROLE, USER, VALUE


def make_card(
    train: Path,
    test: Path,
    sample_submission: Path | None,
    *,
    name: str,
    synthetic: bool,
    fingerprint: str,
    events: pl.DataFrame,
    units: pl.DataFrame,
    to_predict: int,
    quarantine: pl.DataFrame,
) -> DatasetCard:
    """Count what stands in both files. `events` and `units` as encoded, `quarantine` with its reasons."""
    users = {role: _distinct(events, role, USER) for role in (TRAIN_ROLE, TEST_ROLE)}
    products = {role: _distinct(events, role, PRODUCT) for role in (TRAIN_ROLE, TEST_ROLE)}
    composite = units.filter(COMPOSITE).group_by(ROLE).agg(pl.col(SESSION).n_unique())
    composites = dict(composite.iter_rows())
    spread = (
        events.filter(pl.col(ROLE) == TRAIN_ROLE)
        .group_by(SESSION)
        .agg((pl.col(VALUE).max() - pl.col(VALUE).min()).alias("spread"))
    )
    reasons = quarantine.group_by(REASON).len().sort(["len", REASON], descending=[True, False])
    return DatasetCard(
        fingerprint=fingerprint,
        name=name,
        synthetic=synthetic,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        train=_file_card(train.name, TRAIN_ROLE, events, units, quarantine),
        test=_file_card(test.name, TEST_ROLE, events, units, quarantine),
        sample_submission=sample_submission.name if sample_submission else None,
        to_predict=to_predict,
        known_sessions=units.filter(pl.col(KNOWN_VALUE).is_not_null()).get_column(SESSION).n_unique(),
        composite_train=composites.get(TRAIN_ROLE, 0),
        composite_test=composites.get(TEST_ROLE, 0),
        users_in_both=len(users[TRAIN_ROLE] & users[TEST_ROLE]),
        products_new_in_test=len(products[TEST_ROLE] - products[TRAIN_ROLE]),
        sessions_with_differing_values=spread.filter(pl.col("spread") > 0).height,
        quarantine_reasons=dict(reasons.iter_rows()),
    )


def _distinct(events: pl.DataFrame, role: int, column: str) -> set[int]:
    return set(events.filter(pl.col(ROLE) == role).get_column(column).unique())


def _file_card(name: str, role: int, events: pl.DataFrame, units: pl.DataFrame, quarantine: pl.DataFrame) -> FileCard:
    rows = events.filter(pl.col(ROLE) == role)
    values = units.filter(pl.col(ROLE) == role).group_by(SESSION).agg(pl.col(VALUE).first()).get_column(VALUE)
    aside = quarantine.filter(pl.col(ROLE) == role).height
    mean, median = values.mean(), values.median()
    return FileCard(
        name=name,
        rows=rows.height + aside,
        kept=rows.height,
        quarantined=aside,
        sessions=rows.get_column(SESSION).n_unique(),
        users=rows.get_column(USER).n_unique(),
        products=rows.get_column(PRODUCT).n_unique(),
        categories=rows.get_column(CATEGORY).n_unique(),
        first_time=rows.select(pl.col(TIME).min()).item(),
        last_time=rows.select(pl.col(TIME).max()).item(),
        value_mean=mean if isinstance(mean, float) else None,
        value_median=median if isinstance(median, float) else None,
    )
