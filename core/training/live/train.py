"""Training for open sessions: the stack on prefixes, intervals by length, and the probability of a purchase."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from core.features.columns import EVENTS_SEEN
from core.features.learned.price_features import SUM_FEATURES
from core.schema import BUY, EVENT_CODE, UNIT, VALUE
from core.training.intervals import Intervals
from core.training.learners import Vector
from core.training.live.buy import BuyHead, fit_buy_head
from core.training.live.intervals import fit_length_intervals
from core.training.live.whole import whole_session_model
from core.training.tables import value_frame
from core.training.train import Training, error_predictors, restrict_to_whole_sessions, user_histories

_SECURED = SUM_FEATURES[EVENT_CODE[BUY]].name
"""Feature with the value of the purchases so far at recovered prices."""
P_BUY, BOUGHT, SECURED, SECONDS, DRAWN = "p_buy", "bought", "secured", "seconds", "drawn"
"""Columns of `prefix_frame`."""
AVERAGE, SO_FAR, WHOLE = "average", "so_far", "whole_sessions"
"""Columns of `prefix_frame` with the predictions of the baselines."""


@dataclass(frozen=True)
class LiveTraining:
    """A training for open sessions.

    Attributes:
        sessions: the training restricted to whole sessions, with their predictions and scores. Its models and its
            interval model are those of all rows.
        buy: the probability of any purchase.
        prefixes: out-of-fold predictions of the prefixes; see `prefix_frame`.
    """

    sessions: Training
    buy: BuyHead
    prefixes: pl.DataFrame


def train_live(training: Training, *, known_share: float) -> LiveTraining:
    """Complete a training on prefixes with what open sessions need.

    Args:
        training: the stack, trained on whole sessions and prefixes.
        known_share: see `core.training.train.train`.
    """
    with threadpool_limits(1):
        intervals = _length_intervals(training)
    training = replace(training, intervals=intervals)
    n_bought, bought = _purchases(training)
    events = _feature(training, "n_events")
    buy, p_buy = fit_buy_head(training.matrices, training.context, events=events, n_bought=n_bought, bought=bought)
    prefixes = prefix_frame(training, p_buy, bought)
    return LiveTraining(restrict_to_whole_sessions(training, known_share=known_share), buy, prefixes)


def prefix_frame(training: Training, p_buy: Vector, bought: Vector) -> pl.DataFrame:
    """Return the out-of-fold predictions of whole sessions and prefixes, one row each, by session and length.

    Args:
        training: the stack, trained on whole sessions and prefixes.
        p_buy: (rows,) out-of-fold probability of any purchase.
        bought: (rows,) 1 if the whole session has a purchase, else 0.

    Returns:
        unit: unit of the session.
        events_seen, seconds: number of events so far, and seconds since the start.
        fold: fold that validates the row.
        value: value of the whole session, in value units.
        stack: prediction of the final value, followed by the ends of its intervals; see `value_frame`.
        p_buy: probability of any purchase by the end of the session.
        bought: 1 if the session has a purchase by its end, else 0.
        secured: value of the purchases so far at recovered prices.
        drawn: whether the row is part of the random sample of prefixes of its length.
        average: baseline; mean value of the training sessions.
        so_far: baseline; value of the events so far at recovered prices, times the user's ratio.
        whole_sessions: baseline; first learner, trained on whole sessions only.

        Predictions are NaN in rows that no fold validates.

    Raises:
        ValueError: the training has no prefixes.
    """
    data, folds = training.data, training.folds
    if data.prefixes is None or training.start is None:
        raise ValueError("the training has no prefixes")
    seen, seconds = _feature(training, "n_events"), _feature(training, "duration")
    whole_y = data.y[: data.n_whole]
    average = folds.out_of_fold(
        lambda fold, rows: np.full(len(rows), whole_y[folds.train_mask(fold)[: data.n_whole]].mean())
    )
    frame = pl.DataFrame(
        {UNIT: data.units, EVENTS_SEEN: seen.astype(np.int64), SECONDS: seconds.astype(np.int64)}
        | {"fold": folds.fold_of, VALUE: data.y, DRAWN: data.prefixes.drawn}
    )
    values = value_frame(training.stack.oof, training.intervals.train)
    others = pl.DataFrame(
        {P_BUY: p_buy, BOUGHT: bought, SECURED: _secured(training)}
        | {AVERAGE: average, SO_FAR: training.start, WHOLE: whole_session_model(training)}
    )
    return pl.concat([frame, values, others], how="horizontal").sort(UNIT, EVENTS_SEEN)


def _length_intervals(training: Training) -> Intervals:
    data = training.data
    if data.prefixes is None:
        raise ValueError("the training has no prefixes")
    history, test_history = user_histories(data)
    columns, test_columns = (np.column_stack([getattr(fit, name) for fit in training.fits]) for name in ("oof", "test"))
    return fit_length_intervals(
        error_predictors(data.X, data.names, training.stack.oof, history, columns),
        data.y,
        error_predictors(data.X_test, data.names, training.test, test_history, test_columns),
        training.folds,
        drawn=data.prefixes.drawn,
        seed=training.config.seed,
    )


def _purchases(training: Training) -> tuple[Vector, Vector]:
    """Return the number of purchases so far of each row, and whether its whole session has any."""
    data = training.data
    n_bought = _feature(training, "n_buy")
    whole_rows = np.arange(len(data.y)) if data.prefixes is None else data.prefixes.whole_rows
    return n_bought, (n_bought[whole_rows] > 0).astype(np.float64)


def _secured(training: Training) -> Vector:
    """Return the value of the purchases so far at recovered prices, out of fold, at least 0."""
    matrices, column = training.matrices, training.names.index(_SECURED)
    return training.folds.out_of_fold(lambda fold, rows: np.maximum(matrices.train_rows(fold, rows)[:, column], 0.0))


def _feature(training: Training, name: str) -> Vector:
    return training.data.X[:, training.data.names.index(name)]
