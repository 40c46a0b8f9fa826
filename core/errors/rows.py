"""Errors about the rows of files: their values and sessions, sample submissions, and too little data to train on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from core.base.text import count, listed, noun_form, time_text, verb
from core.errors.base import InputError

RowKind = Literal["row", "purchase"]


class ContentError(InputError):
    """Files that can be read, but whose rows, values or sessions cannot be used."""

    # --- rows and values ----------------------------------------------------------------------------------------------

    @classmethod
    def too_few_valid(
        cls,
        kind: RowKind,
        name: str,
        valid: int,
        total: int,
        reasons: str,
        *,
        min_share: float,
        mapping_line: str = "",
        remedy: str = "",
    ) -> ContentError:
        """`mapping_line`: the setting that may help. `remedy`: what to do instead of correcting file or mapping."""
        least = f"{min_share * 100:g}%" if min_share else "one"
        why = ", because session values are computed from them" if kind == "purchase" else ""
        fix_in_mapping = f", or set {mapping_line} in a mapping" if mapping_line else " or the mapping"
        lower = math.floor(100 * valid / max(total, 1)) / 100
        accept = f" To accept the file as it is, set least_usable = {lower:g} in a mapping." if lower else ""
        problem = (
            f"Only {valid:,} of {count(total, kind)} in {name} {verb(valid, 'is', 'are')} valid ({reasons}). "
            f"At least {least} must be valid{why}."
        )
        remedy = remedy or f"Correct the file{fix_in_mapping}.{accept}"
        return cls(problem, remedy, code=f"too_few_valid_{kind}s", actual=valid, allowed=min_share)

    @classmethod
    def too_few_known_values(
        cls, name: str, unknown: int, total: int, reasons: str, *, min_share: float
    ) -> ContentError:
        problem = (
            f"The value of {unknown:,} of {count(total, 'session')} in {name} is unknown ({reasons}). "
            f"At least {min_share * 100:g}% must be known."
        )
        remedy = "Correct the export or the mapping, or set a lower least_usable in the mapping."
        return cls(problem, remedy, code="too_few_known_values", actual=unknown, allowed=min_share)

    @classmethod
    def repeated_purchases(cls, name: str, repeated: int, total: int) -> ContentError:
        problem = (
            f"{repeated:,} of {count(total, 'purchase row')} in {name} {verb(repeated, 'is', 'are')} equal to another "
            "row in all columns that are read, as if an export had been joined twice."
        )
        remedy = (
            'In a mapping, set duplicates = "remove" to count each once, or duplicates = "keep" if all are purchases.'
        )
        return cls(problem, remedy, code="repeated_purchases", actual=repeated, allowed=["remove", "keep"])

    @classmethod
    def ambiguous_decimal_mark(
        cls, name: str, column: str, cell: str, others: Iterable[str | None] = ()
    ) -> ContentError:
        cells = listed(other for other in others if other)
        evidence = f"The column also has {cells}." if cells else "No other number in the column shows which is right."
        problem = f"{cell} in column {column} of {name} has two readings: with a decimal point or comma. {evidence}"
        remedy = 'Set decimal = "." or decimal = "," in a mapping and try again.'
        return cls(problem, remedy, code="ambiguous_decimal_mark", actual=cell, allowed=[".", ","])

    @classmethod
    def several_currencies(cls, name: str, currencies: Sequence[str], column: str | None) -> ContentError:
        where = f"Column {column}" if column else "The price column"
        settings = "currency and currency_rates" if column else "columns.currency, currency and currency_rates"
        problem = f"{where} of {name} has several currencies ({listed(currencies)}), which cannot be added up."
        remedy = f"Set {settings} in a mapping, or convert the prices, and try again."
        return cls(problem, remedy, code="several_currencies", actual=list(currencies))

    # --- sample submissions -------------------------------------------------------------------------------------------

    @classmethod
    def sessions_without_events(
        cls, name: str, missing: Sequence[str], total: int, *, min_share: float, by_timeout: bool = False
    ) -> ContentError:
        """`by_timeout`: whether sessions are made by a session timeout, so that their ids are not in the log."""
        remedy = "Use the test file that belongs to this sample submission, or set a lower least_usable in a mapping."
        if by_timeout:
            remedy = (
                "The mapping ends sessions after a timeout (session_gap_minutes), so their ids look like "
                "U17@2025-06-02T12:00:00Z. If the log has session ids, set columns.user_session to that column. If "
                "not, the sample submission must use ids of this form."
            )
        problem = (
            f"{len(missing):,} of {count(total, 'session')} in {name} {verb(len(missing), 'is', 'are')} not in the "
            f"test file ({listed(missing, 3)}). At least {min_share * 100:g}% must be in it."
        )
        return cls(problem, remedy, code="sessions_without_events", actual=list(missing), allowed=min_share)

    @classmethod
    def empty_session_ids(cls, name: str, rows: int) -> ContentError:
        problem = f"{name} has {count(rows, 'row')} without a session id."
        remedy = f"Remove {verb(rows, 'this row', 'these rows')} and try again."
        return cls(problem, remedy, code="empty_session_ids", actual=rows)

    @classmethod
    def repeated_sessions(cls, name: str, repeated: Sequence[str]) -> ContentError:
        problem = f"{name} lists {count(len(repeated), 'session')} more than once ({listed(repeated, 3)})."
        remedy = "Remove the duplicate lines and try again."
        return cls(problem, remedy, code="repeated_sessions", actual=list(repeated))

    # --- too little data ----------------------------------------------------------------------------------------------

    @classmethod
    def split_too_small(
        cls,
        name: str,
        cut: int,
        *,
        sessions: tuple[int, int],
        min_sessions: int,
        days: float,
        allowed: tuple[float, float] | None,
        windows_back: int = 0,
    ) -> ContentError:
        """Return the error for a split by date that leaves too few sessions in a part.

        Args:
            cut: start of the test part, in epoch seconds.
            sessions: numbers of train and test sessions.
            allowed: lowest and highest number of days; None if the log is too short for any.
            windows_back: number of windows between the test part and the end of the log.
        """
        train, test = sessions
        back = f", {count(windows_back, 'window')} back from its end" if windows_back else ""
        remedy = "Use a longer log, or a train file and a test file."
        if allowed is not None and windows_back:
            remedy = f"Use fewer windows, or another number of days, at most {allowed[1]:g}."
        elif allowed is not None:
            remedy = f"Use from {allowed[0]:g} to {allowed[1]:g} days."
        problem = (
            f"A split of {name} with {days:g} test days{back} puts {train:,} complete {noun_form(train, 'session')} "
            f"before {time_text(cut)} and {test:,} after it. Each part needs at least {min_sessions}."
        )
        return cls(problem, remedy, code="split_too_small", actual=days, allowed=allowed)

    @classmethod
    def too_few_users(cls, users: int, min_users: int) -> ContentError:
        problem = (
            f"The train file has {count(users, 'user')} with a session value. Training and scoring by user need at "
            f"least {min_users:,} users."
        )
        remedy = "Use a longer log."
        return cls(problem, remedy, code="too_few_users", actual=users, allowed=min_users)

    @classmethod
    def too_few_users_per_period(cls, users: int, min_users: int) -> ContentError:
        problem = (
            f"With folds forward in time, one fold has {count(users, 'user')} to learn from, because users who return "
            f"in the validated period are left out. At least {min_users:,} are needed."
        )
        remedy = "Use fewer folds, or folds by user."
        return cls(problem, remedy, code="too_few_users_per_period", actual=users, allowed=min_users)

    @classmethod
    def empty_period(cls, folds: int) -> ContentError:
        problem = (
            f"Folds forward in time divide the log into {folds + 1:,} periods, and one has no session. The log is "
            "short, or many sessions begin in the same second."
        )
        remedy = "Use fewer folds, or folds by user."
        return cls(problem, remedy, code="empty_period", actual=folds)
