"""Refuse files whose session values are doubtful, until a person corrects the export or decides in the mapping.

Each function raises an InputError that says what was found and which setting of the mapping decides.
"""

from __future__ import annotations

from typing import Final

from core.dataset import UnknownValue
from core.errors import ContentError
from core.ingestion.mapping import Mapping
from core.ingestion.rows.read_counts import ReadCounts
from core.ingestion.sessions.assembly_counts import AssemblyCounts
from core.ingestion.values.currencies import different_currencies
from core.schema import CURRENCY, TRAIN_ROLE

_MAX_REPEATED_SHARE: Final = 0.05
"""Share of the purchases. Equal line items in an order are rare if the log has a quantity (1% in the Online Retail
data). With 5%, the export was probably doubled by a join."""
_MIN_REPEATED: Final = 5  # purchases; fewer repetitions may be chance
_HARMLESS: Final = frozenset({UnknownValue.SHARED_ID, UnknownValue.MORE_RETURNED})
"""Reasons for an unknown value that do not indicate a faulty export."""


def refuse_unclear_numbers(name: str, mapping: Mapping, counts: ReadCounts) -> None:
    """Refuse numbers whose decimal mark is unclear, and amounts in several currencies without rates."""
    for role, evidence in counts.money.decimals.items():
        ambiguous = evidence.undecided_with_point
        if ambiguous is not None:
            column = str(getattr(mapping.columns, role))
            raise ContentError.ambiguous_decimal_mark(name, column, ambiguous, others=(evidence.point, evidence.comma))
    currencies = different_currencies(counts.money.currencies)
    is_excluded = CURRENCY in mapping.columns.excluded_roles()
    if len(currencies) > 1 and not mapping.currency_rates and not is_excluded:
        raise ContentError.several_currencies(name, currencies, mapping.columns.currency)


def refuse_lost_purchases(name: str, mapping: Mapping, counts: ReadCounts, setting: str) -> None:
    """Refuse a file if the share of usable purchases is below the mapping's `least_usable`.

    Args:
        setting: mapping setting that may help, in TOML; empty if none is known.
    """
    purchases = counts.purchases
    total = purchases.usable + purchases.lost
    if purchases.lost and purchases.usable < mapping.least_usable * total:
        reasons = ", ".join(f"{rows:,} x {reason}" for reason, rows in purchases.reasons.most_common(4))
        raise ContentError.too_few_valid(
            "purchase", name, purchases.usable, total, reasons, min_share=mapping.least_usable, mapping_line=setting
        )


def refuse_doubtful_values(name: str, mapping: Mapping, assembled: AssemblyCounts) -> None:
    """Refuse a train file with many repeated purchases, or with many sessions whose value is unknown."""
    repeated, purchases = assembled.files[TRAIN_ROLE].repeated_purchases, assembled.purchases
    is_repeated = repeated >= max(_MIN_REPEATED, _MAX_REPEATED_SHARE * purchases)
    adds_rows = mapping.adds_prices and not mapping.has_order_totals  # an order total counts only once
    if is_repeated and adds_rows and mapping.duplicates is None:
        raise ContentError.repeated_purchases(name, repeated, purchases)
    unknown = {code: sessions for code, sessions in assembled.untrained.items() if code not in _HARMLESS}
    n_unknown = sum(unknown.values())
    n_sessions = assembled.buying_sessions if mapping.adds_prices else assembled.train_sessions
    if n_unknown and n_sessions - n_unknown < mapping.least_usable * n_sessions:
        reasons = ", ".join(f"{sessions:,} x {UnknownValue(code).clause}" for code, sessions in unknown.items())
        raise ContentError.too_few_known_values(name, n_unknown, n_sessions, reasons, min_share=mapping.least_usable)
