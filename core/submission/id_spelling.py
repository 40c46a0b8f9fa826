"""Match session ids that another program has changed in spelling."""

from __future__ import annotations

from typing import Final

import polars as pl

from core.schema import LINE
from core.submission.target import TEXT

SPELLING: Final = "spelling"
_AROUND: Final = " \t\u00a0\u200b\ufeff'\"`“”„‘’‚«»="
"""Blanks, also those without width, quotation marks, and the = of ="12", which marks a text in spreadsheets."""
_KEY: Final = "key"


def respelled_ids(rows: pl.DataFrame, sessions: pl.Series) -> pl.DataFrame:
    """Return the rows whose id is that of exactly one session in another spelling.

    Args:
        rows: `line` and `text` of rows whose id matches no session exactly.
        sessions: ids of the sessions to predict.

    Returns:
        `line`, `text`, and `spelling`, the id of the session. A session may have several rows, also in its right
        spelling.
    """
    respelled = rows.clear().select(LINE, TEXT, pl.col(TEXT).alias(SPELLING))
    if rows.is_empty():
        return respelled
    for spelling in (pl.col(TEXT).str.strip_chars(), plain_spelling(TEXT)):
        sessions_by_spelling = sessions.to_frame().select(pl.col(TEXT).alias(SPELLING), spelling.alias(_KEY))
        sessions_by_spelling = sessions_by_spelling.filter(~pl.col(_KEY).is_duplicated())
        unmatched = rows.join(respelled, on=LINE, how="anti", maintain_order="left").with_columns(spelling.alias(_KEY))
        matches = unmatched.join(sessions_by_spelling, on=_KEY, maintain_order="left").select(LINE, TEXT, SPELLING)
        respelled = pl.concat([respelled, matches])
    return respelled.sort(LINE)


def plain_spelling(column: str) -> pl.Expr:
    """Return ids without what spreadsheets and careless joins change.

    That is case, blanks, quotes, Unicode form, decimals at the end, and zeros before a number: 00123 and 123.0, A-007
    and a-7.
    """
    folded = pl.col(column).str.normalize("NFKC").str.to_lowercase().str.strip_chars(_AROUND)
    return folded.str.replace(r"\.0+$", "").str.replace_all(r"(^|[^0-9.])0+([0-9])", "${1}${2}")
