"""Live values equal batch values: features bit for bit, for every prefix, and for sessions that arrive later."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from core.base.workspace import Workspace
from core.config import RunConfig
from core.errors import RunError
from core.features.engines.polars_engine import PolarsEngine
from core.ingestion import InputFiles
from core.live import Event, LiveScorer
from core.model import SessionValueModel, load_model
from core.model.history import ID_COLUMNS, whole_history
from core.model.rows import prefix_rows
from core.pipeline.run import run as run_pipeline
from core.runs import Run
from core.schema import EVENT_TYPES, ROLE, SESSION, TEST_ROLE, TIME, TYPE, UNIT

CONFIG = RunConfig.checked(purpose="live", folds=3, features="full")
Row = tuple[int, int, Event]
"""Unit, number of events up to this one, and the event."""


@pytest.fixture(scope="module")
def live_run(demo_files: InputFiles, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_pipeline(demo_files, CONFIG, Workspace(tmp_path_factory.mktemp("parity")))


@pytest.fixture(scope="module")
def model(live_run: Run) -> SessionValueModel:
    return load_model(live_run)


def arrivals(model: SessionValueModel) -> Iterator[Row]:
    """Yield the events of the test file, session by session, in the order in which prefixes take them."""
    events, units = model.history.as_log
    arrays = PolarsEngine(events.lazy(), units.lazy(), "as_of").arrays
    ranked = arrays.events.with_columns(pl.Series("rank", arrays.arrival_ranks))
    tested = ranked.join(units.filter(pl.col(ROLE) == TEST_ROLE).select(UNIT, SESSION), on=UNIT)
    for code, table in model.history.ids.items():
        tested = tested.join(table, on=code)
    names = [UNIT, "rank", *(ID_COLUMNS[code] for code in ("session", "user", "product", "category")), TYPE, TIME]
    for unit, rank, *ids, code, time in tested.sort(UNIT, "rank").select(names).iter_rows():
        yield unit, rank + 1, Event(*ids, EVENT_TYPES[code], time)


def check_parity(model: SessionValueModel) -> int:
    """Compare every prefix of the test file with its batch, and return their number."""
    rows = list(arrivals(model))
    prefixes = pl.DataFrame({UNIT: [row[0] for row in rows], "events_seen": [row[1] for row in rows]})
    batch = prefix_rows(whole_history(model.history), model.spec, model.fitted.catalogue, prefixes)
    matrices = [matrix for _, matrix, _, _ in model.fitted.matrices(batch, model.spec.fits_for_test)]
    values, p_buy = model.fitted.predict(batch), model.fitted.purchase_probability(batch)
    scorer, mismatches = LiveScorer(model, learns_history=False), 0
    for number, (_, n_events, event) in enumerate(rows):
        estimate = scorer.update(event)
        X, learned = scorer.features(event.session, event.user)
        for fit, matrix in enumerate(matrices):
            mismatches += not np.array_equal(np.concatenate([X, learned[fit]]), matrix[number], equal_nan=True)
        assert estimate.events_seen == n_events
        assert estimate.value == pytest.approx(values.stack[number], rel=1e-6)
        assert (estimate.low, estimate.high) == pytest.approx(tuple(values.intervals[0.80][number]), rel=1e-5, abs=1e-5)
        assert estimate.p_buy == pytest.approx(p_buy[number], rel=1e-6)
        assert estimate.to_come == pytest.approx(max(estimate.value - estimate.secured, 0.0))
    assert mismatches == 0
    return len(rows)


def test_every_prefix_of_the_test_file_has_its_batch_features_and_estimate(model: SessionValueModel) -> None:
    assert check_parity(model) > 5_000


def test_parity_holds_for_folds_forward_in_time_and_several_seeds(
    small_files: InputFiles, tmp_path_factory: pytest.TempPathFactory
) -> None:
    config = RunConfig.checked(
        purpose="live", preset="standard", trials=1, fold_kind="forward", folds=2, learners=("lightgbm",), metric="mae"
    )
    run = run_pipeline(small_files, config, Workspace(tmp_path_factory.mktemp("forward")))
    model = load_model(run)
    assert model.spec.seeds > 1
    assert check_parity(model) > 300


def later_events(model: SessionValueModel, n_sessions: int) -> list[Event]:
    """Return new sessions a month after the log, some of them with new users and products, in order of time."""
    draws, ids = random.Random(4), list(arrivals(model))
    first = max(event.time for _, _, event in ids) + 86_400
    users = [event.user for _, _, event in ids]
    items = [(event.product, event.category) for _, _, event in ids]
    items += [("P_NEW", items[0][1]), ("P_NEWER", "C_NEW"), ("", "")]
    events = []
    for number in range(n_sessions):
        user, time = draws.choice([*users[:60], f"U_NEW{number % 5}"]), first + draws.randrange(86_400)
        for _ in range(draws.choice([1, 1, 2, 3, 6, 12])):
            product, category = draws.choice(items[-40:])
            kind = draws.choices(EVENT_TYPES, [6, 3, 1, 1])[0]
            events.append(Event(f"LATER{number}", user, product, category, kind, time))
            time += draws.choice([0, 1, 7, 40, 900])
    return sorted(events, key=lambda event: event.time)


def as_frame(events: list[Event]) -> pl.DataFrame:
    times = pl.Series([event.time for event in events]) * 1_000_000
    return pl.DataFrame(
        {
            "event_time": times.cast(pl.Datetime("us")).dt.strftime("%Y-%m-%d %H:%M:%S+00:00"),
            "event_type": [event.type for event in events],
            "product_id": [event.product for event in events],
            "category_id": [event.category for event in events],
            "user_id": [event.user for event in events],
            "user_session": [event.session for event in events],
        }
    )


def test_later_sessions_have_the_values_of_a_batch(model: SessionValueModel) -> None:
    events = later_events(model, 150)
    scorer = LiveScorer(model)
    for event in events:
        scorer.update(event)
    users = {event.session: event.user for event in events}
    for row in model.predict(as_frame(events)).iter_rows(named=True):
        estimate = scorer.estimate(row["user_session"], users[row["user_session"]])
        assert estimate is not None
        assert estimate.value == pytest.approx(row["session_value"], rel=1e-6), row["user_session"]
        assert estimate.low == pytest.approx(row["low_80"], rel=1e-5, abs=1e-5)
    assert scorer.n_sessions == 150


def test_the_order_in_which_events_arrive_does_not_matter(model: SessionValueModel) -> None:
    all_events = later_events(model, 40)
    sessions = [event.session for event in all_events]
    longest = max(sorted(set(sessions)), key=sessions.count)
    events = [event for event in all_events if event.session == longest]
    expected = LiveScorer(model)
    for event in events:
        last = expected.update(event)
    for seed in range(5):
        shuffled = random.Random(seed).sample(events, len(events))
        scorer = LiveScorer(model)
        for event in shuffled:
            estimate = scorer.update(event)
        assert estimate == last


def test_a_session_that_moves_to_an_earlier_start_is_one_visit(model: SessionValueModel) -> None:
    first, second = Event("A", "U", "P", "C", "VIEW", 2_000_000_000), Event("A", "U", "P", "C", "VIEW", 1_999_999_000)
    later = Event("B", "U", "P", "C", "VIEW", 2_000_000_500)
    in_order, late = LiveScorer(model), LiveScorer(model)
    for event in (second, first, later):
        in_order.update(event)
    for event in (first, second, later):
        late.update(event)
    assert in_order.estimate("B", "U") == late.estimate("B", "U")
    names = model.spec.features
    X, _ = late.features("B", "U")
    assert X[names.index("user_sessions_per_week")] > 0
    assert X[names.index("user_seconds_since")] == 500


def test_an_event_with_an_id_counts_once(model: SessionValueModel) -> None:
    scorer = LiveScorer(model)
    event = Event("A", "U", "P", "C", "BUY", 2_000_000_000, id="e1")
    once = scorer.update(event)
    assert scorer.update(event) == once
    assert once.events_seen == 1
    assert once.p_buy == 1.0
    assert scorer.update(Event("A", "U", "P", "C", "BUY", 2_000_000_001, id="e2")).events_seen == 2


def test_a_repeated_row_counts_once_if_the_mapping_removes_duplicates(model: SessionValueModel) -> None:
    event = Event("A", "U", "P", "C", "VIEW", 2_000_000_000)
    for duplicates, n_events in (("keep", 3), ("remove", 1)):
        mapping = model.mapping.model_copy(update={"duplicates": duplicates})
        scorer = LiveScorer(SessionValueModel(model.spec, mapping, model.fitted, model.history))
        scorer.update(event)
        scorer.update(replace(event, id="e1"))
        assert scorer.update(replace(event, id="e2")).events_seen == n_events
        assert scorer.update(replace(event, time=2_000_000_001)).events_seen == n_events + 1


def test_estimates_of_many_sessions_equal_those_one_after_the_other(model: SessionValueModel) -> None:
    events, scorer = later_events(model, 60), LiveScorer(model)
    states = {(event.session, event.user): scorer.observe(event) for event in events}
    one_by_one = [scorer.estimate(*key) for key in states]
    assert scorer.estimates_of(list(states.values())) == one_by_one
    by_session: dict[str, list[Event]] = {}
    for event in events:
        by_session.setdefault(event.session, []).append(event)
    known = LiveScorer(model)
    for event in events:
        known.observe(event)
    assert known.scores(by_session.values()) == [
        known.estimate(each[0].session, each[0].user) for each in by_session.values()
    ]


def test_a_closed_session_stays_history(model: SessionValueModel) -> None:
    scorer = LiveScorer(model)
    scorer.update(Event("A", "U", "P", "C", "VIEW", 2_000_000_000))
    assert scorer.close("A", "U")
    assert not scorer.close("A", "U")
    assert scorer.estimate("A", "U") is None
    scorer.update(Event("B", "U", "P", "C", "VIEW", 2_000_000_100))
    X, _ = scorer.features("B", "U")
    assert X[model.spec.features.index("user_is_known")] == 1


def test_reasons_add_up_to_the_change_of_the_value(model: SessionValueModel) -> None:
    scorer = LiveScorer(model)
    events = [event for event in later_events(model, 40) if event.session == "LATER7"]
    events += [replace(events[0], type="BUY", time=events[-1].time + 60)]
    value = None
    for event in events:
        estimate = scorer.update(event, reasons=True)
        effects = [effect for _, effect in estimate.reasons]
        assert [abs(effect) for effect in effects] == sorted(map(abs, effects), reverse=True)
        if value is not None:
            assert sum(effects) == pytest.approx(estimate.value - value, abs=1e-9)
        value = estimate.value
    assert {"activity", "recovered_prices"} <= {group for group, _ in estimate.reasons}


def test_a_model_of_whole_sessions_is_refused(finished: tuple[Workspace, Run]) -> None:
    with pytest.raises(RunError, match="cannot predict open sessions"):
        LiveScorer.load(finished[1].folder)
