"""Tells a visit whose user id changes, as at a log-in, from a session id that got lost and has many users.

A session id of several users in one file is one visit of one person under two conditions. It has at most three users: a
cookie, an account, another device. And from one moment with events to the next, if no user is in both, at most two
hours pass. Ids that got lost collect users who have nothing to do with each other: there are many of them, or hours and
days lie between them.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from core.schema import SESSION, TIME, USER

MAX_USERS: Final = 3
LONGEST_PAUSE: Final = 2 * 3600
"""Seconds. A visit goes on after a longer pause than the half hour of web analytics, as over lunch, but two users who
share a lost id in a log of weeks come within two hours of each other once in a hundred times."""


def join_visits(rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Give the events of a visit whose user id changes to one user, the one whose first event is the latest.

    That is the account after a log-in, whose past is known best. Of several users who begin in the same second, the one
    with more events is taken, and of these any one.

    Args:
        rows: the events of whole sessions of one file, those of a session together.

    Returns:
        The events in the same order, and how many visits were joined.
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
    """By session: how many users it has, and the one who comes last."""
    users = shared.group_by(SESSION, USER).agg(pl.col(TIME).min(), pl.len().alias("events"))
    return (
        users.sort(SESSION, TIME, "events", USER)
        .group_by(SESSION)
        .agg(pl.len().alias("users"), pl.col(USER).last().alias("account"))
    )


def _longest_pauses(shared: pl.DataFrame) -> pl.DataFrame:
    """By session: the longest pause, in seconds, between two moments that have no user in common."""
    moments = shared.group_by(SESSION, TIME).agg(pl.col(USER).unique().alias("users")).sort(SESSION, TIME)
    before = moments.with_columns(pl.col(TIME, "users").shift(1).over(SESSION).name.suffix("_before"))
    apart = pl.col("users").list.set_intersection("users_before").list.len() == 0
    return before.filter(apart).group_by(SESSION).agg((pl.col(TIME) - pl.col(f"{TIME}_before")).max().alias("pause"))
