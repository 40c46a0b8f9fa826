"""Write the dictionaries of a dataset: the id behind each code, and in which files it occurs.

In: per id column and role, frames of (code, id), partitioned by code, with repetitions. Out: one Parquet file per id
column with one row per id: the code, the id, in_train and in_test, sorted by code. Two ids with one code raise
`HashCollisionError`; ingestion then starts again with another seed.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

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


@dataclass(frozen=True)
class IdCounts:
    """Number of distinct ids of a column in train, in test, and in both."""

    train: int
    test: int
    both: int


class Dictionaries:
    """Collects the ids of users, products and categories while files are read, then writes their dictionaries."""

    def __init__(self, folder: Path, bits: int, writing: Executor) -> None:
        self._spills: dict[tuple[str, int], PartitionStore] = {}
        for column in CODE_OF:
            if column != USER_SESSION:  # the sessions' ids stay with their events
                for role in (TRAIN_ROLE, TEST_ROLE):
                    place = folder / f"{column}-{role}"
                    place.mkdir()
                    self._spills[column, role] = PartitionStore(place, bits, writing)

    def add(self, role: int, column: str, ids: Partitions) -> None:
        """Add ids (code, id) of a file, partitioned by code; repetitions are fine."""
        self._spills[column, role].add(ids)

    def write(self, column: str, target: Path) -> IdCounts:
        """Write one dictionary.

        Raises:
            HashCollisionError: two ids have one code.
        """
        with DictionaryWriter(target, column) as file:
            parts = zip(*(self._spills[column, role].parts() for role in (TRAIN_ROLE, TEST_ROLE)), strict=True)
            for ordered in map_in_order(_by_code, parts, ahead=0):
                file.write(ordered)
            return file.counts()


def _by_code(pair: tuple[Partition, Partition]) -> pl.DataFrame:
    """Return the ids of train and test with their role, sorted by code and role."""
    seen = (
        ids.select(CODE, ID, pl.lit(role, dtype=pl.Int8).alias(ROLE)) if ids.height else _NO_IDS
        for role, ids in zip((TRAIN_ROLE, TEST_ROLE), (part.load() for part in pair), strict=True)
    )
    # Train comes first, so a stable sort by code also orders the roles, in half the time of two keys.
    return pl.concat(seen, rechunk=True).sort(CODE, maintain_order=True)


class DictionaryWriter:
    """Writes the dictionary of an id column: code, id, in_train and in_test."""

    def __init__(self, folder: Path, column: str) -> None:
        self._file = ParquetWriter(folder / DICTIONARY_FILE.format(column=column))
        self._names = {CODE: CODE_OF[column], ID: column}
        self._counts = [0, 0, 0]

    def __enter__(self) -> DictionaryWriter:
        return self

    def write(self, occurrences: pl.DataFrame) -> None:
        """Append ids: code, id and role, sorted by code and role; all occurrences of an id in one call.

        Raises:
            HashCollisionError: two ids have one code.
        """
        code, text, role = (occurrences.get_column(name) for name in (CODE, ID, ROLE))
        begins = code.ne_missing(code.shift(1))
        check_for_collisions(text, ~begins)
        in_train = role.filter(begins) == TRAIN_ROLE
        in_test = role.filter(code.ne_missing(code.shift(-1))) == TEST_ROLE
        for place, flags in enumerate((in_train, in_test, in_train & in_test)):
            self._counts[place] += int(flags.sum())
        ids = occurrences.filter(begins).select(CODE, ID, in_train.alias(IN_TRAIN), in_test.alias(IN_TEST))
        self._file.write(ids.rename(self._names))

    def counts(self) -> IdCounts:
        """Return the counts of the ids written so far."""
        return IdCounts(*self._counts)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)
