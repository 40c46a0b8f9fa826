"""Figures of the search of one learner: parallel coordinates, and Optuna's own of importance, slices and history.

A study in memory is built from the trials that a job reports or a run stores (docs/decisions/0027).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import optuna
import polars as pl
from optuna import visualization
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from core.base.text import count, number, percent
from core.eda.parts.plotly_theme import PlotlyFigure, best_first_scale, themed
from core.eda.parts.theme import ACCENT, LEARNER_COLOURS, Theme
from core.eda.run_charts import parallel_coordinates
from core.schema import LEARNER_LABELS

TITLE = "Which hyperparameters work well?"
PARALLEL, IMPORTANCE, SLICES, HISTORY = "Parallel coordinates", "Importance", "Slices", "History"
VIEWS: Final = (PARALLEL, IMPORTANCE, SLICES, HISTORY)
NOTES: Final = {
    PARALLEL: "Each line is a trial; the darker, the lower its loss. Drag along an axis to keep only the trials there, "
    "and drag a name to move its axis. The loss of a pruned trial is an estimate from its finished folds.",
    IMPORTANCE: "The share of each hyperparameter in the variation of the loss, as estimated by Optuna (PED-ANOVA).",
    SLICES: "Each point is a trial; later trials are darker. Pruned trials are drawn at their estimated loss.",
    HISTORY: "Each point is a trial that ran on all folds; the line is the lowest loss so far.",
}
_MIN_TRIALS_FOR_IMPORTANCE = 10
"""With fewer trials, the importances are mostly noise."""
_LOSS = "loss"
_HEIGHT = 380

Space = Mapping[str, Mapping[str, Any]]
"""Hyperparameter -> the attributes of its distribution: low, high, step and log, or choices."""


def study_of(search: pl.DataFrame, learner: str, space: Space, *, complete_only: bool = False) -> optuna.Study:
    """Return a study in memory with the trials of a learner, in the order of their numbers.

    Args:
        search: table of trials with learner, trial, loss (an estimate for pruned trials), complete and settings (JSON
            or a mapping).
        space: the distributions of the search. A setting that it lacks gets the range of the values that were tried.
        complete_only: leave out pruned trials.
    """
    trials = search.filter(pl.col("learner") == learner).sort("trial")
    if complete_only:
        trials = trials.filter("complete")
    params = [json.loads(each) if isinstance(each, str) else each for each in trials.get_column("settings").to_list()]
    names = dict.fromkeys(name for each in params for name in each)
    distributions = {
        name: _distribution(space.get(name), [each[name] for each in params if name in each]) for name in names
    }
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # no line in the log for each drawing
    study = optuna.create_study(direction="minimize")
    for values, loss in zip(params, trials.get_column("loss").to_list(), strict=True):
        of_trial = {name: distributions[name] for name in values}
        study.add_trial(optuna.trial.create_trial(params=dict(values), distributions=of_trial, value=loss))
    return study


def _distribution(attributes: Mapping[str, Any] | None, tried: list[Any]) -> BaseDistribution:
    if any(isinstance(value, str) for value in tried):
        choices = attributes["choices"] if attributes and "choices" in attributes else []
        return CategoricalDistribution(list(dict.fromkeys([*choices, *tried])))
    # values that a person enqueued may lie outside of the range of the search
    low, high = min(tried), max(tried)
    log = False
    if attributes and "low" in attributes:
        low, high, log = min(low, attributes["low"]), max(high, attributes["high"]), bool(attributes["log"])
    if all(isinstance(value, int) for value in tried):
        return IntDistribution(int(low), int(high), log=log and low >= 1)
    return FloatDistribution(float(low), float(high), log=log and low > 0)


def importances(study: optuna.Study) -> dict[str, float]:
    """Return hyperparameter -> share of the variation of the loss; empty with too few trials or without variation."""
    losses = {trial.value for trial in study.trials}
    if len(study.trials) < _MIN_TRIALS_FOR_IMPORTANCE or len(losses) < 2:
        return {}
    return optuna.importance.get_param_importances(study, evaluator=_evaluator())


def finding(search: pl.DataFrame, learner: str, space: Space) -> str:
    """Name the hyperparameter that matters most for a learner, and the best trial."""
    label = LEARNER_LABELS[learner]
    trials = search.filter(pl.col("learner") == learner)
    complete = trials.filter("complete").sort("loss", "trial")
    if complete.is_empty():
        return f"No trial of {label} has run on all folds yet."
    best = complete.row(0, named=True)
    sentence = (
        f"Of {count(trials.height, 'trial')} of {label}, trial {best['trial']} is best (loss {number(best['loss'])})"
    )
    shares = importances(study_of(search, learner, space))
    if not shares:
        return f"{sentence}."
    top = max(shares, key=shares.__getitem__)
    return f"{sentence}; {top} matters most ({percent(shares[top])} of the variation)."


def figure(search: pl.DataFrame, learner: str, space: Space, view: str, theme: Theme) -> PlotlyFigure | None:
    """Draw one of the VIEWS of the search; None if there are too few trials for it."""
    study = study_of(search, learner, space, complete_only=view == HISTORY)
    if not study.trials:
        return None
    if view == PARALLEL:
        return _finished(parallel_coordinates.figure(study, theme), theme, top=70, right=90)
    if view == IMPORTANCE:
        if not importances(study):
            return None
        plot = visualization.plot_param_importances(study, evaluator=_evaluator())
        return _finished(plot.update_traces(marker_color=LEARNER_COLOURS[learner]), theme)
    if view == SLICES:
        plot = visualization.plot_slice(study, target_name=_LOSS)
        scale = best_first_scale(theme)
        plot.update_traces(
            marker={"colorscale": [(1 - at, colour) for at, colour in reversed(scale)], "line": {"width": 0}}
        )
        return _finished(plot, theme)
    plot = visualization.plot_optimization_history(study, target_name=_LOSS)
    plot.data[0].marker.color, plot.data[1].line.color = LEARNER_COLOURS[learner], ACCENT
    return _finished(plot, theme)


def _finished(drawn: PlotlyFigure, theme: Theme, *, top: int = 30, right: int = 40) -> PlotlyFigure:
    figure = themed(drawn, theme, _HEIGHT)
    return figure.update_layout(margin_t=top, margin_r=right)


def _evaluator() -> optuna.importance.PedAnovaImportanceEvaluator:
    """Return the evaluator that the search itself uses, see `LearnerSearch.importances`."""
    return optuna.importance.PedAnovaImportanceEvaluator(evaluate_on_local=True)
