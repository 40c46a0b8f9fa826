"""Sort events into sessions, number the units, and compute the value of each session.

A unit is a session id of one user in one file. Each unit has one row of features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from core.dataset import UnknownValue
from core.ingestion.mapping import Mapping
from core.ingestion.sessions.duplicates import DuplicateCounts, changed, sorted_rows
from core.ingestion.values.session_values import LostPurchases, column_values, purchase_values
from core.own_columns import PREFIX
from core.schema import (
    CATEGORY,
    COMPOSITE,
    KNOWN_VALUE,
    PRODUCT,
    REASON,
    REMAINING,
    ROLE,
    SESSION,
    START,
    TEST_ROLE,
    TIME,
    TRAIN_ROLE,
    TYPE,
    UNIT,
    USER,
    USER_ID,
    USER_SESSION,
    VALUE,
)

CODE_SEEDS = range(8)
"""Seeds of the id codes, tried in turn. With 100 million ids, two have the same code in 0.03% of the first attempts."""


class HashCollisionError(Exception):
    """Two ids of a dictionary have the same code. Ingestion then starts again with another seed."""


@dataclass(frozen=True)
class SessionTables:
    """Events, units and sessions of one partition.

    Attributes:
        events: role -> unit, session, user, product, category, type, time and the own columns, sorted by unit and time.
        units: one row per unit, sorted by session, role and user (by user, role and start if the log has no session
            ids): unit (0, 1, ...), role, session, user, start (time of the first event, epoch seconds), value (of the
            whole session id; null in the test file, or if unknown), composite (whether several users share the id in
            that file) and known_value. The last one is the value that a test session has in the train file, if its id
            has the same users in both files. It is null in the train file, and if values are sums of purchases.
        ids: one row per (session, role): session, user_session, role.
        repeats: role -> counts of duplicate rows.
        untrained: one row per train session whose value is unknown or whose id several users share: session,
            user_session, reason (see UnknownValue) and remaining (see `purchase_values`; null if values are in a
            column).
        buying_sessions: number of train sessions that may have purchases; 0 if values are in a column.
    """

    events: dict[int, pl.DataFrame]
    units: pl.DataFrame
    ids: pl.DataFrame
    repeats: dict[int, DuplicateCounts]
    untrained: pl.DataFrame
    buying_sessions: int


def make_units(events: dict[int, pl.DataFrame], mapping: Mapping, lost_purchases: LostPurchases) -> SessionTables:
    """Make the tables of a partition from its events, which are rows of whole sessions by role."""
    session_column = SESSION if mapping.session_gap_minutes is None else USER
    lost = lost_purchases.affected_sessions(events[TRAIN_ROLE])  # by the users of the file, before visits are joined
    ordered: dict[int, pl.DataFrame] = {}
    repeats: dict[int, DuplicateCounts] = {}
    first_events: list[pl.DataFrame] = []
    for role, rows in events.items():
        ordered[role], repeats[role] = sorted_rows(rows, session_column, mapping)
        first_events.append(_first_events(ordered[role], role))
    train = ordered[TRAIN_ROLE]
    if mapping.adds_prices:
        values = purchase_values(train, mapping, lost)
    else:
        values = column_values(train, pl.Series(~changed(train, SESSION) & changed(train, VALUE)))
    numbered = (
        pl.concat(first_events).sort(session_column, ROLE, USER, START).with_row_index(UNIT).cast({UNIT: pl.Int64})
    )
    units = _units(numbered, values, mapping)
    by_session = numbered if session_column == SESSION else numbered.sort(SESSION, ROLE)
    check_for_collisions(by_session.get_column(USER_SESSION), by_session.select(_same_as_before(SESSION)).to_series())
    ids = by_session.filter(~_same_as_before(SESSION, ROLE)).select(SESSION, USER_SESSION, ROLE)
    return SessionTables(
        events={role: _with_units(rows, numbered.filter(pl.col(ROLE) == role)) for role, rows in ordered.items()},
        units=units,
        ids=ids,
        repeats=repeats,
        untrained=_untrained(units, values, ids),
        buying_sessions=values.height if mapping.adds_prices else 0,
    )


def _same_as_before(*names: str) -> pl.Expr:
    """Return an expression for whether a row equals the previous row in these columns; false for the first row.

    It is the opposite of `changed`, as an expression. The columns must have no nulls.
    """
    return pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in names)


def _first_events(ordered: pl.DataFrame, role: int) -> pl.DataFrame:
    """Return the first event of every unit, and check that the events of a session have the same session id."""
    is_first = pl.Series(changed(ordered, SESSION, USER))
    check_for_collisions(ordered.get_column(USER_SESSION), ~is_first)
    return ordered.filter(is_first).select(
        pl.lit(role, dtype=pl.Int8).alias(ROLE), SESSION, USER, pl.col(TIME).alias(START), VALUE, USER_SESSION
    )


def check_for_collisions(ids: pl.Series, same_code: pl.Series) -> None:
    """Check that ids with the same code are equal.

    Args:
        same_code: mask of the ids whose code is that of the previous id.

    Raises:
        HashCollisionError: two ids with the same code differ.
    """
    positions = same_code.arg_true()  # only these, because comparing text is slow
    if ids.gather(positions).ne_missing(ids.gather(positions - 1)).any():
        raise HashCollisionError


def _with_units(ordered: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """Add the unit number to events; `units` are those of the same file, in the same order."""
    positions = np.cumsum(changed(ordered, SESSION, USER)) - 1
    numbers = pl.Series(UNIT, units.get_column(UNIT).to_numpy()[positions])
    own_columns = (name for name in ordered.columns if name.startswith(PREFIX))
    return ordered.select(numbers, SESSION, USER, PRODUCT, CATEGORY, TYPE, TIME, *own_columns)


def _units(units: pl.DataFrame, values: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """Complete the units from their first events; see `SessionTables.units` for the columns."""
    if mapping.adds_prices:
        units = units.with_columns(pl.lit(0.0).alias(VALUE))
    if values.height:
        replaced = values.select(SESSION, pl.col(VALUE).alias("_value"), pl.lit(value=True).alias("_is_replaced"))
        units = units.join(replaced, on=SESSION, how="left", maintain_order="left").with_columns(
            pl.when("_is_replaced").then("_value").otherwise(VALUE).alias(VALUE)
        )
    same_session = _same_as_before(SESSION, ROLE)  # units of one session and file are adjacent
    units = units.with_columns(
        pl.when(pl.col(ROLE) == TRAIN_ROLE).then(VALUE).alias(VALUE),
        (same_session | same_session.shift(-1, fill_value=False)).alias(COMPOSITE),
    )
    known_values = _known_values(units)
    if mapping.adds_prices:  # purchases in the train file say nothing about those in the test file
        known_values = known_values.clear()
    return units.join(known_values, on=[SESSION, ROLE], how="left", maintain_order="left").select(
        UNIT, ROLE, SESSION, USER, START, VALUE, COMPOSITE, KNOWN_VALUE
    )


def _untrained(units: pl.DataFrame, values: pl.DataFrame, ids: pl.DataFrame) -> pl.DataFrame:
    """Return the train sessions that are not used for training; see `SessionTables.untrained` for the columns."""
    shared = units.filter(COMPOSITE, pl.col(ROLE) == TRAIN_ROLE).select(SESSION).unique()
    unknown = values.filter(pl.col(REASON).is_not_null()).join(shared, on=SESSION, how="anti")
    remaining = values.select(SESSION, REMAINING)
    shared = shared.with_columns(pl.lit(UnknownValue.SHARED_ID).alias(REASON)).join(remaining, on=SESSION, how="left")
    names = ids.filter(pl.col(ROLE) == TRAIN_ROLE).select(SESSION, USER_SESSION)
    untrained = pl.concat([unknown.select(SESSION, REASON, REMAINING), shared]).join(names, on=SESSION).sort(SESSION)
    return untrained.select(SESSION, USER_SESSION, REASON, REMAINING)


def _known_values(units: pl.DataFrame) -> pl.DataFrame:
    """Return the test sessions that are in the train file with the same users: session, role, known_value."""
    if not units.get_column(SESSION).is_sorted():  # without session ids, units are sorted by user
        units = units.sort(SESSION, ROLE)
    in_both = units.filter(pl.col(ROLE) != pl.col(ROLE).shift(1), _same_as_before(SESSION)).select(SESSION)
    both = units.join(in_both, on=SESSION, how="semi")
    users = both.group_by(SESSION, ROLE).agg(pl.col(USER).sort(), pl.col(VALUE).first().alias(KNOWN_VALUE))
    train, test = (users.filter(pl.col(ROLE) == role) for role in (TRAIN_ROLE, TEST_ROLE))
    same = train.drop(ROLE).join(test.select(SESSION, USER, ROLE), on=[SESSION, USER])
    return same.select(SESSION, ROLE, KNOWN_VALUE)


def sessions_by_gap(events: pl.DataFrame, users: pl.DataFrame, gap_minutes: float, seed: int) -> pl.DataFrame:
    """Make sessions with a session timeout, for the events of one file of a log without session ids.

    A session ends when its user is inactive for more than `gap_minutes`. Its id consists of the user's id and the time
    of its first event: `U17@2025-06-02T12:00:00Z`.

    Args:
        events: all events of some users, in any order.
        users: columns user (code) and user_id, with every user in `events`.

    Returns:
        The events with session (code) and user_session (id), sorted by user and time.
    """
    ordered = events.drop(SESSION, USER_SESSION).sort(USER, TIME)
    pause = pl.col(TIME) - pl.col(TIME).shift(1)
    is_first = ordered.select(~_same_as_before(USER) | (pause > gap_minutes * 60)).to_series()
    first_events = ordered.filter(is_first).join(users, on=USER, how="left", maintain_order="left")
    start = pl.from_epoch(TIME, "s").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    ids = first_events.select((pl.col(USER_ID) + "@" + start).alias(USER_SESSION)).to_series()
    codes = ids.hash(seed).reinterpret(signed=True)
    positions = is_first.cast(pl.Int64).cum_sum() - 1
    return ordered.with_columns(codes.gather(positions).alias(SESSION), ids.gather(positions))
