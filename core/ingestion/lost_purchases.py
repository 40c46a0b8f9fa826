"""Finds the purchases that are in quarantine: the sessions that they belong to have lost money.

Where values are added up from purchases, such a session's value is not known, and it must not train as if it were worth
only what is left of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from core.ingestion.block import Broken
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.event_words import is_of_no_interest, type_of
from core.ingestion.quarantine import REASON
from core.schema import BUY, EVENT_CODE, EVENT_TYPE, SESSION, TIME, TYPE, USER, USER_ID, USER_SESSION, VALUE

IS_CERTAIN: Final = "is_certain"
NO_LOSS: Final = pl.DataFrame(
    schema={SESSION: pl.Int64, USER: pl.Int64, TIME: pl.Int64, VALUE: pl.Float64, IS_CERTAIN: pl.Boolean}
)
"""One row per (quarantined row that is or may be a purchase): session and user (codes, null where the row names none),
time (epoch seconds, null where it cannot be read), value (what it would have added, null where it cannot be read),
is_certain (whether its event word means BUY)."""
_SEPARATORS: Final = re.compile(r'[,;\t|"]')


@dataclass(frozen=True)
class PurchaseCount:
    """BUY rows that can be used, those in quarantine, and the reasons for these."""

    usable: int = 0
    lost: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: PurchaseCount) -> PurchaseCount:
        """The counts of both."""
        return PurchaseCount(self.usable + other.usable, self.lost + other.lost, self.reasons + other.reasons)


def count_purchases(rows: pl.DataFrame, usable: pl.Series, reason: pl.Expr, cells: pl.DataFrame) -> PurchaseCount:
    """Count the BUY rows of a block; `reason` is evaluated on its cells and rows."""
    bought = (rows.get_column(TYPE) == EVENT_CODE[BUY]).fill_null(value=False)
    lost = bought & ~usable
    if not lost.any():
        return PurchaseCount(int(bought.sum()))
    why = pl.concat([cells.filter(lost), rows.filter(lost)], how="horizontal").select(reason).get_column(REASON)
    return PurchaseCount(int((bought & usable).sum()), why.len(), Counter(why.to_list()))


def lost_purchases(
    cells: pl.DataFrame,
    rows: pl.DataFrame,
    amounts: pl.Series,
    *,
    unknown_words: Collection[str],
    broken: Sequence[Broken],
    mapping: Mapping,
    seed: int,
) -> pl.DataFrame:
    """The quarantined rows that are purchases, or may be; see NO_LOSS for the columns.

    A row with an event word that nothing is known of may be a purchase; so may a line that could not be parsed as a
    row. Of such a line each cell is taken for a session and for a user, as its cells may have shifted; a cell that is
    neither matches none.

    Args:
        cells: of the quarantined rows.
        rows: what these cells mean.
        amounts: what each row would add as a purchase.
        unknown_words: event words that the mapping does not know.
        broken: the lines that could not be parsed.
        mapping: how the log is read.
        seed: the one that codes are made with.
    """
    kinds = rows.get_column(TYPE)
    certain = (kinds == EVENT_CODE[BUY]).fill_null(value=False)
    maybe = kinds.is_null()
    if maybe.any() and EVENT_TYPE in cells.columns:
        harmless = [word for word in unknown_words if _is_no_purchase(word)]
        maybe &= ~cells.get_column(EVENT_TYPE).cast(pl.String).str.strip_chars().is_in(harmless).fill_null(value=False)
    found = pl.DataFrame(
        [
            _codes(cells, USER_SESSION, SESSION, seed),
            _codes(cells, USER_ID, USER, seed),
            rows.get_column(TIME),
            amounts.alias(VALUE),
            certain.alias(IS_CERTAIN),
        ]
    ).filter(certain | maybe)
    empty = pl.all_horizontal(pl.col(SESSION, USER, TIME).is_null())  # a blank line, or a total at the end
    return pl.concat([found.filter(~empty | pl.col(IS_CERTAIN)), _of_broken_lines(broken, mapping, seed)])


def _is_no_purchase(word: str) -> bool:
    return is_of_no_interest(word) or type_of(word) not in {None, BUY}


def _codes(cells: pl.DataFrame, column: str, code: str, seed: int) -> pl.Series:
    """The codes of ids, null where there is none. A NUL in an id, which quarantined its row, is ignored."""
    if column not in cells.columns:
        return pl.Series(code, [None], dtype=pl.Int64).new_from_index(0, cells.height)
    ids = cells.get_column(column).str.replace_all("\x00", "", literal=True).str.strip_chars()
    return ids.hash(seed).reinterpret(signed=True).set((ids == "").fill_null(value=True), None).alias(code)


def _of_broken_lines(broken: Sequence[Broken], mapping: Mapping, seed: int) -> pl.DataFrame:
    words = mapping.words() if mapping.every_event_is is None else {}
    others = {word for word, kind in words.items() if kind != BUY} | mapping.ignored()
    tokens: set[str] = set()
    for line in broken:
        parts = {part.strip() for part in _SEPARATORS.split(line.text)} - {""}
        plain = {part.lower() for part in parts}
        if not plain & others or any(words.get(part) == BUY for part in plain):
            tokens |= parts
    ids = pl.Series(sorted(tokens), dtype=pl.String)
    codes = ids.hash(seed).reinterpret(signed=True)
    return NO_LOSS.clear(len(ids)).with_columns(
        codes.alias(SESSION) if mapping.session_gap_minutes is None else pl.lit(None, dtype=pl.Int64).alias(SESSION),
        codes.alias(USER),
        pl.lit(value=False).alias(IS_CERTAIN),
    )
