"""CSV text for people, whose spreadsheets must not run cells of a log as formulas.

`submission.csv` is for programs and is not written here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

_FORMULA: Final = r"^(?:[\t\r\n]|\s*[=+\-@＝＋－＠])"
"""Beginnings of cells that spreadsheets take for formulas or commands (OWASP: CSV Injection)."""
_NUMBER: Final = r"^\s*[+\-][\d.,\s%±+\-–()]*$"
"""Signed numbers, and texts of numbers such as "-0.5 ± 0.1". Without letters, nothing can run."""
_ID: Final = r"^-[A-Za-z0-9_][A-Za-z0-9_\-]*$"
"""Ids in base64url, of which one in 64 begins with a hyphen. Without parentheses and other signs, nothing can run."""
_HARMLESS: Final = f"{_NUMBER}|{_ID}"
_IS_FORMULA, _IS_HARMLESS = re.compile(_FORMULA), re.compile(_HARMLESS)


def harmless_text(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: with an apostrophe before it, if it is needed.

    >>> harmless_text("=1+1"), harmless_text("-1.5"), harmless_text("-x_7Q")
    ("'=1+1", '-1.5', '-x_7Q')
    """
    return f"'{text}" if _IS_FORMULA.match(text) and not _IS_HARMLESS.match(text) else text


def harmless_rows(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Return rows whose texts no spreadsheet takes for formulas."""
    return [
        {name: harmless_text(cell) if isinstance(cell, str) else cell for name, cell in row.items()} for row in rows
    ]


def harmless_cells(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return a data frame whose texts no spreadsheet takes for formulas. Numbers stay as they are."""
    schema = frame.collect_schema()
    names = [name for name, dtype in schema.items() if isinstance(dtype, pl.String | pl.Categorical | pl.Enum)]
    return frame.with_columns(_harmless(pl.col(name).cast(pl.String)).alias(name) for name in names)


def _harmless(text: pl.Expr) -> pl.Expr:
    """Return the texts as `harmless_text` does."""
    is_formula = text.str.contains(_FORMULA) & ~text.str.contains(_HARMLESS)
    return pl.when(is_formula).then(pl.concat_str(pl.lit("'"), text)).otherwise(text)


def csv_for_people(frame: pl.DataFrame) -> str:
    r"""Return a data frame as CSV that spreadsheets can open safely.

    >>> csv_for_people(pl.DataFrame({"id": ["=1+1", "P1"], "value": [-1.5, 2.0]}))
    "id,value\n'=1+1,-1.5\nP1,2.0\n"
    """
    return harmless_cells(frame.lazy()).collect().write_csv()
