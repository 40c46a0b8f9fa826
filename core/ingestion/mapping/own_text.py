"""Why columns of a log are not suggested as own columns, and sentences on those that are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, get_args

from core.base.text import count, display, listed
from core.own_columns import Level, TableName

_MAX_LISTED: Final = 8
"""Names per line, so that the decisions on a wide log fit on a screen."""
_LEVELS: Final[dict[Level, str]] = {
    "event": "of each event",
    "session": "of the session",
    "product": "of the product",
    "user": "of the user",
}
"""Level -> whose cell it is."""


class Reason(StrEnum):
    """Why a column is not suggested.

    Attributes:
        clause: the reason as a clause about one column; it may contain the name of another column.
        plural: the reason as the end of a sentence about several columns.
    """

    clause: str
    plural: str

    EMPTY = "empty", "it is empty", "are empty"
    MOSTLY_EMPTY = "mostly_empty", "nearly all of its cells are empty", "are nearly empty"
    CONSTANT = "constant", "all of its cells are equal", "have one value only"
    FEW_ROWS = "few_rows", "there are too few rows to judge it by", "have too few rows to judge them by"
    REPEATED = "repeated", "several columns have its name", "have the name of another column"
    INDEX = "index", "it numbers the rows", "number the rows"
    EVENT_TIME = (
        "event_time",
        "it is another time of the event, or a part of it",
        "are other times of the event, or parts of it",
    )
    DUPLICATE = "duplicate", "it repeats column {}", "repeat another column"
    AFTERWARDS = (
        "afterwards",
        "its name is that of something known only after a purchase or at the end of the session",
        "are known only after a purchase or at the end of the session, by their names",
    )
    ON_PURCHASES = "on_purchases", "it is informative only on purchases", "are informative only on purchases"
    OF_PURCHASES = (
        "of_purchases",
        "the log has only purchases, and it may be known only with them",
        "may be known only with the purchase, and the log has only purchases",
    )
    IS_VALUE = "is_value", "it is the session value", "are the session value"
    PERSONAL = "personal", "it may have personal data", "may have personal data"
    RECORDS = "records", "its cells are records, such as JSON", "have records, such as JSON"
    URL = "url", "its cells are addresses of pages", "have addresses of pages"
    TEXT = "text", "its cells are free text", "have free text"
    IDENTIFIER = (
        "identifier",
        "it identifies rows, sessions or users instead of describing them",
        "identify rows, sessions or users instead of describing them",
    )
    DECIMAL_MARK = (
        "decimal_mark",
        "its numbers do not show the same decimal mark as the log",
        "have numbers that do not show the same decimal mark as the log",
    )
    CURRENCIES = (
        "currencies",
        "its amounts may be in several currencies",
        "have amounts that may be in several currencies",
    )
    TIME_FORMAT = "time_format", "its times have another format than the log", "have times in another format"
    NOT_IN_MAPPING = "not_in_mapping", "the included mapping does not use it", "are not used by the included mapping"
    TOO_MANY = "too_many", "a mapping cannot have more extra columns", "are more than a mapping can have"

    def __new__(cls, code: str, clause: str = "", plural: str = "") -> Reason:
        member = str.__new__(cls, code)
        member._value_ = code
        member.clause, member.plural = clause, plural
        return member


@dataclass(frozen=True)
class Unused:
    """Why a column is not suggested as an own column.

    Attributes:
        reason: the kind of reason.
        other: name of the column that it repeats.
        own: settings of the own column that it could be, if it is useful; otherwise empty.
    """

    reason: Reason
    other: str = ""
    own: dict[str, str] = field(default_factory=dict)

    @property
    def clause(self) -> str:
        """The reason as a clause, which may follow "because"."""
        return self.reason.clause.format(display(self.other))


def describe(own: Table[str, dict[str, Any]]) -> list[str]:
    """Return one line per level and table on the own columns of a mapping.

    >>> describe({"price": {"column": "price", "kind": "money"}})
    ['of each event: price (money)']
    >>> describe({"brand": {"column": "brand", "kind": "category", "level": "product", "table": "products"}})
    ['of the product, from the table of products: brand (category)']
    """
    columns = defaultdict(list)
    for name, settings in own.items():
        column = display(settings["column"])
        label = name if name == column else f"{name} from {column}"
        columns[settings.get("level", "event"), settings.get("table")].append(f"{label} ({settings['kind']})")
    return [
        f"{text}{f', from the table of {table}' if table else ''}: {', '.join(columns[level, table])}"
        for level, text in _LEVELS.items()
        for table in (None, *get_args(TableName))
        if (level, table) in columns
    ]


def describe_unused(unused: Table[str, Unused]) -> list[str]:
    """Return one line per reason on the columns that are not used, most frequent reason first.

    >>> describe_unused({"a": Unused(Reason.EMPTY), "b": Unused(Reason.EMPTY), "c": Unused(Reason.DUPLICATE, "d")})
    ['2 columns are empty (a and b)', 'c: it repeats column d']
    """
    columns = defaultdict(list)
    for name, why in unused.items():
        columns[why.reason].append((display(name), why))
    lines = []
    for reason, members in sorted(columns.items(), key=lambda item: -len(item[1])):
        names = [name for name, _ in members]
        if len(members) == 1:
            lines.append(f"{names[0]}: {members[0][1].clause}")
        else:
            lines.append(f"{count(len(names), 'column')} {reason.plural} ({listed(names, _MAX_LISTED)})")
    return lines


def further_columns_note(names: Iterable[str]) -> str:
    """Return a sentence on useful columns of a log that its mapping does not have as own columns.

    >>> further_columns_note(["brand", "device"])  # doctest: +ELLIPSIS
    'The log has more columns that may help to predict: brand and device. To use them, choose Custom mapping ...'
    """
    return (
        f"The log has more columns that may help to predict: {listed(map(display, names), _MAX_LISTED)}. To use them, "
        "choose Custom mapping on the Data page, or write a mapping with `python -m core mapping guess FILE --out "
        "mapping.toml`."
    )
