"""The part of the mapping form about purchases: meaning of prices, order statuses and currencies."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import streamlit as st

from core.errors import SettingError
from pages._ui.form_words import field_help
from pages._ui.setting_input import mapping_select

_PRICE_MEANINGS = {"row": "the price of one product", "order_total": "the total of the order"}

_N_COLUMNS = 3


def money_settings(
    columns: dict[str, str | None], guess: dict[str, Any], widget_key: Callable[[str], str]
) -> dict[str, Any]:
    """Show the fields that the columns for quantities, order statuses and currencies need.

    Args:
        columns: the log's column by role; None for a role without a column.
        guess: settings that the log suggests.
        widget_key: function of the name of a setting that returns the key of its widget.

    Returns:
        The settings of `Mapping` whose fields are shown, by name.

    Raises:
        SettingError: the currency rates cannot be parsed.
    """
    st.markdown("**Purchases**")
    settings: dict[str, Any] = {}
    cells = iter(st.columns(_N_COLUMNS))
    if columns["quantity"] is None:
        default, key = guess.get("price_is", "row"), widget_key("price_is")
        label = "The price column contains"
        settings["price_is"] = mapping_select(next(cells), label, "price_is", _PRICE_MEANINGS, default, key=key)
    if columns["order_status"] is not None:
        labels = {"counted_status": "Valid statuses", "void_status": "Statuses worth nothing"}
        for name, label in labels.items():
            text = next(cells).text_input(
                label, ", ".join(guess.get(name, ())), key=widget_key(name), help=field_help(name)
            )
            settings[name] = [status.strip() for status in text.split(",") if status.strip()]
    if columns["currency"] is not None:
        settings |= _currency_settings(widget_key)
    return settings


def _currency_settings(widget_key: Callable[[str], str]) -> dict[str, Any]:
    left, right = st.columns([1, 2])
    currency = left.text_input("Currency of values", key=widget_key("value_currency"), placeholder="EUR")
    rates = right.text_input(
        "Exchange rates",
        key=widget_key("currency_rates"),
        placeholder="USD = 0.92, GBP = 1.17",
        help=field_help("currency_rates"),
    )
    return {"currency": currency.strip(), "currency_rates": parse_rates(rates)}


def parse_rates(text: str) -> dict[str, float]:
    """Parse a list such as `USD = 0.92, GBP = 1.17`; the mapping checks that the rates are positive.

    Raises:
        SettingError: an entry is not a code and a number, or a code has two rates.
    """
    rates: dict[str, float] = {}
    for entry in filter(None, map(str.strip, text.split(","))):
        code, _, rate = (side.strip().upper() for side in entry.partition("="))
        try:
            value = float(rate)
        except ValueError:
            value = math.nan
        if not code or code in rates or not math.isfinite(value):
            allowed = "one number for each currency code, such as USD = 0.92, GBP = 1.17"
            raise SettingError.not_allowed("currency_rates", entry, allowed)
        rates[code] = value
    return rates
