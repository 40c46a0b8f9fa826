"""The part of the mapping form on purchases: meaning of prices, order statuses, and currencies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.errors import SettingError
from core.ingestion.mapping import Mapping

_PRICE_MEANINGS = {"row": "the price of one product", "order_total": "the total of the order"}
_FIELDS = Mapping.model_fields
_N_COLUMNS = 3


def money_settings(
    columns: dict[str, str | None], guessed: dict[str, Any], key: Callable[[str], str]
) -> dict[str, Any]:
    """Show the fields that the chosen columns of quantities, statuses and currencies need, and return the settings.

    Args:
        columns: the log's column by role.
        guessed: settings that the log suggests.
        key: returns a widget's key for a part of the form.

    Raises:
        SettingError: the currency rates cannot be parsed.
    """
    st.markdown("**Purchases**")
    settings: dict[str, Any] = {}
    grid = st.columns(_N_COLUMNS)
    if columns["quantity"] is None:
        settings["price_is"] = grid[0].selectbox(
            "A price is",
            list(_PRICE_MEANINGS),
            list(_PRICE_MEANINGS).index(guessed.get("price_is", "row")),
            format_func=_PRICE_MEANINGS.__getitem__,
            key=key("price is"),
            help=_FIELDS["price_is"].description,
        )
    if columns["order_status"] is not None:
        labels = {"counted_status": "Valid statuses", "void_status": "Void statuses"}
        for cell, (name, label) in zip(grid[1:], labels.items(), strict=True):
            text = cell.text_input(
                label, ", ".join(guessed.get(name, ())), key=key(name), help=_FIELDS[name].description
            )
            settings[name] = [status.strip() for status in text.split(",") if status.strip()]
    if columns["currency"] is not None:
        settings |= _currency_settings(key)
    return settings


def _currency_settings(key: Callable[[str], str]) -> dict[str, Any]:
    left, right = st.columns([1, 2])
    currency = left.text_input("Currency of values", key=key("currency"), placeholder="EUR")
    rates = right.text_input(
        "Exchange rates",
        key=key("rates"),
        placeholder="USD = 0.92, GBP = 1.17",
        help=_FIELDS["currency_rates"].description,
    )
    if not rates.strip():
        return {}
    return {"currency": currency, "currency_rates": dict(map(_parse_rate, rates.split(",")))}


def _parse_rate(text: str) -> tuple[str, float]:
    code, _, rate = text.partition("=")
    try:
        return code.strip(), float(rate)
    except ValueError as error:
        raise SettingError.not_allowed(
            "currency_rates", text.strip(), "a code and a number, such as USD = 0.92"
        ) from error
