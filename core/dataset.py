"""The handle on a stored dataset: what every step after ingestion reads, and nothing else of ingestion."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict

from core.base.text import count, number
from core.base.workspace import Workspace
from core.schema import EVENT_TIME, ROLE, SESSION, TEST_ROLE, USER_SESSION, Role

EVENTS_FILE = "{role}.parquet"
UNITS_FILE = "units.parquet"
ORDER_FILE = "order.parquet"
QUARANTINE_FILE = "quarantine.parquet"
CARD_FILE = "card.json"
MAPPING_FILE = "mapping.toml"
DICTIONARY_FILE = "dictionary_{column}.parquet"
UNTRAINED_FILE = "untrained.parquet"


class UnknownValue(StrEnum):
    """Why the value of a train session is not known, so that it does not train."""

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
        """The reason as a clause about one session."""
        return _REASONS[self]


UNTRAINED_SCHEMA = {SESSION: pl.Int64, USER_SESSION: pl.String, "reason": pl.String, "remaining": pl.Float64}
_REASONS = {
    UnknownValue.LOST_PURCHASE: "a purchase row of it is in quarantine, or may be",
    UnknownValue.DIFFERING_VALUES: "its rows give different values",
    UnknownValue.DIFFERING_TOTALS: "the rows of an order give different totals",
    UnknownValue.NO_TOTAL: "no row of an order has its total",
    UnknownValue.NO_ORDER: "a purchase row names no order, so its total may be counted twice",
    UnknownValue.UNCLEAR_STATUS: "an order has a status that neither counts nor is void",
    UnknownValue.UNKNOWN_CURRENCY: "a purchase is in a currency without a rate",
    UnknownValue.MORE_RETURNED: "it returns more than it buys",
    UnknownValue.SHARED_ID: "several users share its id",
}


class RowOrder(BaseModel):
    """In which order the rows of an event file stood before they were sorted. Shares are None below two usable rows."""

    model_config = ConfigDict(frozen=True)

    time_rises: float | None
    """Share of neighbouring rows where the time does not go back; about 0.5 in a shuffled file, 1 in a sorted one."""
    type_changes: int
    """Neighbouring rows whose event types differ; next to none when the file is grouped by event type."""
    session_changes: int
    """Neighbouring rows whose session ids differ."""
    value_rises: float | None
    """Of neighbouring rows with different values the share where the value rises; None without values."""
    value_correlation: float | None
    """Correlation of a row's place in the file with log1p of its value, -1 to 1; None where either is constant."""


class RowCount(BaseModel):
    """Rows of one table among those that make up an event file."""

    model_config = ConfigDict(frozen=True)

    rows: int
    quarantined: int


class FileCard(BaseModel):
    """What one event file holds. Times are epoch seconds (UTC); values are on their own scale, None without values."""

    model_config = ConfigDict(frozen=True)

    name: str
    bytes: int | None = None
    """Size of the file or files; None for the answer of a database."""
    rows: int
    kept: int
    quarantined: int
    ignored: int = 0
    """Of the quarantined rows those whose event word the mapping told to ignore."""
    duplicates: int = 0
    """Rows that repeat another one in every column that counts; removed, unless the mapping keeps them."""
    removed: int = 0
    """Repeated rows that were removed, purchases sent twice included: rows = kept + quarantined + removed."""
    purchases: int = 0
    """BUY rows that can be used, before repeated ones are removed."""
    lost_purchases: int = 0
    """BUY rows in quarantine."""
    sent_twice: int = 0
    """Purchases removed because the same order had sent them before."""
    joined_visits: int = 0
    """Sessions whose user id changes within the visit, as at a log-in; they are given to one user."""
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
    """Event word as it stands in the file -> column -> rows whose cell is empty. Only what occurs is named."""
    files: dict[str, RowCount] = {}
    """File, member of an archive, or database -> its rows, in the order in which they were read."""
    passed_over: tuple[str, ...] = ()
    """What lay beside them, in the folder or archive that was named, and was not read."""


class DatasetCard(BaseModel):
    """What was found in the files, for people: the dataset's card."""

    model_config = ConfigDict(frozen=True)

    fingerprint: str
    name: str
    synthetic: bool
    """True for simulated files; see core.ingestion.storage.synthetic for how they are known."""
    created: str
    mapping: str = ""
    """Name of the column mapping the files were read with; empty for files in our own form."""
    value_rule: str = "column"
    """Where session values came from: `column`, or `price_of_buys`, then a test file's own events tell its values."""
    mapping_notes: tuple[str, ...] = ()
    """Sentences on columns of orders, statuses and currencies that the mapping did not mention and that are used."""
    train: FileCard
    test: FileCard
    sample_submission: str | None
    to_predict: int
    """Sessions that the submission must hold."""
    known_sessions: int
    composite_train: int
    composite_test: int
    users_in_both: int
    products_new_in_test: int
    sessions_with_differing_values: int
    quarantine_reasons: dict[str, int]
    untrained: dict[str, int] = {}
    """Reason (see UnknownValue) -> train sessions that do not train because of it."""
    untrained_value: float = 0.0
    """What the usable purchases of these sessions add up to, in value units; 0 where values are in a column."""
    lost_value: float = 0.0
    """What the purchase rows in quarantine add up to, as far as their prices can be read, in value units."""
    unassigned_purchases: int = 0
    """Quarantined rows of train that are or may be purchases of no known session or user; some value may be too low."""


@dataclass(frozen=True)
class Dataset:
    """A dataset on disk. Frames are lazy; ids are integers, times epoch seconds (see core.schema)."""

    folder: Path

    @property
    def fingerprint(self) -> str:
        return self.folder.name

    def card(self) -> DatasetCard:
        return DatasetCard.model_validate_json((self.folder / CARD_FILE).read_text(encoding="utf-8"))

    def events(self, role: Role) -> pl.LazyFrame:
        """One row an event: unit, session, user, product, category, type, time; sorted by unit and time."""
        return pl.scan_parquet(self.folder / EVENTS_FILE.format(role=role), glob=False)

    def units(self) -> pl.LazyFrame:
        """One row a unit: unit, session, user, role, start, value, composite, known_value (null: not known)."""
        return pl.scan_parquet(self.folder / UNITS_FILE, glob=False)

    def order(self) -> pl.DataFrame:
        """The sessions to predict in the order of the submission: user_session and its integer."""
        return pl.read_parquet(self.folder / ORDER_FILE, glob=False)

    def wanted_units(self) -> pl.LazyFrame:
        """The test units of the sessions to predict; a sample submission may ask for some sessions only."""
        asked = pl.scan_parquet(self.folder / ORDER_FILE, glob=False).select(SESSION)
        return self.units().filter(pl.col(ROLE) == TEST_ROLE).join(asked, on=SESSION, how="semi")

    def untrained(self) -> pl.DataFrame:
        """The train sessions that do not train.

        One row per session: session (code), user_session (id), reason (see UnknownValue), remaining (what its usable
        purchases add up to; null where values are in a column). Empty for datasets of an older version.
        """
        try:
            return pl.read_parquet(self.folder / UNTRAINED_FILE, glob=False)
        except FileNotFoundError:
            return pl.DataFrame(schema=UNTRAINED_SCHEMA)

    def test_sessions(self) -> pl.Series:
        """Ids, as they stand in the files, of all sessions that have an event in the test file."""
        return self.dictionary(USER_SESSION).filter("in_test").collect().get_column(USER_SESSION)

    def dictionary(self, column: str) -> pl.LazyFrame:
        """The ids of a file column: the stored column's name for the code, the id, in_train, in_test; by code."""
        return pl.scan_parquet(self.folder / DICTIONARY_FILE.format(column=column), glob=False)

    def quarantine(self) -> pl.LazyFrame:
        """Rows that were set aside: file, line, reason, row (as it was), ignored (its event word is to be), role."""
        rows = pl.scan_parquet(self.folder / QUARANTINE_FILE, glob=False)
        if EVENT_TIME not in rows.collect_schema():
            return rows
        # the first form of datasets kept the row cell by cell
        cells = pl.concat_str(pl.exclude("file", "line", "reason", "role"), separator=",", ignore_nulls=True)
        return rows.select("file", "line", "reason", cells.alias("row"), pl.lit(value=False).alias("ignored"), "role")


def untrained_lines(card: DatasetCard) -> list[str]:
    """Sentences on the train sessions that do not train, and on money that is missing from the data."""
    lines = []
    total = sum(card.untrained.values())
    if total:
        reasons = "; ".join(f"{sessions:,} x {UnknownValue(code).words}" for code, sessions in card.untrained.items())
        money = f" Their usable purchases add up to {number(card.untrained_value)} value units."
        lines.append(
            f"{total:,} of {count(card.train.sessions, 'train session')} will not train: {reasons}."
            f"{money if card.untrained_value else ''}"
        )
    if card.lost_value:
        lines.append(f"The purchases of train in quarantine add up to at least {number(card.lost_value)} value units.")
    if card.unassigned_purchases:
        rows = count(card.unassigned_purchases, "quarantined row")
        lines.append(f"{rows} of train may be a purchase and name no known session, so some value may be too low.")
    return lines


def list_datasets(workspace: Workspace) -> list[Dataset]:
    """All datasets of the workspace, newest first."""
    found: list[tuple[str, Dataset]] = []
    for folder in workspace.datasets.iterdir():
        if folder.name.startswith("."):
            continue
        try:
            found.append((Dataset(folder).card().created, Dataset(folder)))
        except (OSError, ValueError):  # one damaged folder does not hide the others
            continue
    return [dataset for _, dataset in sorted(found, key=lambda pair: (pair[0], pair[1].fingerprint), reverse=True)]
