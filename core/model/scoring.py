"""The events of a file, scored with a model: values, contributions, and the model advanced by the events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from core.base.progress import Report, no_report
from core.base.text import count
from core.ingestion import EventLog
from core.ingestion.parallel import map_in_order
from core.model.history import NEW, LogWithHistory
from core.model.rows import SessionRows, session_rows
from core.schema import SESSION, SESSION_VALUE, STACK, UNIT, USER_SESSION
from core.training import per_session, value_frame

if TYPE_CHECKING:
    from core.model.model import SessionValueModel

SOURCE, USER_KNOWN, PRODUCTS_KNOWN = "source", "user_known", "products_known"
_MAX_EXPLAINED = 2_000
"""Sessions to explain: tree SHAP values take much longer than predictions."""


@dataclass(frozen=True, eq=False, repr=False)
class Scoring:
    """A model, and the events of a file to score."""

    model: SessionValueModel
    events: EventLog

    @cached_property
    def log(self) -> LogWithHistory:
        """The history together with the events of the file."""
        return self.model.history.with_new(self.events)

    def values(self, report: Report = no_report) -> pl.DataFrame:
        """Return the values of the sessions of the file.

        The history of a session consists of the model's history and the earlier events of the file.

        Returns:
            One row per session, sorted by id:
            user_session: session id.
            session_value: predicted value, in value units.
            low_80, high_80, low_95, high_95: ends of the prediction intervals, in value units. A high end is null if
                too few similar sessions are known. All are null for the source "default".
            source: "predicted"; "summed" over the users that share the id; or "default" for a session without a usable
                event, which gets the best constant.
            user_known: whether its user has an earlier session, or with all rows as history another one; of several
                users, all. Null for the source "default".
            products_known: share of its events that are on products of the training sessions. Null for the source
                "default".
        """
        units = self._unit_values(report)
        by_session = units.group_by(SESSION).agg(pl.col(USER_KNOWN).all(), pl.col(PRODUCTS_KNOWN).mean())
        sessions = per_session(units.drop(USER_KNOWN, PRODUCTS_KNOWN)).join(by_session, on=SESSION)
        source = pl.when(pl.col("units") > 1).then(pl.lit("summed")).otherwise(pl.lit("predicted"))
        ends = [name for name in sessions.columns if name.startswith(("low_", "high_"))]
        return (
            self.events.sessions.join(sessions.with_columns(source.alias(SOURCE)), on=SESSION, how="left")
            .with_columns(
                pl.col(SESSION_VALUE).fill_null(self.model.spec.default_value), pl.col(SOURCE).fill_null("default")
            )
            .select(USER_SESSION, SESSION_VALUE, *ends, SOURCE, USER_KNOWN, PRODUCTS_KNOWN)
            .sort(USER_SESSION)
        )

    def _unit_values(self, report: Report) -> pl.DataFrame:
        """Return unit, session, the columns of `value_frame`, USER_KNOWN and PRODUCTS_KNOWN, one row per unit."""
        spec, fitted = self.model.spec, self.model.fitted

        def predict(rows: SessionRows) -> pl.DataFrame:
            values = fitted.predict(rows)
            familiarity = pl.DataFrame(
                {USER_KNOWN: fitted.knows_user(rows), PRODUCTS_KNOWN: fitted.known_products(rows)}
            )
            return rows.units.hstack(value_frame(values.stack, values.intervals)).hstack(familiarity)

        report(0, 1, "computing features")
        n_units, n_done = int(self.log.units.get_column(NEW).sum()), 0
        frames = []
        for frame in map_in_order(predict, session_rows(self.log, spec, fitted.catalogue)):
            frames.append(frame)
            n_done += frame.height
            report(n_done, n_units, f"{n_done:,} of {count(n_units, 'session')} valued")
        if not frames:
            raise ValueError("an event file without a usable row must have been refused")
        return pl.concat(frames)

    def rows(self, max_rows: int, report: Report = no_report) -> Iterator[SessionRows]:
        """Compute the rows of at most `max_rows` units of the file, drawn at random, some at a time."""
        units = self.log.units.with_row_index(UNIT).filter(NEW).get_column(UNIT).cast(pl.Int64)
        sampled_units = units.sample(min(max_rows, len(units)), seed=self.model.spec.config.seed).sort()
        return session_rows(self.log, self.model.spec, self.model.fitted.catalogue, units=sampled_units, report=report)

    def contributions(self, max_rows: int = _MAX_EXPLAINED, report: Report = no_report) -> pl.DataFrame:
        """Return how far each feature moves the value of each session from the average, in value units.

        They add up to the value of a session minus the value of an average one; see core.training.attribution.

        Args:
            max_rows: number of sessions of one user, drawn at random.

        Returns:
            One row per session and user: user_session, and one column per feature.
        """
        fitted, frames = self.model.fitted, []
        for rows in self.rows(max_rows, report):
            stacked = fitted.mean_attributions(rows)[STACK].effects
            frames.append(rows.units.select(SESSION).hstack(pl.DataFrame(stacked, schema=fitted.names)))
        ids = self.events.sessions.select(SESSION, USER_SESSION)
        return (
            pl.concat(frames)
            .join(ids, on=SESSION, how="left", maintain_order="left")
            .select(USER_SESSION, *fitted.names)
        )

    def advanced(self) -> SessionValueModel:
        """Return the model with the events of the file in its history."""
        return replace(self.model, history=self.log.history)
