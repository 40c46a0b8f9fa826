"""Charts of scored sessions: each frame against a computation by hand, and with few sessions."""

from __future__ import annotations

import statistics

import numpy as np
import polars as pl
import pytest

from core.eda.run_charts import scored_values, value_intervals
from tests.test_sentences import faults
from tests.test_training_charts import drawn

DRAWS = np.random.default_rng(5)


def scored(n_sessions: int) -> pl.DataFrame:
    """Return values with intervals; one session has no interval, and that of the top tenth has no upper end."""
    value = DRAWS.gamma(2.0, 20.0, n_sessions)
    rows = pl.DataFrame({"session_value": value, "low_80": value * 0.5, "high_80": value * 1.9})
    is_top = pl.col("session_value").rank(descending=True) <= n_sessions / 10
    return rows.with_columns(
        pl.when(pl.int_range(pl.len()) > 0).then("low_80"),
        pl.when((pl.int_range(pl.len()) > 0) & ~is_top).then("high_80"),
    )


def test_sessions_are_counted_by_value() -> None:
    rows = scored(1000)
    data = scored_values.frame(rows)
    values = sorted(rows["session_value"])
    assert data["sessions"].sum() == 1000
    assert data["low"][0] == pytest.approx(values[0])
    assert data["high"][-1] == pytest.approx(values[-1])
    inside = [value for value in values if data["low"][20] <= value < data["high"][20]]
    assert data["sessions"][20] == len(inside)
    assert data["median"].unique().to_list() == pytest.approx([statistics.median(values)])
    assert data["top_share"].unique().to_list() == pytest.approx([sum(values[-10:]) / sum(values)])
    assert drawn(scored_values.figure(data))["mark"]["color"] == "#3B5BDB"


def test_typical_intervals_are_medians_by_decile() -> None:
    rows = scored(1001)
    data = value_intervals.frame(rows)
    ordered = rows.drop_nulls("low_80").sort("session_value")
    assert ordered.height == 1000
    assert data["decile"].to_list() == list(range(1, 11))
    assert data["sessions"].to_list() == [100] * 10
    for place in range(9):
        part = ordered[100 * place : 100 * place + 100]
        assert data["value"][place] == pytest.approx(statistics.median(part["session_value"]))
        assert data["low"][place] == pytest.approx(statistics.median(part["low_80"]))
        assert data["high"][place] == pytest.approx(statistics.median(part["high_80"]))
    assert data["high"][9] is None  # most of its sessions have no upper end
    assert value_intervals.finding(data).endswith(f"({'at least'} {data['low'][9]:.1f}).")
    assert drawn(value_intervals.figure(data))["description"].endswith(value_intervals.finding(data))


def test_few_sessions_have_no_deciles() -> None:
    assert value_intervals.frame(scored(10)).is_empty()  # one has no interval
    assert value_intervals.frame(scored(11)).height == 10


@pytest.mark.parametrize("n_sessions", [0, 1, 2, 11, 300])
def test_sentences_have_no_faults(n_sessions: int) -> None:
    rows = scored(n_sessions)
    for chart in (scored_values, value_intervals):
        assert not faults(chart.finding(chart.frame(rows)))


def test_equal_values_and_zeros_are_drawn() -> None:
    for value in (0.0, 7.0):
        rows = pl.DataFrame({"session_value": [value] * 30, "low_80": [value] * 30, "high_80": [value] * 30})
        for chart in (scored_values, value_intervals):
            data = chart.frame(rows)
            assert data["sessions"].sum() == 30
            assert not faults(chart.finding(data))
            drawn(chart.figure(data))
