"""From two event files to a stored dataset: read, validate, encode, write, recognise."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from core.dataset import (
    CARD_FILE,
    DICTIONARY_FILE,
    EVENTS_FILE,
    ORDER_FILE,
    QUARANTINE_FILE,
    UNITS_FILE,
    Dataset,
)
from core.errors import InputError
from core.ingestion.card import make_card
from core.ingestion.encoding import encode
from core.ingestion.readers import LINE, collect_table, read_table
from core.ingestion.synthetic import content_hash, is_synthetic
from core.ingestion.units import make_units, with_units
from core.ingestion.validation import require_columns, validated
from core.schema import (
    EVENT_COLUMNS,
    ROLE,
    SESSION,
    TEST_ROLE,
    TRAIN_COLUMNS,
    TRAIN_ROLE,
    USER_SESSION,
    VALUE,
)
from core.workspace import Workspace, building_folder

_STORED_FORM = b"events-1"  # part of the fingerprint: raise it when the stored form changes
_PARTS = 4

Report = Callable[[int, int, str], None]
"""Called with parts done, parts in all, and what is being done now."""


@dataclass(frozen=True)
class InputFiles:
    """The files a dataset is made of. Without a sample submission all test sessions are predicted, ordered by id."""

    train: Path
    test: Path
    sample_submission: Path | None = None
    name: str = ""
    """What people call the dataset; by default the folder of the train file."""

    def called(self) -> str:
        """The name, or the one it has by default."""
        return self.name or self.train.resolve().parent.name

    def all(self) -> tuple[Path, ...]:
        files = (self.train, self.test, self.sample_submission)
        return tuple(file for file in files if file is not None)


def ingest(files: InputFiles, workspace: Workspace, report: Report = lambda part, parts, text: None) -> Dataset:
    """Store the files as a dataset, or find it where the same files were stored before.

    Raises:
        InputError: one sentence on what is wrong with which file; nothing is stored then.
    """
    report(0, _PARTS, "reading the files")
    hashes = [content_hash(file) for file in files.all()]
    if hashes[0] == hashes[1]:
        raise InputError.same_file(files.test.name)
    dataset = Dataset(workspace.datasets / _fingerprint(hashes))
    synthetic = is_synthetic(workspace, files.train, hashes[0])
    if (dataset.folder / CARD_FILE).is_file():
        _rename(dataset, files, synthetic=synthetic)
        report(_PARTS, _PARTS, "these files were read before")
        return dataset
    good, quarantine = _read_both(files, report)
    events, dictionaries = encode(good)
    report(3, _PARTS, "writing the dataset")
    order = _order(files, events, dictionaries[USER_SESSION])
    units = make_units(events)
    card = make_card(
        files.train,
        files.test,
        files.sample_submission,
        name=files.called(),
        synthetic=synthetic,
        fingerprint=dataset.fingerprint,
        events=events,
        units=units,
        to_predict=order.height,
        quarantine=quarantine,
    )
    with building_folder(dataset.folder, shared=True) as folder:
        stored = with_units(events, units)
        for name, code in (("train", TRAIN_ROLE), ("test", TEST_ROLE)):
            stored.filter(pl.col(ROLE) == code).write_parquet(folder / EVENTS_FILE.format(role=name))
        units.write_parquet(folder / UNITS_FILE)
        order.write_parquet(folder / ORDER_FILE)
        quarantine.write_parquet(folder / QUARANTINE_FILE)
        for column, dictionary in dictionaries.items():
            dictionary.write_parquet(folder / DICTIONARY_FILE.format(column=column))
        (folder / CARD_FILE).write_text(card.model_dump_json(indent=1), encoding="utf-8")
    report(_PARTS, _PARTS, "")
    return dataset


def _fingerprint(hashes: Sequence[str]) -> str:
    """SHA-256 over the content of the files, each in its part; names and places do not count."""
    digest = hashlib.sha256(_STORED_FORM)
    for part in hashes:
        digest.update(bytes.fromhex(part))
    return digest.hexdigest()


def _rename(dataset: Dataset, files: InputFiles, *, synthetic: bool) -> None:
    """The same content under other names: people see the names that they gave last."""
    card = dataset.card()
    sample = files.sample_submission
    now = card.model_copy(
        update={
            "name": files.called(),
            "synthetic": card.synthetic or synthetic,
            "train": card.train.model_copy(update={"name": files.train.name}),
            "test": card.test.model_copy(update={"name": files.test.name}),
            "sample_submission": sample.name if sample else None,
        }
    )
    if now != card:
        path = dataset.folder / CARD_FILE
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(now.model_dump_json(indent=1), encoding="utf-8")
        draft.replace(path)


def _read_both(files: InputFiles, report: Report) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Usable rows of both files, and the quarantined ones; both carry their role."""
    good: list[pl.DataFrame] = []
    bad: list[pl.DataFrame] = []
    for role, file in ((TRAIN_ROLE, files.train), (TEST_ROLE, files.test)):
        with_value = role == TRAIN_ROLE
        rows = _read(file, TRAIN_COLUMNS if with_value else EVENT_COLUMNS)
        usable, unusable = validated(file.name, rows, with_value=with_value)
        if not with_value:
            usable = usable.with_columns(pl.lit(None, dtype=pl.Float64).alias(VALUE))
        code = pl.lit(role, dtype=pl.Int8).alias(ROLE)
        good.append(usable.with_columns(code).drop("session_value", strict=False))
        bad.append(unusable.with_columns(code))
        report(role + 1, _PARTS, f"checked {file.name}")
    return pl.concat(good, how="diagonal"), pl.concat(bad)


def _read(file: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    frame = read_table(file)
    require_columns(file.name, frame.collect_schema().names(), columns)
    return collect_table(file.name, frame.select(*columns, LINE))


def read_ids(file: Path) -> pl.Series:
    """The session ids of an event file or sample submission, each once, in file order.

    Raises:
        InputError: no such file, no table, or no column user_session.
    """
    ids = _read(file, (USER_SESSION,)).get_column(USER_SESSION).str.strip_chars()
    return ids.filter(ids.is_not_null() & (ids != "")).unique(maintain_order=True)


def _order(files: InputFiles, events: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """The sessions to predict, in the order of the submission: user_session and its integer."""
    test = events.filter(pl.col(ROLE) == TEST_ROLE).select(pl.col(SESSION).unique())
    present = sessions.join(test, on=SESSION, how="semi").sort(USER_SESSION)
    if files.sample_submission is None:
        return present.select(USER_SESSION, SESSION)
    name = files.sample_submission.name
    wanted = _read(files.sample_submission, (USER_SESSION,)).select(
        pl.col(USER_SESSION).str.strip_chars().replace("", None).fill_null("an empty id")  # as a sentence names it
    )
    repeated = wanted.filter(pl.col(USER_SESSION).is_duplicated()).get_column(USER_SESSION).unique().sort()
    if len(repeated):
        raise InputError.not_unique(name, repeated.to_list())
    order = wanted.join(present, on=USER_SESSION, how="left", maintain_order="left")
    missing = order.filter(pl.col(SESSION).is_null()).get_column(USER_SESSION)
    if len(missing):
        raise InputError.sessions_without_events(name, missing.to_list(), wanted.height)
    return order.select(USER_SESSION, SESSION)
