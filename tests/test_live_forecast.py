"""The total of open sessions: its interval covers what came, and follows its parts."""

from __future__ import annotations

import math
import random
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from core.base.workspace import Workspace
from core.config import RunConfig
from core.features.columns import EVENTS_SEEN
from core.ingestion import InputFiles
from core.live import Estimate
from core.live.forecast import IDLE_SECONDS, Spread, total_forecast
from core.live.service.estimate_table import EstimateTable
from core.model import load_model
from core.model.history import History
from core.pipeline.run import run as run_pipeline
from core.runs.store import PREFIXES_FILE
from core.schema import STACK, TIME, UNIT, VALUE
from core.training.live.train import DRAWN, SECURED

NORMAL = Spread(np.ones(8), np.full(8, 0.25), np.zeros(8), 0.0)
"""The standard deviation of a session is half of the width of its interval."""


def test_one_session_without_skew_has_the_interval_of_a_normal_distribution() -> None:
    one = total_forecast(
        np.array([50.0]), np.array([20.0]), np.array([60.0]), NORMAL, to_come=np.array([30.0]), idle=np.zeros(1)
    )
    assert one.value == 50.0
    assert one.to_come == 30.0
    assert (one.low, one.high) == pytest.approx(tuple(norm.ppf([0.1, 0.9], 50.0, 20.0)))


def test_the_interval_of_many_sessions_grows_with_the_square_root_of_their_number() -> None:
    def of(n: int) -> float:
        same = np.full(n, 50.0)
        total = total_forecast(same, same - 10, same + 10, NORMAL, to_come=same, idle=np.zeros(n))
        assert total.value == pytest.approx(50.0 * n)
        return total.high - total.low

    assert of(400) == pytest.approx(20 * of(1))


def test_an_error_that_all_sessions_share_does_not_average_out() -> None:
    shared = Spread(np.ones(8), np.zeros(8), np.zeros(8), 0.02)
    same = np.full(100, 50.0)
    total = total_forecast(same, same - 10, same + 10, shared, to_come=same, idle=np.zeros(100))
    assert (total.low, total.high) == pytest.approx(tuple(norm.ppf([0.1, 0.9], 5_000.0, 100.0)))


def test_no_session_is_worth_nothing_and_an_open_end_stays_open() -> None:
    nothing = np.empty(0)
    assert total_forecast(nothing, nothing, nothing, NORMAL, to_come=nothing, idle=nothing) == (0, 0.0, 0.0, 0.0, 0.0)
    value, high = np.array([5.0, 6.0]), np.array([9.0, np.inf])
    assert total_forecast(value, value - 1, high, NORMAL, to_come=value, idle=np.zeros(2)).high == math.inf


def test_a_session_with_an_open_end_widens_the_lower_half_of_the_interval() -> None:
    def low_end(*high: float) -> float:
        value = np.array([50.0, 60.0])
        return total_forecast(value, value - 10, np.array(high), NORMAL, to_come=value, idle=np.zeros(2)).low

    assert low_end(60.0, math.inf) == pytest.approx(norm.ppf(0.1, 110.0, math.hypot(10.0, 10.0)))
    assert low_end(90.0, math.inf) == pytest.approx(norm.ppf(0.1, 110.0, math.hypot(25.0, 25.0)))


def test_without_train_sessions_the_interval_is_wider_than_those_of_the_sessions() -> None:
    columns = (VALUE, STACK, SECURED, "low_80", "high_80")
    nothing = {name: pl.Series(dtype=pl.Float64) for name in columns}
    keys = {DRAWN: pl.Series(dtype=pl.Boolean), UNIT: pl.Series(dtype=pl.Int64), EVENTS_SEEN: pl.Series(dtype=pl.Int64)}
    events = pl.DataFrame({UNIT: pl.Series(dtype=pl.Int64), TIME: pl.Series(dtype=pl.Int64)})
    spread = Spread.observed(pl.DataFrame(nothing | keys), SimpleNamespace(events=events))  # type: ignore[arg-type]
    value = np.array([50.0])
    total = total_forecast(value, value - 10, value + 10, spread, to_come=value, idle=np.zeros(1))
    assert (total.low, total.high) == pytest.approx(tuple(norm.ppf([0.1, 0.9], 50.0, 20.0)))


def test_the_interval_covers_what_came_of_other_sessions(
    demo_files: InputFiles, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Half of the sessions give the spread. The others are open at random moments, and their values are known."""
    config = RunConfig.checked(purpose="live", learners=("lightgbm",), folds=3)
    run = run_pipeline(demo_files, config, Workspace(tmp_path_factory.mktemp("forecast")))
    history, prefixes = load_model(run).history, run.table(PREFIXES_FILE).collect()
    is_odd = pl.col(UNIT) % 2 == 1
    for n_open in (1, 10, 100):
        inside, errors = [], []
        for half, other in ((is_odd, ~is_odd), (~is_odd, is_odd)):
            spread = Spread.observed(prefixes.filter(half), history)
            value, low, high, to_come, actual, lasting, weight = moments(prefixes.filter(other), history)
            draws = np.random.default_rng(n_open)
            for _ in range(500):
                rows = draws.choice(len(value), n_open, p=weight / weight.sum())
                idle = draws.random(n_open) * lasting[rows]
                total = total_forecast(value[rows], low[rows], high[rows], spread, to_come=to_come[rows], idle=idle)
                came = actual[rows].sum()
                inside.append(total.low <= came <= total.high)
                errors.append((total.value - came) / n_open / actual.mean())
            assert (np.diff(spread.realized_share) < 0).all()  # the longer a session is idle, the less comes
        assert 0.75 <= np.mean(inside) <= 0.87, n_open
        assert abs(np.mean(errors)) < 0.05, n_open


def moments(prefixes: pl.DataFrame, history: History) -> np.ndarray:
    """Return value, low, high, to come, actual value, seconds until the next event and weight of drawn prefixes."""
    times = dict(history.events.group_by(UNIT).agg(pl.col(TIME).sort()).iter_rows())
    rows = []
    for row in prefixes.filter("drawn").iter_rows(named=True):
        of_session, seen = times[row[UNIT]], row["events_seen"]
        after = of_session[seen] - of_session[seen - 1] if seen < len(of_session) else IDLE_SECONDS
        if lasting := min(after, IDLE_SECONDS):
            to_come = max(row["stack"] - row["secured"], 0.0)
            estimate = (row["stack"], row["low_80"], row["high_80"], to_come)
            rows.append((*estimate, row["value"], lasting, lasting / min(1.0, 2 / seen)))
    return np.array(rows).T


def test_the_table_of_estimates_keeps_the_latest_of_each_session() -> None:
    draws, table, expected = random.Random(1), EstimateTable(), {}
    for step in range(3_000):
        key = (f"s{draws.randrange(200)}", "u")
        if draws.random() < 0.4:
            table.remove(key)
            expected.pop(key, None)
        else:
            value = draws.random()
            expected[key] = Estimate(value, 0, 1, 0, 1, 0.5, 0.0, value / 2, 1, 0), step
            table.set(key, *expected[key])
    columns = table.columns()
    assert sorted(columns["received"].tolist()) == sorted(float(step) for _, step in expected.values())
    for by in ("value", "to_come"):
        for limit in (0, 1, 20, 1_000):
            highest = table.highest(columns[by], limit)
            ranked = sorted(expected, key=lambda each: -getattr(expected[each][0], by))[:limit]
            assert [key for key, _, _ in highest] == ranked
            assert [estimate for _, estimate, _ in highest] == [expected[key][0] for key in ranked]
            assert [columns["received"][place] for *_, place in highest] == [expected[key][1] for key in ranked]
