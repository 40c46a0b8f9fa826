"""Training for open sessions: prefixes know nothing of the rest, and every length has its own intervals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from core.base.workspace import Workspace
from core.config import RunConfig
from core.dataset import Dataset
from core.features import build_prefixes, compute_features, describe_prefixes, draw_prefixes, session_events
from core.features.prefixes import ALWAYS_DRAWN_LENGTH
from core.features.registry import groups_of
from core.features.units import events_and_units
from core.ingestion import InputFiles, ingest
from core.model import load_model
from core.pipeline.run import feature_table
from core.pipeline.run import run as run_pipeline
from core.pipeline.verify import verify_run
from core.runs import Run
from core.runs.store import COVERAGE_FILE, EARLINESS_FILE, OOF_FILE, PREFIXES_FILE
from core.schema import BUY, EVENT_CODE, PRODUCT, SESSION, TIME, TYPE, UNIT
from core.training import TrainingSet, prepare, training_set
from core.training.cross_fitting import FoldMatrices
from core.training.folds import make_folds
from core.training.intervals import ErrorPredictors
from core.training.learners import FitContext
from core.training.live import BuyHead, LengthCalibration, earliness_frame, with_prefixes
from core.training.live.buy import fit_buy_head
from core.training.live.intervals import fit_length_intervals

CONFIG = RunConfig.checked(purpose="live", learners=("lightgbm",), folds=3, features="full")


@pytest.fixture(scope="module")
def dataset(small_files: InputFiles, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return ingest(small_files, Workspace(tmp_path_factory.mktemp("live")))


@pytest.fixture(scope="module")
def rows(dataset: Dataset) -> TrainingSet:
    table = feature_table(dataset, CONFIG)
    data = training_set(table, dataset.submission_order().get_column(SESSION))
    return with_prefixes(data, build_prefixes(dataset, pl.Series(data.units), CONFIG), session_events(dataset, CONFIG))


@pytest.fixture(scope="module")
def live_run(small_files: InputFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    yield run_pipeline(small_files, CONFIG, Workspace(tmp_path_factory.mktemp("live_run")))


def long_sessions(events: pl.DataFrame, n_sessions: int) -> list[tuple[int, list[int]]]:
    """Return units of at least three events in different seconds, with the times of their events."""
    times = events.group_by(UNIT).agg(pl.col(TIME).sort())
    long = times.filter((pl.col(TIME).list.len() > 2) & (pl.col(TIME).list.n_unique() == pl.col(TIME).list.len()))
    return list(long.sort(UNIT).head(n_sessions).rows())


# --- prefixes know nothing of the rest ------------------------------------------------------------------------------
def test_a_prefix_has_the_features_of_a_session_that_ended_there(dataset: Dataset) -> None:
    events, units = events_and_units(dataset, CONFIG)
    for unit, times in long_sessions(events.collect(), 12):
        for n_events in range(1, len(times)):
            ends_there = events.filter((pl.col(UNIT) != unit) | (pl.col(TIME) <= times[n_events - 1]))
            whole = compute_features(ends_there, units.lazy(), "as_of", groups=groups_of((), "full"))
            expected = whole.filter(units.get_column(UNIT) == unit)
            prefix = pl.DataFrame({UNIT: [unit], "events_seen": [n_events]})
            values, own_events = describe_prefixes(events, units, prefix, CONFIG)
            assert_frame_equal(values, expected, rel_tol=1e-14)  # Polars divides a column of one row differently
            assert own_events.height == n_events


def test_later_events_of_a_session_do_not_change_its_prefixes(dataset: Dataset) -> None:
    events, units = events_and_units(dataset, CONFIG)
    other_product = int(events.select(pl.col(PRODUCT).max()).collect().item())
    for unit, times in long_sessions(events.collect(), 12):
        is_later = (pl.col(UNIT) == unit) & (pl.col(TIME) > times[1])
        altered = events.with_columns(
            pl.when(is_later).then(other_product).otherwise(PRODUCT).alias(PRODUCT),
            pl.when(is_later).then(pl.lit(EVENT_CODE[BUY], pl.Int8)).otherwise(TYPE).alias(TYPE),
            pl.when(is_later).then(pl.col(TIME) + 86_400).otherwise(TIME).alias(TIME),
        )
        prefix = pl.DataFrame({UNIT: [unit, unit], "events_seen": [1, 2]})
        for before, after in zip(
            describe_prefixes(events, units, prefix, CONFIG),
            describe_prefixes(altered, units, prefix, CONFIG),
            strict=True,
        ):
            assert_frame_equal(before, after, check_exact=True)


def test_prefixes_have_the_earliest_events_of_their_session(dataset: Dataset) -> None:
    events, units = events_and_units(dataset, CONFIG)
    lengths = events.group_by(UNIT).agg(pl.len().alias("n_events")).sort(UNIT).collect()
    prefixes = draw_prefixes(lengths, 3)
    values, own_events = describe_prefixes(events, units, prefixes, CONFIG)
    times = dict(events.group_by(UNIT).agg(pl.col(TIME).sort()).collect().rows())
    durations = [times[unit][seen - 1] - times[unit][0] for unit, seen in prefixes.rows()]
    assert values.get_column("duration").to_list() == durations
    assert own_events.group_by(UNIT).len().sort(UNIT).get_column("len").to_list() == prefixes["events_seen"].to_list()


def test_whether_a_prefix_is_drawn_depends_on_its_length_alone() -> None:
    n_events = np.repeat(np.arange(1, 13), 4_000)
    drawn = draw_prefixes(pl.DataFrame({UNIT: np.arange(len(n_events)), "n_events": n_events}), seed=1)
    of_session = pl.Series("n_events", n_events).gather(drawn[UNIT])
    counts = dict(drawn.with_columns(of_session).group_by("events_seen", "n_events").len().rows_by_key("events_seen"))
    for seen, by_session in counts.items():
        expected = min(1.0, ALWAYS_DRAWN_LENGTH / seen)
        for n, count in by_session:
            assert seen <= n
            assert count / 4_000 == pytest.approx(expected, abs=0.04)
    assert len(counts) == 12


# --- rows and folds -------------------------------------------------------------------------------------------------
def test_rows_are_whole_sessions_followed_by_their_prefixes(rows: TrainingSet) -> None:
    assert rows.prefixes is not None
    n_whole, whole_rows = rows.n_whole, rows.prefixes.whole_rows
    events = rows.X[:, rows.names.index("n_events")]
    assert np.array_equal(whole_rows[:n_whole], np.arange(n_whole))
    assert (events[n_whole:] < events[whole_rows[n_whole:]]).all()
    assert np.array_equal(rows.y, rows.y[whole_rows])
    assert np.array_equal(rows.users, rows.users[whole_rows])
    assert rows.whole_sessions().prefixes is None
    assert len(rows.whole_sessions().y) == n_whole


def test_a_session_counts_as_often_as_the_sum_of_the_inverse_lengths_of_its_prefixes(rows: TrainingSet) -> None:
    assert rows.prefixes is not None
    events = rows.X[:, rows.names.index("n_events")]
    expected = sum(float((1 / np.arange(1, n + 1)).sum()) for n in events[: rows.n_whole])
    assert rows.prefixes.weights.sum() == pytest.approx(expected, rel=0.02)


def test_all_rows_of_a_user_are_in_one_fold(rows: TrainingSet) -> None:
    folds = prepare(rows, CONFIG).matrices.folds
    assert all(len(np.unique(folds.fold_of[rows.users == user])) == 1 for user in np.unique(rows.users))


def test_no_learned_column_of_a_prefix_knows_the_value_of_its_session(rows: TrainingSet) -> None:
    assert rows.prefixes is not None
    prepared = prepare(rows, CONFIG)
    before, folds = prepared.matrices.columns, prepared.matrices.folds
    session = int(rows.prefixes.whole_rows[-1])
    own = rows.prefixes.whole_rows == session
    after = prepare(replace(rows, y=np.where(own, rows.y + 1.0, rows.y)), CONFIG).matrices.columns
    assert before is not None
    assert after is not None
    for fold, (first, second) in enumerate(zip(before.train, after.train, strict=True)):
        # The weight of the user's ratio, in the last two columns, is relative to the mean value of a fold's sessions.
        known = slice(None) if fold == folds.fold_of[session] else slice(-2)
        np.testing.assert_array_equal(first[own, known], second[own, known])
        assert not np.array_equal(first, second)


def test_prices_are_those_of_whole_sessions(rows: TrainingSet) -> None:
    both, whole = (prepare(data, CONFIG).matrices.columns for data in (rows, rows.whole_sessions()))
    assert both is not None
    assert whole is not None
    for first, second in zip(both.transforms, whole.transforms, strict=True):
        assert first.prices.base == pytest.approx(second.prices.base)
        np.testing.assert_allclose(first.recovered, second.recovered)


# --- what is predicted ----------------------------------------------------------------------------------------------
def test_intervals_cover_every_length_equally_often() -> None:
    draws = np.random.default_rng(5)
    events = draws.choice([1.0, 2.0, 4.0, 12.0], 12_000, p=[0.5, 0.3, 0.15, 0.05])
    predicted, users = draws.uniform(10, 50, 12_000), np.arange(12_000)
    y = predicted + draws.standard_exponential(12_000) * 20 / events
    predictors = ErrorPredictors(predicted, events, np.zeros(12_000), np.ones(12_000))
    folds, drawn = make_folds(users, 5, 0), np.arange(12_000) % 10 > 0
    intervals = fit_length_intervals(predictors, y, predictors, folds, drawn=drawn, seed=0)
    assert isinstance(intervals.calibration, LengthCalibration)
    assert intervals.calibration.lengths.tolist() == [1, 2, 5]
    for level in (0.8, 0.95):
        inside = intervals.inside(level, y)
        for length in (1.0, 2.0, 4.0, 12.0):
            assert inside[events == length].mean() == pytest.approx(level, abs=0.03)


def buyers(n_rows: int = 6_000) -> tuple[FoldMatrices, np.ndarray, np.ndarray, np.ndarray]:
    """Return rows whose purchases depend on a feature and on the length, and a second feature that is noise."""
    draws = np.random.default_rng(2)
    X, events = draws.normal(size=(n_rows, 2)), draws.integers(1, 9, n_rows).astype(float)
    n_bought = (draws.random(n_rows) < 0.1).astype(float)
    odds = np.exp(2 * np.abs(X[:, 0]) - 3 + 0.3 * np.log(events))
    bought = np.maximum(n_bought, draws.random(n_rows) < odds / (1 + odds)).astype(float)
    X = np.column_stack([X, events])
    return FoldMatrices(X, bought, X[:0], make_folds(np.arange(n_rows), 4, 0)), events, n_bought, bought


def test_the_probability_of_a_purchase_is_calibrated_and_ranks_sessions(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    matrices, events, n_bought, bought = buyers()
    context = FitContext(["x", "noise", "events"], 2, 0)
    head, probability = fit_buy_head(matrices, context, events=events, n_bought=n_bought, bought=bought)
    assert (probability[n_bought > 0] == 1).all()
    is_open = n_bought == 0
    for low, high in ((1, 2), (3, 5), (6, 8)):
        rows = is_open & (events >= low) & (events <= high)
        assert probability[rows].mean() == pytest.approx(bought[rows].mean(), abs=0.02)
    linear = LogisticRegression().fit(matrices.X[is_open], bought[is_open]).predict_proba(matrices.X[is_open])[:, 1]
    ours = average_precision_score(bought[is_open], probability[is_open])
    assert ours > 1.15 * average_precision_score(bought[is_open], linear)
    folder = tmp_path_factory.mktemp("buy")
    head.save(folder)
    loaded = BuyHead.load(folder, context)
    log_odds = np.mean([model.raw(matrices.X) for model in head.models], axis=0)
    again = np.mean([model.raw(matrices.X) for model in loaded.models], axis=0)
    np.testing.assert_array_equal(
        head.probability(log_odds, events, n_bought), loaded.probability(again, events, n_bought)
    )


def test_without_enough_purchases_the_probability_is_their_share() -> None:
    matrices, events, _, _ = buyers(400)
    none, bought = np.zeros(400), (np.arange(400) < 8).astype(float)
    context = FitContext(["x", "noise", "events"], 2, 0)
    head, probability = fit_buy_head(matrices, context, events=events, n_bought=none, bought=bought)
    assert head.models == ()
    assert np.unique(probability) == pytest.approx([9 / 402])


# --- a run ----------------------------------------------------------------------------------------------------------
def test_a_live_run_describes_whole_sessions_as_other_runs_do(live_run: Run) -> None:
    oof = live_run.table(OOF_FILE).collect()
    assert oof.get_column(UNIT).is_unique().all()
    prefixes = live_run.table(PREFIXES_FILE).collect()
    last = prefixes.filter(pl.col("events_seen") == pl.col("events_seen").max().over(UNIT)).sort(UNIT)
    assert_frame_equal(last.select(UNIT, "value", "stack"), oof.sort(UNIT).select(UNIT, "value", "stack"))
    error = float(((oof["stack"] - oof["value"]) ** 2).mean())  # type: ignore[arg-type]
    assert live_run.manifest.scores.cv_mse == pytest.approx(error)
    n_all = live_run.table(COVERAGE_FILE).filter(pl.col("by") == "all").collect()["sessions"].item()
    assert n_all == oof.height


def test_the_model_of_a_live_run_reproduces_its_predictions(live_run: Run) -> None:
    assert [result.outcome for result in verify_run(live_run)] == ["passed"] * 3
    assert load_model(live_run).fitted.buy is not None


def test_how_early_values_are_known_equals_plain_python(live_run: Run) -> None:
    prefixes = live_run.table(PREFIXES_FILE).collect()
    stored = live_run.table(EARLINESS_FILE).collect()
    assert_frame_equal(stored, earliness_frame(prefixes))
    used = [row for row in prefixes.to_dicts() if row["drawn"]]
    for segment, low, high in (("1", 1, 1), ("2", 2, 2), ("6 to 7", 6, 7)):
        rows = [row for row in used if low <= row["events_seen"] <= high]
        (row,) = stored.filter((pl.col("by") == "events") & (pl.col("segment") == segment)).to_dicts()
        assert row["prefixes"] == len(rows)
        for name, column in (("mse", "stack"), ("mse_so_far", "so_far"), ("mse_whole_sessions", "whole_sessions")):
            assert row[name] == pytest.approx(sum((each[column] - each["value"]) ** 2 for each in rows) / len(rows))
        inside = [
            each["low_80"] <= each["value"] and (each["high_80"] is None or each["value"] <= each["high_80"])
            for each in rows
        ]
        assert row["inside_80"] == pytest.approx(sum(inside) / len(rows))
    within = [row for row in used if 0 < row["seconds"] <= 10]
    (row,) = stored.filter(pl.col("segment") == "to 10 s").to_dicts()
    assert row["prefixes"] == len(within)
    assert row["bought"] == pytest.approx(sum(each["bought"] for each in within) / len(within))
