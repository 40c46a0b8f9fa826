"""Blanks between a separator and a quote, as in `"a", "b"`, which some programs write and CSV parsers do not expect."""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.ingestion.sources.regular_quotes import quotes_are_regular


def blanks_before_quotes(lines: Sequence[bytes], separator: str) -> re.Pattern[bytes] | None:
    """Return a regular expression of the blanks to remove from a file; None if its first lines have none.

    They are removed only if the quotes of all lines that have them are regular then. In a text such as
    `1, "Best" price`, the quotes belong to the cell.

    >>> blanks_before_quotes([b'"a", "b"'], ",").sub(b"", b'"1", "x, ""y"" z"')
    b'"1","x, ""y"" z"'
    >>> blanks_before_quotes([b'1, "Best" price'], ",") is None
    True
    """
    mark = re.escape(separator.encode())
    blanks = re.compile(rb'(?<=%b) +(?="(?!")|""(?:%b|\r?$))' % (mark, mark), re.MULTILINE)
    cleaned_lines = [blanks.sub(b"", line.rstrip(b"\r")) for line in lines if blanks.search(line)]
    return blanks if cleaned_lines and all(quotes_are_regular(line, separator) for line in cleaned_lines) else None
