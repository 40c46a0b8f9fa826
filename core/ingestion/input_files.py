"""The files that a dataset is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from core.ingestion.mapping import Mapping
from core.ingestion.sources.database import Query
from core.ingestion.sources.source import Source


@dataclass(frozen=True)
class InputFiles:
    """The inputs of a dataset. Without a sample submission, all test sessions are predicted, sorted by id."""

    train: Source
    test: Source
    sample_submission: Path | None = None
    name: str = ""
    """Display name of the dataset; by default the folder of the train file."""
    mapping: Mapping = field(default_factory=Mapping)
    mapping_notes: tuple[str, ...] = ()
    """What the mapping was completed with from the log; set by `ingest`."""

    def called(self) -> str:
        """Return the name, or the default name."""
        if self.name:
            return self.name
        return self.train.name if isinstance(self.train, Query) else self.train.resolve().parent.name
