"""Stored datasets: their tables and their card. Steps after ingestion read them only through this module.

Every table is compared with its stored hash before it is read, so that a changed table is never shown as if it were
whole.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ValidationError

from core.base.amounts import money
from core.base.note import Note, read_note
from core.base.number_format import NumberFormat
from core.base.stored_files import UnusableFileError, hash_stored, read_sealed_json, read_stored_json, require_regular
from core.base.text import count, time_text, verb, whole
from core.base.workspace import Workspace
from core.errors import RunError
from core.own_columns import TABLE_LEVEL, OwnColumn, OwnColumnCard, TableName, used_columns
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
    SESSION_VALUE,
    TEST_ROLE,
    USER_SESSION,
    VALUE,
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
ACTUAL_FILE = "actual.parquet"
"""Only in a dataset that was split from one log by date."""
NAMES_FILE = "names.parquet"
"""Only if the mapping names a column with the names of products or categories."""
HASHES_FILE = "sha256.json"
"""File name -> SHA-256, for the tables and the mapping. Datasets of earlier versions do not have it."""
ACTUAL_SCHEMA = {SESSION: pl.Int64, USER_SESSION: pl.String, VALUE: pl.Float64, REASON: pl.String}
LABEL = "label"
"""Column: what is shown to people instead of an id."""
NAMES_SCHEMA = {"column": pl.String, "id": pl.String, "name": pl.String, LABEL: pl.String}
UNTRAINED_SCHEMA = {SESSION: pl.Int64, USER_SESSION: pl.String, REASON: pl.String, REMAINING: pl.Float64}


COUNTED_SESSIONS = "Sessions are session ids: an id in both files counts once in each, one that users share only once."
"""Which units counts of sessions have; said wherever such counts are shown."""
COUNTED_UNITS = "an id that several users share counts once for each of them"
"""How sessions are counted where they are taken apart by user, after "here" or another adverb."""


class UnknownValue(StrEnum):
    """Why the value of a train session is unknown, so that the session is not used for training.

    Attributes:
        clause: the reason as a clause about one session, which may follow "because".
    """

    clause: str

    LOST_PURCHASE = "lost_purchase", "one of its purchase rows is or may be in quarantine"
    DIFFERING_VALUES = "differing_values", "its rows have different values"
    DIFFERING_TOTALS = "differing_totals", "the rows of an order have different totals"
    NO_TOTAL = "no_total", "no row of an order has its total"
    NO_ORDER = "no_order", "a purchase row has no order id, so its total may be counted twice"
    UNCLEAR_STATUS = "unclear_status", "an order has a status that is neither valid nor void"
    UNKNOWN_CURRENCY = "unknown_currency", "a purchase is in a currency without a rate"
    MORE_RETURNED = "more_returned", "it returns more than it buys"
    SHARED_ID = "shared_id", "several users share its id"

    def __new__(cls, code: str, clause: str = "") -> UnknownValue:
        member = str.__new__(cls, code)
        member._value_ = code
        member.clause = clause
        return member


class SubmissionColumns(BaseModel, frozen=True):
    """The columns of a submission, which are those of the sample submission.

    Attributes:
        session, value: names of the columns of session ids and of values.
        value_first: whether the value comes before the id.
    """

    session: str = USER_SESSION
    value: str = SESSION_VALUE
    value_first: bool = False

    @property
    def header(self) -> tuple[str, str]:
        """The names in the order of the file."""
        return (self.value, self.session) if self.value_first else (self.session, self.value)


class RowOrder(BaseModel, frozen=True):
    """The order of the valid rows in an event file, measured on pairs of adjacent rows. Shares are None without a pair.

    Attributes:
        time_rises: share of pairs in which the time does not decrease; 1 in a sorted file, about 0.5 in a shuffled one.
        type_changes: number of pairs with different event types; very small if the file is grouped by event type.
        session_changes: number of pairs with different session ids.
        value_rises: share of increases among the pairs with different values; None without such a pair.
        value_correlation: correlation of a row's position with log1p of its value; None if either is constant.
    """

    time_rises: float | None
    type_changes: int
    session_changes: int
    value_rises: float | None
    value_correlation: float | None


class RowCount(BaseModel, frozen=True):
    """Numbers of rows in one of the tables that make up the train or the test file."""

    rows: int
    quarantined: int


class FileCard(BaseModel, frozen=True):
    """Counts and statistics of the train or the test file. rows = kept + quarantined + removed.

    Attributes:
        name: name of the file, folder or database.
        bytes: size of the files; None for a query.
        kept: rows that are stored as events.
        quarantined: rows that could not be used.
        ignored: quarantined rows whose event word the mapping ignores.
        duplicates: rows that repeat another row in every column that is read; the mapping may keep them.
        removed: repeated rows that were removed, including the purchases in `sent_twice`.
        purchases: valid BUY rows, before repeated rows are removed.
        lost_purchases: BUY rows in quarantine.
        sent_twice: purchases that were removed because their order was sent before.
        joined_visits: sessions whose user id changes during the visit, as at a log-in; they belong to one user.
        sessions, users, products, categories: numbers of distinct ids.
        first_time, last_time: epoch seconds, UTC.
        value_mean, value_median: statistics of the session values, in value units; None without values.
        order: order of the rows; None in datasets of the first version.
        empty_cells: event word in the file -> column -> rows with an empty cell; without zeros.
        files: name of the file, archive member or database -> its rows, in reading order.
        passed_over: names in the folder or archive that were not read.
    """

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


class SplitCard(BaseModel, frozen=True):
    """How one log was split by date into a train and a test file; see `core.ingestion.DateSplit`.

    Attributes:
        log: SHA-256 of the log's content and the mapping, which all splits of the log have in common.
        days: length of the test window in days.
        windows_back: number of windows between the end of the test window and the end of the log.
        start, end: epoch seconds, UTC. Test sessions begin at or after `start`, and end before `end`.
        actual_values: test sessions whose actual value is known.
        left_out_sessions, left_out_rows: sessions with an event at or after `end`, and their rows. They are in neither
            part.
    """

    log: str
    days: float
    windows_back: int
    start: int
    end: int
    actual_values: int
    left_out_sessions: int
    left_out_rows: int


class TableCard(BaseModel, frozen=True):
    """A table of products or users that the log was read with.

    Attributes:
        name: name of the file.
        rows: rows with an id.
        repeated: rows that were replaced by a later row with the same id and other cells.
        broken: lines that could not be parsed, and rows without an id.
        ids: products or users of the log.
        known: those of them that are in the table.
    """

    name: str
    rows: int
    repeated: int = 0
    broken: int = 0
    ids: int
    known: int


class DatasetCard(BaseModel, frozen=True):
    """The description of a dataset, stored with it.

    Attributes:
        fingerprint: SHA-256 of the files' content and the mapping.
        synthetic: whether the files are simulated; see core.ingestion.storage.synthetic.
        created: time in ISO 8601, UTC.
        mapping: name of the mapping; empty if the files already had the product's own columns.
        value_rule: source of the session values: "column", or "price_of_buys", with which a test file also has them.
        has_users: whether the log has user ids. If not, each session is its own user, and the numbers of users are
            numbers of sessions.
        mapping_notes: sentences for people on what was noticed, such as columns that are used but not in the mapping.
        sample_submission: name of the sample submission; None without one.
        submission_columns: columns of the sample submission, which the submission gets.
        to_predict: sessions that the submission must have.
        without_events: sessions to predict without a usable row in the test file; they get a default prediction.
        known_sessions: sessions to predict whose value is known from the train file.
        composite_train, composite_test: sessions whose id is shared by several users.
        users_in_both: users with events in both files.
        products_new_in_test: products in the test file without an event in the train file.
        sessions_with_differing_values: train sessions whose rows have different values.
        quarantine_reasons: reason -> rows, most frequent first.
        untrained: reason (see UnknownValue) -> train sessions that are not used for training.
        untrained_value: sum of the valid purchases of these sessions, in value units; 0 if values are in a column.
        lost_value: sum of the purchases in quarantine whose price is readable, in value units.
        unassigned_purchases: quarantined train rows that may be purchases but have no known session or user, so that
            some session value may be too low.
        split: how one log was split into both files; None if they were separate. Quarantined rows of a log, which may
            have no time, are then counted in `train`.
        own: columns of the log beyond those that every log needs, used or not.
        tables: tables of products and users in files of their own.
    """

    fingerprint: str
    name: str
    synthetic: bool
    created: str
    mapping: str = ""
    value_rule: str = "column"
    has_users: bool = True
    mapping_notes: tuple[str, ...] = ()
    train: FileCard
    test: FileCard
    sample_submission: str | None
    submission_columns: SubmissionColumns = SubmissionColumns()
    to_predict: int
    without_events: int = 0
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
    split: SplitCard | None = None
    own: tuple[OwnColumnCard, ...] = ()
    tables: dict[TableName, TableCard] = {}

    @property
    def used_own(self) -> tuple[OwnColumn, ...]:
        """The own columns that features are computed from."""
        return used_columns(self.own)


@dataclass(frozen=True)
class Dataset:
    """A stored dataset. Its tables have integer ids and times in epoch seconds (see core.schema)."""

    folder: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the files' content and the mapping."""
        return self.folder.name

    @property
    def note(self) -> Note:
        """A person's name for the dataset and remarks on it; empty if there are none."""
        return read_note(self.folder)

    @property
    def name(self) -> str:
        """The name for people: that of its note, or else that of its files."""
        return self.note.name or self.card().name

    def card(self) -> DatasetCard:
        """Read the card.

        Raises:
            RunError: the card is missing, not readable or damaged.
        """
        try:
            return DatasetCard.model_validate_json(read_sealed_json(self.folder / CARD_FILE))
        except UnusableFileError as error:
            raise RunError.damaged_dataset(self.folder, f"{CARD_FILE} {error}") from error
        except ValidationError as error:
            raise RunError.damaged_dataset(self.folder, f"{CARD_FILE} is not a dataset's card") from error

    def damage(self) -> list[str]:
        """Return a clause for each table that was changed or lost since it was written; empty for a whole dataset.

        A dataset of an earlier version has no hashes, so its tables are not checked.
        """
        try:
            names = self._hashes()
        except RunError as error:
            return [str(error.actual)]
        return [reason for name in names if (reason := self._damage_of(name))]

    def whole_file(self, name: str) -> Path:
        """Return the path of a file of the dataset, after comparing it with its stored hash.

        Raises:
            RunError: the file is missing or changed.
        """
        if reason := self._damage_of(name):
            raise RunError.damaged_dataset(self.folder, reason)
        return self.folder / name

    def _damage_of(self, name: str) -> str:
        """Return what is wrong with a file as a clause; empty if nothing is."""
        expected = self._hashes().get(name)
        try:
            if expected is None:
                require_regular(self.folder / name)
            elif hash_stored(self.folder / name) != expected:
                return f"{name} changed"
        except UnusableFileError as error:
            return f"{name} {error}"
        return ""

    def _hashes(self) -> dict[str, str]:
        """Return file name -> SHA-256; empty in a dataset of an earlier version."""
        try:
            hashes = read_stored_json(self.folder / HASHES_FILE)
        except UnusableFileError as error:
            if error.is_missing:
                return {}
            raise RunError.damaged_dataset(self.folder, f"{HASHES_FILE} {error}") from error
        if not isinstance(hashes, dict) or not all(isinstance(value, str) for value in hashes.values()):
            raise RunError.damaged_dataset(self.folder, f"{HASHES_FILE} is not a list of hashes")
        return hashes

    def events(self, role: Role) -> pl.LazyFrame:
        """One row per event, sorted by unit and time.

        Columns: unit, session, user, product, category, type, time and the own columns (see core.own_columns).
        """
        return self._table(EVENTS_FILE.format(role=role))

    def units(self) -> pl.LazyFrame:
        """One row per unit: unit, session, user, role, start, value, composite, known_value."""
        return self._table(UNITS_FILE)

    def submission_order(self) -> pl.DataFrame:
        """One row per session to predict, in the order of the submission: user_session, session."""
        return self._table(ORDER_FILE).collect()

    def sessions_without_events(self) -> pl.Series:
        """Ids of the sessions to predict that have no event, in the order of the submission."""
        sessions = self.units().filter(pl.col(ROLE) == TEST_ROLE).select(SESSION).collect()
        return self.submission_order().join(sessions, on=SESSION, how="anti", maintain_order="left")[USER_SESSION]

    def units_to_predict(self) -> pl.LazyFrame:
        """Rows of `units` in the test file whose session is to be predicted; a sample submission may omit sessions."""
        sessions = self._table(ORDER_FILE).select(SESSION)
        return self.units().filter(pl.col(ROLE) == TEST_ROLE).join(sessions, on=SESSION, how="semi")

    def untrained(self) -> pl.DataFrame:
        """One row per train session that is not used for training: session, user_session, reason, remaining.

        `reason` is a code of UnknownValue. The table is empty in datasets of an older version.
        """
        if UNTRAINED_FILE not in self._hashes() and not os.path.lexists(self.folder / UNTRAINED_FILE):
            return pl.DataFrame(schema=UNTRAINED_SCHEMA)
        return self._table(UNTRAINED_FILE).collect()

    def actual_values(self) -> pl.DataFrame:
        """One row per test session, sorted by session: session, user_session, value, reason.

        `value` is null if it is unknown, and `reason` is then a code of UnknownValue. Only a dataset that was split
        from one log has these values; otherwise the table is empty. They are for comparisons with finished
        predictions. Nothing that learns or chooses may read them.
        """
        if ACTUAL_FILE not in self._hashes():
            return pl.DataFrame(schema=ACTUAL_SCHEMA)
        return self._table(ACTUAL_FILE).collect()

    def test_sessions(self) -> pl.Series:
        """Ids (as in the file) of all sessions with an event in the test file."""
        return self.dictionary(USER_SESSION).filter(IN_TEST).collect().get_column(USER_SESSION)

    def dictionary(self, column: str) -> pl.LazyFrame:
        """One row per id of a file column, sorted by code: the code (in the stored column), id, in_train, in_test."""
        return self._table(DICTIONARY_FILE.format(column=column))

    def names(self) -> pl.LazyFrame:
        """One row per product or category with a name: column (product_id or category_id), id, name and label.

        A name has up to 100 characters on one line, and several ids may have the same. The label is the name, followed
        by the id in brackets if it is not unique. The table is empty if the log has no names.
        """
        if NAMES_FILE not in self._hashes():
            return pl.LazyFrame(schema=NAMES_SCHEMA)
        return self._table(NAMES_FILE)

    def labels(self, column: str) -> pl.LazyFrame:
        """What is shown to people instead of ids, for the products (product_id) or categories with a name.

        Args:
            column: product_id or category_id, which is also the name of the column with the ids; the other is label.
        """
        return self.names().filter(pl.col("column") == column).select(pl.col("id").alias(column), LABEL)

    def quarantine(self) -> pl.LazyFrame:
        """One row per row that could not be used: file, line, reason, row, ignored, role."""
        rows = self._table(QUARANTINE_FILE)
        if EVENT_TIME not in rows.collect_schema():
            return rows
        # In datasets of the first version, each cell of the row is in its own column.
        cells = pl.concat_str(pl.exclude(FILE, LINE, REASON, ROLE), separator=",", ignore_nulls=True)
        return rows.select(FILE, LINE, REASON, cells.alias(ROW), pl.lit(value=False).alias(IGNORED), ROLE)

    def _table(self, name: str) -> pl.LazyFrame:
        return pl.scan_parquet(self.whole_file(name), glob=False)


def table_lines(card: DatasetCard) -> list[str]:
    """Return one line per table of products or users: how many ids of the log it has, and which rows were left out."""
    lines = []
    for name, table in card.tables.items():
        line = (
            f"{table.name}: {whole(table.known)} of {count(table.ids, TABLE_LEVEL[name])} of the log are in this table"
        )
        if table.known < table.ids:
            line += "; the others have empty cells"
        if table.repeated:
            line += f"; {count(table.repeated, 'row')} {verb(table.repeated, 'was', 'were')} replaced by later rows "
            line += "with the same id"
        if table.broken:
            line += f"; {count(table.broken, 'line')} could not be read or {verb(table.broken, 'has', 'have')} no id"
        lines.append(f"{line}.")
    return lines


def untrained_lines(card: DatasetCard) -> list[str]:
    """Return sentences on train sessions that are not used for training, and on purchases that could not be used."""
    lines = []
    if total := sum(card.untrained.values()):
        reasons = "; ".join(
            f"{whole(sessions)} x {UnknownValue(code).clause}" for code, sessions in card.untrained.items()
        )
        value = f" Their valid purchases add up to {money(card.untrained_value)}."
        lines.append(
            f"{whole(total)} of {count(card.train.sessions, 'train session')} will not be used for training: {reasons}."
            f"{value if card.untrained_value else ''}"
        )
    if card.lost_value:
        lines.append(f"The train purchases in quarantine add up to at least {money(card.lost_value)}.")
    if card.unassigned_purchases:
        rows = count(card.unassigned_purchases, "quarantined train row")
        lines.append(
            f"{rows} may be {verb(card.unassigned_purchases, 'a purchase', 'purchases')} of an unknown session, "
            "so session values may be too low."
        )
    return lines


def without_events_line(card: DatasetCard) -> str | None:
    """Return a sentence on the sessions to predict that have no usable event; None if there are none."""
    if not card.without_events:
        return None
    has = verb(card.without_events, "has no usable event and gets", "have no usable event and get")
    return f"{whole(card.without_events)} of {count(card.to_predict, 'session')} to predict {has} a default prediction."


def split_lines(card: DatasetCard) -> list[str]:
    """Return sentences on how one log was split into the train and the test file; none if they were separate."""
    split = card.split
    if split is None:
        return []
    lines = [
        f"The log is split by date at {time_text(split.start)}: sessions that begin in the {split.days:g} days from "
        "then on are the test file.",
        f"The actual values of {whole(split.actual_values)} of {count(card.test.sessions, 'test session')} are known. "
        "They are used only to compare predictions with them.",
    ]
    if split.left_out_sessions:
        lines.append(
            f"{count(split.left_out_sessions, 'session')} with events at or after {time_text(split.end)} "
            f"{verb(split.left_out_sessions, 'is', 'are')} left out."
        )
    return lines


def number_format_of(workspace: Workspace, fingerprint: str) -> NumberFormat:
    """Return how numbers are written in texts about a dataset; the plain format if it was deleted."""
    return read_note(workspace.datasets / fingerprint).number_format


def list_datasets(workspace: Workspace) -> list[Dataset]:
    """Return all datasets of the workspace with a readable card, newest first."""
    created, _ = _open_datasets(workspace)
    return sorted(created, key=lambda dataset: (created[dataset], dataset.fingerprint), reverse=True)


def unreadable_datasets(workspace: Workspace) -> list[tuple[Path, RunError]]:
    """Return the folders of datasets whose card cannot be read, ordered by name, and why."""
    _, unreadable = _open_datasets(workspace)
    return sorted(unreadable, key=lambda pair: pair[0].name)


def _open_datasets(workspace: Workspace) -> tuple[dict[Dataset, str], list[tuple[Path, RunError]]]:
    """Return dataset -> when it was created, and the folders that are no readable dataset, with the reason."""
    created, unreadable = {}, []
    for folder in workspace.datasets.glob("[!.]*"):
        if folder.is_file() and not folder.is_symlink():
            continue
        try:
            created[Dataset(folder)] = Dataset(folder).card().created
        except RunError as error:
            unreadable.append((folder, error))
    return created, unreadable
