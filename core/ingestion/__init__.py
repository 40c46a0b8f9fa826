"""Files in, one clean dataset out."""

from core.ingestion.ingest import ingest
from core.ingestion.input_files import InputFiles
from core.ingestion.sessions.session_ids import event_ids, read_ids
from core.ingestion.sources.database import Query
from core.ingestion.sources.source import Source, source_of
from core.ingestion.storage.synthetic import remember

__all__ = ["InputFiles", "Query", "Source", "event_ids", "ingest", "read_ids", "remember", "source_of"]
