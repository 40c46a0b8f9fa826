"""Show the first rows of a log as a mapping reads them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from core.errors import SourceError
from core.ingestion.attributes import AttributeTable
from core.ingestion.completed_mapping import complete_mapping
from core.ingestion.mapping import Mapping
from core.ingestion.rows.row_parser import RowParser
from core.ingestion.sources.columns import pick
from core.ingestion.sources.source import Source, open_tables
from core.ingestion.sources.tables import Block
from core.schema import LINE, REASON


def preview_rows(
    source: Source, mapping: Mapping, *, with_value: bool, rows: int = 10, tables: Iterable[AttributeTable] = ()
) -> pl.DataFrame:
    """Return the first rows of a source as the mapping reads them; see `RowParser.preview` for the columns.

    Rows that would be quarantined are included with their reason, and so are lines that could not be parsed.

    Raises:
        InputError: the source is not a table, or does not have the mapping's columns.
    """
    mapping, _ = complete_mapping(source, mapping, with_value=with_value)
    parser = RowParser(mapping, with_value, tables=tuple(tables))
    for table in open_tables(source, mapping):
        for piece in table.pieces(pick(table, mapping, parser.columns, parser.optional_columns)):
            preview = _preview_block(piece.read(), parser, rows)
            if preview.height:
                return preview
    raise SourceError.empty(source.name)


def count_usable(preview: pl.DataFrame) -> tuple[int, int]:
    """Return the number of rows of a preview that are usable, and the number of all its rows."""
    return preview.get_column(REASON).null_count(), preview.height


def _preview_block(block: Block, parser: RowParser, rows: int) -> pl.DataFrame:
    """Return the first rows and unparsable lines of a block, in file order."""
    first = block.head(rows)
    lines = pl.Series(LINE, first.lines_of(np.arange(first.rows.height)))
    parsed = parser.preview(first).with_columns(lines)
    broken = [(line.line, line.fault.reason) for line in block.broken[:rows]]
    unparsed = pl.DataFrame(broken, schema={LINE: pl.Int64, REASON: pl.String}, orient="row")
    return pl.concat([parsed, unparsed], how="diagonal").sort(LINE).head(rows).drop(LINE)
