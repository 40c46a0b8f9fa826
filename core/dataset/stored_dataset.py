"""A stored dataset and its tables.

Every table is compared with its stored hash before it is read, so that a changed table is never used unnoticed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from core.base.note import Note, read_note
from core.base.stored_files import UnusableFileError, hash_stored, read_sealed_json, read_stored_json, require_regular
from core.dataset.card import DatasetCard
from core.dataset.files import (
    ACTUAL_FILE,
    ACTUAL_SCHEMA,
    CARD_FILE,
    DICTIONARY_FILE,
    EVENTS_FILE,
    HASHES_FILE,
    LABEL,
    NAMES_FILE,
    NAMES_SCHEMA,
    ORDER_FILE,
    QUARANTINE_FILE,
    UNITS_FILE,
    UNTRAINED_FILE,
    UNTRAINED_SCHEMA,
)
from core.errors import RunError
from core.schema import (
    EVENT_TIME,
    FILE,
    IGNORED,
    IN_TEST,
    LINE,
    REASON,
    ROLE,
    ROW,
    SESSION,
    TEST_ROLE,
    USER_SESSION,
    Role,
)


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
        """Note of the dataset, with a name and a text; empty if there is none."""
        return read_note(self.folder)

    @property
    def name(self) -> str:
        """Display name: the name in its note, or else the name of its files."""
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
        """Return a clause for each table that was changed or lost since it was written; empty for an undamaged dataset.

        A dataset of an earlier version has no hashes, so its tables are not checked.
        """
        try:
            names = self._hashes()
        except RunError as error:
            return [str(error.actual)]
        return [reason for name in names if (reason := self._damage_of(name))]

    def verified_file(self, name: str) -> Path:
        """Return the path of a file of the dataset, after comparing it with its stored hash.

        Raises:
            RunError: the file is missing or changed.
        """
        if reason := self._damage_of(name):
            raise RunError.damaged_dataset(self.folder, reason)
        return self.folder / name

    def _damage_of(self, name: str) -> str:
        """Return how a file is damaged, as a clause; empty if it is not."""
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
        is_stored = UNTRAINED_FILE in self._hashes() or os.path.lexists(self.folder / UNTRAINED_FILE)
        if not is_stored:  # some older versions wrote the table, but no hashes
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
        """Display names of the products (product_id) or categories that have a name: one row per id, with id and label.

        Args:
            column: product_id or category_id, which is also the name of the column with the ids; the other is label.
        """
        return self.names().filter(pl.col("column") == column).select(pl.col("id").alias(column), LABEL)

    def quarantine(self) -> pl.LazyFrame:
        """One row per quarantined row: file, line, reason, row (its text), ignored, role."""
        rows = self._table(QUARANTINE_FILE)
        if EVENT_TIME not in rows.collect_schema():
            return rows
        # In datasets of the first version, each cell of the row is in its own column.
        cells = pl.concat_str(pl.exclude(FILE, LINE, REASON, ROLE), separator=",", ignore_nulls=True)
        return rows.select(FILE, LINE, REASON, cells.alias(ROW), pl.lit(value=False).alias(IGNORED), ROLE)

    def _table(self, name: str) -> pl.LazyFrame:
        return pl.scan_parquet(self.verified_file(name), glob=False)
