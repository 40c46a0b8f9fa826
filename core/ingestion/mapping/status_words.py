"""Words for the status of an order, and whether an order with that status counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from core.base.text import fold_case
from core.ingestion.mapping.column_names import CANCEL_FLAGS, word_list
from core.ingestion.mapping.log_column import normalize

COUNTED_WORDS: Final = word_list("""
    paid completed complete processing fulfilled shipped delivered captured settled succeeded success approved
    confirmed invoiced closed sold bezahlt abgeschlossen versendet geliefert ödendi tamamlandı onaylandı kargolandı
    kargoya_verildi gönderildi payé payée betaald opłacone pagado pagada pagato completado concluído""")
VOID_WORDS: Final = word_list("""
    refunded voided void cancelled canceled failed declined chargeback expired returned rejected reversed refund
    storniert erstattet iptal iptal_edildi iade iade_edildi reddedildi remboursé remboursée annulé annulée terugbetaald
    geannuleerd zwrócone anulowane reembolsado reembolsada cancelado cancelada rimborsato annullato""")
"""Statuses as shop systems write them. A person decides on others, such as pending or partially_refunded."""
_COUNTED, _VOID = frozenset(map(normalize, COUNTED_WORDS)), frozenset(map(normalize, VOID_WORDS))
_WOOCOMMERCE_PREFIX: Final = "wc"
"""WooCommerce writes statuses such as wc-completed."""
_FLAGS: Final = {"true": True, "1": True, "yes": True, "y": True, "false": False, "0": False, "no": False, "n": False}
"""Value of a flag such as `is_cancelled` -> whether the order is void."""


def split_statuses(column_name: str, statuses: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the statuses whose orders count, and those whose orders are void. Unknown statuses are in neither list.

    >>> split_statuses("status", ["wc-completed", "pending", "Refunded"])
    (['wc-completed'], ['Refunded'])
    >>> split_statuses("is_cancelled", ["0", "1"])
    (['0'], ['1'])
    """
    if normalize(column_name) in CANCEL_FLAGS:
        counted = [status for status in statuses if _FLAGS.get(status.lower()) is False]
        void = [status for status in statuses if _FLAGS.get(status.lower())]
    else:
        counted = [status for status in statuses if _is_in(status, _COUNTED)]
        void = [status for status in statuses if _is_in(status, _VOID)]
    return counted, void


def with_defaults(statuses: Sequence[str], defaults: Sequence[str]) -> list[str]:
    """Return the statuses of a log followed by the default statuses that it does not have."""
    folded = set(map(fold_case, statuses))
    return [*statuses, *(status for status in defaults if fold_case(status) not in folded)]


def _is_in(status: str, normalized_words: frozenset[str]) -> bool:
    normalized = normalize(status)
    return normalized in normalized_words or normalized.removeprefix(_WOOCOMMERCE_PREFIX) in normalized_words
