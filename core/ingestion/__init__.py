"""Read event files or query results and store them as one clean dataset.

Steps and their places: `sources` (open files and queries, parse CSV and Parquet), `mapping` (which column is what),
`rows` (parse cells, quarantine unusable rows), `sessions` (partition, drop duplicate rows, number units, find values),
`storage` (the card, and datasets that are already stored). `ingest.ingest` calls them in this order.
"""

from core.ingestion.event_log import EventLog, event_log
from core.ingestion.ingest import ingest
from core.ingestion.input_files import DateSplit, InputFiles, Tables
from core.ingestion.sessions.session_ids import event_ids, read_ids
from core.ingestion.sources.query import Query
from core.ingestion.sources.source import Source, source_of
from core.ingestion.storage.synthetic import remember

__all__ = [
    "DateSplit",
    "EventLog",
    "InputFiles",
    "Query",
    "Source",
    "Tables",
    "event_ids",
    "event_log",
    "ingest",
    "read_ids",
    "remember",
    "source_of",
]
