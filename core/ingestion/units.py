"""Events become sessions and units, the things that get one row of features; duplicates go, values are found."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from core.ingestion.mapping import Mapping
from core.schema import (
    BUY,
    CATEGORY,
    EVENT_CODE,
    PRODUCT,
    ROLE,
    SESSION,
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

START = "start"
COMPOSITE = "composite"
KNOWN_VALUE = "known_value"
_MILLION = 1_000_000
"""Prices are added up as whole millionths: a sum of floats depends on the order of its parts in the last bit."""
_ISO = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Sessions:
    """What became of some events.

    `events` has unit, session, user, product, category, type, time and role, sorted by unit and time; `units` one row a
    unit; `ids` the sessions' ids (session, user_session, role), each once a role; `duplicates` the number of rows by
    role that repeat another one exactly; `differing_values` the number of train sessions whose rows give different
    values.
    """

    events: pl.DataFrame
    units: pl.DataFrame
    ids: pl.DataFrame
    duplicates: dict[int, int]
    differing_values: int


def make_units(events: pl.DataFrame, mapping: Mapping) -> Sessions:
    """Sort events of both files, drop repeated rows, number the units and find the value of each session.

    A unit is a session id of one user in one file. The units' columns: unit (0, 1, ... by session, role, user), role,
    session, user, start (epoch seconds of its first event), value (of the whole session id; null in test), composite
    (the id has several users in that file), known_value (test only: the value the id has in train where both files give
    it the same users; else null).

    `events` must hold all events of every session in it (both files). Where the rows of a session give different
    values, their mean stands.
    """
    key = SESSION if mapping.session_gap_minutes is None else USER
    # All that tells two events apart, so that their order in the files is gone; time and type in one number, which
    # makes the sort, half of all the work here, a third faster.
    moment = (pl.col(TIME) * len(EVENT_CODE) + pl.col(TYPE)).alias("_moment")
    order = (key, ROLE, USER, "_moment", PRODUCT, CATEGORY, VALUE)
    ordered = events.with_columns(moment).sort(order)
    duplicates: dict[int, int] = {}
    repeated = ordered.select(_same_as_before(*dict.fromkeys([*order, SESSION]))).to_series()
    if repeated.any():
        duplicates = dict(ordered.filter(repeated).group_by(ROLE).len().iter_rows())
        if mapping.duplicates == "remove":
            ordered = ordered.filter(~repeated)
    begins = ordered.select(~_same_as_before(SESSION, ROLE, USER)).to_series()
    numbered = ordered.with_columns((begins.cast(pl.Int64).cum_sum() - 1).alias(UNIT))
    firsts = numbered.filter(begins)
    values, differing = _session_values(numbered, mapping)
    return Sessions(
        numbered.select(UNIT, SESSION, USER, PRODUCT, CATEGORY, TYPE, TIME, ROLE),
        _units(firsts, values, mapping),
        firsts.filter(~_same_as_before(SESSION, ROLE)).select(SESSION, USER_SESSION, ROLE),
        duplicates,
        differing,
    )


def _same_as_before(*names: str) -> pl.Expr:
    """Whether a row equals the one before it in these columns; false for the first row, as codes are never null."""
    return pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in names)


def _session_values(events: pl.DataFrame, mapping: Mapping) -> tuple[pl.DataFrame, int]:
    """The values of train sessions that are not simply those of their first row: session, _value.

    With it how many sessions have rows with different values.
    """
    if mapping.value == "price_of_buys":
        bought = events.filter((pl.col(ROLE) == TRAIN_ROLE) & (pl.col(TYPE) == EVENT_CODE[BUY]))
        millionths = (pl.col(VALUE) * _MILLION).round().cast(pl.Int128).sum()
        return bought.group_by(SESSION).agg((millionths.cast(pl.Float64) / _MILLION).alias("_value")), 0
    uneven = events.filter(
        (pl.col(ROLE) == TRAIN_ROLE) & _same_as_before(SESSION, ROLE) & (pl.col(VALUE) != pl.col(VALUE).shift(1))
    ).select(pl.col(SESSION).unique())
    # sorted, because the mean of floats depends on their order in its last bit
    rows = (
        events.filter(pl.col(ROLE) == TRAIN_ROLE).join(uneven, on=SESSION, how="semi")
        if uneven.height
        else events.clear()
    )
    return rows.group_by(SESSION).agg(pl.col(VALUE).sort().mean().alias("_value")), uneven.height


def _units(firsts: pl.DataFrame, values: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """Describe units from their first events, in order."""
    units = firsts.select(UNIT, ROLE, SESSION, USER, pl.col(TIME).alias(START), VALUE)
    if mapping.value == "price_of_buys":
        units = units.with_columns(pl.lit(0.0).alias(VALUE))
    if values.height:
        units = units.join(values, on=SESSION, how="left", maintain_order="left").with_columns(
            pl.coalesce("_value", VALUE).alias(VALUE)
        )
    units = units.with_columns(
        pl.when(pl.col(ROLE) == TRAIN_ROLE).then(VALUE).alias(VALUE),
        # units of one session and file stand side by side
        (_same_as_before(SESSION, ROLE) | _same_as_before(SESSION, ROLE).shift(-1, fill_value=False)).alias(COMPOSITE),
    )
    known = _known_values(units)
    return units.join(known, on=[SESSION, ROLE], how="left", maintain_order="left").select(
        UNIT, ROLE, SESSION, USER, START, VALUE, COMPOSITE, KNOWN_VALUE
    )


def _known_values(units: pl.DataFrame) -> pl.DataFrame:
    """The test sessions that train has with the same users: session, role, known_value."""
    train, test = (units.filter(pl.col(ROLE) == role) for role in (TRAIN_ROLE, TEST_ROLE))
    users, others = (
        each.join(other, on=SESSION, how="semi")
        .group_by(SESSION)
        .agg(pl.col(USER).sort(), pl.col(VALUE).first().alias(KNOWN_VALUE))
        for each, other in ((train, test), (test, train))
    )
    same = users.join(others.select(SESSION, USER), on=[SESSION, USER])
    return same.select(SESSION, pl.lit(TEST_ROLE, dtype=units.schema[ROLE]).alias(ROLE), KNOWN_VALUE)


def sessions_by_gap(events: pl.DataFrame, users: pl.DataFrame, gap_minutes: float, seed: int) -> pl.DataFrame:
    """Give events the sessions that a log without session ids does not name.

    A session ends where its user does nothing for more than `gap_minutes`; its id is the user's id and the time of its
    first event, `U17@2025-06-02T12:00:00Z`. The two files have sessions of their own.

    Args:
        events: all events of some users, in any order.
        users: user (code) and user_id of at least these users.
        gap_minutes: the longest pause within a session.
        seed: the one that the codes are made with.

    Returns:
        The events with session (code) and user_session (id), in another order.
    """
    ordered = events.drop(SESSION, USER_SESSION).sort(USER, ROLE, TIME)
    pause = pl.col(TIME) - pl.col(TIME).shift(1)
    begins = ordered.select(~_same_as_before(USER, ROLE) | (pause > gap_minutes * 60)).to_series()
    named = ordered.filter(begins).join(users, on=USER, how="left", maintain_order="left")
    ids = named.select(
        (pl.col(USER_ID) + "@" + pl.from_epoch(TIME, "s").dt.strftime(_ISO)).alias(USER_SESSION)
    ).to_series()
    codes = ids.hash(seed).reinterpret(signed=True)
    place = begins.cast(pl.Int64).cum_sum() - 1
    return ordered.with_columns(codes.gather(place).alias(SESSION), ids.gather(place))
