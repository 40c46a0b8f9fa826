"""The handle on a stored dataset: what every step after ingestion reads, and nothing else of ingestion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from core.schema import ROLE, SESSION, TEST_ROLE, USER_SESSION, Role
from core.workspace import Workspace

EVENTS_FILE = "{role}.parquet"
UNITS_FILE = "units.parquet"
ORDER_FILE = "order.parquet"
QUARANTINE_FILE = "quarantine.parquet"
CARD_FILE = "card.json"
DICTIONARY_FILE = "dictionary_{column}.parquet"


class FileCard(BaseModel):
    """What one event file holds. Times are epoch seconds (UTC); values are on their own scale, None without values."""

    model_config = ConfigDict(frozen=True)

    name: str
    rows: int
    kept: int
    quarantined: int
    sessions: int
    users: int
    products: int
    categories: int
    first_time: int
    last_time: int
    value_mean: float | None
    value_median: float | None


class DatasetCard(BaseModel):
    """What was found in the files, for people: the dataset's card."""

    model_config = ConfigDict(frozen=True)

    fingerprint: str
    name: str
    synthetic: bool
    """True for simulated files; see core.ingestion.synthetic for how they are known."""
    created: str
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
        return pl.scan_parquet(self.folder / EVENTS_FILE.format(role=role))

    def units(self) -> pl.LazyFrame:
        """One row a unit: unit, session, user, role, start, value, composite, known_value (null: not known)."""
        return pl.scan_parquet(self.folder / UNITS_FILE)

    def order(self) -> pl.DataFrame:
        """The sessions to predict in the order of the submission: user_session and its integer."""
        return pl.read_parquet(self.folder / ORDER_FILE)

    def wanted_units(self) -> pl.LazyFrame:
        """The test units of the sessions to predict; a sample submission may ask for some sessions only."""
        asked = pl.scan_parquet(self.folder / ORDER_FILE).select(SESSION)
        return self.units().filter(pl.col(ROLE) == TEST_ROLE).join(asked, on=SESSION, how="semi")

    def test_sessions(self) -> pl.Series:
        """Ids, as they stand in the files, of all sessions that have an event in the test file."""
        dictionary = pl.scan_parquet(self.folder / DICTIONARY_FILE.format(column=USER_SESSION))
        present = self.events("test").select(pl.col(SESSION).unique())
        return dictionary.join(present, on=SESSION, how="semi").collect().get_column(USER_SESSION)

    def quarantine(self) -> pl.LazyFrame:
        """Rows that could not be used: file, line, reason and the row as it was."""
        return pl.scan_parquet(self.folder / QUARANTINE_FILE)


def list_datasets(workspace: Workspace) -> list[Dataset]:
    """All datasets of the workspace, newest first."""
    found: list[tuple[str, Dataset]] = []
    for folder in workspace.datasets.iterdir():
        if folder.name.startswith("."):
            continue
        try:
            found.append((Dataset(folder).card().created, Dataset(folder)))
        except (OSError, ValidationError):  # one damaged folder does not hide the others
            continue
    return [dataset for _, dataset in sorted(found, key=lambda pair: (pair[0], pair[1].fingerprint), reverse=True)]
