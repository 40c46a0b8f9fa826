"""Read one event file without session values, for a model that already exists.

The rows are parsed, quarantined and assembled exactly as those of a test file, in bounded memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from core.base.files import scratch_folder
from core.base.progress import Report, no_report
from core.config import available_cores
from core.dataset import DICTIONARY_FILE, QUARANTINE_FILE, Dataset
from core.ingestion.mapping import Mapping
from core.ingestion.preview import assumed_encodings
from core.ingestion.rows.read_counts import ReadCounts
from core.ingestion.rows.read_rows import parse_source
from core.ingestion.rows.row_parser import RowParser
from core.ingestion.sessions.assembly import assemble
from core.ingestion.sessions.dictionaries import Dictionaries
from core.ingestion.sessions.partitions import PartitionStore, partition_bits
from core.ingestion.sessions.session_ids import test_sessions_by_id
from core.ingestion.sessions.units import HashCollisionError
from core.ingestion.sources.content_hash import Content, require_unchanged
from core.ingestion.sources.source import Source, estimated_text_bytes
from core.ingestion.storage.parquet_writer import ParquetWriter
from core.ingestion.values.lost_purchases import NO_LOST_PURCHASES
from core.ingestion.values.money import ORDER, RATE, STATUS
from core.ingestion.values.repeated_orders import RepeatedOrders
from core.ingestion.values.session_values import LostPurchases
from core.schema import CATEGORY_ID, PRODUCT_ID, ROLE, ROLES, TEST_ROLE, TRAIN_ROLE, USER_ID, USER_SESSION

_SEEDS = range(8)
_BYTES_PER_ROW = 80
_PARTS, _READING_SHARE = 100, 0.7
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
    """

    tables: Dataset
    seed: int
    sessions: pl.DataFrame
    counts: ReadCounts


@contextmanager
def event_log(source: Source, mapping: Mapping, parent: Path, report: Report = no_report) -> Iterator[EventLog]:
    """Read an event file into a scratch folder in `parent`, which is deleted at the end of the block.

    Args:
        mapping: the mapping of the model.
        report: progress callback, in percent.

    Raises:
        InputError: the file cannot be used.
    """
    encodings = assumed_encodings((source,), mapping).values()
    encoding = next((detection.encoding for detection in encodings), None)
    n_bytes = estimated_text_bytes(source)
    bits = partition_bits(None if n_bytes is None else n_bytes // _BYTES_PER_ROW)
    for seed in _SEEDS:
        with scratch_folder(parent, f".{_PREFIX}.") as folder:
            try:
                parser = RowParser(mapping, with_value=False, seed=seed, bits=bits)
                log = _read(source, parser, folder, encoding, report)
            except HashCollisionError:
                continue
            yield log
            return
    raise RuntimeError("two ids had the same code under every seed")


def _read(source: Source, parser: RowParser, folder: Path, encoding: str | None, report: Report) -> EventLog:
    mapping, seed, bits = parser.mapping, parser.seed, parser.bits
    n_bytes, tables, counts = estimated_text_bytes(source), folder / "tables", ReadCounts()
    content = Content(source) if isinstance(source, Path) else None
    orders = {role: RepeatedOrders(mapping) for role in (TRAIN_ROLE, TEST_ROLE)}
    bytes_read = rows_written = 0

    def report_read(size: int) -> None:
        nonlocal bytes_read
        bytes_read += size
        share = min(bytes_read / n_bytes, 1.0) if n_bytes else 0.5
        report(int(_PARTS * _READING_SHARE * share), _PARTS, f"{counts.rows:,} rows read")

    def report_written(n_rows: int) -> None:
        nonlocal rows_written
        rows_written += n_rows
        share = _READING_SHARE + (1 - _READING_SHARE) * rows_written / max(counts.kept, 1)
        report(int(_PARTS * min(share, 1.0)), _PARTS, f"{rows_written:,} rows sorted")

    tables.mkdir()
    with ThreadPoolExecutor(available_cores()) as writing:
        rows = {role: PartitionStore(_subfolder(folder, ROLES[role]), bits, writing) for role in orders}
        dictionaries = Dictionaries(folder, bits, writing)
        with ParquetWriter(tables / QUARANTINE_FILE) as quarantine:
            for block, _ in parse_source(source, parser, counts, report_read, content, assumed_encoding=encoding):
                rows[TEST_ROLE].add(block.parts)
                rows[TRAIN_ROLE].add({0: _no_train_rows(block.rows)})
                orders[TEST_ROLE].add(block.rows)
                for column, ids in block.ids.items():
                    dictionaries.add(TEST_ROLE, column, ids)
                quarantine.write(block.bad.with_columns(pl.lit(TEST_ROLE, dtype=pl.Int8).alias(ROLE)))
        orders[TEST_ROLE].find()
        for column in (USER_ID, PRODUCT_ID, CATEGORY_ID):
            dictionaries.write(column, tables)
        assemble(
            rows,
            mapping,
            tables,
            repeated_orders=orders,
            lost_purchases=LostPurchases.from_rows(NO_LOST_PURCHASES, mapping),
            seed=seed,
            report=report_written,
        )
    if content is not None:
        require_unchanged([content])
    dictionary = tables / DICTIONARY_FILE.format(column=USER_SESSION)
    return EventLog(Dataset(tables), seed, test_sessions_by_id(dictionary, counts.quarantined_sessions, seed), counts)


def _subfolder(folder: Path, name: str) -> Path:
    subfolder = folder / name
    subfolder.mkdir()
    return subfolder


def _no_train_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Return no rows, with the columns that purchases of a train file have."""
    missing = {name: dtype for name, dtype in _ORDER_COLUMNS.items() if name not in rows.columns}
    return rows.clear().with_columns(pl.lit(None, dtype=dtype).alias(name) for name, dtype in missing.items())
