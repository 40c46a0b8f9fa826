"""Sort events into sessions, remove duplicate rows, number the units, and find the value of each session.

A unit is what gets one row of features: a session id of one user in one file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.dataset import UnknownValue
from core.ingestion.mapping import Mapping
from core.ingestion.sessions.row_order import argsort_rows
from core.ingestion.values.session_values import LostPurchases, column_values, purchase_values
from core.ingestion.values.visits import join_visits
from core.schema import (
    BUY,
    CATEGORY,
    COMPOSITE,
    EVENT_CODE,
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

ROW_KEYS = (SESSION, USER, PRODUCT, TIME, TYPE)
"""Columns that identify an event; the other columns describe it."""
_ISO = "%Y-%m-%dT%H:%M:%SZ"


class HashCollisionError(Exception):
    """Two ids have the same code. Ingestion starts again with another seed; users never see this error."""


@dataclass(frozen=True)
class DuplicateCounts:
    """Counts of repeated rows in one file.

    Attributes:
        rows: rows that equal an earlier one in every column.
        purchases: repeated BUY rows; if values are sums of prices, the category may differ.
        visits: sessions whose user id changes within the visit; they were assigned to one user.
    """

    rows: int
    purchases: int
    visits: int


@dataclass(frozen=True)
class SessionTables:
    """Events, units and sessions of one partition.

    Attributes:
        events: role -> unit, session, user, product, category, type and time, sorted by unit and time.
        units: one row per unit; see make_units.
        ids: one row per (session, role): session, user_session, role.
        repeats: role -> counts of repeated rows.
        untrained: one row per train session without a known value, or whose id several users share: session,
            user_session, reason (see UnknownValue), remaining (see purchase_values; null where values are in a column).
        buying_sessions: train sessions that may have bought something; 0 where values are in a column.
    """

    events: dict[int, pl.DataFrame]
    units: pl.DataFrame
    ids: pl.DataFrame
    repeats: dict[int, DuplicateCounts]
    untrained: pl.DataFrame
    buying_sessions: int


def make_units(
    events: dict[int, pl.DataFrame], mapping: Mapping, lost_purchases: LostPurchases | None = None
) -> SessionTables:
    """Sort events, remove duplicate rows if the mapping says so, number the units and find session values.

    The units' columns are unit (0, 1, ... by session, role and user), role, session, user, start (epoch seconds of the
    first event), value (of the whole session id; null in test, and in train if unknown), composite (whether several
    users share the id in that file) and known_value. The last one is the value that a test session has in train, if the
    id has the same users in both files. It is null in train, and if values are sums of purchases.

    Args:
        events: role -> rows, with all events of every session in them.
        mapping: how values are computed and whether duplicates are removed.

    Raises:
        HashCollisionError: two session ids have one code.
    """
    key = SESSION if mapping.session_gap_minutes is None else USER
    lost_purchases = lost_purchases or LostPurchases()
    lost = lost_purchases.affected_sessions(events[TRAIN_ROLE])  # by the users of the file, before visits are joined
    ordered, repeats, firsts = {}, {}, []
    for role, rows in events.items():
        ordered[role], repeats[role] = _in_order(rows, key, mapping)
        firsts.append(_first_events(ordered[role], role))
    values = _session_values(ordered[TRAIN_ROLE], mapping, lost)
    described = pl.concat(firsts).sort(key, ROLE, USER, START).with_row_index(UNIT).cast({UNIT: pl.Int64})
    units = _units(described, values, mapping)
    by_session = described if key == SESSION else described.sort(SESSION, ROLE)
    check_for_collisions(by_session.get_column(USER_SESSION), by_session.select(_same_as_before(SESSION)).to_series())
    ids = by_session.filter(~_same_as_before(SESSION, ROLE)).select(SESSION, USER_SESSION, ROLE)
    return SessionTables(
        {role: _numbered(rows, described.filter(pl.col(ROLE) == role)) for role, rows in ordered.items()},
        units,
        ids,
        repeats,
        _untrained(units, values, ids),
        values.height if mapping.adds_prices else 0,
    )


def _in_order(rows: pl.DataFrame, key: str, mapping: Mapping) -> tuple[pl.DataFrame, DuplicateCounts]:
    """Sort the rows of one file by all columns, so that the result does not depend on their order in the file.

    Returns:
        The rows, without duplicates if the mapping removes them; and the counts of duplicates.
    """
    # Session, moment and product nearly always decide the order.
    placed = rows.rechunk().with_columns((pl.col(TIME) * len(EVENT_CODE) + pl.col(TYPE)).alias("_moment"))
    ordered = placed[argsort_rows(*(placed.get_column(name).to_numpy() for name in (key, "_moment", PRODUCT)))]
    same_key = ~_changed(ordered, key)
    visits = 0
    if key == SESSION and (same_key & _changed(ordered, USER)).any():
        ordered, visits = join_visits(ordered)
    described = [name for name in ordered.columns if name not in (*ROW_KEYS, "_moment", USER_SESSION, CATEGORY)]
    others = [*described, CATEGORY]
    tied = same_key & ~_changed(ordered, "_moment", PRODUCT)
    if (same_key & _changed(ordered, USER)).any() or (tied & _changed(ordered, *others)).any():
        ordered = ordered.sort(key, USER, "_moment", PRODUCT, *others)
        tied = ~_changed(ordered, key, "_moment", PRODUCT)
    repeated = tied & ~_changed(ordered, SESSION, USER, *others)
    # a join with a table of categories repeats a purchase for each category of its product
    bought = tied & (ordered.get_column(TYPE).to_numpy() == EVENT_CODE[BUY])
    bought &= ~_changed(ordered, SESSION, USER, *described) if mapping.adds_prices else repeated
    counts = DuplicateCounts(int(np.count_nonzero(repeated)), int(np.count_nonzero(bought)), visits)
    surplus = repeated | bought
    return (ordered.filter(~surplus) if mapping.duplicates == "remove" and surplus.any() else ordered), counts


def _changed(rows: pl.DataFrame, *names: str) -> NDArray[np.bool_]:
    """Return whether each row differs from the previous one in any of these columns; true for the first row."""
    changed = np.zeros(rows.height, bool)
    for name in names:
        column = rows.get_column(name)
        if column.null_count() == rows.height:  # all null, such as the values of a test file
            continue
        if column.null_count():
            changed |= column.ne_missing(column.shift(1)).to_numpy()
        else:
            cells = column.to_numpy()
            changed[1:] |= cells[1:] != cells[:-1]
    changed[:1] = True
    return changed


def _same_as_before(*names: str) -> pl.Expr:
    """Return the opposite of `_changed` as an expression; false for the first row, as codes are never null."""
    return pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in names)


def _first_events(ordered: pl.DataFrame, role: int) -> pl.DataFrame:
    """Return the first event of every unit.

    Raises:
        HashCollisionError: the events of a session have different session ids.
    """
    begins = pl.Series(_changed(ordered, SESSION, USER))
    check_for_collisions(ordered.get_column(USER_SESSION), ~begins)
    return ordered.filter(begins).select(
        pl.lit(role, dtype=pl.Int8).alias(ROLE), SESSION, USER, pl.col(TIME).alias(START), VALUE, USER_SESSION
    )


def check_for_collisions(ids: pl.Series, same_code: pl.Series) -> None:
    """Check that an id equals the previous one wherever both have the same code (`same_code`).

    Raises:
        HashCollisionError: two ids with the same code differ.
    """
    places = same_code.arg_true()  # only these, because comparing text is slow
    if ids.gather(places).ne_missing(ids.gather(places - 1)).any():
        raise HashCollisionError


def _numbered(ordered: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """Add the unit number to events; `units` are those of the same file, in the same order."""
    place = np.cumsum(_changed(ordered, SESSION, USER)) - 1
    numbers = pl.Series(UNIT, units.get_column(UNIT).to_numpy()[place])
    return ordered.select(numbers, SESSION, USER, PRODUCT, CATEGORY, TYPE, TIME)


def _session_values(train: pl.DataFrame, mapping: Mapping, lost: pl.Series) -> pl.DataFrame:
    """Return session, value and REASON of the train sessions whose value is not that of their first row."""
    if mapping.adds_prices:
        return purchase_values(train, mapping, lost)
    return column_values(train, pl.Series(~_changed(train, SESSION) & _changed(train, VALUE)))


def _units(units: pl.DataFrame, values: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """Complete the units from their first events; see `make_units`."""
    if mapping.adds_prices:
        units = units.with_columns(pl.lit(0.0).alias(VALUE))
    if values.height:
        marked = values.select(SESSION, pl.col(VALUE).alias("_value"), pl.lit(value=True).alias("_has_value"))
        units = units.join(marked, on=SESSION, how="left", maintain_order="left").with_columns(
            pl.when("_has_value").then("_value").otherwise(VALUE).alias(VALUE)
        )
    units = units.with_columns(
        pl.when(pl.col(ROLE) == TRAIN_ROLE).then(VALUE).alias(VALUE),
        # units of one session and file are neighbours
        (_same_as_before(SESSION, ROLE) | _same_as_before(SESSION, ROLE).shift(-1, fill_value=False)).alias(COMPOSITE),
    )
    known = _known_values(units)
    if mapping.adds_prices:  # purchases in train say nothing about those in test
        known = known.clear()
    return units.join(known, on=[SESSION, ROLE], how="left", maintain_order="left").select(
        UNIT, ROLE, SESSION, USER, START, VALUE, COMPOSITE, KNOWN_VALUE
    )


def _untrained(units: pl.DataFrame, values: pl.DataFrame, ids: pl.DataFrame) -> pl.DataFrame:
    """Return the train sessions that are excluded from training; see `SessionTables.untrained`."""
    shared = units.filter(COMPOSITE, pl.col(ROLE) == TRAIN_ROLE).select(SESSION).unique()
    unknown = values.filter(pl.col(REASON).is_not_null()).join(shared, on=SESSION, how="anti")
    remaining = values.select(SESSION, REMAINING)
    shared = shared.with_columns(pl.lit(UnknownValue.SHARED_ID).alias(REASON)).join(remaining, on=SESSION, how="left")
    names = ids.filter(pl.col(ROLE) == TRAIN_ROLE).select(SESSION, USER_SESSION)
    untrained = pl.concat([unknown.select(SESSION, REASON, REMAINING), shared]).join(names, on=SESSION).sort(SESSION)
    return untrained.select(SESSION, USER_SESSION, REASON, REMAINING)


def _known_values(units: pl.DataFrame) -> pl.DataFrame:
    """Return the test sessions that are in train with the same users: session, role, known_value."""
    if not units.get_column(SESSION).is_sorted():  # sessions made from pauses are sorted by user
        units = units.sort(SESSION, ROLE)
    in_both = units.filter(pl.col(ROLE) != pl.col(ROLE).shift(1), _same_as_before(SESSION)).select(SESSION)
    both = units.join(in_both, on=SESSION, how="semi")
    users = both.group_by(SESSION, ROLE).agg(pl.col(USER).sort(), pl.col(VALUE).first().alias(KNOWN_VALUE))
    train, test = (users.filter(pl.col(ROLE) == role) for role in (TRAIN_ROLE, TEST_ROLE))
    same = train.drop(ROLE).join(test.select(SESSION, USER, ROLE), on=[SESSION, USER])
    return same.select(SESSION, ROLE, KNOWN_VALUE)


def sessions_by_gap(events: pl.DataFrame, users: pl.DataFrame, gap_minutes: float, seed: int) -> pl.DataFrame:
    """Make sessions from pauses, for the events of one file of a log without session ids.

    A session ends when its user is inactive for more than `gap_minutes`. Its id is the user's id and the time of its
    first event, `U17@2025-06-02T12:00:00Z`.

    Args:
        events: all events of some users, in any order.
        users: user (code) and user_id of at least these users.

    Returns:
        The events with session (code) and user_session (id), in another order.
    """
    ordered = events.drop(SESSION, USER_SESSION).sort(USER, TIME)
    pause = pl.col(TIME) - pl.col(TIME).shift(1)
    begins = ordered.select(~_same_as_before(USER) | (pause > gap_minutes * 60)).to_series()
    named = ordered.filter(begins).join(users, on=USER, how="left", maintain_order="left")
    ids = named.select(
        (pl.col(USER_ID) + "@" + pl.from_epoch(TIME, "s").dt.strftime(_ISO)).alias(USER_SESSION)
    ).to_series()
    codes = ids.hash(seed).reinterpret(signed=True)
    place = begins.cast(pl.Int64).cum_sum() - 1
    return ordered.with_columns(codes.gather(place).alias(SESSION), ids.gather(place))
