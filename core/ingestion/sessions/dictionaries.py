"""Write the dictionaries of a dataset: the id behind each code, and in which files it occurs.

A dictionary is a Parquet file with one row per id of a column, sorted by code: the code, the id, in_train and in_test.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from core.dataset import DICTIONARY_FILE
from core.ingestion.parallel import map_in_order
from core.ingestion.rows.row_parser import CODE_OF
from core.ingestion.sessions.partitions import Partition, Partitions, PartitionStore
from core.ingestion.sessions.units import check_for_collisions
from core.ingestion.storage.parquet_writer import ParquetWriter
from core.schema import IN_TEST, IN_TRAIN, ROLE, TEST_ROLE, TRAIN_ROLE, USER_SESSION

CODE, ID = "code", "id"
_NO_IDS = pl.DataFrame(schema={CODE: pl.Int64, ID: pl.String, ROLE: pl.Int8})


@dataclass
class IdCounts:
    """Numbers of distinct ids of a column: in the train file, in the test file, and in both."""

    train: int = 0
    test: int = 0
    both: int = 0

    def in_file(self, role: int) -> int:
        """Return the number of distinct ids in the file of a role."""
        return self.train if role == TRAIN_ROLE else self.test


class Dictionaries:
    """Collects the ids of users, products and categories while files are read, and then writes their dictionaries.

    A log that is split by date is read before it is known in which part its ids occur. Its ids are added for the train
    role, and then their occurrences in the parts.
    """

    def __init__(self, folder: Path, bits: int, writing: Executor) -> None:
        self._folder, self._bits, self._writing = folder, bits, writing
        self._spills: dict[tuple[str, int], PartitionStore] = {}
        self._occurrences: dict[tuple[str, int], PartitionStore] = {}
        for column in CODE_OF:
            if column != USER_SESSION:  # session ids stay with their events
                for role in (TRAIN_ROLE, TEST_ROLE):
                    subfolder = folder / f"{column}-{role}"
                    subfolder.mkdir()
                    self._spills[column, role] = PartitionStore(subfolder, bits, writing)

    def add(self, role: int, column: str, ids: Partitions) -> None:
        """Add ids (code, id) of a file, partitioned by code. Ids may be repeated."""
        self._spills[column, role].add(ids)

    def add_occurrences(self, role: int, column: str, codes: Partitions) -> None:
        """Add codes of ids that occur in a part of a log, partitioned. Codes may be repeated."""
        if (column, role) not in self._occurrences:
            subfolder = self._folder / f"{column}-in-{role}"
            subfolder.mkdir()
            self._occurrences[column, role] = PartitionStore(subfolder, self._bits, self._writing)
        self._occurrences[column, role].add(codes)

    def write(self, column: str, target: Path) -> IdCounts:
        """Write one dictionary."""
        with DictionaryWriter(target, column) as file:
            parts = zip(*(self._spills[column, role].parts() for role in (TRAIN_ROLE, TEST_ROLE)), strict=True)
            ids = map_in_order(_by_code, parts)
            if self._occurrences:
                in_parts = (self._occurrences[column, role].parts() for role in (TRAIN_ROLE, TEST_ROLE))
                ids = map_in_order(_in_parts, zip(ids, *in_parts, strict=True))
            for occurrences in ids:
                file.write(occurrences)
            return file.counts


def _by_code(pair: tuple[Partition, Partition]) -> pl.DataFrame:
    """Return the ids of both files with their roles, sorted by code and role."""
    occurrences = (
        ids.select(CODE, ID, pl.lit(role, dtype=pl.Int8).alias(ROLE)) if ids.height else _NO_IDS
        for role, ids in zip((TRAIN_ROLE, TEST_ROLE), (part.load() for part in pair), strict=True)
    )
    # The train file comes first, so a stable sort by code also orders the roles, in half the time of two keys.
    return pl.concat(occurrences, rechunk=True).sort(CODE, maintain_order=True)


def _in_parts(partition: tuple[pl.DataFrame, Partition, Partition]) -> pl.DataFrame:
    """Return the ids of a log with the roles of the parts in which they occur, sorted by code and role.

    Args:
        partition: ids of the log (see `_by_code`), and the codes that occur in the train and in the test part.
    """
    ids, *parts = partition
    same_code = ids.get_column(CODE).eq_missing(ids.get_column(CODE).shift(1))
    check_for_collisions(ids.get_column(ID), same_code)
    texts = ids.filter(~same_code).select(CODE, ID)
    occurrences = [
        codes.select(CODE).unique().with_columns(pl.lit(role, dtype=pl.Int8).alias(ROLE))
        for role, codes in zip((TRAIN_ROLE, TEST_ROLE), (part.load() for part in parts), strict=True)
        if codes.height
    ]
    if not occurrences:
        return _NO_IDS
    with_ids = pl.concat(occurrences).join(texts, on=CODE, how="inner")
    return with_ids.select(CODE, ID, ROLE).sort(CODE, ROLE)


class DictionaryWriter:
    """Writes the dictionary of an id column: code, id, in_train and in_test."""

    def __init__(self, folder: Path, column: str) -> None:
        self._file = ParquetWriter(folder / DICTIONARY_FILE.format(column=column))
        self._names = {CODE: CODE_OF[column], ID: column}
        self.counts = IdCounts()

    def __enter__(self) -> DictionaryWriter:
        return self

    def write(self, occurrences: pl.DataFrame) -> None:
        """Append ids: code, id and role, sorted by code and role. All occurrences of an id must come in one call."""
        code, text, role = (occurrences.get_column(name) for name in (CODE, ID, ROLE))
        begins = code.ne_missing(code.shift(1))
        check_for_collisions(text, ~begins)
        in_train = role.filter(begins) == TRAIN_ROLE
        in_test = role.filter(code.ne_missing(code.shift(-1))) == TEST_ROLE
        self.counts.train += int(in_train.sum())
        self.counts.test += int(in_test.sum())
        self.counts.both += int((in_train & in_test).sum())
        ids = occurrences.filter(begins).select(CODE, ID, in_train.alias(IN_TRAIN), in_test.alias(IN_TEST))
        self._file.write(ids.rename(self._names))

    def __exit__(self, *exception: object) -> None:
        self._file.__exit__(*exception)
