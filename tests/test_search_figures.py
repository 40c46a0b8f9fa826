"""Figures of a search: the study that is built from trials, and what is drawn of it."""

from __future__ import annotations

import json
import math

import optuna
import polars as pl
import pytest

from core.eda.parts.theme import Theme
from core.eda.run_charts import parallel_coordinates, search_figures
from core.eda.run_charts.search_figures import HISTORY, IMPORTANCE, PARALLEL, SLICES, VIEWS

SPACE = {
    "eta": {"low": 0.01, "high": 1.0, "log": True, "step": None},
    "max_depth": {"low": 3, "high": 8, "log": False, "step": 1},
    "target": {"choices": ["squared/none", "tweedie/none", "huber/none"]},
    "power": {"low": 1.05, "high": 1.7, "log": False, "step": None},
}


def trial(number: int, *, complete: bool = True) -> dict[str, object]:
    """The loss depends on eta alone, and is lowest at 0.1."""
    eta = 10 ** (-2 + number / 10)
    params = {"eta": eta, "max_depth": 3 + number % 4, "target": "squared/none"}
    if number % 5 == 0:
        params |= {"target": "tweedie/none", "power": 1.2}
    loss = 100 + (math.log10(eta) + 1) ** 2
    return {"learner": "xgboost", "trial": number, "loss": loss, "complete": complete, "settings": json.dumps(params)}


def search(n: int = 20) -> pl.DataFrame:
    return pl.DataFrame([trial(number, complete=number % 3 != 0) for number in range(1, n + 1)])


def test_the_study_has_the_trials_and_the_distributions_of_the_search() -> None:
    study = search_figures.study_of(search(), "xgboost", SPACE)
    assert [one.value for one in study.trials] == search()["loss"].to_list()
    assert [one.params for one in study.trials] == [json.loads(each) for each in search()["settings"]]
    assert study.trials[4].distributions == {
        "eta": optuna.distributions.FloatDistribution(0.01, 1.0, log=True),
        "max_depth": optuna.distributions.IntDistribution(3, 8),
        "target": optuna.distributions.CategoricalDistribution(["squared/none", "tweedie/none", "huber/none"]),
        "power": optuna.distributions.FloatDistribution(1.05, 1.7),
    }
    complete = search_figures.study_of(search(), "xgboost", SPACE, complete_only=True)
    assert len(complete.trials) == search()["complete"].sum()
    assert search_figures.study_of(search(), "catboost", SPACE).trials == []


def test_values_outside_of_the_search_space_and_unknown_spaces_are_drawn() -> None:
    rows = [trial(1) | {"settings": {"eta": 2.0, "max_depth": 12, "new": "a"}}, trial(2)]
    rows[1]["settings"] = {"eta": 0.5, "max_depth": 4, "new": "b"}
    study = search_figures.study_of(pl.DataFrame(rows, schema_overrides={"settings": pl.Object}), "xgboost", SPACE)
    assert study.trials[0].distributions["eta"] == optuna.distributions.FloatDistribution(0.01, 2.0, log=True)
    assert study.trials[0].distributions["max_depth"] == optuna.distributions.IntDistribution(3, 12)
    assert study.trials[0].distributions["new"].choices == ("a", "b")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_drawn(view: str, theme: Theme) -> None:
    drawn = search_figures.figure(search(), "xgboost", SPACE, view, theme)
    assert drawn is not None
    assert drawn.to_json()
    kinds = {trace.type for trace in drawn.data}
    assert kinds == {PARALLEL: {"parcoords"}, IMPORTANCE: {"bar"}, SLICES: {"scatter"}, HISTORY: {"scatter"}}[view]
    assert drawn.layout.paper_bgcolor == "rgba(0,0,0,0)"
    for axis in (drawn.layout.xaxis, drawn.layout.yaxis):  # otherwise 0.0001 is "100μ" and 12,000 is "12k"
        assert (axis.exponentformat, axis.minexponent, axis.separatethousands) == ("power", 6, True)


def test_parallel_coordinates_are_true_to_the_trials() -> None:
    study = search_figures.study_of(search(), "xgboost", SPACE)
    loss, eta, depth, target, power = parallel_coordinates.axes_of(study)
    assert loss.places == pytest.approx(search()["loss"].to_list())
    assert eta.places == pytest.approx([-2 + number / 10 for number in range(1, 21)])
    assert eta.labels[0] == "0.0126"
    assert depth.places == [3.0 + number % 4 for number in range(1, 21)]
    assert target.places == [float(number % 5 == 0) for number in range(1, 21)]
    assert target.labels == ["squared/none", "tweedie/none"]
    assert (power.labels[0], power.labels[1]) == ("not used", "1.20")
    is_missing = [place == power.ticks[0] for place in power.places]
    assert is_missing == [number % 5 != 0 for number in range(1, 21)]
    assert power.ticks[0] < min(place for place in power.places if place != power.ticks[0])


def test_the_finding_names_the_best_complete_trial_and_what_matters() -> None:
    text = search_figures.finding(search(), "xgboost", SPACE)
    assert text.startswith("Of 20 trials of XGBoost, trial 10 is best (loss 100); eta matters most (")
    assert search_figures.finding(search(4), "xgboost", SPACE) == "Of 4 trials of XGBoost, trial 4 is best (loss 100)."
    pruned = search().with_columns(complete=pl.lit(value=False))
    assert search_figures.finding(pruned, "xgboost", SPACE) == "No trial of XGBoost has run on all folds yet."
    assert search_figures.figure(pruned, "xgboost", SPACE, HISTORY, "light") is None


def test_too_few_trials_have_no_importance() -> None:
    assert search_figures.figure(search(9), "xgboost", SPACE, IMPORTANCE, "light") is None
    assert search_figures.figure(search(1), "xgboost", SPACE, PARALLEL, "light") is not None
    same = search().with_columns(loss=pl.lit(1.0))
    assert search_figures.figure(same, "xgboost", SPACE, IMPORTANCE, "light") is None
