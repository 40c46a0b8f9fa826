"""Find quarantined rows that are purchases, or may be.

If session values are sums of purchases, a session that lost one has an unknown value. It must not be used for training
with the sum of its other purchases.
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
from core.ingestion.mapping.event_words import event_type_of, is_other_event
from core.ingestion.sources.tables import BrokenLine
from core.schema import (
    BUY,
    EVENT_CODE,
    EVENT_TYPE,
    FILE,
    IN_TRAIN,
    LINE,
    REASON,
    SESSION,
    TIME,
    TYPE,
    USER,
    USER_ID,
    USER_SESSION,
    VALUE,
)

IS_CERTAIN: Final = "is_certain"
NO_LOST_PURCHASES: Final = pl.DataFrame(
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
"""No lost purchases, with the columns of a table of lost purchases.

One row per quarantined row that is or may be a purchase; several per line that could not be parsed. Columns: file,
line, session and user (codes, null if the row has none), time (epoch seconds, null if unparsable), value (the amount,
null if unparsable), is_certain (whether its event word means BUY)."""
_SEPARATORS: Final = re.compile(r'[,;\t|"]')


@dataclass(frozen=True)
class PurchaseCount:
    """Number of usable and of quarantined BUY rows, and the reasons for the quarantine."""

    usable: int = 0
    lost: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: PurchaseCount) -> PurchaseCount:
        """Return the counts of two parts of a file."""
        return PurchaseCount(self.usable + other.usable, self.lost + other.lost, self.reasons + other.reasons)


def count_purchases(rows: pl.DataFrame, usable: pl.Series, reason: pl.Expr, cells: pl.DataFrame) -> PurchaseCount:
    """Count the BUY rows of a block.

    Args:
        rows: codes and numbers, one row per row of the block.
        reason: expression for why a row is quarantined, on the columns of `cells` and `rows`.
        cells: texts of the same rows.
    """
    bought = (rows.get_column(TYPE) == EVENT_CODE[BUY]).fill_null(value=False)
    lost = bought & ~usable
    if not lost.any():
        return PurchaseCount(int(bought.sum()))
    lost_rows = pl.concat([cells.filter(lost), rows.filter(lost)], how="horizontal")
    reasons = lost_rows.select(reason).get_column(REASON)
    return PurchaseCount(int((bought & usable).sum()), reasons.len(), Counter(reasons.to_list()))


def lost_purchases(
    lines: pl.DataFrame,
    cells: pl.DataFrame,
    rows: pl.DataFrame,
    amounts: pl.Series,
    *,
    unknown_words: Collection[str],
    seed: int,
) -> pl.DataFrame:
    """Return the quarantined rows that are purchases, or may be; see NO_LOST_PURCHASES for the columns.

    A row whose event word is unknown may be a purchase.

    Args:
        lines: FILE and LINE of the quarantined rows.
        cells: their texts.
        rows: their codes and numbers.
        amounts: what each would add to its session's value as a purchase.
    """
    kinds = rows.get_column(TYPE)
    is_certain = (kinds == EVENT_CODE[BUY]).fill_null(value=False)
    may_be = kinds.is_null()
    if may_be.any() and EVENT_TYPE in cells.columns:
        harmless = [word for word in unknown_words if _is_another_event(word)]
        may_be &= ~cells.get_column(EVENT_TYPE).cast(pl.String).str.strip_chars().is_in(harmless).fill_null(value=False)
    purchases = pl.DataFrame(
        [
            *lines,
            _codes(cells, USER_SESSION, SESSION, seed),
            _codes(cells, USER_ID, USER, seed),
            rows.get_column(TIME),
            amounts.alias(VALUE),
            is_certain.alias(IS_CERTAIN),
        ]
    ).filter(is_certain | may_be)
    is_empty = pl.all_horizontal(pl.col(SESSION, USER, TIME).is_null())  # a blank line, or a total in the last line
    return purchases.filter(~is_empty | pl.col(IS_CERTAIN))


def _is_another_event(word: str) -> bool:
    return is_other_event(word) or event_type_of(word) not in {None, BUY}


def _codes(cells: pl.DataFrame, column: str, code: str, seed: int) -> pl.Series:
    """Return the codes of ids, null if a cell is empty. A NUL, for which a row is quarantined, is ignored."""
    if column not in cells.columns:
        return pl.Series(code, [None], dtype=pl.Int64).new_from_index(0, cells.height)
    ids = cells.get_column(column).str.replace_all("\x00", "", literal=True).str.strip_chars()
    return ids.hash(seed).reinterpret(signed=True).set((ids == "").fill_null(value=True), None).alias(code)


def broken_purchases(name: str, broken: Sequence[BrokenLine], mapping: Mapping, seed: int) -> pl.DataFrame:
    """Return the unparsable lines of a file that may be purchases; see NO_LOST_PURCHASES for the columns.

    Cells may have shifted, so each cell gives a row with its code as session and as user. Cells of other columns match
    no session and no user.
    """
    words = mapping.words() if mapping.every_event_is is None else {}
    other_words = {word for word, event_type in words.items() if event_type != BUY} | mapping.ignored()
    line_numbers: list[int] = []
    texts: list[str] = []
    for line in broken:
        cells = {cell.strip() for cell in _SEPARATORS.split(line.text)} - {""}
        lower = {cell.lower() for cell in cells}
        if not lower & other_words or any(words.get(cell) == BUY for cell in lower):
            line_numbers += [line.line] * len(cells)
            texts += sorted(cells)
    codes = pl.Series(texts, dtype=pl.String).hash(seed).reinterpret(signed=True)
    none = pl.lit(None, dtype=pl.Int64)
    return NO_LOST_PURCHASES.clear(len(texts)).with_columns(
        pl.lit(name).alias(FILE),
        pl.Series(LINE, line_numbers, dtype=pl.Int64),
        (codes if mapping.session_gap_minutes is None else none).alias(SESSION),
        codes.alias(USER),
        pl.lit(value=False).alias(IS_CERTAIN),
    )


def unassigned(lost: pl.DataFrame, sessions: Path, users: Path) -> int:
    """Count the lost purchases that belong to no session and no user of the train file.

    A row with a session id is assigned to that session, even if it has no other row.

    Args:
        sessions: path of the dataset's dictionary of sessions.
        users: path of its dictionary of users.
    """
    is_cell = pl.col(SESSION).is_not_null() & (pl.col(SESSION) == pl.col(USER))  # of an unparsable line
    session, user = (
        pl.col(code).is_in(_known_codes(lost.get_column(code), dictionary).implode()).fill_null(value=False)
        for code, dictionary in ((SESSION, sessions), (USER, users))
    )
    is_assigned = user | pl.when(is_cell).then(session).otherwise(pl.col(SESSION).is_not_null())
    by_line = lost.group_by(FILE, LINE).agg(is_assigned.any().alias("is_assigned"))
    return int((~by_line.get_column("is_assigned")).sum())


def _known_codes(codes: pl.Series, dictionary: Path) -> pl.Series:
    """Return the codes that occur in the train file."""
    known = pl.scan_parquet(dictionary, glob=False).filter(IN_TRAIN, pl.col(codes.name).is_in(codes.implode()))
    return known.select(codes.name).collect().to_series()
