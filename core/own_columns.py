"""Own columns: columns of a log beyond those that every log needs, such as price, brand or device.

A mapping says what an own column describes (its level) and what its cells are (its kind). Stored events have it under
`own_` and its name:

| kind       | stored as                       | null                                   |
|------------|---------------------------------|----------------------------------------|
| `number`   | Float64                         | empty, not a number, or above `LARGEST` |
| `money`    | Float64, in the log's currency  | as for a number                        |
| `category` | String, at most 100 characters  | empty                                  |
| `flag`     | Boolean                         | empty, or neither yes nor no           |
| `time`     | Int64, epoch seconds, UTC       | empty, or not a time                   |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final, Literal

import polars as pl
from pydantic import BaseModel, Field

from core.base.reason import ReasonCode
from core.base.text import percent

Level = Literal["event", "session", "product", "user"]
"""What the column describes. A session, product or user has the same cell on all of its events."""
TableName = Literal["products", "users"]
"""A table of its own from which columns of products or users are taken."""
Kind = Literal["number", "money", "category", "flag", "time"]
OwnName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""Name of an own column: part of the names of its features."""

PREFIX: Final = "own_"
TABLE_LEVEL: Final[dict[TableName, Level]] = {"products": "product", "users": "user"}
"""What the rows of a table describe."""
LARGEST: Final = 1e9
"""Larger numbers are stored as null, because sums of them might not fit into the integers that features add up."""
LONGEST: Final = 100
"""Characters of a category."""
DTYPES: Final[dict[Kind, pl.DataType]] = {
    "number": pl.Float64(),
    "money": pl.Float64(),
    "category": pl.String(),
    "flag": pl.Boolean(),
    "time": pl.Int64(),
}


class Exclusion(ReasonCode):
    """Why an extra column is stored, but not used."""

    EMPTY = "empty", "it is empty in the train or the test file"
    MOSTLY_EMPTY = "mostly_empty", "nearly all of its cells are empty"
    CONSTANT = "constant", "all of its cells are equal"
    UNREADABLE = "unreadable", "most of its cells cannot be read as its kind"
    IDENTIFIER = "identifier", "almost all of its values are different"
    GIVES_VALUE_AWAY = "gives_value_away", "it leaks the session value"
    KNOWN_AFTERWARDS = "known_afterwards", "it is known only at the end of a session"
    KNOWN_BY_PURCHASE = "known_by_purchase", "it is set only on purchases"


class OwnColumn(BaseModel, frozen=True):
    """An own column as features see it.

    Attributes:
        name: name that the mapping gives it.
        level: what it describes; `event` if the mapping says otherwise, but the cells of a session differ.
        kind: what its cells are.
        label: the log's name of the column, for people.
        with_purchases: whether the cells of the session's own BUY events may be used. They may not if they add up to
            the session value.
    """

    name: OwnName
    level: Level
    kind: Kind
    label: str
    with_purchases: bool = True

    @property
    def stored(self) -> str:
        """Name of the stored column."""
        return stored_name(self.name)


class OwnColumnCard(OwnColumn, frozen=True):
    """Statistics of an own column of a dataset, and whether it is used.

    Attributes:
        filled_train, filled_test: shares of the events with a usable cell.
        distinct: number of different cells in both files.
        unreadable: share of the cells with content that are not of the kind.
        several: share of the sessions, products or users with more than one cell, of those with a cell; 0 if the
            mapping says that it describes events.
        excluded: why it is not used; None if it is used.
        finding: sentences with the figures behind `excluded`, a change of `level` or `with_purchases`; empty if nothing
            was found.
        kept: whether the mapping says that it is used whatever is found.
        overridden: why it would not be used without `kept`; None unless `kept` is true.
    """

    filled_train: float
    filled_test: float
    distinct: int
    unreadable: float = 0.0
    several: float = 0.0
    excluded: Exclusion | None = None
    finding: str = ""
    kept: bool = False
    overridden: Exclusion | None = None

    @property
    def column(self) -> OwnColumn:
        """The column as features see it."""
        return OwnColumn(**self.model_dump(include=set(OwnColumn.model_fields)))

    @property
    def use(self) -> str:
        """Whether it is used, and if not, why not; without a full stop."""
        if self.excluded is not None:
            return f"not used, because {self.excluded.clause}"
        if self.overridden is not None:
            return f"used as the mapping says, although {self.overridden.clause}"
        return "used" if self.with_purchases else "used, except for BUY events of the session itself"


def stored_name(name: str) -> str:
    """Return the name under which events have an own column.

    >>> stored_name("brand")
    'own_brand'
    """
    return f"{PREFIX}{name}"


def used_columns(cards: Iterable[OwnColumnCard]) -> tuple[OwnColumn, ...]:
    """Return the columns that features are computed from, in the order of the mapping."""
    return tuple(card.column for card in cards if card.excluded is None)


def own_lines(cards: Sequence[OwnColumnCard]) -> list[str]:
    """Return one line per own column: kind, level, fill rate, use and findings; empty if there are none."""
    return [
        f"extra column {card.name} ({card.kind}, {card.level}, {percent(card.filled_train)} filled): "
        f"{card.use}{f'. {card.finding}' if card.finding else ''}"
        for card in cards
    ]
