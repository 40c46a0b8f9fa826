"""The progress of reading event files, in percent: first rows are read, then they are sorted and written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from core.base.progress import Report
from core.ingestion.rows.read_counts import ReadCounts
from core.ingestion.sources.source import Source, estimated_text_bytes

PARTS: Final = 100
"""Progress is reported in percent."""
_READING_SHARE: Final = 0.7
"""Measured share of the time; the other 30% are for assembling and writing."""
_BYTES_PER_ROW: Final = 80
"""Rough size of an event as text. It decides only the number of partitions."""


class ReadingProgress:
    """Counts bytes read and rows written, and reports them.

    Attributes:
        n_rows: estimated rows of all sources; None if it is not known, as for a query.
    """

    def __init__(self, sources: Iterable[Source], counts: Sequence[ReadCounts], report: Report) -> None:
        sizes = [estimated_text_bytes(source) for source in sources]
        self._total_bytes = None if None in sizes else sum(filter(None, sizes))
        self._counts, self._report = counts, report
        self._bytes_read = self._rows_written = 0
        self.n_rows = None if self._total_bytes is None else self._total_bytes // _BYTES_PER_ROW

    def read(self, n_bytes: int) -> None:
        """Report that a piece was read."""
        self._bytes_read += n_bytes
        share = min(self._bytes_read / self._total_bytes, 1.0) if self._total_bytes else 0.5
        rows = sum(counts.rows for counts in self._counts)
        self._report(int(PARTS * _READING_SHARE * share), PARTS, f"{rows:,} rows read")

    def written(self, n_rows: int) -> None:
        """Report that the rows of a partition were sorted and written."""
        self._rows_written += n_rows
        kept = sum(counts.kept for counts in self._counts)
        share = _READING_SHARE + (1 - _READING_SHARE) * self._rows_written / max(kept, 1)
        self._report(int(PARTS * min(share, 1.0)), PARTS, f"{self._rows_written:,} rows sorted")
