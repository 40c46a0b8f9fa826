"""The part of the mapping form on purchases: what prices hold, which orders count, and what currencies are worth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.errors import SettingError
from core.ingestion.mapping import Mapping

PRICES = {"row": "the price of the row's product", "order_total": "the total of the order"}
STATUSES = {"counted_status": "Orders that count", "void_status": "Orders worth nothing"}
_FIELDS = Mapping.model_fields
_IN_A_ROW = 3


def money_settings(
    columns: dict[str, str | None], guessed: dict[str, Any], key: Callable[[str], str]
) -> dict[str, Any]:
    """The settings that the chosen columns of orders, statuses and currencies need.

    Args:
        columns: the log's column by role.
        guessed: settings that the log suggests.
        key: gives a widget's key by its part of the form.

    Raises:
        SettingError: rates that cannot be read.
    """
    st.markdown("**Purchases**")
    settings: dict[str, Any] = {}
    grid = st.columns(_IN_A_ROW)
    if columns["quantity"] is None:
        settings["price_is"] = grid[0].selectbox(
            "A price is",
            list(PRICES),
            list(PRICES).index(guessed.get("price_is", "row")),
            format_func=PRICES.__getitem__,
            key=key("price is"),
            help=_FIELDS["price_is"].description,
        )
    if columns["order_status"] is not None:
        for place, name, label in (
            (1, "counted_status", "Orders that count"),
            (2, "void_status", "Orders worth nothing"),
        ):
            text = grid[place].text_input(
                label, ", ".join(guessed.get(name, ())), key=key(name), help=_FIELDS[name].description
            )
            settings[name] = [word.strip() for word in text.split(",") if word.strip()]
    if columns["currency"] is not None:
        settings |= _currencies(key)
    return settings


def _currencies(key: Callable[[str], str]) -> dict[str, Any]:
    """The currency of values and the rates of the others; nothing where all purchases are in one."""
    left, right = st.columns([1, 2])
    currency = left.text_input("Currency of values", key=key("currency"), placeholder="EUR")
    text = right.text_input(
        "Rates of other currencies",
        key=key("rates"),
        placeholder="USD = 0.92, GBP = 1.17",
        help=_FIELDS["currency_rates"].description,
    )
    if not text.strip():
        return {}
    return {"currency": currency, "currency_rates": dict(map(_rate, text.split(",")))}


def _rate(text: str) -> tuple[str, float]:
    code, _, rate = text.partition("=")
    try:
        return code.strip(), float(rate)
    except ValueError as error:
        raise SettingError.not_allowed(
            "currency_rates", text.strip(), "a code and a number, such as USD = 0.92"
        ) from error
