"""The card of a dataset: its counts, statistics and origin, stored next to its tables."""

from __future__ import annotations

from pydantic import BaseModel

from core.base.reason import ReasonCode
from core.own_columns import OwnColumn, OwnColumnCard, TableName, used_columns
from core.schema import SESSION_VALUE, USER_SESSION


class UnknownValue(ReasonCode):
    """Why the value of a train session is unknown, so that the session is not used for training."""

    LOST_PURCHASE = "lost_purchase", "a purchase row is or may be quarantined"
    DIFFERING_VALUES = "differing_values", "the rows have different values"
    DIFFERING_TOTALS = "differing_totals", "the rows of an order have different totals"
    NO_TOTAL = "no_total", "no row of an order has its total"
    NO_ORDER = "no_order", "a purchase row has no order id, so its total may be counted twice"
    UNCLEAR_STATUS = "unclear_status", "an order has a status that is neither valid nor void"
    UNKNOWN_CURRENCY = "unknown_currency", "a purchase is in a currency without a rate"
    MORE_RETURNED = "more_returned", "more is returned than bought"
    SHARED_ID = "shared_id", "several users share the id"


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
        value_rises: share of increases among the pairs with different values; None without such a pair, or if some row
            has no value.
        value_correlation: correlation of a row's position with log1p of its value; None if either is constant, or if
            some row has no value.
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
        quarantined: rows that are not used; see the reasons on the card of the dataset.
        ignored: quarantined rows whose event word the mapping ignores.
        duplicates: duplicate rows, which equal another row in every column that is read; the mapping may keep them.
        removed: duplicate rows that were removed, including the purchases in `sent_twice`.
        purchases: valid BUY rows, before duplicate rows are removed.
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
        known_sessions: sessions to predict that are in both files, so that their value is known.
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
