"""Files in, one clean dataset out."""

from core.ingestion.ingest import InputFiles, ingest, read_ids

__all__ = ["InputFiles", "ingest", "read_ids"]
