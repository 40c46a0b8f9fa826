"""All sessions of the users of one session, with their values and predictions."""

from __future__ import annotations

import polars as pl

from core.dataset import Dataset
from core.runs import Run
from core.runs.store import OOF_FILE, PREDICTIONS_FILE
from core.schema import FILE, KNOWN_VALUE, ROLE, ROLES, SESSION, STACK, START, UNIT, USER, USER_SESSION, VALUE

_ENDS = ("low_80", "high_80")
_IS_THEIRS = "is_theirs"


def user_sessions(dataset: Dataset, run: Run | None, session_id: str) -> pl.DataFrame:
    """Return the sessions of the users of a session, itself included, the latest first.

    Args:
        run: a run on the dataset, for the predictions; None for none.

    Returns:
        One row per (file, session); empty for an unknown id.
        user_session: session id.
        file: `train` or `test`.
        start: time of the first event, in UTC.
        events: number of events, of all of its users.
        users: number of users of the session who are also users of the given session.
        value: actual value; null if unknown.
        predicted: prediction, out of fold for train sessions, and the sum over the users of a shared id. Null without a
            run, or if the run does not predict the session.
        low_80, high_80: 80% interval. Null for train sessions and shared ids; high_80 is also null if there is no upper
            end.
    """
    ids = dataset.dictionary(USER_SESSION).select(SESSION, USER_SESSION)
    units = _units_of_sessions(dataset, ids.filter(pl.col(USER_SESSION) == session_id))
    value = pl.coalesce(VALUE, KNOWN_VALUE) if KNOWN_VALUE in units.columns else pl.col(VALUE)
    is_one = pl.len() == 1  # a shared id has one unit per user, each with the value of the whole session
    return (
        units.join(_predictions(run, units.get_column(UNIT)), on=UNIT, how="left")
        .group_by(ROLE, SESSION)
        .agg(
            pl.col(START).min(),
            pl.col("events").sum(),
            pl.col(_IS_THEIRS).sum().alias("users"),
            value.first().alias("value"),
            pl.when(pl.col("predicted").null_count() == 0).then(pl.col("predicted").sum()).alias("predicted"),
            *(pl.when(is_one).then(pl.col(name).first()).alias(name) for name in _ENDS),
        )
        .join(ids.collect(), on=SESSION, how="left")
        .sort(START, USER_SESSION, descending=[True, False])
        .select(
            USER_SESSION,
            pl.col(ROLE).replace_strict(dict(enumerate(ROLES)), return_dtype=pl.String).alias(FILE),
            pl.from_epoch(START, time_unit="s").alias("start"),
            "events",
            "users",
            "value",
            "predicted",
            *_ENDS,
        )
    )


def _units_of_sessions(dataset: Dataset, sessions: pl.LazyFrame) -> pl.DataFrame:
    """Return all units of the sessions of the users of some sessions.

    Returns:
        The columns of `Dataset.units`, the number of events, and whether the unit is of one of the users.
    """
    units = dataset.units()
    users = (
        units.join(sessions, on=SESSION, how="semi")
        .select(USER)
        .unique()
        .with_columns(pl.lit(value=True).alias(_IS_THEIRS))
    )
    marked = units.join(users, on=USER, how="left").with_columns(pl.col(_IS_THEIRS).fill_null(value=False))
    sessions_of_users = marked.filter(_IS_THEIRS).select(ROLE, SESSION).unique()
    units_of_users = marked.join(sessions_of_users, on=[ROLE, SESSION], how="semi").collect()
    events = pl.concat([dataset.events(role).select(UNIT) for role in ROLES])
    n_events = events.join(units_of_users.lazy().select(UNIT), on=UNIT, how="semi").group_by(UNIT).len("events")
    return units_of_users.join(n_events.collect(), on=UNIT, how="left")


def _predictions(run: Run | None, units: pl.Series) -> pl.DataFrame:
    """Return unit, predicted, low_80 and high_80, for the units that the run predicts."""
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        UNIT: units.dtype,
        "predicted": pl.Float64,
        **dict.fromkeys(_ENDS, pl.Float64),
    }
    if run is None:
        return pl.DataFrame(schema=schema)
    parts = []
    for name in (OOF_FILE, PREDICTIONS_FILE):
        table = run.table(name).join(units.to_frame().lazy(), on=UNIT, how="semi").collect()
        ends = [pl.col(end) if end in table.columns else pl.lit(None, pl.Float64).alias(end) for end in _ENDS]
        parts.append(table.select(UNIT, pl.col(STACK).fill_nan(None).alias("predicted"), *ends))
    return pl.concat(parts)
