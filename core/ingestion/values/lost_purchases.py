"""Find quarantined rows that are or may be purchases.

If session values are sums of purchases, the value of a session that lost a purchase is unknown. The sum of its other
purchases must not be used for training.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from core.base.text import fold_case
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.event_words import event_type_of, is_other_event
from core.ingestion.sources.tables import BrokenLine
from core.schema import (
    BUY,
    EVENT_CODE,
    EVENT_TYPE,
    FILE,
    IN_TEST,
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
"""Column: whether the event word of a lost purchase means BUY; if not, the row may be another event."""
AMOUNT: Final = "amount"
"""Column: amount of a row if it were a purchase, Float64; null if it cannot be parsed."""
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
"""An empty table of lost purchases.

One row per quarantined row that is or may be a purchase, and one row per cell of a line that could not be parsed.
Columns: file, line, session and user (codes, null if the row has none), time (epoch seconds, null if unparsable), value
(the amount, null if unparsable), is_certain (whether the event word means BUY)."""
_SEPARATORS: Final = re.compile(r'[,;\t|"]')


@dataclass(frozen=True)
class PurchaseCount:
    """Number of usable and of quarantined BUY rows, and reason for quarantine -> rows."""

    usable: int = 0
    lost: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: PurchaseCount) -> PurchaseCount:
        """Return the counts of two parts of a file."""
        return PurchaseCount(self.usable + other.usable, self.lost + other.lost, self.reasons + other.reasons)


def count_purchases(usable: pl.DataFrame, unusable: pl.DataFrame) -> PurchaseCount:
    """Count the BUY rows of a block, given its usable rows and its unusable rows with their reasons."""
    n_usable = int((usable.get_column(TYPE) == EVENT_CODE[BUY]).sum())
    reasons = unusable.filter(pl.col(TYPE) == EVENT_CODE[BUY]).get_column(REASON).to_list()
    return PurchaseCount(n_usable, len(reasons), Counter(reasons))


def lost_purchases(unusable: pl.DataFrame, unknown_words: Collection[str], seed: int) -> pl.DataFrame:
    """Return the unusable rows that are or may be purchases; see NO_LOST_PURCHASES for the columns.

    A row whose event word is unknown may be a purchase, unless the word is known from other logs as another event.

    Args:
        unusable: cells, file, line, time, type and amount of the rows.
        unknown_words: event words that the mapping does not name.
        seed: seed of the codes of ids.
    """
    is_certain = (pl.col(TYPE) == EVENT_CODE[BUY]).fill_null(value=False)
    may_be = pl.col(TYPE).is_null()
    if EVENT_TYPE in unusable.columns:
        harmless = [word for word in unknown_words if is_other_event(word) or event_type_of(word) not in {None, BUY}]
        may_be &= ~pl.col(EVENT_TYPE).cast(pl.String).str.strip_chars().is_in(harmless).fill_null(value=False)
    purchases = unusable.filter(is_certain | may_be).select(
        FILE,
        LINE,
        _code_or_null(unusable, USER_SESSION, seed).alias(SESSION),
        _code_or_null(unusable, USER_ID, seed).alias(USER),
        TIME,
        pl.col(AMOUNT).alias(VALUE),
        is_certain.alias(IS_CERTAIN),
    )
    is_empty = pl.all_horizontal(pl.col(SESSION, USER, TIME).is_null())  # a blank line, or a total in the last line
    return purchases.filter(~is_empty | pl.col(IS_CERTAIN))


def _code_or_null(rows: pl.DataFrame, column: str, seed: int) -> pl.Expr:
    """Return the codes of ids without NUL characters, for which a row is quarantined; null if a cell is empty."""
    if column not in rows.columns:
        return pl.lit(None, dtype=pl.Int64)
    ids = pl.col(column).str.replace_all("\x00", "", literal=True).str.strip_chars()
    return pl.when(ids != "").then(ids.hash(seed).reinterpret(signed=True))


def broken_purchases(name: str, broken: Sequence[BrokenLine], mapping: Mapping, seed: int) -> pl.DataFrame:
    """Return the unparsable lines of a file that may be purchases; see NO_LOST_PURCHASES for the columns.

    In such a line, cells may have moved to other columns, so any cell may be the session id or the user id. The result
    has one row per cell, with the hash of the cell as session code and as user code. Cells that are not ids match
    nothing.
    """
    words = mapping.words() if mapping.every_event_is is None else {}
    other_words = {word for word, event_type in words.items() if event_type != BUY} | mapping.ignored()
    line_numbers: list[int] = []
    texts: list[str] = []
    for broken_line in broken:
        cells = {cell.strip() for cell in _SEPARATORS.split(broken_line.text)} - {""}
        folded = {fold_case(cell) for cell in cells}
        is_other_event = bool(folded & other_words) and not any(words.get(cell) == BUY for cell in folded)
        if not is_other_event:
            line_numbers += [broken_line.line] * len(cells)
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


def unassigned(lost: pl.DataFrame, sessions: Path, users: Path, *, in_log: bool = False) -> int:
    """Count the lost purchases that belong to no session and no user of the train file.

    A row with a session id belongs to that session, even if the session has no other row.

    Args:
        lost: lost purchases; see NO_LOST_PURCHASES for the columns.
        sessions: path of the dataset's dictionary of sessions.
        users: path of the dataset's dictionary of users.
        in_log: whether the test file is a part of the same log, so that its sessions and users count as well.
    """
    in_file = pl.col(IN_TRAIN) | (pl.col(IN_TEST) & pl.lit(in_log))
    in_train = {}
    for code, dictionary in ((SESSION, sessions), (USER, users)):
        is_lost = pl.col(code).is_in(lost.get_column(code).implode())
        codes = pl.scan_parquet(dictionary, glob=False).filter(in_file, is_lost).select(code).collect().to_series()
        in_train[code] = pl.col(code).is_in(codes.implode()).fill_null(value=False)
    is_cell = pl.col(SESSION).is_not_null() & (pl.col(SESSION) == pl.col(USER))  # of an unparsable line
    has_session = pl.when(is_cell).then(in_train[SESSION]).otherwise(pl.col(SESSION).is_not_null())
    by_line = lost.group_by(FILE, LINE).agg((in_train[USER] | has_session).any().alias("is_assigned"))
    return int((~by_line.get_column("is_assigned")).sum())
