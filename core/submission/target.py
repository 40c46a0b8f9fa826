"""The target of submission checks: the sessions to predict, their order, and their known values."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from core.dataset import SubmissionColumns
from core.schema import SESSION_VALUE, USER_SESSION

TEXT = "text"
"""Column: a cell or an id as text."""
VALUE = "value"
PREDICTED = "predicted"
IS_SUM = "is_sum"


@dataclass(frozen=True, eq=False)
class SubmissionTarget:
    """The sessions to predict, and what is known of them. Ids are compared character by character.

    Attributes:
        sessions: the ids, as a column `text` without repeats or nulls.
        sample: the ids of sample_submission.csv in its order; None if there is no sample.
        train: session values of train, finite, one per session; None unless their sum is above 0.
        known: `text` and `value` of the sessions in both files, whose value is known.
        columns: names of the columns that the file must have.
        without_events: those of the sessions that have no usable event, as a column `text`.
        reference: predictions of a run, to compare with: `text`, `predicted`, and `is_sum` (whether it is a sum over
            several users); without sessions of unusable events. None without a run.
    """

    sessions: pl.Series
    sample: pl.Series | None = None
    train: pl.Series | None = None
    known: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={TEXT: pl.String, VALUE: pl.Float64}))
    columns: SubmissionColumns = field(default_factory=SubmissionColumns)
    without_events: pl.Series = field(default_factory=lambda: pl.Series(TEXT, [], dtype=pl.String))
    reference: pl.DataFrame | None = None

    @classmethod
    def of(
        cls,
        sessions: pl.Series,
        sample: pl.Series | None = None,
        train_values: pl.Series | None = None,
        *,
        known: pl.DataFrame | None = None,
        columns: SubmissionColumns | None = None,
        without_events: pl.Series | None = None,
        reference: pl.DataFrame | None = None,
    ) -> SubmissionTarget:
        """Return the target for sessions to predict.

        Args:
            sessions: their ids; repeats and nulls are ignored.
            sample: ids of sample_submission.csv in its order; None if there is no sample.
            train_values: session values of train, one per session; None if unknown.
            known: user_session and session_value of those of the sessions whose value is known from train; None for no
                such session.
            columns: columns that the file must have; None for user_session and session_value.
            without_events: ids of those of the sessions that have no usable event; None for no such session.
            reference: see the attribute.
        """
        ids = sessions.cast(pl.String).alias(TEXT)
        if ids.null_count() or not is_unique(ids):  # ten million ids are not copied without need
            ids = ids.drop_nulls().unique(maintain_order=True)
        values = pl.Series(VALUE, [], dtype=pl.Float64) if train_values is None else train_values.cast(pl.Float64)
        values = values.filter(values.is_finite())
        return cls(
            ids,
            None if sample is None else sample.cast(pl.String).alias(TEXT),
            values if values.sum() > 0 else None,  # without a positive value there is no scale to compare with
            ids.to_frame().join(_finite(known), on=TEXT, maintain_order="left"),
            columns or SubmissionColumns(),
            ids.clear() if without_events is None else without_events.cast(pl.String).alias(TEXT),
            reference,
        )

    @property
    def order(self) -> pl.Series:
        """The ids in the order of the file: that of the sample if there is one."""
        return self.sessions if self.sample is None else self.sample


def is_unique(texts: pl.Series) -> bool:
    """Return whether all texts differ. Different hashes prove it, with less time and memory than a set of the texts."""
    hashes = texts.hash().sort()
    return not (hashes[1:] == hashes[:-1]).any() or texts.n_unique() == texts.len()


def _finite(values: pl.DataFrame | None) -> pl.DataFrame:
    if values is None:
        return pl.DataFrame(schema={TEXT: pl.String, VALUE: pl.Float64})
    typed = values.select(
        pl.col(USER_SESSION).cast(pl.String).alias(TEXT), pl.col(SESSION_VALUE).cast(pl.Float64).alias(VALUE)
    )
    return typed.filter(pl.col(VALUE).is_finite())
