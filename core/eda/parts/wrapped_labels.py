"""Long names on an axis, broken into lines."""

from __future__ import annotations

import textwrap
from typing import Final

_BREAK: Final = "|"
_CHARACTERS = 30
"""Characters of a line, so that a chart on a phone has room for its bars."""
WRAPPED_LABEL: Final = f"split(datum.value, '{_BREAK}')"
"""Vega expression of the label of a tick whose value is from `wrapped`."""


def wrapped(label: str) -> str:
    """Break a display name into lines for an axis.

    >>> wrapped("Value of purchases in this session").split("|")
    ['Value of purchases in this', 'session']
    """
    return _BREAK.join(textwrap.wrap(label.replace(_BREAK, "/"), _CHARACTERS))
