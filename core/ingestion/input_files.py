"""The files that a dataset is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from core.ingestion.mapping import Mapping
from core.ingestion.sources.database import Query
from core.ingestion.sources.source import Source


@dataclass(frozen=True)
class InputFiles:
    """The inputs of a dataset.

    Attributes:
        sample_submission: file with the sessions to predict. None to predict all test sessions, sorted by id.
        name: name of the dataset; empty for the default.
        mapping_notes: sentences for people on what `ingest` noticed, such as columns that it added to the mapping.
    """

    train: Source
    test: Source
    sample_submission: Path | None = None
    name: str = ""
    mapping: Mapping = field(default_factory=Mapping)
    mapping_notes: tuple[str, ...] = ()

    @property
    def display_name(self) -> str:
        """The name; by default that of the train file's folder or database."""
        if self.name:
            return self.name
        return self.train.name if isinstance(self.train, Query) else self.train.resolve().parent.name
