"""All open sessions of a replayed day, against brute force over the events, and what is shown of a service."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from math import inf
from threading import Thread

import numpy as np
import polars as pl
import pytest

from core.base.workspace import Workspace
from core.dataset import Dataset
from core.eda.run_charts import shop_line
from core.errors import ServiceError
from core.live import LiveScorer
from core.live.final_values import final_values
from core.live.forecast import Spread
from core.live.replay import Replayer
from core.live.service_client import ask_service, service_host
from core.live.shop_day import STEP_SECONDS, ShopDay, ShopMoment
from core.model import SessionValueModel, load_model
from core.model.history import whole_history
from core.model.rows import prefix_rows
from core.runs import Run
from core.schema import ROLE, SECONDS_PER_DAY, SESSION, TEST_ROLE, TIME, UNIT, VALUE
from pages._ui.shop_clock import ShopClock
from tests.test_eda import assert_one_sentence

IDLE = 1_800
NO_SPREAD = Spread(np.ones(8), np.zeros(8), np.zeros(8), 0.0)
"""All of what is still to come comes, and estimates are exact."""
ALL, LONG = 1_000_000, 1e9


@pytest.fixture(scope="module")
def model(live_home: tuple[Workspace, Run]) -> SessionValueModel:
    return load_model(live_home[1])


@pytest.fixture(scope="module")
def replayer(model: SessionValueModel) -> Replayer:
    return Replayer(model)


def shop_of(replayer: Replayer, start: int, spread: Spread = NO_SPREAD) -> ShopDay:
    """Return a day on which session number u has the final value u."""
    units = replayer.units_of_day(start)
    finals = pl.DataFrame({UNIT: units, VALUE: np.arange(len(units), dtype=np.float64)})
    return replayer.day(start, finals, spread)


def open_by_brute_force(model: SessionValueModel, moment: int, idle: int = IDLE) -> dict[int, tuple[int, int]]:
    """Return unit -> events seen and time of the last event, of the units that are open at a moment."""
    events, units = model.history.as_log
    tested = set(units.filter(pl.col(ROLE) == TEST_ROLE)[UNIT])
    seen: dict[int, list[int]] = {}
    for unit, time_ in events.select(UNIT, TIME).iter_rows():
        if unit in tested and time_ <= moment:
            seen.setdefault(unit, []).append(time_)
    return {unit: (len(times), max(times)) for unit, times in seen.items() if moment - max(times) < idle}


def names_of(model: SessionValueModel) -> dict[int, str]:
    """Return unit -> session id."""
    _, units = model.history.as_log
    return dict(units.join(model.history.ids[SESSION], on=SESSION).select(UNIT, "user_session").iter_rows())


def moments_of(replayer: Replayer) -> list[tuple[int, int]]:
    """Return some (day, moment), one of them right after midnight, when sessions of the day before are open."""
    days = [start for start, _ in replayer.days()]
    by_day = {0: (5, 86_399), 1: (600, 43_200), 3: range(0, SECONDS_PER_DAY + 1, 7_200), -1: (0, 70_000)}
    return [(days[place], days[place] + second) for place, seconds in by_day.items() for second in seconds]


def test_the_days_have_all_events_of_the_test_file(model: SessionValueModel, replayer: Replayer) -> None:
    events, units = model.history.as_log
    times = events.join(units.filter(pl.col(ROLE) == TEST_ROLE), on=UNIT, how="semi")[TIME].to_list()
    counts: dict[int, int] = {}
    for each in times:
        counts[each - each % SECONDS_PER_DAY] = counts.get(each - each % SECONDS_PER_DAY, 0) + 1
    assert replayer.days() == sorted(counts.items())


def test_open_sessions_are_those_with_an_event_in_the_idle_time(model: SessionValueModel, replayer: Replayer) -> None:
    names, n_open = names_of(model), 0
    for day, moment in moments_of(replayer):
        shop, expected = shop_of(replayer, day), open_by_brute_force(model, moment)
        found = shop.at(moment, by="value", limit=ALL, seconds=LONG)
        assert {(row.session, row.estimate.events_seen, row.idle) for row in found.sessions} == {
            (names[unit], seen, moment - last) for unit, (seen, last) in expected.items()
        }
        assert (found.n_open, found.n_waiting) == (len(expected), 0)
        units = replayer.units_of_day(day).to_list()
        assert found.final == sum(units.index(unit) for unit in expected)
        n_open += len(expected)
    assert n_open > 8


def test_a_session_closes_at_the_end_of_the_idle_time(model: SessionValueModel, replayer: Replayer) -> None:
    day = replayer.days()[1][0]
    shop = shop_of(replayer, day)
    unit, (_, last) = next(iter(open_by_brute_force(model, day + 40_000).items()))
    name = names_of(model)[unit]
    for moment, is_open in ((last - 1 + IDLE, True), (last + IDLE, name in names_at(model, last + IDLE))):
        found = shop.at(moment, by="value", limit=ALL, seconds=LONG)
        assert (name in {row.session for row in found.sessions}) == is_open


def names_at(model: SessionValueModel, moment: int) -> set[str]:
    names = names_of(model)
    return {names[unit] for unit in open_by_brute_force(model, moment)}


def test_estimates_are_those_of_the_batch_and_the_total_is_their_sum(
    model: SessionValueModel, replayer: Replayer
) -> None:
    day, moment = moments_of(replayer)[3]
    expected = open_by_brute_force(model, moment)
    units = sorted(expected)
    prefixes = pl.DataFrame({UNIT: units, "events_seen": [expected[unit][0] for unit in units]})
    rows = prefix_rows(whole_history(model.history), model.spec, model.fitted.catalogue, prefixes)
    values = dict(zip((names_of(model)[unit] for unit in units), model.fitted.predict(rows).stack, strict=True))
    found = shop_of(replayer, day).at(moment, by="value", limit=ALL, seconds=LONG)
    assert {row.session: row.estimate.value for row in found.sessions} == pytest.approx(values)
    assert found.total is not None
    assert found.total.value == pytest.approx(sum(values.values()))
    assert found.total.to_come == pytest.approx(sum(row.estimate.to_come for row in found.sessions))
    assert found.total.low == found.total.high == found.total.value


def test_sessions_rank_by_value_or_by_what_is_still_to_come(replayer: Replayer) -> None:
    day, moment = moments_of(replayer)[3]
    shop = shop_of(replayer, day)
    for by in ("value", "to_come"):
        every = shop.at(moment, by=by, limit=ALL, seconds=LONG).sessions
        amounts = [getattr(row.estimate, by) for row in every]
        assert amounts == sorted(amounts, reverse=True)
        assert shop.at(moment, by=by, limit=2, seconds=LONG).sessions == every[:2]


def test_jumps_do_not_change_the_estimates(replayer: Replayer) -> None:
    day = replayer.days()[1][0]
    straight, jumping = shop_of(replayer, day), shop_of(replayer, day)
    moments = [day + hour * 3_600 for hour in range(24)]

    def at(shop: ShopDay, moment: int) -> ShopMoment:
        return shop.at(moment, by="value", limit=ALL, seconds=LONG)

    expected = {moment: at(straight, moment) for moment in moments}
    for moment in np.random.default_rng(0).permutation(moments).tolist():
        assert at(jumping, moment) == expected[moment]


def test_the_line_has_the_totals_of_its_moments_and_follows_when_time_is_short(replayer: Replayer) -> None:
    day = replayer.days()[1][0]
    shop = shop_of(replayer, day)
    until = day + 36_000
    n_points = 36_000 // STEP_SECONDS + 1
    lengths = [len(shop.line(until, seconds=0.002))]
    while lengths[-1] < n_points:
        lengths.append(len(shop.line(until, seconds=0.002)))
    assert len(lengths) > 1
    assert lengths == sorted(lengths)
    other = shop_of(replayer, day)
    for point in shop.line(until, seconds=0.0)[::10]:
        assert point == other.at(point.moment, by="value", limit=1, seconds=LONG).as_point()
    assert len(shop.line(day + SECONDS_PER_DAY + 999, seconds=LONG)) == SECONDS_PER_DAY // STEP_SECONDS + 1
    assert len(shop.line(day, seconds=LONG)) == 1
    assert shop.line(day - 5 * STEP_SECONDS, seconds=LONG) == []


def test_sessions_without_an_estimate_in_time_are_counted(replayer: Replayer) -> None:
    day, moment = moments_of(replayer)[3]
    found = shop_of(replayer, day).at(moment, by="value", limit=ALL, seconds=-1.0)
    assert found.n_waiting == found.n_open > 0
    assert found.sessions == ()


def test_every_estimate_is_computed_once(replayer: Replayer, monkeypatch: pytest.MonkeyPatch) -> None:
    day = replayer.days()[1][0]
    shop, updates = shop_of(replayer, day), []
    update = LiveScorer.update
    monkeypatch.setattr(LiveScorer, "update", lambda self, event: updates.append(event) or update(self, event))
    for _ in range(3):
        shop.line(day + SECONDS_PER_DAY, seconds=LONG)
    assert 0 < len(updates) == len({(event.session, event.user, event.id) for event in updates})


def test_the_idle_time_is_that_of_the_mapping(model: SessionValueModel, replayer: Replayer) -> None:
    assert replayer.idle_seconds == IDLE
    other = Replayer(replace(model, mapping=model.mapping.model_copy(update={"session_gap_minutes": 2.5})))
    assert other.idle_seconds == 150
    day, moment = moments_of(other)[3]
    found = shop_of(other, day).at(moment, by="value", limit=ALL, seconds=LONG)
    assert found.n_open == len(open_by_brute_force(model, moment, idle=150))


def test_a_scorer_that_learns_shares_no_history(model: SessionValueModel) -> None:
    with pytest.raises(ValueError, match="cannot share its history"):
        LiveScorer(model).with_own_sessions()


def test_final_values_are_the_actual_ones_or_those_at_recovered_prices(
    model: SessionValueModel, live_home: tuple[Workspace, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = Dataset(live_home[0].datasets / live_home[1].manifest.dataset)
    _, units = model.history.as_log
    tested = units.filter(pl.col(ROLE) == TEST_ROLE).head(40)
    at_prices = final_values(model, dataset, tested[UNIT])
    assert not at_prices["is_actual"].any()
    predicted = model.predict_units(tested[UNIT]).stack
    assert np.corrcoef(at_prices[VALUE], predicted)[0, 1] > 0.9  # the model starts from these values
    sessions = tested[SESSION].unique(maintain_order=True)[:5]
    actual = pl.DataFrame({SESSION: sessions, VALUE: [10.0, 20.0, None, 40.0, 50.0]})
    monkeypatch.setattr(Dataset, "actual_values", lambda _: actual)
    found = final_values(model, dataset, tested[UNIT])
    for row, session, prices in zip(found.iter_rows(named=True), tested[SESSION], at_prices[VALUE], strict=True):
        known = dict(actual.iter_rows()).get(session)
        n_users = tested[SESSION].to_list().count(session)
        assert row["is_actual"] == (known is not None)
        assert row[VALUE] == (prices if known is None else known / n_users)


# --- the chart --------------------------------------------------------------------------------------------------------


def test_the_chart_of_the_total_has_a_row_per_moment() -> None:
    points = [(1_750_000_000, 3, 50.0, 40.0, 70.0, 55.0), (1_750_000_600, 2, 30.0, 20.0, inf, None)]
    data = shop_line.frame(points)
    assert data["high"].to_list() == [70.0, None]
    assert data["time"].dt.strftime("%H:%M:%S").to_list() == ["15:06:40", "15:16:40"]
    for sentence in (shop_line.finding(2, 30.0, 20.0, inf, None), shop_line.finding(1, 5.0, 4.0, 7.0, 5.5)):
        assert_one_sentence(sentence)
    assert shop_line.finding(0, 0.0, 0.0, 0.0, None) == "No session is open."
    spec = shop_line.figure(data, (1_749_945_600, 1_750_032_000)).to_dict()
    assert "15:06" not in spec["description"]
    assert len(next(iter(spec["datasets"].values()))) == 2


# --- the clock --------------------------------------------------------------------------------------------------------


def test_the_clock_runs_at_its_speed_and_stops_at_the_end_of_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    clock = ShopClock(day=86_400, speed=60)
    assert clock.moment == 86_400 + 9 * 3_600
    clock.start()
    now += 10
    assert clock.moment == 86_400 + 9 * 3_600 + 600
    clock.set_speed(600)
    now += 1
    assert f"{clock.time_of_day:%H:%M}" == "09:20"
    clock.pause()
    now += 100
    assert f"{clock.time_of_day:%H:%M}" == "09:20"
    clock.start()
    now += 24 * 3_600
    assert clock.has_ended
    assert (clock.moment, f"{clock.time_of_day:%H:%M}") == (2 * 86_400, "23:59")
    clock.pause()
    clock.start()
    assert clock.moment == 86_400


# --- the service ------------------------------------------------------------------------------------------------------

SESSION_ROW = {
    "session": "s1", "user": "u1", "value": 30.0, "low": 10.0, "high": None, "low_95": 5.0, "high_95": None,
    "p_buy": 0.2, "secured": 0.0, "to_come": 30.0, "events_seen": 3, "seconds": 40, "reasons": [],
    "labels": ["new"], "idle": 12.5,
}  # fmt: skip
FORECAST = {"value": 30.0, "to_come": 30.0, "low": 10.0, "high": None}


@contextmanager
def answering(status: int, body: str, location: str = "") -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Serve one answer to all requests, and yield the address and the path and token of each request."""
    requests: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append((self.path, self.headers.get("Authorization", "")))
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_open_sessions_of_a_service_are_those_of_its_answer() -> None:
    body = json.dumps({"open": 7, "forecast": FORECAST, "sessions": [SESSION_ROW]})
    with answering(200, body) as (address, requests):
        found = ask_service(address + "/", "secret", by="to_come", limit=5)
    assert requests == [("/v1/sessions?limit=5&by=to_come", "Bearer secret")]
    assert (found.n_open, found.total, found.final) == (7, (7, 30.0, 30.0, 10.0, inf), None)
    (row,) = found.sessions
    assert (row.session, row.idle, row.estimate.value, row.estimate.high) == ("s1", 12.5, 30.0, inf)
    with answering(200, json.dumps({"open": 0, "forecast": None, "sessions": []})) as (address, requests):
        assert ask_service(address, "", by="value", limit=5).total is None
    assert requests[0][1] == ""


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, "", "service_token_refused"),
        (403, "", "service_token_refused"),
        (500, "", "service_answer_unusable"),
        (200, "<html>", "service_answer_unusable"),
        (200, '{"open": -1}', "service_answer_unusable"),
        (200, " " * (1 << 23), "service_answer_unusable"),
    ],
)
def test_another_answer_is_one_sentence(status: int, body: str, code: str) -> None:
    with answering(status, body) as (address, _), pytest.raises(ServiceError) as caught:
        ask_service(address, "", by="value", limit=5)
    assert caught.value.code == code


def test_a_redirection_is_not_followed() -> None:
    body = json.dumps({"open": 0, "forecast": FORECAST, "sessions": []})
    with answering(200, body) as (other, others), answering(302, "", f"{other}/v1/sessions") as (address, _):
        with pytest.raises(ServiceError, match="status 302"):
            ask_service(address, "secret", by="value", limit=5)
        assert others == []


def test_a_service_that_does_not_run_is_named() -> None:
    with answering(200, "") as (address, _):
        pass
    with pytest.raises(ServiceError, match="No service answers at http://127"):
        ask_service(address, "", by="value", limit=5)


@pytest.mark.parametrize(
    "address",
    ["", "127.0.0.1:8600", "ftp://127.0.0.1", "file:///etc/passwd", "http://", "http://u:p@127.0.0.1", "http://a/b?c=d",
     "http://[::1", "http://a b", "http://127.0.0.1:0", "http://127.0.0.1:99999", "http://a\r\nX: y"],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ServiceError) as caught:
        service_host(address)
    assert caught.value.code == "not_a_service_address"
    assert service_host("http://[::1]:8600/") == "::1"
