"""Events become sessions and units, the things that get one row of features; duplicates go, values are found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.ingestion.mapping import Mapping
from core.ingestion.ordering import places_in_order
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


class SharedCodeError(Exception):
    """Two ids have the same code: the codes must be made again with another seed. Nobody sees this."""


@dataclass(frozen=True)
class Sessions:
    """What became of some events.

    `events` has by role unit, session, user, product, category, type and time, sorted by unit and time; `units` one row
    a unit; `ids` the sessions' ids (session, user_session, role), each once a role; `duplicates` by role the rows that
    repeat another one exactly; `differing_values` the number of train sessions whose rows give different values.
    """

    events: dict[int, pl.DataFrame]
    units: pl.DataFrame
    ids: pl.DataFrame
    duplicates: dict[int, int]
    differing_values: int


def make_units(events: dict[int, pl.DataFrame], mapping: Mapping) -> Sessions:
    """Sort events, drop repeated rows where they are to go, number the units and find the value of each session.

    A unit is a session id of one user in one file. The units' columns: unit (0, 1, ... by session, role, user), role,
    session, user, start (epoch seconds of its first event), value (of the whole session id; null in test), composite
    (the id has several users in that file), known_value (test only: the value the id has in train where both files give
    it the same users; else null, as it is where values are sums of the purchases that a file has).

    `events` (by role) must hold all events of every session in it. Where the rows of a session give different values,
    their mean stands.

    Raises:
        SharedCodeError: two session ids have one code.
    """
    key = SESSION if mapping.session_gap_minutes is None else USER
    ordered, duplicates, firsts = {}, {}, []
    for role, rows in events.items():
        ordered[role], duplicates[role] = _in_order(rows, key, remove=mapping.duplicates == "remove")
        firsts.append(_first_events(ordered[role], role))
    values, differing = _session_values(ordered[TRAIN_ROLE], mapping)
    described = pl.concat(firsts).sort(key, ROLE, USER, START).with_row_index(UNIT).cast({UNIT: pl.Int64})
    units = _units(described, values, mapping)
    by_session = described if key == SESSION else described.sort(SESSION, ROLE)
    refuse_other_id(by_session.get_column(USER_SESSION), by_session.select(_same_as_before(SESSION)).to_series())
    return Sessions(
        {role: _numbered(rows, described.filter(pl.col(ROLE) == role)) for role, rows in ordered.items()},
        units,
        by_session.filter(~_same_as_before(SESSION, ROLE)).select(SESSION, USER_SESSION, ROLE),
        duplicates,
        differing,
    )


def _in_order(rows: pl.DataFrame, key: str, *, remove: bool) -> tuple[pl.DataFrame, int]:
    """Sort the rows of one file by all that tells them apart, so that their order in the file is gone.

    Returns:
        The rows without those that repeat another one, if these are to go; and how many repeat another one.
    """
    # Session, moment and product nearly always suffice.
    placed = rows.rechunk().with_columns((pl.col(TIME) * len(EVENT_CODE) + pl.col(TYPE)).alias("_moment"))
    ordered = placed[places_in_order(*(placed.get_column(name).to_numpy() for name in (key, "_moment", PRODUCT)))]
    same_key = ~_changed(ordered, key)
    tied = same_key & ~_changed(ordered, "_moment", PRODUCT)
    if (same_key & _changed(ordered, USER)).any() or (tied & _changed(ordered, CATEGORY, VALUE)).any():
        ordered = ordered.sort(key, USER, "_moment", PRODUCT, CATEGORY, VALUE)
        tied = ~_changed(ordered, key, "_moment", PRODUCT)
    repeated = tied & ~_changed(ordered, SESSION, USER, CATEGORY, VALUE)
    count = int(np.count_nonzero(repeated))
    return (ordered.filter(~repeated) if remove and count else ordered), count


def _changed(rows: pl.DataFrame, *names: str) -> NDArray[np.bool_]:
    """Whether a row differs from the one before it in any of these columns; true for the first row."""
    changed = np.zeros(rows.height, bool)
    for name in names:
        column = rows.get_column(name)
        if column.null_count() < rows.height:  # a test file has no values: nulls are all alike
            cells = column.to_numpy()
            changed[1:] |= cells[1:] != cells[:-1]
    changed[:1] = True
    return changed


def _same_as_before(*names: str) -> pl.Expr:
    """The contrary as an expression; false for the first row, as codes are never null."""
    return pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in names)


def _first_events(ordered: pl.DataFrame, role: int) -> pl.DataFrame:
    """The first event of every unit; the session's id must be the same on all its events.

    Raises:
        SharedCodeError: it is not.
    """
    begins = pl.Series(_changed(ordered, SESSION, USER))
    refuse_other_id(ordered.get_column(USER_SESSION), ~begins)
    return ordered.filter(begins).select(
        pl.lit(role, dtype=pl.Int8).alias(ROLE), SESSION, USER, pl.col(TIME).alias(START), VALUE, USER_SESSION
    )


def refuse_other_id(ids: pl.Series, same_code: pl.Series) -> None:
    """Look at the ids whose code is that of the id before them (`same_code` is true there): they must be equal.

    Raises:
        SharedCodeError: two of them are not.
    """
    places = same_code.arg_true()  # only these, because comparing texts is dear
    if ids.gather(places).ne_missing(ids.gather(places - 1)).any():
        raise SharedCodeError


def _numbered(ordered: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """Give events their unit; `units` are those of their file, in the same order."""
    place = np.cumsum(_changed(ordered, SESSION, USER)) - 1
    numbers = pl.Series(UNIT, units.get_column(UNIT).to_numpy()[place])
    return ordered.select(numbers, SESSION, USER, PRODUCT, CATEGORY, TYPE, TIME)


def _session_values(train: pl.DataFrame, mapping: Mapping) -> tuple[pl.DataFrame, int]:
    """The values of train sessions that are not simply those of their first row: session, _value.

    With it how many sessions have rows with different values.
    """
    if mapping.value == "price_of_buys":
        millionths = (pl.col(VALUE) * _MILLION).round().cast(pl.Int128).sum()
        bought = train.filter(pl.col(TYPE) == EVENT_CODE[BUY]).group_by(SESSION)
        sums = bought.agg(millionths.cast(pl.Float64).alias("_value"))
        # By NumPy, as Polars multiplies by the divisor's inverse, and 50532.55 would end in ...549999.
        return sums.with_columns(pl.Series("_value", sums.get_column("_value").to_numpy() / _MILLION)), 0
    differs = ~_changed(train, SESSION) & _changed(train, VALUE)
    uneven = train.filter(differs).select(pl.col(SESSION).unique())
    rows = train.join(uneven, on=SESSION, how="semi") if uneven.height else train.clear()
    # sorted, because the mean of floats depends on their order in its last bit
    return rows.group_by(SESSION).agg(pl.col(VALUE).sort().mean().alias("_value")), uneven.height


def _units(units: pl.DataFrame, values: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """Describe units from their first events, in order."""
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
    if mapping.value == "price_of_buys":  # the part of a session in train has its own purchases, not those in test
        known = known.clear()
    return units.join(known, on=[SESSION, ROLE], how="left", maintain_order="left").select(
        UNIT, ROLE, SESSION, USER, START, VALUE, COMPOSITE, KNOWN_VALUE
    )


def _known_values(units: pl.DataFrame) -> pl.DataFrame:
    """The test sessions that train has with the same users: session, role, known_value."""
    if not units.get_column(SESSION).is_sorted():  # sessions by gap stand by user
        units = units.sort(SESSION, ROLE)
    in_both = units.filter(pl.col(ROLE) != pl.col(ROLE).shift(1), _same_as_before(SESSION)).select(SESSION)
    both = units.join(in_both, on=SESSION, how="semi")
    users = both.group_by(SESSION, ROLE).agg(pl.col(USER).sort(), pl.col(VALUE).first().alias(KNOWN_VALUE))
    train, test = (users.filter(pl.col(ROLE) == role) for role in (TRAIN_ROLE, TEST_ROLE))
    same = train.drop(ROLE).join(test.select(SESSION, USER, ROLE), on=[SESSION, USER])
    return same.select(SESSION, ROLE, KNOWN_VALUE)


def sessions_by_gap(events: pl.DataFrame, users: pl.DataFrame, gap_minutes: float, seed: int) -> pl.DataFrame:
    """Give the events of one file the sessions that a log without session ids does not name.

    A session ends where its user does nothing for more than `gap_minutes`; its id is the user's id and the time of its
    first event, `U17@2025-06-02T12:00:00Z`.

    Args:
        events: all events of some users, in any order.
        users: user (code) and user_id of at least these users.
        gap_minutes: the longest pause within a session.
        seed: the one that the codes are made with.

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
