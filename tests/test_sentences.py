"""The sentences of charts and comparisons on tiny and on uniform data: number agreement, zeros and equal numbers."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from core.dataset import Dataset
from core.eda.charts import type_value
from core.eda.run_charts import error_by_day, fold_scores, importance, learner_scores, search_history
from core.eda.views import CHARTS
from core.runs.compare import Paired
from pages._ui import explore_cache
from tests.events_on_the_spot import NOON, Event, store

_NOUNS = (
    "sessions|users|events|products|categories|rows|days|weeks|pairs|features|trials|folds|learners|purchases|checks"
)
FAULTS = {
    "a plural after one": re.compile(rf"(?<![\d.,] )(?<![\d.,])\b1 ({_NOUNS})\b"),
    "a span of equal ends": re.compile(r"(?<![\d.,%-])(\d[\d.,%-]*) to \1(?![\d%-]|[.,]\d)"),
    "a difference of zero": re.compile(r"\b0\.0% (lower|higher|better|worse)|gained most, 0\.0%"),
    "nothing": re.compile(r"\b(nan|None|null|inf)\b"),
}


def faults(sentence: str) -> list[str]:
    return [f"{fault}: {sentence}" for fault, pattern in FAULTS.items() if pattern.search(sentence)]


TINY_LOGS = {
    "one session of one event in each file": [
        Event("train", "A", "U1", kind="BUY"),
        Event("test", "B", "U2"),
    ],
    "equal sessions": [
        Event(file, f"{file}{number}", f"U{number}", kind=kind, time=NOON + step)
        for file in ("train", "test")
        for number in range(40)
        for step, kind in enumerate(("VIEW", "BUY"))
    ],
    "one user": [
        Event(file, f"{file}{number}", "U", kind="VIEW", time=NOON + 90_000 * number, value=float(number))
        for file in ("train", "test")
        for number in range(3)
    ],
}


@pytest.fixture(scope="module", params=TINY_LOGS, ids=list(TINY_LOGS))
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return store(tmp_path_factory.mktemp("tiny"), TINY_LOGS[request.param])


@pytest.mark.parametrize("name", CHARTS)
def test_a_finding_about_tiny_data_reads_well(name: str, tiny: Dataset) -> None:
    sentence = CHARTS[name].finding(explore_cache.chart_frame(name, str(tiny.folder)))
    assert not faults(sentence)
    assert sentence.endswith(".")


def test_the_faults_are_recognized() -> None:
    assert len(faults("1 sessions, from 5 to 5, 0.0% higher, nan")) == 4
    assert not faults("1 session of 1,001 sessions, 21 users, 5 to 5.5, 10.0% higher")


def test_scores_that_are_equal_are_said_to_be_equal() -> None:
    data = learner_scores.frame({"lightgbm": 10.0}, 10.0, 10.0, prices=None)
    sentence = learner_scores.finding(data)
    assert sentence == (
        "The stack has an MSE of 10.0, the same as the baseline, which predicts the same value for every session; "
        "LightGBM alone has the same."
    )


def test_folds_and_days_with_equal_errors_are_not_ranked() -> None:
    folds = fold_scores.frame({"lightgbm": [2.0, 2.0]})
    assert fold_scores.finding(folds).endswith("is 2.00 in every fold.")
    days = pl.DataFrame({"day": [1, 2], "rms": [3.0, 3.0]}).with_columns(pl.from_epoch("day", time_unit="d"))
    assert error_by_day.finding(days).endswith("3.00 value units on the median day, and no day has a larger one.")


def test_a_search_without_a_gain_says_so() -> None:
    trials = {"label": ["LightGBM"] * 2, "loss": [5.0, 5.0], "complete": [True, True]}
    assert search_history.finding(pl.DataFrame(trials)) == (
        "Of 2 trials, 2 ran on all folds; none has clearly improved on the first one of its learner."
    )


def test_the_top_feature_of_one_learner_has_one_number() -> None:
    row = {"learner": ["lightgbm"], "feature": ["n"], "name": ["Events"], "place": [1], "value": [4.0]}
    assert importance.finding(pl.DataFrame(row), "mean_abs_shap") == (
        "Events is the top feature; it moves a prediction by 4.00 value units on average."
    )


def test_purchases_without_an_effect_are_not_compared() -> None:
    data = pl.DataFrame({"event_type": ["BUY", "BUY"], "count": [0, 1], "mean": [7.0, 7.0]})
    assert type_value.finding(data) == "Sessions are worth 7.00 on average, whether or not they have a BUY."


def test_runs_with_equal_losses_are_equally_good() -> None:
    paired = Paired("mse", 10, 1, first=5.0, second=5.0, difference=0.0, low=0.0, high=0.0, p=1.0)
    assert paired.describe().startswith(
        "The runs do not differ significantly: out of fold, the second is as good as the first (loss 5.00 and 5.00"
    )


def test_no_axis_uses_the_si_prefixes_of_d3() -> None:
    drawn = [path.read_text() for path in (Path(__file__).parent.parent / "core" / "eda").rglob("*.py")]
    assert not [text for text in drawn if re.search(r"""format=["'][^"']*s["']""", text)]
