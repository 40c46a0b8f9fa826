"""The column mapping: translates any shop's event log into ours, from a TOML file, a shipped one, or a guess."""

from core.ingestion.mapping.definition import Mapping
from core.ingestion.mapping.findings import Guess
from core.ingestion.mapping.guess import guess_mapping
from core.ingestion.mapping.toml_file import load_mapping, mapping_text, shipped_names

__all__ = ["Guess", "Mapping", "guess_mapping", "load_mapping", "mapping_text", "shipped_names"]
