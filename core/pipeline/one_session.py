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
    """Explains sessions of one run. It keeps the model and the held-out sessions whose average is the base."""

    def __init__(
        self, model: SessionValueModel, folds: pl.DataFrame, explanation: Explanation, dataset: Dataset
    ) -> None:
        self._model, self._dataset, self._explanation = model, dataset, explanation
        self._models, self._drivers = FoldModels.of_model(model), drivers(explanation)
        self._fold_of = dict(folds.select(UNIT, "fold").iter_rows())
        self._reference = {part.fit: part.X for part in held_out_of_model(model, folds)}
        for fit in set(model.spec.fits_for_test) - set(self._reference):  # of folds forward in time
            last = pl.when(pl.col("fold") == folds.get_column("fold").max()).then(fit).otherwise(-1)
            self._reference |= {
                part.fit: part.X for part in held_out_of_model(model, folds.with_columns(last.alias("fold")))
            }

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
        unit, role, value = units.select(UNIT, ROLE, VALUE).row(0)
        model = self._model
        if events:
            model = replace(model, history=with_changed_session(model.history, unit, events))
        fold = self._fold_of.get(unit, -1)
        fits = [fold] if fold >= 0 else list(self._model.spec.fits_for_test)
        (rows,) = model.rows_of(pl.Series(UNIT, [unit]))
        attributions, starts, cells, n_earlier = [], [], rows.X[0], 0.0
        for fit, X, _, history in self._model.fitted.matrices(rows, fits, train=fold >= 0):
            part = FoldRows(fit, np.array([unit]), X, np.array([np.nan]))
            attributions.append(self._models.attribute_fold(part, self._reference.get(fit)))
            starts.append(self._models.start(X))
            cells, n_earlier = X[0], float(history.sessions[0])
        means, names = mean_over_fits(self._models.stack, attributions, starts), self._models.names
        stacked = means[STACK]
        effects = dict(zip(names, map(float, stacked.effects[0]), strict=True))
        cell_values = {name: None if np.isnan(cell) else float(cell) for name, cell in zip(names, cells, strict=True)}
        disagreement = np.std([means[name].predicted[0] for name in self._model.spec.learners])
        low, high = self._interval(stacked, cell_values["n_events"] or 0.0, n_earlier, float(disagreement))
        return SessionExplanation(
            waterfall(self._drivers, effects, cell_values, float(stacked.base[0])),
            float(stacked.predicted[0]),
            low,
            high,
            value,
            fold >= 0,
            self._similar(effects, unit),
            units.filter(pl.col(ROLE) == role).height if self._model.spec.config.split_composite_sessions else 1,
        )

    def _interval(
        self, stacked: Attribution, n_events: float, n_earlier: float, disagreement: float
    ) -> tuple[float, float]:
        predictors = (stacked.predicted, *(np.array([each]) for each in (n_events, n_earlier, disagreement)))
        low, high = self._model.fitted.calibration.ends(ErrorPredictors(*predictors))[_LEVEL][0]
        return float(low), float(high)

    def _similar(self, effects: dict[str, float], unit: int) -> pl.DataFrame:
        similar = similar_sessions(self._explanation, self._drivers, effects, unit)
        sessions = self._dataset.units().select(UNIT, SESSION)
        ids = self._dataset.dictionary(USER_SESSION).select(SESSION, USER_SESSION)
        with_session = similar.lazy().join(sessions, on=UNIT, how="left", maintain_order="left")
        return with_session.join(ids, on=SESSION, how="left", maintain_order="left").drop(UNIT, SESSION).collect()
