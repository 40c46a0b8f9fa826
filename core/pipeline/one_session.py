"""Explains the prediction of one session of a run's dataset, as it is or with other events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from core.dataset import Dataset
from core.errors import RunError
from core.importance import Explanation, drivers
from core.importance.fold_models import FoldModels, FoldRows, held_out_of_model
from core.importance.waterfall import similar_sessions, waterfall
from core.model import ChangedEvent, SessionValueModel, load_model, with_changed_session
from core.pipeline.explain import stored_explanation
from core.runs import Run
from core.runs.store import FOLDS_FILE
from core.schema import ROLE, SESSION, STACK, START, UNIT, USER, USER_SESSION, VALUE
from core.training.attribution import Attribution, mean_over_fits
from core.training.intervals import ErrorPredictors

_LEVEL = 0.8


@dataclass(frozen=True)
class SessionExplanation:
    """Why a session has its prediction.

    Attributes:
        steps: see `core.importance.waterfall`.
        predicted: prediction, in value units.
        low, high: ends of its 80% interval, in value units; the high end may be infinite.
        value: actual value; None if it is unknown.
        out_of_fold: whether the prediction is from the models that were trained without the session's user. Other
            sessions are predicted by the average of the models for new sessions.
        similar: see `similar_sessions`, with user_session instead of the unit.
        users: number of users that share the id; only the first one is explained.
    """

    steps: pl.DataFrame
    predicted: float
    low: float
    high: float
    value: float | None
    out_of_fold: bool
    similar: pl.DataFrame
    users: int


class SessionExplainer:
    """Explains sessions of one run. It keeps the model and the held-out sessions whose average is the base.

    Args:
        model: the model of the run.
        folds: the table FOLDS_FILE of the run: unit and fold.
        explanation: the explanation of the run.
        dataset: the dataset of the run.
    """

    def __init__(
        self, model: SessionValueModel, folds: pl.DataFrame, explanation: Explanation, dataset: Dataset
    ) -> None:
        self._model = model
        self._dataset = dataset
        self._explanation = explanation
        self._models = FoldModels.of_model(model)
        self._drivers = drivers(explanation)
        self._fold_of = dict(folds.select(UNIT, "fold").iter_rows())
        self._reference = {part.fit: part.X for part in held_out_of_model(model, folds)}
        # of folds forward in time, the fit on all rows validates no fold; the rows of the last one are its reference
        is_last = pl.col("fold") == folds.get_column("fold").max()
        for fit in set(model.spec.fits_for_test) - set(self._reference):
            last_fold = folds.with_columns(pl.when(is_last).then(fit).otherwise(-1).alias("fold"))
            self._reference |= {part.fit: part.X for part in held_out_of_model(model, last_fold)}

    @classmethod
    def of_run(cls, run: Run, dataset: Dataset) -> SessionExplainer:
        """Load what is needed to explain sessions of a run.

        Raises:
            RunError: the run has no model, is not explained, or is damaged.
        """
        explanation = stored_explanation(run)
        if explanation is None:
            raise RunError.not_explained(run.manifest.run_id)
        return cls(load_model(run), run.table(FOLDS_FILE).collect(), explanation, dataset)

    def explain(self, session_id: str, events: Sequence[ChangedEvent] = ()) -> SessionExplanation | None:
        """Explain a session of the dataset; None if the dataset does not have it.

        Args:
            events: hypothetical events that replace those of the session; empty to keep its own events.

        Raises:
            RunError: a product of the events is unknown.
        """
        dictionary = self._dataset.dictionary(USER_SESSION).filter(pl.col(USER_SESSION) == session_id)
        units = self._dataset.units().join(dictionary, on=SESSION, how="semi").collect()
        units = units.sort(ROLE, START, USER)  # merged sessions are named after the first of them
        if units.is_empty():
            return None
        session = units.row(0, named=True)
        unit, fold = session[UNIT], self._fold_of.get(session[UNIT], -1)
        in_train = fold >= 0
        means, cells, n_earlier = self._attribute(unit, events, fold)
        stacked = means[STACK]
        effects = dict(zip(self._models.names, map(float, stacked.effects[0]), strict=True))
        by_learner = [means[name].predicted[0] for name in self._model.spec.learners]
        low, high = self._interval(
            predicted=float(stacked.predicted[0]),
            events=cells["n_events"] or 0.0,
            history=n_earlier,
            disagreement=float(np.std(by_learner)),
        )
        splits_sessions = self._model.spec.config.split_composite_sessions
        return SessionExplanation(
            steps=waterfall(self._drivers, effects, cells, float(stacked.base[0])),
            predicted=float(stacked.predicted[0]),
            low=low,
            high=high,
            value=session[VALUE],
            out_of_fold=in_train,
            similar=self._similar(effects, unit),
            users=units.filter(pl.col(ROLE) == session[ROLE]).height if splits_sessions else 1,
        )

    def _attribute(
        self, unit: int, events: Sequence[ChangedEvent], fold: int
    ) -> tuple[dict[str, Attribution], dict[str, float | None], float]:
        """Attribute the prediction of a unit to its features.

        Args:
            events: events that replace its own; empty to keep them.
            fold: the fold that validates it; -1 to use the models for new sessions.

        Returns:
            Learner or stack -> attribution, the mean over the models; feature -> its cell, None if it is empty; and the
            number of the user's earlier sessions.
        """
        model = self._model
        if events:
            model = replace(model, history=with_changed_session(model.history, unit, events))
        (rows,) = model.rows_of(pl.Series(UNIT, [unit]))
        fits = [fold] if fold >= 0 else list(model.spec.fits_for_test)
        inputs = list(model.fitted.matrices(rows, fits, train=fold >= 0))
        attributions, starts = [], []
        for fit, X, _, _ in inputs:
            part = FoldRows(fit, np.array([unit]), X, np.array([np.nan]))
            attributions.append(self._models.attribute_fold(part, self._reference.get(fit)))
            starts.append(self._models.start(X))
        names = self._models.names
        _, X, _, history = inputs[-1]  # learned columns differ between models; those of the last one are shown
        cells = {name: None if np.isnan(cell) else float(cell) for name, cell in zip(names, X[0], strict=True)}
        return mean_over_fits(self._models.stack, attributions, starts), cells, float(history.sessions[0])

    def _interval(self, **predictors: float) -> tuple[float, float]:
        """Return the ends of the interval; the arguments are the fields of `ErrorPredictors`."""
        columns = {name: np.array([value]) for name, value in predictors.items()}
        low, high = self._model.fitted.calibration.ends(ErrorPredictors(**columns))[_LEVEL][0]
        return float(low), float(high)

    def _similar(self, effects: dict[str, float], unit: int) -> pl.DataFrame:
        similar = similar_sessions(self._explanation, self._drivers, effects, unit)
        sessions = self._dataset.units().select(UNIT, SESSION)
        ids = self._dataset.dictionary(USER_SESSION).select(SESSION, USER_SESSION)
        with_session = similar.lazy().join(sessions, on=UNIT, how="left", maintain_order="left")
        return with_session.join(ids, on=SESSION, how="left", maintain_order="left").drop(UNIT, SESSION).collect()
