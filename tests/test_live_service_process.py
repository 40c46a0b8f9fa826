"""The service as a process: it survives kill -9 and hostile requests, and answers as its description says."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from core.base.workspace import Workspace
from core.config import RunConfig
from core.demo import write_demo
from core.ingestion import InputFiles
from core.ingestion.mapping import load_mapping
from core.live import LiveScorer
from core.live.service import EventStore
from core.live.service.openapi import description
from core.pipeline.run import run as run_pipeline
from core.runs import Run

NOON = 2_000_000_000
VIEW = {"session": "s1", "user": "u1", "product": "p1", "category": "c1", "type": "VIEW", "time": NOON}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OPERATIONS = [(path, method) for path, methods in description()["paths"].items() for method in methods]


@pytest.fixture(scope="module")
def live_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with the extra columns of the demo: price, brand and device."""
    folder = tmp_path_factory.mktemp("service")
    write_demo(folder, sessions=800, seed=1, own_columns=True)
    files = InputFiles(folder / "train.csv", folder / "test.csv", mapping=load_mapping(folder / "mapping.toml"))
    config = RunConfig.checked(purpose="live", learners=("lightgbm",), folds=2)
    return run_pipeline(files, config, Workspace(folder / "home"))


@contextmanager
def served(live_run: Run, state: Path, port: int, token: str = "") -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "core", "serve", "--run", str(live_run.folder), "--state", str(state)]
    environment = os.environ | {"SVS_TOKEN": token}
    process = subprocess.Popen([*command, "--port", str(port)], env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not _answers(port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        return send(port, "GET", "/ready")[0] == 200
    except OSError:
        return False


def send(
    port: int, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    content = body if isinstance(body, bytes) or body is None else json.dumps(body)
    try:
        connection.request(method, path, content, headers or {})
        response = connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text else None
    finally:
        connection.close()


class Client(threading.Thread):
    """Sends events of its own session one after the other. An event without an answer is sent again, with its id.

    Clients with an odd number send extra columns.
    """

    def __init__(self, port: int, number: int) -> None:
        super().__init__(daemon=True)
        self.port, self.session, self.acknowledged, self.ends = port, f"client{number}", 0, False
        self.has_own = number % 2 == 1
        self.wrong: list[object] = []

    def own(self, number: int) -> dict[str, object]:
        """Return the extra columns of an event."""
        return {"price": 5.25 + number % 50, "device": ["mobile", "ö", None][number % 3]} if self.has_own else {}

    def run(self) -> None:
        while not self.ends:
            event = VIEW | {"session": self.session, "time": NOON + self.acknowledged, "id": f"e{self.acknowledged}"}
            event["own"] = self.own(self.acknowledged)
            try:
                status, answer = send(self.port, "POST", "/v1/events", event)
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                time.sleep(0.02)
                continue
            self.acknowledged += 1
            if status != 200 or answer["estimates"][0]["events_seen"] != self.acknowledged:
                self.wrong.append((self.acknowledged, status, answer))


@pytest.mark.parametrize("n_kills", [3, pytest.param(10, marks=pytest.mark.long)])
def test_nothing_acknowledged_is_lost_and_nothing_counted_twice_by_kill_9(
    live_run: Run, tmp_path: Path, n_kills: int
) -> None:
    port, state = free_port(), tmp_path / "state.sqlite"
    clients = [Client(port, number) for number in range(4)]
    for client in clients:
        client.start()
    for attempt in range(n_kills):
        with served(live_run, state, port) as process:
            before = sum(client.acknowledged for client in clients)
            closed = VIEW | {"session": f"closed{attempt}", "own": {"price": 9.5}}
            assert send(port, "POST", "/v1/events", closed)[0] == 200
            assert send(port, "DELETE", f"/v1/sessions/closed{attempt}")[0] == 204
            time.sleep(0.4 + 0.1 * (attempt % 5))
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            assert sum(client.acknowledged for client in clients) > before
    answers: dict[str, Any] = {}
    with served(live_run, state, port):
        time.sleep(0.3)
        for client in clients:
            client.ends = True
        for client in clients:
            client.join()
            assert client.wrong == []
            _, answers[client.session] = send(port, "GET", f"/v1/sessions/{client.session}")
            assert answers[client.session]["estimates"][0]["events_seen"] == client.acknowledged > n_kills
    scorer, store = LiveScorer.load(live_run.folder), EventStore(state, live_run.folder.name)
    stored = list(store.replay())
    store.close()
    for each in stored:
        if each.is_close:
            scorer.close(each.event.session, each.event.user)
        else:
            scorer.observe(each.event)
    for client in clients:
        own = [each.event.own for each in stored if each.event.session == client.session]
        assert own == [client.own(number) for number in range(client.acknowledged)]
        estimate = scorer.estimate(client.session, "u1")
        assert estimate is not None
        assert answers[client.session]["estimates"][0]["value"] == estimate.value


@pytest.fixture(scope="module")
def server(live_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, psutil.Process]]:
    """A service: its port, and its process."""
    port = free_port()
    with served(live_run, tmp_path_factory.mktemp("state") / "state.sqlite", port) as process:
        yield port, psutil.Process(process.pid)


DEEP = b'{"session": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
MEGABYTE = "x" * 1_000_000
HOSTILE: list[tuple[str, str, object, set[int]]] = [
    ("POST", "/v1/events", DEEP, {422}),
    ("POST", "/v1/score", DEEP, {422}),
    ("PUT", "/v1/rules", DEEP, {422}),
    ("POST", "/v1/run", DEEP, {422}),
    ("POST", "/v1/events", b'{"session": "s", "type": "VIEW", "time": NaN}', {422}),
    ("POST", "/v1/events", b'{"session": "s", "type": "VIEW", "time": 1e999}', {422}),
    ("PUT", "/v1/rules", b'{"rules": [{"label": "a", "value_above": NaN}]}', {422}),
    ("POST", "/v1/events", VIEW | {"session": MEGABYTE}, {422}),
    ("POST", "/v1/events", VIEW | {"id": MEGABYTE}, {422}),
    ("POST", "/v1/run", {"run": "../../../etc"}, {422}),
    ("POST", "/v1/run", {"run": MEGABYTE}, {422}),
    ("GET", "/v1/sessions/" + "x" * 30_000, None, {404}),
    ("GET", "/v1/sessions/../../../../etc/passwd", None, {404}),
    ("GET", "/v1/sessions/%2e%2e%2f%00%ff", None, {404}),
    ("GET", "//etc/passwd", None, {404}),
    ("GET", "/v1/../metrics", None, {404}),
    ("PATCH", "/v1/events", b"{}", {405}),
    ("GET", "/v1/events", None, {405}),
]


@pytest.mark.parametrize(("method", "path", "body", "statuses"), HOSTILE)
def test_a_hostile_request_is_refused_in_one_sentence(
    server: tuple[int, psutil.Process], method: str, path: str, body: object, statuses: set[int]
) -> None:
    status, answer = send(server[0], method, path, body)
    assert status in statuses
    assert list(answer) == ["error"]
    assert len(answer["error"]) < 500
    assert "Traceback" not in answer["error"]


def test_large_bodies_are_refused_with_bounded_memory(server: tuple[int, psutil.Process]) -> None:
    port, process = server
    before = process.memory_info().rss
    for path in ("/v1/events", "/v1/score"):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n"
            connection.sendall(head.encode())
            with suppress(OSError):  # the service closes the connection before it was sent all of it
                for _ in range(100):
                    connection.sendall(b"[" * 1_000_000)
            with suppress(ConnectionResetError):
                answer = connection.recv(1_000)
                assert b" 413 " in answer.split(b"\r\n")[0]
    assert process.memory_info().rss < before + 50_000_000
    assert send(port, "GET", "/health")[0] == 200


def test_only_the_right_token_opens_any_path(live_run: Run, tmp_path: Path) -> None:
    port = free_port()
    with served(live_run, tmp_path / "state.sqlite", port, token="right"):
        wrong: list[dict[str, str]] = [
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Bearer " + "x" * 10_000},
        ]
        for path, method in OPERATIONS:
            if path in ("/health", "/ready"):
                continue
            for headers in wrong:
                status, answer = send(port, method.upper(), path.replace("{session}", "s"), None, headers)
                assert (status, list(answer)) == (401, ["error"])
        assert send(port, "POST", "/v1/events", VIEW, {"Authorization": "Bearer right"})[0] == 200


@pytest.fixture(scope="module")
def schema(server: tuple[int, psutil.Process]) -> BaseSchema:
    return schemathesis.openapi.from_url(f"http://127.0.0.1:{server[0]}/openapi.json")


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_answers_are_as_described(schema: BaseSchema, path: str, method: str, mode: GenerationMode) -> None:
    operation = schema[path][method.upper()]
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
        return  # nothing can be wrong in such a request

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=15, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS)

    check()
