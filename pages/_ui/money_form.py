"""The part of the mapping form on purchases: meaning of prices, order statuses, and currencies."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import streamlit as st

from core.errors import SettingError
from core.ingestion.mapping import Mapping

_PRICE_MEANINGS = {"row": "the price of one product", "order_total": "the total of the order"}
_FIELDS = Mapping.model_fields
_N_COLUMNS = 3


def money_settings(
    columns: dict[str, str | None], guessed: dict[str, Any], widget_key: Callable[[str], str]
) -> dict[str, Any]:
    """Show the fields that the chosen columns of quantities, statuses and currencies need, and return the settings.

    Args:
        columns: the log's column by role.
        guessed: settings that the log suggests.
        widget_key: returns the key of the widget of a setting.

    Returns:
        Settings of `Mapping` by name; only those whose fields are shown.

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
            key=widget_key("price_is"),
            help=_FIELDS["price_is"].description,
        )
    if columns["order_status"] is not None:
        labels = {"counted_status": "Valid statuses", "void_status": "Void statuses"}
        for cell, (name, label) in zip(grid[1:], labels.items(), strict=True):
            text = cell.text_input(
                label, ", ".join(guessed.get(name, ())), key=widget_key(name), help=_FIELDS[name].description
            )
            settings[name] = [status.strip() for status in text.split(",") if status.strip()]
    if columns["currency"] is not None:
        settings |= _currency_settings(widget_key)
    return settings


def _currency_settings(widget_key: Callable[[str], str]) -> dict[str, Any]:
    left, right = st.columns([1, 2])
    currency = left.text_input("Currency of values", key=widget_key("currency"), placeholder="EUR")
    rates = right.text_input(
        "Exchange rates",
        key=widget_key("currency_rates"),
        placeholder="USD = 0.92, GBP = 1.17",
        help=_FIELDS["currency_rates"].description,
    )
    return {"currency": currency.strip(), "currency_rates": _parse_rates(rates)}


def _parse_rates(text: str) -> dict[str, float]:
    """Parse a list such as `USD = 0.92, GBP = 1.17`; the mapping checks that the rates are positive.

    Raises:
        SettingError: a part is not a code and a number, or a code has two rates.
    """
    rates: dict[str, float] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        code, _, rate = (piece.strip().upper() for piece in part.partition("="))
        try:
            value = float(rate)
        except ValueError:
            value = math.nan
        if not code or code in rates or not math.isfinite(value):
            allowed = "one number for each currency code, such as USD = 0.92, GBP = 1.17"
            raise SettingError.not_allowed("currency_rates", part, allowed)
        rates[code] = value
    return rates
