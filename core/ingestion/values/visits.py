"""Distinguish a visit whose user id changes, as at a log-in, from an invalid session id that unrelated users share.

A session id with several users in one file is a visit of one person under two conditions. It has at most three users: a
cookie, an account and another device. And when the user changes, at most two hours pass between the two events. An
invalid id has many users, or long pauses between them.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from core.schema import SESSION, TIME, USER

MAX_USERS: Final = 3
_MAX_PAUSE: Final = 2 * 3600
"""Seconds. A visit may resume after lunch, so this is longer than the half hour of web analytics. In a log of several
weeks, two users of an invalid id come within two hours of each other in about 1% of cases."""


def find_visits(rows: pl.DataFrame) -> pl.DataFrame:
    """Find the visits whose user id changes, and the user to which all events of each visit belong.

    That user is the one whose first event is the latest, as the account after a log-in, which has the longest history.
    If the first events of several users are in the same second, it is the user with most events, then the one with the
    largest code.

    Args:
        rows: events of whole sessions of one file, sorted by session.

    Returns:
        One row per visit: session, account (the code of that user), n_users, and pause (seconds; null if events at
        successive times always have a common user).
    """
    is_change = (pl.col(USER) != pl.col(USER).shift(1)) & (pl.col(SESSION) == pl.col(SESSION).shift(1))
    events = rows.select(SESSION, USER, TIME)
    shared = events.join(events.filter(is_change).select(SESSION).unique(), on=SESSION, how="semi")
    users = shared.group_by(SESSION, USER).agg(pl.col(TIME).min(), pl.len().alias("n_events"))
    accounts = (
        users.sort(SESSION, TIME, "n_events", USER)
        .group_by(SESSION)
        .agg(pl.len().alias("n_users"), pl.col(USER).last().alias("account"))
    )
    visits = accounts.join(_longest_pauses(shared), on=SESSION, how="left")
    return visits.filter(pl.col("n_users") <= MAX_USERS, pl.col("pause").fill_null(0) <= _MAX_PAUSE)


def assign_visits(rows: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    """Return the events in the same order, with those of each visit assigned to its account; see `find_visits`."""
    assigned = rows.join(visits.select(SESSION, "account"), on=SESSION, how="left", maintain_order="left")
    return assigned.with_columns(pl.coalesce("account", USER).alias(USER)).drop("account")


def _longest_pauses(shared: pl.DataFrame) -> pl.DataFrame:
    """Return session -> longest pause in seconds between successive times without a common user."""
    times = shared.group_by(SESSION, TIME).agg(pl.col(USER).unique().alias("users")).sort(SESSION, TIME)
    pairs = times.with_columns(pl.col(TIME, "users").shift(1).over(SESSION).name.suffix("_before"))
    has_no_common_user = pl.col("users").list.set_intersection("users_before").list.len() == 0
    return (
        pairs.filter(has_no_common_user)
        .group_by(SESSION)
        .agg((pl.col(TIME) - pl.col(f"{TIME}_before")).max().alias("pause"))
    )
