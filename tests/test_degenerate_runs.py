"""Findings of the charts of runs from one row, zeros and equal numbers: each is a sentence that reads well."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from core.eda.run_charts import (
    drivers,
    error_by_day,
    file_values,
    fold_scores,
    learner_scores,
    predicted_and_true,
    residuals,
    scored_values,
    search_history,
    theme_effects,
    value_intervals,
)
from core.schema import SESSION_VALUE, START, UNIT, VALUE

AMOUNTS = {"one": [5.0], "zeros": [0.0] * 30, "equal": [7.0] * 30}


def oof(amounts: list[float]) -> pl.DataFrame:
    return pl.DataFrame({UNIT: range(len(amounts)), VALUE: amounts, "stack": amounts})


def starts(amounts: list[float], days: int) -> pl.DataFrame:
    return pl.DataFrame({UNIT: range(len(amounts)), START: [place % days * 86_400 for place in range(len(amounts))]})


def driver_rows(amounts: list[float]) -> pl.DataFrame:
    n = min(len(amounts), 3)
    numbers = dict.fromkeys(("size", "low", "high", "share"), amounts[:n])
    texts = {"label": [f"Feature {place}" for place in range(n)], "theme": ["Time"] * n}
    return drivers.frame(pl.DataFrame({"rank": range(1, n + 1), **texts, **numbers}))


def theme_rows(amounts: list[float]) -> pl.DataFrame:
    n = min(len(amounts), 3)
    names = [f"Part {place}" for place in range(n)]
    return pl.DataFrame({"theme": names, "effect": amounts[:n], "low": amounts[:n], "high": amounts[:n]})


def trials(amounts: list[float]) -> pl.DataFrame:
    n = len(amounts)
    return search_history.frame(
        pl.DataFrame(
            {
                "learner": ["lightgbm"] * n,
                "trial": range(1, n + 1),
                "loss": amounts,
                "complete": [True] * n,
                "folds": [5] * n,
            }
        )
    )


def intervals(amounts: list[float]) -> pl.DataFrame:
    return value_intervals.frame(pl.DataFrame({SESSION_VALUE: amounts, "low_80": amounts, "high_80": amounts}))


FINDINGS: dict[str, Callable[[list[float]], str]] = {
    "drivers": lambda amounts: drivers.finding(driver_rows(amounts)),
    "no drivers": lambda amounts: drivers.finding(driver_rows(amounts).clear()),
    "themes": lambda amounts: theme_effects.finding(theme_rows(amounts)),
    "no themes": lambda amounts: theme_effects.finding(theme_rows(amounts).clear()),
    "one day": lambda amounts: error_by_day.finding(error_by_day.frame(oof(amounts), starts(amounts, 1))),
    "days": lambda amounts: error_by_day.finding(error_by_day.frame(oof(amounts), starts(amounts, 3))),
    "file": lambda amounts: file_values.finding(file_values.frame({file_values.FILE: np.array(amounts)})),
    "files": lambda amounts: file_values.finding(
        file_values.frame({file_values.FILE: np.array(amounts), file_values.TRAIN: np.array(amounts)})
    ),
    "folds": lambda amounts: fold_scores.finding(fold_scores.frame({"lightgbm": amounts})),
    "learner": lambda amounts: learner_scores.finding(
        learner_scores.frame({"lightgbm": amounts[0]}, amounts[0], amounts[0])
    ),
    "learners": lambda amounts: learner_scores.finding(
        learner_scores.frame({"lightgbm": amounts[0], "linear": amounts[0]}, amounts[0], 2 * amounts[0])
    ),
    "density": lambda amounts: predicted_and_true.finding(predicted_and_true.frame(oof(amounts))),
    "deciles": lambda amounts: residuals.finding(residuals.frame(oof(amounts))),
    "scored": lambda amounts: scored_values.finding(scored_values.frame(pl.DataFrame({SESSION_VALUE: amounts}))),
    "search": lambda amounts: search_history.finding(trials(amounts)),
    "intervals": lambda amounts: value_intervals.finding(intervals(amounts)),
}


@pytest.mark.parametrize("numbers", AMOUNTS)
@pytest.mark.parametrize("chart", FINDINGS)
def test_a_finding_of_degenerate_numbers_reads_well(chart: str, numbers: str) -> None:
    text = FINDINGS[chart](AMOUNTS[numbers])
    assert re.fullmatch(r"[A-Z“0-9].*\.", text), text
    assert ";." not in text
    assert "; ." not in text
    assert not re.search(r"\b(nan|inf|None|null)\b", text), text
    assert not re.search(r"\b1 (days|deciles|folds|learners|sessions|trials)\b", text), text
    assert not re.search(r"(\b[\d.,]+\b) to \1(?!\d)", text), text
