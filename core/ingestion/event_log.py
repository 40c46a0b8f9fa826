"""Read one event file without session values, for a model that already exists.

The rows are parsed, quarantined and assembled exactly as those of a test file, in bounded memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from core.base.cores import available_cores
from core.base.files import scratch_folder
from core.base.progress import Report, no_report
from core.dataset import DICTIONARY_FILE, QUARANTINE_FILE, Dataset
from core.ingestion.attributes import AttributeTable
from core.ingestion.completed_mapping import assumed_encodings
from core.ingestion.mapping import Mapping
from core.ingestion.reading_progress import ReadingProgress
from core.ingestion.rows.read_counts import ReadCounts
from core.ingestion.rows.read_rows import parse_source
from core.ingestion.rows.row_parser import ParsedBlock, RowParser
from core.ingestion.sessions.assembly import assemble
from core.ingestion.sessions.dictionaries import Dictionaries
from core.ingestion.sessions.partitions import PartitionStore, partition_bits
from core.ingestion.sessions.session_ids import test_sessions_by_id
from core.ingestion.sessions.units import CODE_SEEDS, HashCollisionError
from core.ingestion.sources.content_hash import Content, require_unchanged
from core.ingestion.sources.source import Source
from core.ingestion.storage.parquet_writer import ParquetWriter
from core.ingestion.values.lost_purchases import NO_LOST_PURCHASES
from core.ingestion.values.money import ORDER, RATE, STATUS
from core.ingestion.values.repeated_orders import RepeatedOrders
from core.ingestion.values.session_values import LostPurchases
from core.schema import CATEGORY_ID, PRODUCT_ID, ROLE, ROLES, TEST_ROLE, TRAIN_ROLE, USER_ID, USER_SESSION

_ORDER_COLUMNS = {ORDER: pl.Int64, STATUS: pl.Int8, RATE: pl.Float64}
_PREFIX = "svs-events"


@dataclass(frozen=True)
class EventLog:
    """The events of one file, as those of a test file.

    Attributes:
        tables: events, units and dictionaries; the train file in them is empty.
        seed: seed of the id codes.
        sessions: user_session and session (code) of every session, sorted by id; some may have no usable event.
        counts: numbers of rows, and reasons for quarantine.
        from_tables: stored names of the own columns that come from tables of products and users.
    """

    tables: Dataset
    seed: int
    sessions: pl.DataFrame
    counts: ReadCounts
    from_tables: frozenset[str] = frozenset()


@contextmanager
def event_log(
    source: Source,
    mapping: Mapping,
    parent: Path,
    report: Report = no_report,
    *,
    tables: Iterable[AttributeTable] = (),
) -> Iterator[EventLog]:
    """Read an event file into a scratch folder in `parent`, which is deleted at the end of the block.

    A file is read if at least one row is usable, because the values of its usable sessions are needed in any case.

    Args:
        mapping: the mapping of the model, with the own columns that it uses. The file must have all of them.
        report: progress callback, in percent.
        tables: the tables from which the mapping takes own columns.

    Raises:
        InputError: the file cannot be used.
    """
    mapping = mapping.model_copy(update={"least_usable": 0.0})
    attributes = tuple(tables)
    encodings = assumed_encodings((source,), mapping).values()
    encoding = next((detection.encoding for detection in encodings), None)
    for seed in CODE_SEEDS:
        with scratch_folder(parent, f".{_PREFIX}.") as folder:
            try:
                log = _read(source, mapping, folder, attributes, seed=seed, encoding=encoding, report=report)
            except HashCollisionError:
                continue
            yield log
            return
    raise RuntimeError("two ids had the same code under every seed")


def _read(
    source: Source,
    mapping: Mapping,
    folder: Path,
    attributes: tuple[AttributeTable, ...],
    *,
    seed: int,
    encoding: str | None,
    report: Report,
) -> EventLog:
    tables, counts = folder / "tables", ReadCounts()
    progress = ReadingProgress([source], [counts], report)
    bits = partition_bits(progress.n_rows)
    parser = RowParser(mapping, with_value=False, seed=seed, bits=bits, needs_own=True, tables=attributes)
    content = Content(source) if isinstance(source, Path) else None
    orders = {role: RepeatedOrders(mapping) for role in (TRAIN_ROLE, TEST_ROLE)}
    tables.mkdir()
    with ThreadPoolExecutor(available_cores()) as writing:
        rows = {role: PartitionStore(_subfolder(folder, ROLES[role]), bits, writing) for role in orders}
        dictionaries = Dictionaries(folder, bits, writing)
        blocks = parse_source(source, parser, counts, progress.read, content, assumed_encoding=encoding)
        _collect((block for block, _ in blocks), rows, orders[TEST_ROLE], dictionaries, tables / QUARANTINE_FILE)
        for repeated in orders.values():
            repeated.find()
        with ThreadPoolExecutor(1) as pool:
            written = [pool.submit(dictionaries.write, column, tables) for column in (USER_ID, PRODUCT_ID, CATEGORY_ID)]
            if mapping.session_gap_minutes is not None:
                written[0].result()  # the ids of these sessions contain the user id
            assemble(
                rows,
                mapping,
                tables,
                repeated_orders=orders,
                lost_purchases=LostPurchases.from_rows(NO_LOST_PURCHASES, mapping),
                seed=seed,
                report=progress.written,
            )
            for future in written:
                future.result()
    if content is not None:
        require_unchanged([content])
    dictionary = tables / DICTIONARY_FILE.format(column=USER_SESSION)
    sessions = test_sessions_by_id(dictionary, counts.quarantined_sessions, seed)
    from_tables = frozenset(name for table in attributes for name in table.columns)
    return EventLog(Dataset(tables), seed, sessions, counts, from_tables)


def _collect(
    blocks: Iterable[ParsedBlock],
    rows: dict[int, PartitionStore],
    orders: RepeatedOrders,
    dictionaries: Dictionaries,
    quarantine_file: Path,
) -> None:
    """Distribute the parsed rows of a file: usable rows by session, ids by column, all other rows to the quarantine."""
    with ParquetWriter(quarantine_file) as quarantine:
        for block in blocks:
            rows[TEST_ROLE].add(block.parts)
            rows[TRAIN_ROLE].add({0: _no_train_rows(block.rows)})
            orders.add(block.rows)
            for column, ids in block.ids.items():
                dictionaries.add(TEST_ROLE, column, ids)
            quarantine.write(block.bad.with_columns(pl.lit(TEST_ROLE, dtype=pl.Int8).alias(ROLE)))


def _subfolder(folder: Path, name: str) -> Path:
    subfolder = folder / name
    subfolder.mkdir()
    return subfolder


def _no_train_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Return no rows, with the columns that purchases of a train file have."""
    missing = {name: dtype for name, dtype in _ORDER_COLUMNS.items() if name not in rows.columns}
    return rows.clear().with_columns(pl.lit(None, dtype=dtype).alias(name) for name, dtype in missing.items())
