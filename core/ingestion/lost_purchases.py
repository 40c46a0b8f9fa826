"""Finds the purchases that are in quarantine: the sessions that they belong to have lost money.

Where values are added up from purchases, such a session's value is not known, and it must not train as if it were worth
only what is left of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from core.ingestion.mapping import Mapping
from core.ingestion.mapping.event_words import is_of_no_interest, type_of
from core.ingestion.rows.quarantine import FILE, LINE, REASON
from core.ingestion.sources.tables import BrokenLine
from core.schema import (
    BUY,
    EVENT_CODE,
    EVENT_TYPE,
    SESSION,
    TIME,
    TYPE,
    USER,
    USER_ID,
    USER_SESSION,
    VALUE,
)

IS_CERTAIN: Final = "is_certain"
NO_LOSS: Final = pl.DataFrame(
    schema={
        FILE: pl.String,
        LINE: pl.Int64,
        SESSION: pl.Int64,
        USER: pl.Int64,
        TIME: pl.Int64,
        VALUE: pl.Float64,
        IS_CERTAIN: pl.Boolean,
    }
)
"""One row per (quarantined row that is or may be a purchase), several for a line that could not be parsed.

Columns: file and line, session and user (codes, null where the row names none), time (epoch seconds, null where it
cannot be read), value (what it would have added, null where it cannot be read), is_certain (whether its word means
BUY)."""
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
    lines: pl.DataFrame,
    cells: pl.DataFrame,
    rows: pl.DataFrame,
    amounts: pl.Series,
    *,
    unknown_words: Collection[str],
    mapping: Mapping,
    seed: int,
) -> pl.DataFrame:
    """The quarantined rows that are purchases, or may be; see NO_LOSS for the columns.

    A row with an event word that nothing is known of may be a purchase.

    Args:
        lines: FILE and LINE of the quarantined rows.
        cells: of the quarantined rows.
        rows: what these cells mean.
        amounts: what each row would add as a purchase.
        unknown_words: event words that the mapping does not know.
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
            *lines,
            _codes(cells, USER_SESSION, SESSION, seed),
            _codes(cells, USER_ID, USER, seed),
            rows.get_column(TIME),
            amounts.alias(VALUE),
            certain.alias(IS_CERTAIN),
        ]
    ).filter(certain | maybe)
    empty = pl.all_horizontal(pl.col(SESSION, USER, TIME).is_null())  # a blank line, or a total at the end
    return found.filter(~empty | pl.col(IS_CERTAIN))


def _is_no_purchase(word: str) -> bool:
    return is_of_no_interest(word) or type_of(word) not in {None, BUY}


def _codes(cells: pl.DataFrame, column: str, code: str, seed: int) -> pl.Series:
    """The codes of ids, null where there is none. A NUL in an id, which quarantined its row, is ignored."""
    if column not in cells.columns:
        return pl.Series(code, [None], dtype=pl.Int64).new_from_index(0, cells.height)
    ids = cells.get_column(column).str.replace_all("\x00", "", literal=True).str.strip_chars()
    return ids.hash(seed).reinterpret(signed=True).set((ids == "").fill_null(value=True), None).alias(code)


def broken_purchases(name: str, broken: Sequence[BrokenLine], mapping: Mapping, seed: int) -> pl.DataFrame:
    """The lines of the file `name` that could not be parsed and may be purchases; see NO_LOSS for the columns.

    Each cell of such a line is taken for a session and for a user, as its cells may have shifted. A cell that is
    neither matches none.
    """
    words = mapping.words() if mapping.every_event_is is None else {}
    others = {word for word, kind in words.items() if kind != BUY} | mapping.ignored()
    found: list[tuple[int, str]] = []
    for line in broken:
        cells = {cell.strip() for cell in _SEPARATORS.split(line.text)} - {""}
        plain = {cell.lower() for cell in cells}
        if not plain & others or any(words.get(cell) == BUY for cell in plain):
            found += [(line.line, cell) for cell in sorted(cells)]
    lines, ids = ([pair[0] for pair in found], pl.Series([pair[1] for pair in found], dtype=pl.String))
    codes = ids.hash(seed).reinterpret(signed=True)
    none = pl.lit(None, dtype=pl.Int64)
    return NO_LOSS.clear(len(ids)).with_columns(
        pl.lit(name).alias(FILE),
        pl.Series(LINE, lines, dtype=pl.Int64),
        (codes if mapping.session_gap_minutes is None else none).alias(SESSION),
        codes.alias(USER),
        pl.lit(value=False).alias(IS_CERTAIN),
    )


def unassigned(lost: pl.DataFrame, sessions: Path, users: Path) -> int:
    """How many lost purchases can be assigned to no session of train and to no user of it.

    A row that names a session is assigned, also if nothing else is left of that session.

    Args:
        lost: see NO_LOSS.
        sessions: the dataset's dictionary of sessions.
        users: that of users.
    """
    is_cell = pl.col(SESSION).is_not_null() & (pl.col(SESSION) == pl.col(USER))  # of a line that could not be parsed
    session, user = (
        pl.col(code).is_in(_known_codes(lost.get_column(code), dictionary).implode()).fill_null(value=False)
        for code, dictionary in ((SESSION, sessions), (USER, users))
    )
    named = user | pl.when(is_cell).then(session).otherwise(pl.col(SESSION).is_not_null())
    by_line = lost.group_by(FILE, LINE).agg(named.any().alias("named"))
    return int((~by_line.get_column("named")).sum())


def _known_codes(codes: pl.Series, dictionary: Path) -> pl.Series:
    """Those of the codes that train has."""
    known = pl.scan_parquet(dictionary, glob=False).filter("in_train", pl.col(codes.name).is_in(codes.implode()))
    return known.select(codes.name).collect().to_series()
