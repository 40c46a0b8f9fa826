"""Finds what decides how often a purchase counts: the order it belongs to, the order's status, and its currency."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from core.errors import listed
from core.ingestion.amounts import different_currencies, is_currency
from core.ingestion.mapping import column_names as names
from core.ingestion.mapping.definition import GUESSED_ROLES, Mapping
from core.ingestion.mapping.event_words import type_of
from core.ingestion.mapping.findings import Findings
from core.ingestion.mapping.log_column import MOSTLY, LogColumn, log_columns, plain
from core.schema import (
    BUY,
    CURRENCY,
    EVENT_TYPE,
    ORDER_ID,
    ORDER_STATUS,
    PLACEHOLDER_IDS,
    PRICE,
    PRODUCT_ID,
    QUANTITY,
    USER_ID,
    USER_SESSION,
)


def _each(words: str) -> tuple[str, ...]:
    return tuple(words.split())


COUNTED_WORDS: Final = _each("""
    paid completed complete processing fulfilled shipped delivered captured settled succeeded success approved confirmed
    invoiced closed sold bezahlt abgeschlossen versendet geliefert ödendi tamamlandı payé payée
    betaald opłacone pagado pagada pagato completado concluído""")
VOID_WORDS: Final = _each("""
    refunded voided void cancelled canceled failed declined chargeback expired returned rejected reversed refund
    storniert erstattet iptal iade remboursé remboursée annulé annulée terugbetaald geannuleerd zwrócone anulowane
    reembolsado reembolsada cancelado cancelada rimborsato annullato""")
"""Statuses of orders as shop systems write them. Others, such as pending or partially_refunded, are for a person to
decide."""
_COUNTED, _VOID = frozenset(map(plain, COUNTED_WORDS)), frozenset(map(plain, VOID_WORDS))
_MOST_STATUSES: Final = 40
_MOST_NAMED: Final = 12
_FEWEST_ORDERS: Final = 3
"""Orders of several rows whose rows agree: with fewer, two prices may be equal by chance."""
_VARIOUS: Final = 1 / 3
"""Different totals, as a share of the orders: equal prices within an order say something only where prices differ."""
_FLAGS: Final = {"true": False, "1": False, "yes": False, "y": False, "false": True, "0": True, "no": True, "n": True}
"""Words of a column such as `cancelled`, and whether such orders count."""
_ORDER_NAME: Final = re.compile(r"#?[A-Z]{0,4}-?\d+")
"""How shops name orders; a column called `name` holds many other things."""


def find_money_columns(findings: Findings) -> None:
    """Find the columns of the order, its status and the currency, and whether prices are order totals."""
    bought = bought_rows(findings)
    order = find_order(findings, bought)
    _find_status(findings, bought)
    _find_currency(findings, bought)
    session = findings.taken.get(USER_SESSION)
    key = order if order is not None else session if "every_event_is" in findings.settings else None
    price = findings.taken.get(PRICE)
    if price is not None and key is not None and QUANTITY not in findings.taken:
        _find_totals(findings, key, price, bought)


def bought_rows(findings: Findings) -> Sequence[int]:
    """The places of the rows that are purchases, among those that are looked at."""
    types = findings.taken.get(EVENT_TYPE)
    if types is None:
        rows = max((len(column.cells) for column in [*findings.left, *findings.taken.values()]), default=0)
        return range(rows if findings.settings.get("every_event_is") == BUY else 0)
    words = findings.settings.get("event_words")
    kinds = {word: type_of(word) if words is None else _kind(word, words) for word in types.distinct}
    return [place for place, word in enumerate(types.cells) if kinds.get(word) == BUY]


def _kind(word: str, words: dict[str, str]) -> str | None:
    return next((kind for known, kind in words.items() if known.lower() == word.lower()), None)


def needs_orders(findings: Findings) -> bool:
    """Whether orders have statuses or currencies that decide what they are worth."""
    bought = bought_rows(findings)
    for column in findings.candidates(ORDER_STATUS, names.STATUS_NAMES):
        words = {column.cells[row] for row in bought if column.cells[row]}
        if len(words) <= _MOST_STATUSES and _sorted_out(column, sorted(words))[1]:
            return True
    for column in findings.candidates(CURRENCY, names.CURRENCY_NAMES):
        found = {column.cells[row] for row in bought if column.cells[row]}
        if found and all(map(is_currency, found)) and len(different_currencies(found)) > 1:
            return True
    return False


def filled_share(column: LogColumn, rows: Sequence[int]) -> float:
    """Share of these rows in which the column has something; 1 where there is no row, as nothing speaks against it."""
    return sum(bool(column.cells[row]) for row in rows) / len(rows) if rows else 1.0


def find_order(findings: Findings, bought: Sequence[int]) -> LogColumn | None:
    """Find the column with the id of the order and give it its role: nearly every purchase has one, of one user."""
    user = findings.taken.get(USER_ID)
    for column in findings.candidates(ORDER_ID, names.ORDER_NAMES):
        if plain(column.name) == "name" and not all(map(_ORDER_NAME.fullmatch, column.distinct)):
            continue
        if column.cells and filled_share(column, bought) >= MOSTLY and _is_of_one_user(column, user, bought):
            findings.take(ORDER_ID, column)
            return column
    return None


def _is_of_one_user(column: LogColumn, user: LogColumn | None, bought: Iterable[int]) -> bool:
    """Whether nearly all cells belong to one user each, unlike a state or a kind of payment."""
    if user is None:
        return True
    users: dict[str, set[str]] = {}
    for row in bought:
        if column.cells[row] and column.cells[row].lower() not in PLACEHOLDER_IDS:
            users.setdefault(column.cells[row], set()).add(user.cells[row])
    return sum(len(each) == 1 for each in users.values()) >= MOSTLY * len(users)


def is_once_per_order(order: LogColumn, price: LogColumn, bought: Iterable[int]) -> bool:
    """Whether a column has one number for each order, on one of its rows or on all of them."""
    orders: dict[str, list[str]] = {}
    for row in bought:
        if order.cells[row] and order.cells[row].lower() not in PLACEHOLDER_IDS:
            orders.setdefault(order.cells[row], []).append(price.cells[row])
    several = [set(filter(None, cells)) for cells in orders.values() if len(cells) > 1]
    totals = [cells.pop() for cells in several if len(cells) == 1]
    various = len(set(totals)) >= _VARIOUS * len(totals)  # else it is a shop of few prices
    return len(several) >= _FEWEST_ORDERS and len(totals) >= MOSTLY * len(several) and various


def _find_totals(findings: Findings, order: LogColumn, price: LogColumn, bought: Sequence[int]) -> None:
    products = findings.taken.get(PRODUCT_ID)
    rows = bought
    if products is not None:  # the same product again may be the same purchase, sent twice
        lines = {(order.cells[row], products.cells[row]): row for row in reversed(bought)}
        rows = sorted(lines.values())
    named_total = plain(price.name) in map(plain, names.ORDER_TOTAL_NAMES)
    if is_once_per_order(order, price, rows) or (named_total and not _has_row_prices(order, price, rows)):
        findings.settings["price_is"] = "order_total"
        findings.reasons[PRICE] += " It holds one number for each order, which counts once."


def _has_row_prices(order: LogColumn, price: LogColumn, rows: Iterable[int]) -> bool:
    """Whether the rows of some order have different numbers."""
    first: dict[str, str] = {}
    return any(
        price.cells[row] != first.setdefault(order.cells[row], price.cells[row]) for row in rows if price.cells[row]
    )


def _find_status(findings: Findings, bought: Sequence[int]) -> None:
    for column in findings.candidates(ORDER_STATUS, names.STATUS_NAMES):
        words = list(dict.fromkeys(column.cells[row] for row in bought if column.cells[row]))
        counted, void = _sorted_out(column, words)
        if not (counted or void) or len(words) > _MOST_STATUSES:
            _mention(findings, column, words)
            continue
        unclear = [word for word in words if word not in counted and word not in void]
        findings.take(ORDER_STATUS, column)
        findings.settings["counted_status"] = _with_usual(counted, COUNTED_WORDS)
        findings.settings["void_status"] = _with_usual(void, VOID_WORDS)
        if void:
            findings.reasons[ORDER_STATUS] += f" Orders that are {listed(void)} are worth nothing."
        if unclear:
            findings.reasons[ORDER_STATUS] += (
                f" What {listed(unclear)} means for an order's value is not known: put it into counted_status or "
                "void_status, else such sessions do not train."
            )
        return


def _sorted_out(column: LogColumn, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words whose orders count, and those whose orders are void."""
    if plain(column.name) in names.CANCEL_FLAGS:
        flags = {word: _FLAGS[word.lower()] for word in words if word.lower() in _FLAGS}
        counted = [word for word, counts in flags.items() if counts]
        return counted, [word for word in flags if word not in counted]
    counted, void = ([word for word in words if _known(word, known)] for known in (_COUNTED, _VOID))
    return counted, void


def _mention(findings: Findings, column: LogColumn, words: Sequence[str]) -> None:
    """Say that a column that is named like a status is not read, if its words may be statuses."""
    few = 1 < len(words) <= _MOST_NAMED and not any(word.isdigit() for word in words)
    if few and ORDER_STATUS not in findings.reasons:
        findings.reasons[ORDER_STATUS] = (
            f"Column {column.name} may hold statuses of orders, but its words ({listed(words)}) are not known, so it "
            "is not read: name it in columns.order_status, and its words in counted_status and void_status."
        )


def _known(word: str, known: frozenset[str]) -> bool:
    return plain(word) in known or plain(word).removeprefix("wc") in known  # WooCommerce writes wc-completed


def _with_usual(found: Sequence[str], usual: Sequence[str]) -> list[str]:
    lower = {word.lower() for word in found}
    return [*found, *(word for word in usual if word not in lower)]


def _find_currency(findings: Findings, bought: Sequence[int]) -> None:
    for column in findings.candidates(CURRENCY, names.CURRENCY_NAMES):
        found = [column.cells[row] for row in bought if column.cells[row]]
        if not found or sum(map(is_currency, found)) < MOSTLY * len(found):
            continue
        findings.take(CURRENCY, column)
        currencies = sorted(set(found), key=lambda code: -found.count(code))
        if len(different_currencies(currencies)) > 1:
            findings.miss(
                CURRENCY,
                f"Column {column.name} has {listed(currencies)}, which cannot be added up: name the currency of "
                "session values in currency, and what the others are worth in currency_rates.",
            )
        return


def completed(
    mapping: Mapping, header: Sequence[str], rows: Sequence[Sequence[str | None]]
) -> tuple[Mapping, list[str]]:
    """Add to a mapping the columns of orders, statuses and currencies that it does not mention and the log has.

    They change what purchases add up to, and mappings that people write often leave them out. A mapping that names such
    a column, or says with "" that there is none, stays as it is there.

    Returns:
        The mapping, and a sentence for each column that was added.
    """
    roles = [role for role in GUESSED_ROLES if role not in mapping.columns.model_fields_set]
    if not mapping.adds_prices or not roles:
        return mapping, []
    there = {column.name.casefold(): column for column in log_columns(header, rows)}
    taken = {role: there[name.casefold()] for role, name in mapping.columns.named().items() if name.casefold() in there}
    findings = Findings([column for column in there.values() if column not in taken.values()], taken=dict(taken))
    findings.reasons = dict.fromkeys(taken, "")
    findings.settings = {"event_words": dict(mapping.event_words)}
    if mapping.every_event_is is not None:
        findings.settings = {"every_event_is": mapping.every_event_is}
    find_money_columns(findings)
    added = {role: findings.columns[role] for role in roles if findings.columns.get(role)}
    settings = {
        name: findings.settings[name]
        for role, names_ in ((ORDER_STATUS, ("counted_status", "void_status")),)
        for name in names_
        if role in added
    }
    if "price_is" in findings.settings and "price_is" not in mapping.model_fields_set:
        settings["price_is"] = findings.settings["price_is"]
    if not added and not settings:
        return mapping, [findings.reasons[role] for role in roles if role in findings.reasons]
    columns = mapping.columns.model_dump(exclude_unset=True) | added
    given = mapping.model_dump(exclude_unset=True) | settings | {"columns": columns}
    reasons = [findings.reasons[role] for role in roles if role in findings.reasons]
    if "price_is" in settings:
        reasons.append(f"Column {mapping.columns.price} holds one number for each order, which counts once.")
    return Mapping.checked(**given), reasons
