"""Words for the status of an order, and whether an order with that status counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from core.ingestion.mapping.column_names import CANCEL_FLAGS
from core.ingestion.mapping.log_column import normalize


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COUNTED_WORDS: Final = _words("""
    paid completed complete processing fulfilled shipped delivered captured settled succeeded success approved confirmed
    invoiced closed sold bezahlt abgeschlossen versendet geliefert ödendi tamamlandı payé payée betaald opłacone pagado
    pagada pagato completado concluído""")
VOID_WORDS: Final = _words("""
    refunded voided void cancelled canceled failed declined chargeback expired returned rejected reversed refund
    storniert erstattet iptal iade remboursé remboursée annulé annulée terugbetaald geannuleerd zwrócone anulowane
    reembolsado reembolsada cancelado cancelada rimborsato annullato""")
"""Statuses as shop systems write them. Other ones, such as pending or partially_refunded, are left to a person."""
_COUNTED, _VOID = frozenset(map(normalize, COUNTED_WORDS)), frozenset(map(normalize, VOID_WORDS))
_WOOCOMMERCE_PREFIX: Final = "wc"
"""WooCommerce writes wc-completed."""
_FLAGS: Final = {"true": True, "1": True, "yes": True, "y": True, "false": False, "0": False, "no": False, "n": False}
"""Value of a flag such as `cancelled` -> whether the order is void."""


def split_statuses(column_name: str, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words whose orders count, and those whose orders are void; unknown words are in neither list.

    >>> split_statuses("status", ["wc-completed", "pending", "Refunded"])
    (['wc-completed'], ['Refunded'])
    >>> split_statuses("is_cancelled", ["0", "1"])
    (['0'], ['1'])
    """
    if normalize(column_name) in CANCEL_FLAGS:
        flags = {word: _FLAGS.get(word.lower()) for word in words}
        return [word for word in words if flags[word] is False], [word for word in words if flags[word] is True]
    return [word for word in words if _is_in(word, _COUNTED)], [word for word in words if _is_in(word, _VOID)]


def with_defaults(words: Sequence[str], defaults: Sequence[str]) -> list[str]:
    """Return the words of a log followed by the default words that it does not have."""
    lower = {word.lower() for word in words}
    return [*words, *(word for word in defaults if word not in lower)]


def _is_in(word: str, known: frozenset[str]) -> bool:
    normalized = normalize(word)
    return normalized in known or normalized.removeprefix(_WOOCOMMERCE_PREFIX) in known
