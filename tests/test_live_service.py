"""The service: estimates over HTTP, refusals in one sentence, expiry, and a state that survives kill -9."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette

from core.base.workspace import Workspace
from core.cli.main import main
from core.config import RunConfig
from core.errors import RunError
from core.ingestion import InputFiles
from core.live import Event, LiveScorer
from core.live.forecast import Spread, total_forecast
from core.live.rules import Rules
from core.live.service import EventStore, ServedModel, SessionService, application, find_state
from core.live.service.handlers import MAX_BODY
from core.live.service.rate_limit import RateLimit
from core.model import SessionValueModel, load_model
from core.pipeline.run import run as run_pipeline
from core.runs import Run
from core.runs.store import PREFIXES_FILE

NOON = 2_000_000_000
VIEW = {"session": "s1", "user": "u1", "product": "p1", "category": "c1", "type": "VIEW", "time": NOON}


@pytest.fixture(scope="module")
def live_run(small_files: InputFiles, tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = RunConfig.checked(purpose="live", learners=("lightgbm",), folds=2)
    return run_pipeline(small_files, config, Workspace(tmp_path_factory.mktemp("service")))


@pytest.fixture(scope="module")
def model(live_run: Run) -> SessionValueModel:
    return load_model(live_run)


class Clock:
    """A clock that a test sets."""

    now = float(NOON)

    def __call__(self) -> float:
        return self.now


def service_of(model: SessionValueModel, state: Path, clock: Clock, **limits: int) -> SessionService:
    return SessionService(served_of(model), EventStore(state, "run"), clock=clock, **limits)  # type: ignore[arg-type]


def served_of(model: SessionValueModel, spread: Spread | None = None) -> ServedModel:
    return ServedModel("run", "run", model, LiveScorer(model), spread)


def call(
    app: Starlette, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Send a request to an application, and return the status and the JSON of the answer."""
    return asyncio.run(call_async(app, method, path, body, headers))


async def call_async(
    app: Starlette, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Send a request to an application, and return the status and the JSON of the answer."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    path, _, query = path.partition("?")
    sent: list[dict[str, Any]] = []
    names = {"host": "localhost:8600"} | (headers or {})
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in names.items()],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    text = b"".join(message.get("body", b"") for message in sent).decode()
    try:
        return sent[0]["status"], json.loads(text)
    except json.JSONDecodeError:
        return sent[0]["status"], text


@pytest.fixture
def app(model: SessionValueModel, tmp_path: Path) -> Starlette:
    return application(service_of(model, tmp_path / "state.sqlite", Clock()))


def test_an_event_is_answered_with_the_estimate_of_the_scorer(app: Starlette, model: SessionValueModel) -> None:
    expected = LiveScorer(model).update(Event("s1", "u1", "p1", "c1", "VIEW", NOON))
    status, answer = call(app, "POST", "/v1/events", VIEW)
    (estimate,) = answer["estimates"]
    assert status == 200
    assert estimate["value"] == expected.value
    assert (estimate["session"], estimate["user"], estimate["events_seen"]) == ("s1", "u1", 1)
    assert call(app, "GET", "/v1/sessions/s1") == (200, answer)


def test_a_batch_is_answered_with_one_estimate_per_session(app: Starlette) -> None:
    later = VIEW | {"time": "2033-05-18T03:33:30+00:00", "type": "buy"}
    status, answer = call(app, "POST", "/v1/events?reasons=1", [VIEW, VIEW | {"session": "s2", "user": ""}, later])
    assert status == 200
    first, second = answer["estimates"]
    assert (first["session"], first["events_seen"], first["p_buy"]) == ("s1", 2, 1.0)
    assert (second["session"], second["user"], second["events_seen"]) == ("s2", "s2", 1)
    assert {"group", "effect"} == set(first["reasons"][0])


def test_estimates_have_the_labels_of_the_rules_which_survive_a_restart(
    model: SessionValueModel, tmp_path: Path
) -> None:
    clock, state = Clock(), tmp_path / "state.sqlite"
    service = service_of(model, state, clock)
    app = application(service)
    assert call(app, "GET", "/v1/rules") == (200, {"rules": []})
    assert call(app, "POST", "/v1/events", VIEW)[1]["estimates"][0]["labels"] == []
    rules = {"rules": [{"label": "any", "events_seen_above": 0.0}, {"label": "two", "events_seen_above": 1.0}]}
    assert call(app, "PUT", "/v1/rules", rules) == (200, rules)
    assert call(app, "GET", "/v1/sessions/s1")[1]["estimates"][0]["labels"] == ["any"]
    assert call(app, "POST", "/v1/events", VIEW)[1]["estimates"][0]["labels"] == ["any", "two"]
    assert call(app, "GET", "/v1/sessions")[1]["sessions"][0]["labels"] == ["any", "two"]
    for wrong in ({"rules": [{"label": "x"}]}, {"rules": 3}, [], b"{", {"rules": [{"label": "x", "value_above": "1"}]}):
        status, answer = call(app, "PUT", "/v1/rules", wrong)
        assert (status, list(answer)) == (422, ["error"])
    assert call(app, "PUT", "/v1/rules", b" " * (MAX_BODY + 1))[0] == 413
    service.store.close()
    assert service_of(model, state, clock).rules.records() == rules["rules"]
    service_of_file = SessionService(served_of(model), EventStore(tmp_path / "other", "run"), rules=Rules())
    assert service_of_file.rules.records() == []


def test_open_sessions_are_ranked_with_their_total(live_run: Run, model: SessionValueModel, tmp_path: Path) -> None:
    clock = Clock()
    spread = Spread.observed(live_run.table(PREFIXES_FILE).collect(), model.history)
    store = EventStore(tmp_path / "state.sqlite", "run")
    app = application(SessionService(served_of(model, spread), store, clock=clock))
    assert call(app, "GET", "/v1/sessions")[1]["forecast"]["value"] == 0
    bought = [VIEW | {"session": f"s{n}", "type": kind} for n, kind in enumerate(["VIEW", "BUY", "ADD_CART"])]
    _, sent = call(app, "POST", "/v1/events", bought)
    clock.now += 40
    for by in ("value", "to_come"):
        status, answer = call(app, "GET", f"/v1/sessions?limit=2&by={by}")
        expected = sorted(sent["estimates"], key=lambda each: -each[by])[:2]
        assert (status, answer["open"]) == (200, 3)
        assert answer["sessions"] == [each | {"idle": 40.0} for each in expected]
    value, low, high, to_come = ([each[n] for each in sent["estimates"]] for n in ("value", "low", "high", "to_come"))
    total = total_forecast(*map(np.array, (value, low, high)), spread, to_come=np.array(to_come), idle=np.full(3, 40.0))
    assert answer["forecast"] == pytest.approx({name: getattr(total, name) for name in answer["forecast"]})
    again = application(service_of(model, tmp_path / "again.sqlite", clock))
    assert call(again, "GET", "/v1/sessions")[1] == {"open": 0, "forecast": None, "sessions": []}


@pytest.mark.parametrize("query", ["limit=1001", "limit=-1", "limit=x", "limit=1e3", "by=age", f"limit={'9' * 5_000}"])
def test_a_wrong_list_of_sessions_is_refused_in_one_sentence(app: Starlette, query: str) -> None:
    status, answer = call(app, "GET", f"/v1/sessions?{query}")
    assert (status, answer["error"].split(" ")[0]) == (422, query.partition("=")[0])


def test_an_event_with_an_id_counts_once(app: Starlette) -> None:
    for _ in range(3):
        _, answer = call(app, "POST", "/v1/events", [VIEW | {"id": "e1"}, VIEW | {"id": "e2"}])
    assert answer["estimates"][0]["events_seen"] == 2


def test_ids_may_have_any_characters(app: Starlette) -> None:
    for session in ("a/b", "../../etc", "x\x00y", "naïve ☃", "'; DROP TABLE events; --"):
        status, answer = call(app, "POST", "/v1/events", VIEW | {"session": session, "product": session})
        assert (status, answer["estimates"][0]["events_seen"]) == (200, 1)
        assert call(app, "GET", f"/v1/sessions/{session}")[0] == 200


def test_after_a_restart_the_list_has_all_sessions(model: SessionValueModel, tmp_path: Path) -> None:
    state, clock = tmp_path / "state.sqlite", Clock()
    service = service_of(model, state, clock)
    app = application(service)
    call(app, "POST", "/v1/events", many_events(120))
    before = call(app, "GET", "/v1/sessions?limit=1000")[1]
    service.store.close()
    again = application(service_of(model, state, clock))
    assert call(again, "GET", "/v1/sessions?limit=1000")[1] == before
    assert (before["open"], len(before["sessions"])) == (120, 120)


def test_a_closed_session_is_not_open(app: Starlette) -> None:
    call(app, "POST", "/v1/events", VIEW)
    assert call(app, "DELETE", "/v1/sessions/s1")[0] == 204
    assert call(app, "DELETE", "/v1/sessions/s1")[0] == 404
    assert call(app, "GET", "/v1/sessions/s1") == (404, {"error": "The session is not open."})


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "EOF"),
        (b"not json", "expected"),
        (b"[" * 100_000, "recursion limit"),
        (b'{"session": NaN}', "session: Input should be a valid string"),
        (b'{"session": "\\ud800"}', "end of hex escape"),
        (VIEW | {"time": 17}, "time: Input should be greater than or equal to 946684800"),
        (VIEW | {"time": 1e300}, "time"),
        (VIEW | {"time": "yesterday"}, "time: Value error"),
        (VIEW | {"time": "2025-06-02T12:00:00"}, "a time needs an offset"),
        (VIEW | {"type": "LOOK"}, "type: Input should be 'VIEW', 'ADD_CART', 'REMOVE_CART' or 'BUY'"),
        (VIEW | {"session": ""}, "session: String should have at least 1 character"),
        (VIEW | {"product": "p" * 257}, "product: String should have at most 256 characters"),
        (VIEW | {"price": 3}, "price: Extra inputs are not permitted"),
        ([VIEW, {}], "1.session: Field required"),
        ([VIEW] * 1_001, "at most 1000 items"),
        ("text", "object"),
        (7, "object"),
    ],
)
def test_a_body_that_is_no_event_is_refused_in_one_sentence(app: Starlette, body: object, part: str) -> None:
    status, answer = call(app, "POST", "/v1/events", body)
    assert status == 422
    assert part in answer["error"]
    assert call(app, "GET", "/v1/sessions/s1")[0] == 404


def test_a_large_body_is_refused(app: Starlette) -> None:
    assert call(app, "POST", "/v1/events", b" " * (MAX_BODY + 1))[0] == 413


def test_without_a_token_only_localhost_is_answered(app: Starlette) -> None:
    status, answer = call(app, "POST", "/v1/events", VIEW, {"host": "evil.example:8600"})
    assert (status, "localhost" in answer["error"]) == (403, True)


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://shop.example", 403), ("null", 403), ("http://localhost.example", 403), ("http://localhost:8501", 200)],
)
def test_pages_of_other_addresses_cannot_send_events(app: Starlette, origin: str, status: int) -> None:
    assert call(app, "POST", "/v1/events", VIEW, {"origin": origin})[0] == status
    assert call(app, "GET", "/v1/sessions/s1")[0] == (200 if status == 200 else 404)


def test_a_state_that_is_locked_for_a_moment_is_not_taken_for_that_of_another_run(tmp_path: Path) -> None:
    store = EventStore(tmp_path / "first.sqlite", "first")
    store.change_run("second", 0)
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(find_state, tmp_path, "second")
        time.sleep(0.3)
        store.close()
        assert found.result() == tmp_path / "first.sqlite"


def test_one_service_uses_a_state_at_a_time(tmp_path: Path) -> None:
    store = EventStore(tmp_path / "state.sqlite", "run")
    with pytest.raises(RunError, match="database is locked"):
        EventStore(tmp_path / "state.sqlite", "run")
    store.close()
    EventStore(tmp_path / "state.sqlite", "run").close()


def test_a_full_disk_is_named_and_loses_nothing(model: SessionValueModel, tmp_path: Path) -> None:
    clock, store = Clock(), EventStore(tmp_path / "state.sqlite", "run")
    app = application(SessionService(served_of(model), store, clock=clock))
    assert call(app, "POST", "/v1/events", VIEW)[0] == 200
    store._connection.execute("PRAGMA max_page_count = 1")  # SQLite raises it to the present size
    big = [VIEW | {"id": f"{number:0256}"} for number in range(900)]
    status, answer = call(app, "POST", "/v1/events", big)
    assert (status, "database or disk is full" in answer["error"]) == (503, True)
    store._connection.execute("PRAGMA max_page_count = 1000000")
    status, answer = call(app, "GET", "/v1/sessions/s1")
    assert (status, answer["estimates"][0]["events_seen"]) == (200, 1)
    assert call(app, "POST", "/v1/events", VIEW)[0] == 200


def test_requests_of_one_tick_share_a_transaction_and_an_error(
    model: SessionValueModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = service_of(model, tmp_path / "state.sqlite", Clock(), max_sessions=3)
    app, transactions, add = application(service), [], service.store.add
    monkeypatch.setattr(service.store, "add", lambda events, now: transactions.append(events) or add(events, now))

    async def all_at_once() -> list[Any]:
        events = [VIEW | {"session": name} for name in "abcda"]
        calls = [call_async(app, "POST", "/v1/events", event) for event in events]
        return await asyncio.gather(*calls, return_exceptions=True)

    answers = asyncio.run(all_at_once())
    assert [status for status, _ in answers] == [200, 200, 200, 429, 200]
    assert [len(events) for events in transactions] == [4]
    assert [answers[place][1]["estimates"][0]["events_seen"] for place in (0, 1, 4)] == [2, 1, 2]
    monkeypatch.setattr(service.store, "add", lambda events, now: 1 / 0)
    assert {type(error) for error in asyncio.run(all_at_once())[:3]} == {ZeroDivisionError}


def test_with_a_token_every_request_needs_it(model: SessionValueModel, tmp_path: Path) -> None:
    app = application(service_of(model, tmp_path / "state.sqlite", Clock()), token="secret")
    for headers in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "secret"},
        {"authorization": "Bearer \xe9"},
    ):
        assert call(app, "POST", "/v1/events", VIEW, headers)[0] == 401
        assert call(app, "GET", "/metrics", None, headers)[0] == 401
    assert call(app, "GET", "/health")[0] == 200
    allowed = {"authorization": "Bearer secret", "host": "shop.example"}
    assert call(app, "POST", "/v1/events", VIEW, allowed)[0] == 200


def test_metrics_count_events_and_answers(app: Starlette) -> None:
    call(app, "POST", "/v1/events", [VIEW, VIEW | {"session": "s2"}])
    call(app, "POST", "/v1/events", b"?")
    _, text = call(app, "GET", "/metrics")
    assert "svs_open_sessions 2\n" in text
    assert "svs_events_total 2\n" in text
    assert 'svs_requests_total{path="/v1/events",status="422"} 1\n' in text


def test_the_description_has_the_routes_and_the_fields_of_the_service(app: Starlette) -> None:
    status, found = call(app, "GET", "/openapi.json")
    described = {(path, method.upper()) for path, methods in found["paths"].items() for method in methods}
    routed = {
        (route.path.replace(":path", ""), method)
        for route in app.routes
        for method in route.methods  # type: ignore[attr-defined]  # all are routes with methods
        if method != "HEAD"
    }
    assert (status, described) == (200, routed)
    schemas = found["components"]["schemas"]
    _, answer = call(app, "POST", "/v1/events", VIEW)
    assert set(answer["estimates"][0]) == set(schemas["EstimateMessage"]["properties"])
    assert set(schemas["EventMessage"]["required"]) == {"session", "type", "time"}


def test_idle_sessions_expire_and_their_events_stay_history(model: SessionValueModel, tmp_path: Path) -> None:
    clock = Clock()
    service = service_of(model, tmp_path / "state.sqlite", clock, idle_seconds=100)
    service.receive([Event("a", "u", "p", "c", "VIEW", NOON)])
    clock.now += 60
    service.receive([Event("b", "u", "p", "c", "VIEW", NOON + 60)])
    clock.now += 60
    assert service.estimates("a") == {}
    assert list(service.estimates("b")) == [("b", "u")]
    (estimate,) = service.receive([Event("a", "u", "p", "c", "VIEW", NOON + 120)]).values()
    assert estimate.events_seen == 1
    before = [service.estimates(session) for session in "ab"]
    service.store.close()
    again = service_of(model, tmp_path / "state.sqlite", clock, idle_seconds=100)
    assert [again.estimates(session) for session in "ab"] == before


def test_no_more_sessions_are_opened_than_allowed(model: SessionValueModel, tmp_path: Path) -> None:
    app = application(service_of(model, tmp_path / "state.sqlite", Clock(), max_sessions=2))
    events = [VIEW | {"session": name} for name in "abc"]
    assert call(app, "POST", "/v1/events", events)[0] == 429
    assert call(app, "GET", "/v1/sessions/a")[0] == 404
    assert call(app, "POST", "/v1/events", events[:2])[0] == 200
    assert call(app, "POST", "/v1/events", events[:2])[0] == 200
    assert call(app, "POST", "/v1/events", events[2])[0] == 429


def test_a_session_has_a_bounded_number_of_events(app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.live.service.sessions.MAX_EVENTS", 3)
    assert call(app, "POST", "/v1/events", [VIEW] * 2)[0] == 200
    status, answer = call(app, "POST", "/v1/events", [VIEW] * 2)
    assert (status, answer["error"].startswith("A session has at most 3 events.")) == (429, True)
    assert call(app, "GET", "/v1/sessions/s1")[1]["estimates"][0]["events_seen"] == 2
    call(app, "DELETE", "/v1/sessions/s1")
    assert call(app, "POST", "/v1/events", [VIEW] * 3)[0] == 200


def test_reasons_are_given_for_a_bounded_number_of_sessions(app: Starlette, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.live.service.sessions.MAX_REASONS", 2)
    events = [VIEW | {"session": name} for name in "abc"]
    assert call(app, "POST", "/v1/events?reasons=1", events)[0] == 429
    assert call(app, "POST", "/v1/events?reasons=1", events[:2])[0] == 200
    assert call(app, "POST", "/v1/events", events)[0] == 200


def test_a_state_belongs_to_its_run(tmp_path: Path) -> None:
    EventStore(tmp_path / "state.sqlite", "one").close()
    with pytest.raises(RunError, match="has the events of a service with the run one, not with two"):
        EventStore(tmp_path / "state.sqlite", "two")
    (tmp_path / "text.sqlite").write_text("no database" * 100)
    with pytest.raises(RunError, match="cannot store the events"):
        EventStore(tmp_path / "text.sqlite", "one")


def test_other_machines_need_a_token(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("SVS_TOKEN", raising=False)
    assert main(["serve", "--run", "x", "--host", "0.0.0.0"]) == 2  # noqa: S104 (what is refused)
    assert "has no token" in capsys.readouterr().err


# --- whole sessions, comparisons, limits of events, other runs ------------------------------------------------------
def test_whole_sessions_are_valued_and_not_counted(app: Starlette, model: SessionValueModel) -> None:
    of_session = [{name: VIEW[name] for name in ("product", "category", "type", "time")}] * 3
    body = {
        "sessions": [{"session": "a", "user": "u", "events": of_session}, {"session": "b", "events": of_session[:1]}]
    }
    status, answer = call(app, "POST", "/v1/score", body)
    scorer = LiveScorer(model)
    for _ in range(3):
        expected = scorer.update(Event("a", "u", "p1", "c1", "VIEW", NOON))
    assert (status, [each["events_seen"] for each in answer["estimates"]]) == (200, [3, 1])
    assert answer["estimates"][0]["value"] == pytest.approx(expected.value, rel=1e-12)
    assert answer["estimates"][1]["user"] == "b"
    assert call(app, "GET", "/v1/sessions")[1]["open"] == 0
    for wrong in (b"", {"sessions": [{"session": "a", "events": []}]}, {"sessions": 3}, {"sessions": [{"events": []}]}):
        assert call(app, "POST", "/v1/score", wrong)[0] == 422
    many = {"sessions": [{"session": name, "events": of_session * 200} for name in "ab"]}
    status, answer = call(app, "POST", "/v1/score", many)
    assert (status, "the sessions have more than 1,000 events together" in answer["error"]) == (422, True)
    assert call(app, "POST", "/v1/score", {"sessions": []}) == (200, {"estimates": []})


def many_events(n_sessions: int) -> list[dict[str, Any]]:
    """Return events of sessions that share users and products, one after the other."""
    return [
        VIEW
        | {"session": f"s{number}", "user": f"u{number % 7}", "product": f"p{(number + place) % 11}", "id": f"{place}"}
        | {"time": NOON + 50 * number + place * 7, "type": ["VIEW", "ADD_CART", "BUY"][(number * place) % 3]}
        for number in range(n_sessions)
        for place in range(1 + number % 4)
    ]


def test_received_sessions_equal_the_batch_before_and_after_a_restart(model: SessionValueModel, tmp_path: Path) -> None:
    events, service = many_events(30), service_of(model, tmp_path / "state.sqlite", Clock())
    app = application(service)
    assert call(app, "GET", "/v1/parity")[0] == 404
    assert call(app, "POST", "/v1/parity") == (200, {"sessions": 0, "prefixes": 0, "mismatches": 0, "examples": []})
    call(app, "POST", "/v1/events", events)
    call(app, "DELETE", "/v1/sessions/s5")
    call(app, "POST", "/v1/events", [VIEW | {"session": "s5", "user": "u5", "time": NOON + 9_000}])
    status, result = call(app, "POST", "/v1/parity")
    assert (status, result) == (
        200,
        {"sessions": 31, "prefixes": len(events) + 1, "mismatches": 0, "examples": []},
    )
    assert call(app, "GET", "/v1/parity") == (200, result)
    service.store.close()
    again = application(service_of(model, tmp_path / "state.sqlite", Clock()))
    assert call(again, "POST", "/v1/parity") == (200, result)


def test_a_comparison_finds_what_differs(model: SessionValueModel, tmp_path: Path) -> None:
    service = service_of(model, tmp_path / "state.sqlite", Clock())
    app = application(service)
    call(app, "POST", "/v1/events", many_events(3))
    # the scorer learns of a visit that the store does not have
    service.served.scorer.observe(Event("other", "u1", "p1", "c1", "VIEW", NOON - 500))
    result = call(app, "POST", "/v1/parity")[1]
    assert result["mismatches"] == len(result["examples"]) > 0
    columns = {each["user"]: each["columns"] for each in result["examples"]}
    assert "user_is_known" in columns["u1"]
    assert "user_is_known" not in columns.get("u0", [])


def test_an_address_may_send_so_many_events_a_second() -> None:
    clock = Clock()
    limit = RateLimit(10, burst=20, clock=clock)
    assert [limit.seconds_to_wait("a", 10) for _ in range(3)] == [0, 0, 1]
    assert limit.seconds_to_wait("a", 20) == 2
    assert limit.seconds_to_wait("b", 20) == 0
    clock.now += 0.5
    assert [limit.seconds_to_wait("a", 5), limit.seconds_to_wait("a", 1)] == [0, 1]
    assert RateLimit(0, burst=1).seconds_to_wait("a", 1_000_000) == 0


def test_a_client_that_is_too_fast_is_told_when_to_try_again(model: SessionValueModel, tmp_path: Path) -> None:
    app = application(service_of(model, tmp_path / "state.sqlite", Clock()), rate=1)
    assert call(app, "POST", "/v1/events", [VIEW] * 900)[0] == 200
    status, answer = call(app, "POST", "/v1/events", [VIEW] * 900)
    assert (status, answer["error"].startswith("This address sends more events than allowed.")) == (429, True)
    assert call(app, "GET", "/health")[0] == 200


def other_run(live_run: Run, model: SessionValueModel) -> ServedModel:
    """Return another model: that of the run, with a purchase probability of its own."""
    assert model.fitted.buy is not None
    buy = replace(model.fitted.buy, intercept=model.fitted.buy.intercept - 3.0)
    changed = replace(model, fitted=replace(model.fitted, buy=buy))
    return ServedModel("next", "next", changed, LiveScorer(changed), None)


def test_the_run_changes_without_a_missed_request(live_run: Run, model: SessionValueModel, tmp_path: Path) -> None:
    clock, state = Clock(), tmp_path / "state.sqlite"
    service, events = service_of(model, state, clock), many_events(400)

    def load(name: str) -> ServedModel:
        if name != "next":
            raise RunError.unknown("run", name, [])
        return other_run(live_run, model)

    app = application(service, load=load, rate=0)
    answers: list[tuple[int, Any]] = []

    async def client(number: int) -> None:
        for event in events[number::4]:
            answers.append(await call_async(app, "POST", "/v1/events", event))
            await asyncio.sleep(0.001)

    async def change() -> list[tuple[int, Any]]:
        await asyncio.sleep(0.05)
        first, second = (
            call_async(app, "POST", "/v1/run", {"run": "next"}),
            call_async(app, "POST", "/v1/run", {"run": "next"}),
        )
        return list(await asyncio.gather(first, second))

    async def all_at_once() -> list[tuple[int, Any]]:
        changes, *_ = await asyncio.gather(change(), *(client(number) for number in range(4)))
        return changes

    changes = asyncio.run(all_at_once())
    assert changes == [
        (200, {"run": "next", "own": []}),
        (409, {"error": "Another run is being loaded. Try again when it predicts the sessions."}),
    ]
    assert {status for status, _ in answers} == {200}
    assert len(answers) == len(events)
    expected = other_run(live_run, model).scorer
    for event in events:
        expected.observe(Event(**event))
    listed = call(app, "GET", "/v1/sessions?limit=1000")[1]["sessions"]
    assert len(listed) == 400
    for each in listed:
        estimate = expected.estimate(each["session"], each["user"])
        assert estimate is not None
        assert (each["events_seen"], each["p_buy"]) == (estimate.events_seen, pytest.approx(estimate.p_buy, rel=1e-9))
        assert each["value"] == pytest.approx(estimate.value, rel=1e-9)
    status, answer = call(app, "POST", "/v1/run", {"run": "gone"})
    assert (status, answer["error"]) == (422, "There is no run named gone. There is no run yet.")
    for name in ("../runs/x", "/etc", "", "a" * 101, "."):
        assert call(app, "POST", "/v1/run", {"run": name})[0] == 422
    before = service.estimates("s7")
    service.store.close()
    with pytest.raises(RunError, match="has the events of a service with the run next"):
        EventStore(state, "run")
    again = SessionService(other_run(live_run, model), EventStore(state, "next"), clock=clock)
    assert again.estimates("s7") == before != {}
    assert again.n_open == 400
    again.store.close()
    assert find_state(tmp_path, "next") == state


def test_events_that_the_next_model_knows_are_not_counted_as_history_again(
    model: SessionValueModel, tmp_path: Path
) -> None:
    known_until = ServedModel("run", "run", model, LiveScorer(model), None).history_end
    store = EventStore(tmp_path / "state.sqlite", "run")
    times = [known_until - 10, known_until + 10]
    store.add([Event("a", "u", "p", "c", "VIEW", time) for time in times], NOON)
    assert [stored.is_history for stored in store.replay()] == [True, True]
    store.change_run("next", known_until)
    store.add([Event("b", "u", "p", "c", "VIEW", times[0])], NOON)
    for _ in range(2):
        assert [stored.is_history for stored in store.replay()] == [False, True, True]
        store.close()
        store = EventStore(tmp_path / "state.sqlite", "next")
    store.close()


def test_the_state_of_a_run_is_found_under_any_name(tmp_path: Path) -> None:
    assert find_state(tmp_path, "a") == tmp_path / "a.sqlite"
    store = EventStore(tmp_path / "a.sqlite", "a")
    store.change_run("b", 0)
    store.close()
    assert find_state(tmp_path, "b") == tmp_path / "a.sqlite"
    assert find_state(tmp_path, "a") == tmp_path / "a-2.sqlite"
    (tmp_path / "c.sqlite").write_text("no database" * 100)
    assert find_state(tmp_path, "d") == tmp_path / "d.sqlite"
    assert find_state(tmp_path, "c") == tmp_path / "c.sqlite"  # not a new file without the events of c


def test_a_second_service_of_a_run_is_refused(tmp_path: Path) -> None:
    store = EventStore(tmp_path / "a.sqlite", "a")
    store.add([Event("s", "u", "p", "c", "VIEW", 1)], NOON)
    state = find_state(tmp_path, "a")
    with pytest.raises(RunError, match="database is locked"):
        EventStore(state, "a")
    store.close()
    again = EventStore(state, "a")
    assert len(list(again.replay())) == 1
    again.close()


def test_only_a_known_id_makes_an_event_a_repeat(tmp_path: Path) -> None:
    store = EventStore(tmp_path / "a.sqlite", "a")
    event = Event("s", "u", "p", "c", "VIEW", 1, "1")
    assert store.add([event, event, replace(event, session="t")], NOON) == [True, False, True]
    without_product: Any = replace(event, id="3", product=None)  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        store.add([replace(event, id="2"), without_product], NOON)
    assert len(list(store.replay())) == 2  # nothing of the refused request
    store.close()
