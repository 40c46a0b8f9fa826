"""Stored datasets: their tables and their card. Steps after ingestion read them only through this module."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict

from core.base.text import count, number, verb
from core.base.workspace import Workspace
from core.schema import (
    EVENT_TIME,
    FILE,
    IGNORED,
    IN_TEST,
    LINE,
    REASON,
    REMAINING,
    ROLE,
    ROW,
    SESSION,
    TEST_ROLE,
    USER_SESSION,
    VALUE_UNIT,
    Role,
)

EVENTS_FILE = "{role}.parquet"
UNITS_FILE = "units.parquet"
ORDER_FILE = "order.parquet"
QUARANTINE_FILE = "quarantine.parquet"
CARD_FILE = "card.json"
MAPPING_FILE = "mapping.toml"
DICTIONARY_FILE = "dictionary_{column}.parquet"
UNTRAINED_FILE = "untrained.parquet"


class UnknownValue(StrEnum):
    """Why the value of a train session is unknown, so that it is not used for training."""

    LOST_PURCHASE = "lost_purchase"
    DIFFERING_VALUES = "differing_values"
    DIFFERING_TOTALS = "differing_totals"
    NO_TOTAL = "no_total"
    NO_ORDER = "no_order"
    UNCLEAR_STATUS = "unclear_status"
    UNKNOWN_CURRENCY = "unknown_currency"
    MORE_RETURNED = "more_returned"
    SHARED_ID = "shared_id"

    @property
    def words(self) -> str:
        """The reason as a clause about one session, which follows "because"."""
        return _REASONS[self]


UNTRAINED_SCHEMA = {SESSION: pl.Int64, USER_SESSION: pl.String, REASON: pl.String, REMAINING: pl.Float64}
_REASONS = {
    UnknownValue.LOST_PURCHASE: "a purchase row of it is or may be in quarantine",
    UnknownValue.DIFFERING_VALUES: "its rows have different values",
    UnknownValue.DIFFERING_TOTALS: "the rows of an order have different totals",
    UnknownValue.NO_TOTAL: "no row of an order has its total",
    UnknownValue.NO_ORDER: "a purchase row has no order id, so its total may be counted twice",
    UnknownValue.UNCLEAR_STATUS: "an order has a status that is neither valid nor void",
    UnknownValue.UNKNOWN_CURRENCY: "a purchase is in a currency without a rate",
    UnknownValue.MORE_RETURNED: "it returns more than it buys",
    UnknownValue.SHARED_ID: "several users share its id",
}


class RowOrder(BaseModel):
    """The order of the rows in an event file, measured on pairs of adjacent rows. Shares are None below two valid rows.

    Attributes:
        time_rises: share of pairs in which the time does not decrease; 1 in a sorted file, about 0.5 in a shuffled one.
        type_changes: pairs with different event types; very few if the file is grouped by event type.
        session_changes: pairs with different session ids.
        value_rises: share of increases among the pairs with different values; None without values.
        value_correlation: correlation of a row's position with log1p of its value, -1 to 1; None if either is constant.
    """

    model_config = ConfigDict(frozen=True)

    time_rises: float | None
    type_changes: int
    session_changes: int
    value_rises: float | None
    value_correlation: float | None


class RowCount(BaseModel):
    """Rows of one of the tables that together are the train or the test file."""

    model_config = ConfigDict(frozen=True)

    rows: int
    quarantined: int


class FileCard(BaseModel):
    """Counts and figures of the train or the test file. rows = kept + quarantined + removed.

    Attributes:
        name: of the file, folder or database.
        bytes: size of the files; None for a query.
        rows: all rows.
        kept: rows that are stored as events.
        quarantined: rows that could not be used.
        ignored: quarantined rows whose event word the mapping ignores.
        duplicates: rows that repeat another one in every column that is read; the mapping may keep them.
        removed: repeated rows that were removed, including purchases sent twice.
        purchases: valid BUY rows, before repeated ones are removed.
        lost_purchases: BUY rows in quarantine.
        sent_twice: purchases that were removed because the same order had sent them before.
        joined_visits: sessions whose user id changes during the visit, as at a log-in; they belong to one user.
        sessions, users, products, categories: numbers of different ids.
        first_time, last_time: epoch seconds, UTC.
        value_mean, value_median: of session values, on their own scale; None without values.
        order: order of the rows; None in datasets of the first version.
        empty_cells: event word in the file -> column -> rows with an empty cell, where there are any.
        files: file, archive member or database -> its rows, in reading order.
        passed_over: names in the folder or archive that were not read.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    bytes: int | None = None
    rows: int
    kept: int
    quarantined: int
    ignored: int = 0
    duplicates: int = 0
    removed: int = 0
    purchases: int = 0
    lost_purchases: int = 0
    sent_twice: int = 0
    joined_visits: int = 0
    sessions: int
    users: int
    products: int
    categories: int
    first_time: int
    last_time: int
    value_mean: float | None
    value_median: float | None
    order: RowOrder | None = None
    empty_cells: dict[str, dict[str, int]] = {}
    files: dict[str, RowCount] = {}
    passed_over: tuple[str, ...] = ()


class DatasetCard(BaseModel):
    """The description of a dataset for people.

    Attributes:
        fingerprint: SHA-256 of the files' content and the mapping.
        name: for people.
        synthetic: whether the files are simulated; see core.ingestion.storage.synthetic.
        created: ISO 8601, UTC.
        mapping: name of the mapping; empty if the files already had our columns.
        value_rule: source of the session values: "column", or "price_of_buys", with which a test file also has them.
        mapping_notes: sentences on columns of orders, statuses and currencies that are used but not in the mapping.
        train, test: the two files.
        sample_submission: name of the sample submission; None without one.
        to_predict: sessions that the submission must have.
        known_sessions: sessions to predict whose value is known from train.
        composite_train, composite_test: sessions whose id is shared by several users.
        users_in_both: users with events in train and in test.
        products_new_in_test: products that have no event in train.
        sessions_with_differing_values: train sessions whose rows have different values.
        quarantine_reasons: reason -> rows.
        untrained: reason (see UnknownValue) -> train sessions that are not used for training.
        untrained_value: sum of their valid purchases in value units; 0 if values are in a column.
        lost_value: sum of the purchases in quarantine whose price is readable, in value units.
        unassigned_purchases: quarantined train rows that may be purchases but have no known session or user, so that
            some session value may be too low.
    """

    model_config = ConfigDict(frozen=True)

    fingerprint: str
    name: str
    synthetic: bool
    created: str
    mapping: str = ""
    value_rule: str = "column"
    mapping_notes: tuple[str, ...] = ()
    train: FileCard
    test: FileCard
    sample_submission: str | None
    to_predict: int
    known_sessions: int
    composite_train: int
    composite_test: int
    users_in_both: int
    products_new_in_test: int
    sessions_with_differing_values: int
    quarantine_reasons: dict[str, int]
    untrained: dict[str, int] = {}
    untrained_value: float = 0.0
    lost_value: float = 0.0
    unassigned_purchases: int = 0


@dataclass(frozen=True)
class Dataset:
    """A dataset on disk. Ids are integers, times are epoch seconds (see core.schema)."""

    folder: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the files' content and the mapping."""
        return self.folder.name

    def card(self) -> DatasetCard:
        """Read the card.

        Raises:
            OSError: there is none.
            ValueError: it is damaged.
        """
        return DatasetCard.model_validate_json((self.folder / CARD_FILE).read_text(encoding="utf-8"))

    def events(self, role: Role) -> pl.LazyFrame:
        """One row per event, sorted by unit and time: unit, session, user, product, category, type, time."""
        return pl.scan_parquet(self.folder / EVENTS_FILE.format(role=role), glob=False)

    def units(self) -> pl.LazyFrame:
        """One row per unit: unit, session, user, role, start, value, composite, known_value."""
        return pl.scan_parquet(self.folder / UNITS_FILE, glob=False)

    def order(self) -> pl.DataFrame:
        """One row per session to predict, in the order of the submission: user_session and session."""
        return pl.read_parquet(self.folder / ORDER_FILE, glob=False)

    def wanted_units(self) -> pl.LazyFrame:
        """The test units of the sessions to predict; a sample submission may leave sessions out."""
        wanted = pl.scan_parquet(self.folder / ORDER_FILE, glob=False).select(SESSION)
        return self.units().filter(pl.col(ROLE) == TEST_ROLE).join(wanted, on=SESSION, how="semi")

    def untrained(self) -> pl.DataFrame:
        """One row per train session that is not used for training.

        Columns: session, user_session, reason (see UnknownValue) and remaining. Empty in datasets of an older version.
        """
        try:
            return pl.read_parquet(self.folder / UNTRAINED_FILE, glob=False)
        except FileNotFoundError:
            return pl.DataFrame(schema=UNTRAINED_SCHEMA)

    def test_sessions(self) -> pl.Series:
        """The ids in the file of all sessions with an event in test."""
        return self.dictionary(USER_SESSION).filter(IN_TEST).collect().get_column(USER_SESSION)

    def dictionary(self, column: str) -> pl.LazyFrame:
        """One row per id of a file column, by code: the code (under its stored name), the id, in_train, in_test."""
        return pl.scan_parquet(self.folder / DICTIONARY_FILE.format(column=column), glob=False)

    def quarantine(self) -> pl.LazyFrame:
        """One row per row that could not be used: file, line, reason, row, ignored, role."""
        rows = pl.scan_parquet(self.folder / QUARANTINE_FILE, glob=False)
        if EVENT_TIME not in rows.collect_schema():
            return rows
        # datasets of the first version have the row's cells in columns
        cells = pl.concat_str(pl.exclude(FILE, LINE, REASON, ROLE), separator=",", ignore_nulls=True)
        return rows.select(FILE, LINE, REASON, cells.alias(ROW), pl.lit(value=False).alias(IGNORED), ROLE)


def untrained_lines(card: DatasetCard) -> list[str]:
    """Return sentences on train sessions that are not used for training, and on purchases that are missing."""
    lines = []
    total = sum(card.untrained.values())
    if total:
        reasons = "; ".join(f"{sessions:,} x {UnknownValue(code).words}" for code, sessions in card.untrained.items())
        value = f" Their valid purchases add up to {number(card.untrained_value)} {VALUE_UNIT}."
        lines.append(
            f"{total:,} of {count(card.train.sessions, 'train session')} will not be used for training: {reasons}."
            f"{value if card.untrained_value else ''}"
        )
    if card.lost_value:
        lines.append(f"The train purchases in quarantine add up to at least {number(card.lost_value)} {VALUE_UNIT}.")
    if card.unassigned_purchases:
        rows = count(card.unassigned_purchases, "quarantined train row")
        lines.append(
            f"{rows} may be a purchase but {verb(card.unassigned_purchases, 'has', 'have')} no known session, "
            "so some value may be too low."
        )
    return lines


def list_datasets(workspace: Workspace) -> list[Dataset]:
    """Return all datasets of the workspace with a readable card, newest first."""
    dated: list[tuple[str, Dataset]] = []
    for folder in workspace.datasets.iterdir():
        if folder.name.startswith("."):
            continue
        with suppress(OSError, ValueError):  # a damaged dataset must not hide the others
            dated.append((Dataset(folder).card().created, Dataset(folder)))
    return [dataset for _, dataset in sorted(dated, key=lambda pair: (pair[0], pair[1].fingerprint), reverse=True)]
