"""A restart changes nothing: estimates and features are those of a service that was never restarted, bit for bit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.base.workspace import Workspace
from core.live import Event, LiveScorer
from core.live.events import Codes
from core.live.service import EventStore, ServedModel, SessionService
from core.live.service.bulk_load import BulkLoad
from core.live.service.run_change import RunChange
from core.live.service.sessions import replay_into
from core.model import SessionValueModel, load_model
from core.runs import Run
from core.schema import CATEGORY, CATEGORY_ID, EVENT_TYPES, PRODUCT, PRODUCT_ID, USER, USER_ID

IDLE = 2_000


@pytest.fixture(scope="module")
def model(live_home: tuple[Workspace, Run]) -> SessionValueModel:
    return load_model(live_home[1])


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def served_of(model: SessionValueModel, name: str = "run") -> ServedModel:
    return ServedModel(name, name, model, LiveScorer(model), None)


def service_of(model: SessionValueModel, state: Path, clock: Clock) -> SessionService:
    return SessionService(served_of(model), EventStore(state, "run"), idle_seconds=IDLE, clock=clock)


def shop_events(model: SessionValueModel, n_events: int, seed: int) -> list[Event]:
    """Return events in the order of their arrival; a third arrives up to 20 minutes late, and some happened long ago.

    Sessions come back after they were closed. Half of the users, products and categories are those of the model.
    """
    draws = np.random.default_rng(seed)
    history = model.history
    known = {name: history.ids[name].get_column(column).to_list()[:12] for name, column in _ID_COLUMNS.items()}
    end = served_of(model).history_end
    events = []
    for number in range(n_events):
        session = number // 20 + int(draws.integers(-9, 9))
        ids = [
            str(draws.choice(known[name])) if draws.random() < 0.5 else f"new {name} {draws.integers(6)}"
            for name in (PRODUCT, CATEGORY)
        ]
        user = known[USER][session % 5] if session % 2 else f"u\x00{session % 4}"
        late = int(draws.integers(1_200)) if draws.random() < 0.3 else 0
        late = end if draws.random() < 0.01 else late
        time = max(end + 10 + 40 * number - late, 1)
        kind = EVENT_TYPES[draws.integers(4)]
        events.append(Event(f"s{session}", user, *ids, kind, time, f"e{draws.integers(9)}" if number % 3 else ""))
        if number % 10 == 0:
            events.append(replace(events[-1], id=""))
    return events


_ID_COLUMNS = {USER: USER_ID, PRODUCT: PRODUCT_ID, CATEGORY: CATEGORY_ID}


def check_same(service: SessionService, expected: SessionService) -> None:
    """Check that two services have the same open sessions with the same features and estimates."""
    assert list(service._latest.items()) == list(expected._latest.items())
    assert (service._users, service._n_events) == (expected._users, expected._n_events)
    check_same_scores(service.served.scorer, expected.served.scorer, list(expected._latest))


def check_same_scores(scorer: LiveScorer, expected: LiveScorer, keys: Sequence[tuple[str, str]]) -> None:
    assert scorer.n_sessions == expected.n_sessions == len(keys)
    for key in keys:
        for found, wanted in zip(scorer.features(*key), expected.features(*key), strict=True):
            np.testing.assert_array_equal(found, wanted)
        assert scorer.estimate(*key) == expected.estimate(*key)
    # what a session that begins later would see of each user, product and category
    for name, past in expected._past.counts.items():
        for code in [*past._added, *past._codes[:20].tolist()]:
            for moment in (0, 1_749_000_000, 1_752_000_000, 4_000_000_000):
                assert scorer._past.counts[name].before(code, moment) == past.before(code, moment)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_service_that_is_restarted_again_and_again_equals_one_that_never_was(
    model: SessionValueModel, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    replayed: list[int] = []
    finish = BulkLoad.finish
    monkeypatch.setattr(BulkLoad, "finish", lambda self: (found := finish(self), replayed.append(len(found)))[0])
    monkeypatch.setattr("core.live.service.sessions._AT_ONCE", 100)
    clock = Clock()
    never = service_of(model, tmp_path / "never.sqlite", clock)
    often = service_of(model, tmp_path / "often.sqlite", clock)
    draws = np.random.default_rng(seed)
    for number, event in enumerate(shop_events(model, 500, seed)):
        clock.now = 1e9 + 40.0 * number
        for service in (never, often):
            service.receive([event])
        if number % 7 == 3:
            gone = f"s{number // 20 - int(draws.integers(9))}"
            assert never.close(gone) == often.close(gone)
        if number % 100 == 99:
            often.store.close()  # what kill -9 leaves is the same file
            often = service_of(model, tmp_path / "often.sqlite", clock)
            check_same(often, never)
    n_open, n_stored = sum(never._n_events.values()), len(list(never.store.replay()))
    assert n_open < replayed[-1] < n_stored  # some closed sessions are replayed, and some are not
    never.store.close()
    often.store.close()


def test_events_that_the_model_knows_stay_out_of_the_history_after_a_restart(
    model: SessionValueModel, tmp_path: Path
) -> None:
    clock, end = Clock(), served_of(model).history_end
    store = EventStore(tmp_path / "state.sqlite", "old")
    early, late = shop_events(model, 200, 3), shop_events(model, 120, 4)
    store.add([replace(event, time=event.time - 4_000) for event in early], 0)
    store.close_sessions([(event.session, event.user) for event in early[:100]], 0)
    store.change_run("run", end)
    store.add([replace(event, time=event.time - 500, id="") for event in late], 0)
    store.close_sessions([(event.session, event.user) for event in late[::2]], 0)
    kinds = {stored.is_history for stored in store.replay() if not stored.is_close}
    assert kinds == {True, False}
    expected = served_of(model)
    for stored in store.replay():
        replay_into(expected, stored)
    service = SessionService(served_of(model), store, idle_seconds=IDLE, clock=clock)
    check_same_scores(service.served.scorer, expected.scorer, list(service._latest))
    store.close()


def test_a_late_event_of_a_session_that_the_model_knows_in_part_moves_no_visit_of_another_session(
    model: SessionValueModel,
) -> None:
    end, scorer = served_of(model).history_end, LiveScorer(model)
    view = Event("a", "new user", "p", "c", "VIEW", end - 10)
    scorer.observe(view, is_history=False)
    scorer.observe(replace(view, time=end - 20))
    scorer.observe(replace(view, session="b", time=end + 100))
    scorer.observe(replace(view, session="c", time=end + 200))
    features = dict(zip(scorer.column_names, scorer.features("c", "new user")[0], strict=False))
    assert features["user_sessions_per_week"] > 0
    counts = scorer._past.counts[USER].before(scorer.coder.codes.of(USER, "new user"), end + 200)
    assert (counts.distinct, sum(counts.by_type)) == (1, 2)


def test_an_event_before_the_first_one_of_its_user_on_a_product_counts_the_user_once(model: SessionValueModel) -> None:
    history, scorer = model.history, LiveScorer(model)
    events = history.events.with_columns(history.units.get_column(USER).gather(history.events.get_column("unit")))
    product, user, first = events.select(PRODUCT, USER, "time").sort("time").row(50)
    past = scorer._past.counts[PRODUCT]
    before = [past.before(product, moment).distinct for moment in (first, 4_000_000_000)]
    for time in (first - 10, first + 10, first - 20):
        past.add(product, user, time, 0)
    after = [past.before(product, moment).distinct for moment in (first - 20, first - 19, first, 4_000_000_000)]
    assert after == [after[0], after[0] + 1, before[0] + 1, before[1]]


def test_codes_of_many_ids_are_those_of_each(model: SessionValueModel) -> None:
    codes = Codes(model.history)
    for column, id_column in _ID_COLUMNS.items():
        texts = [*model.history.ids[column].get_column(id_column).to_list()[:50], "", "new", "x\x00y", "☃"] * 2
        assert codes.of_all(column, pl.Series(texts)).to_list() == [codes.of(column, text) for text in texts]


def test_a_change_of_run_counts_closed_and_open_sessions_as_a_replay_does(
    model: SessionValueModel, tmp_path: Path
) -> None:
    clock = Clock()
    service = service_of(model, tmp_path / "state.sqlite", clock)
    for number, event in enumerate(shop_events(model, 700, 5)):
        clock.now = 1e9 + 40.0 * number
        service.receive([event])
    mapping = model.mapping.model_copy(update={"duplicates": "remove"})
    following, expected = (served_of(replace(model, mapping=mapping), "next") for _ in range(2))
    end = following.history_end
    for stored in service.store.replay():
        replay_into(expected, stored._replace(is_history=stored.event.time > end))
    asyncio.run(RunChange(service, lambda _: following).change("next"))
    check_same_scores(following.scorer, expected.scorer, list(service._latest))
    service.store.close()
