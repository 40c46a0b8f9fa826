"""Refuses files whose values are in doubt: a person must say what is meant, or correct the export.

Each rule raises InputError with one sentence on what was found and which setting of the mapping decides.
"""

from __future__ import annotations

from typing import Final

from core.dataset import UnknownValue
from core.errors import InputError
from core.ingestion.amounts import different_currencies
from core.ingestion.mapping import Mapping
from core.ingestion.rows.read_counts import ReadCounts
from core.ingestion.sessions.assembly import AssemblyCounts
from core.schema import CURRENCY, TRAIN_ROLE

_MANY_REPEATED: Final = 0.05
"""Of the purchases. Two equal lines in an order are rare where there is a quantity (1% of the invoice lines of Online
Retail); one in twenty looks like an export that was joined twice."""
_FEWEST_REPEATED: Final = 5  # fewer may be chance
_EXPLAINED: Final = frozenset({UnknownValue.SHARED_ID, UnknownValue.MORE_RETURNED})
"""Sessions without a value that are no sign of a broken export."""


def refuse_unclear_numbers(name: str, mapping: Mapping, tally: ReadCounts) -> None:
    """Refuse numbers that read differently under each decimal mark, and amounts in several currencies.

    Raises:
        InputError: a mapping must say which mark, or what the currencies are worth.
    """
    for role, marks in tally.money.marks.items():
        if marks.unless_comma is not None:
            column = str(getattr(mapping.columns, role))
            raise InputError.either_decimal_mark(name, column, marks.unless_comma, others=(marks.point, marks.comma))
    currencies = different_currencies(tally.money.currencies)
    says_none = mapping.columns.currency is None and CURRENCY in mapping.columns.model_fields_set
    if len(currencies) > 1 and not mapping.currency_rates and not says_none:
        raise InputError.several_currencies(name, currencies, mapping.columns.currency)


def refuse_lost_purchases(name: str, mapping: Mapping, tally: ReadCounts, setting: str) -> None:
    """Refuse a file too many of whose purchases are in quarantine, however many other rows can be used.

    Raises:
        InputError: too few purchases can be used. `setting` is what in a mapping may help.
    """
    found = tally.purchases
    total = found.usable + found.lost
    if found.lost and found.usable < mapping.least_usable * total:
        reasons = ", ".join(f"{rows:,} x {reason}" for reason, rows in found.reasons.most_common(4))
        raise InputError.too_few_purchases(
            name, found.usable, total, reasons, at_least=mapping.least_usable, setting=setting
        )


def refuse_doubtful_values(name: str, mapping: Mapping, assembled: AssemblyCounts) -> None:
    """Refuse a train file in which many purchases are repeated, or many sessions have no known value.

    Raises:
        InputError: a person must look at the export, or decide in the mapping.
    """
    repeated, purchases = assembled.repeated_purchases[TRAIN_ROLE], assembled.purchases
    many = repeated >= max(_FEWEST_REPEATED, _MANY_REPEATED * purchases)
    adds_rows = mapping.adds_prices and mapping.price_is == "row"  # the total of an order counts once in any case
    if many and adds_rows and mapping.duplicates is None:
        raise InputError.purchases_repeated(name, repeated, purchases)
    found = {code: sessions for code, sessions in assembled.untrained.items() if code not in _EXPLAINED}
    unknown = sum(found.values())
    sessions = assembled.buying_sessions if mapping.adds_prices else assembled.train_sessions
    if unknown and sessions - unknown < mapping.least_usable * sessions:
        reasons = ", ".join(f"{number:,} x {UnknownValue(code).words}" for code, number in found.items())
        raise InputError.values_unknown(name, unknown, sessions, reasons, at_least=mapping.least_usable)
