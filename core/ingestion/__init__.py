"""Files in, one clean dataset out."""

from core.ingestion.ingest import InputFiles, ingest, read_ids
from core.ingestion.synthetic import remember

__all__ = ["InputFiles", "ingest", "read_ids", "remember"]
