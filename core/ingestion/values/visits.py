"""Distinguish a visit whose user id changes, as at a log-in, from an invalid session id shared by many users.

A session id with several users in one file is a visit of one person under two conditions. It has at most three users: a
cookie, an account and another device. And when the user changes, at most two hours pass between the two events. Invalid
ids belong to unrelated users, so they have many of them, or long pauses between them.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from core.schema import SESSION, TIME, USER

MAX_USERS: Final = 3
LONGEST_PAUSE: Final = 2 * 3600
"""Seconds. A visit may resume after lunch, so this is longer than the half hour of web analytics. In a log of several
weeks, two users of an invalid id come within two hours of each other in about 1% of cases."""


def join_visits(rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Assign all events of a visit whose user id changes to one user: the last one to appear.

    That is the account after a log-in, which has the longest history. If several users appear in the same second, it is
    the one with most events, then the one with the largest code.

    Args:
        rows: events of whole sessions of one file; those of a session are adjacent.

    Returns:
        The events in the same order, and the number of visits with several users.
    """
    changes = (pl.col(USER) != pl.col(USER).shift(1)) & (pl.col(SESSION) == pl.col(SESSION).shift(1))
    shared = rows.select(SESSION, USER, TIME)
    shared = shared.join(shared.filter(changes).select(SESSION).unique(), on=SESSION, how="semi")
    if shared.is_empty():
        return rows, 0
    visits = _accounts(shared).join(_longest_pauses(shared), on=SESSION, how="left")
    visits = visits.filter(pl.col("users") <= MAX_USERS, pl.col("pause").fill_null(0) <= LONGEST_PAUSE)
    joined = rows.join(visits.select(SESSION, "account"), on=SESSION, how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("account", USER).alias(USER)).drop("account"), visits.height


def _accounts(shared: pl.DataFrame) -> pl.DataFrame:
    """Return session -> number of users, and the account: the user who appears last."""
    users = shared.group_by(SESSION, USER).agg(pl.col(TIME).min(), pl.len().alias("events"))
    return (
        users.sort(SESSION, TIME, "events", USER)
        .group_by(SESSION)
        .agg(pl.len().alias("users"), pl.col(USER).last().alias("account"))
    )


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
