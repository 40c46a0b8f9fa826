"""Names of settings of a mapping file, as the labels of the fields that a visitor sees."""

from __future__ import annotations

import re
from typing import Final

from core.ingestion.mapping import Mapping
from core.ingestion.mapping.role_text import ROLE_NAME
from pages._ui.text import plain

NO_COLUMN: Final = "(not in the log)"
"""Option of a field for a column that the log does not have."""
_LABELS: Final = {
    "counted_status": "Valid statuses",
    "currency_rates": "Exchange rates",
    "every_event_is": "Type of all events",
    "event_words": "Event types",
    "ignored_words": "Event types (ignore)",
    "least_usable": "Minimum share of usable rows",
    "price_is": "The price column contains",
    "session_gap_minutes": "Session timeout",
    "time_format": "Time format",
    "time_zone": "Time zone",
    "void_status": "Statuses worth nothing",
}
"""Setting -> label of its field. Settings with the name of an ordinary word are not here."""
_SETTING: Final = re.compile(rf"\bcolumns\.(?P<role>{'|'.join(ROLE_NAME)})\b|\b(?P<setting>{'|'.join(_LABELS)})\b")


def in_form_words(text: str) -> str:
    """Replace the names of settings by the labels of their fields.

    >>> in_form_words("Set columns.user_session to the column, or set least_usable = 0.5 in a mapping.")
    'Set “Session” to the column, or set “Minimum share of usable rows” = 0.5 in a mapping.'
    >>> in_form_words('Set columns.user_id to the column that identifies users, or to "" if there are none.')
    'Set “User” to the column that identifies users, or to “(not in the log)” if there are none.'
    """
    words = _SETTING.sub(_as_label, text)
    return words if words == text else words.replace('""', f"“{NO_COLUMN}”")


def _as_label(match: re.Match[str]) -> str:
    label = _LABELS[match["setting"]] if match["setting"] else ROLE_NAME[match["role"]].capitalize()
    return f"“{label}”"


def form_text(text: object) -> str:
    """Return Markdown that shows a text of core in the words of the form."""
    return plain(in_form_words(str(text)))


def field_help(setting: str) -> str:
    """Return the help text of the field of a setting of `Mapping`."""
    description = Mapping.model_fields[setting].description or ""
    return form_text(description.replace("If left out", "By default"))
