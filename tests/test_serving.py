"""Who may open the dashboard: foreign Host and Origin headers, DNS rebinding in a real browser, the token."""

from __future__ import annotations

import asyncio
import base64
import http.client
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import polars as pl
import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from starlette.requests import Request
from streamlit.testing.v1 import AppTest

from core.base.workspace import Workspace
from core.errors import AccessError, SettingError
from core.ingestion import InputFiles, Query, ingest
from pages._ui.serving import login
from pages._ui.serving.hosts import Address, AllowedHosts, is_local, parse_address
from pages._ui.serving.login import COOKIE, Login
from pages._ui.serving.privacy import without_paths
from pages._ui.serving.settings import ServerSettings
from tests.browser import PROJECT, free_port, launch, served
from tests.conftest import DEMO

TOKEN = "correct-horse-battery-staple"
TEAM = "studio.test"
UNCHANGED = "See https://docs.test/a/b and 1/2 or and/or 2025/06/01."
Headers = list[tuple[str, str]]


class Running(NamedTuple):
    """A running server: its port and its log file."""

    port: int
    log: Path


def running(folder: Path, **variables: str) -> Iterator[Running]:
    """Serve the dashboard with these environment variables."""
    with served(Workspace(folder / "home"), **variables) as server:
        yield Running(int(server.address.rpartition(":")[2]), folder / "server.log")


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The dashboard as it is served by default."""
    yield from running(tmp_path_factory.mktemp("private"))


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The dashboard served at another name, with a token."""
    yield from running(tmp_path_factory.mktemp("team"), SVS_ALLOWED_HOSTS=TEAM, SVS_TOKEN=TOKEN)


@pytest.fixture(scope="module")
def rebound() -> Iterator[Browser]:
    """A browser for which all names below .test are this machine."""
    with sync_playwright() as playwright:
        browser = launch(playwright, "--host-resolver-rules=MAP *.test 127.0.0.1")
        yield browser
        browser.close()


def request(
    port: int, path: str, headers: Headers, method: str = "GET", body: bytes = b""
) -> tuple[int, dict[str, str], str]:
    """Send a request with exactly these headers, and return the status, the headers and the body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in [*headers, ("Content-Length", str(len(body)))]:
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    # the body of an accepted WebSocket never ends
    text = "" if answer.status == http.HTTPStatus.SWITCHING_PROTOCOLS else answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text


OPENED: Headers = [("Accept", "text/html,application/xhtml+xml"), ("Sec-Fetch-Dest", "document")]
"""Headers of a browser that opens an address."""


@pytest.mark.parametrize("path", ["/Reports", "/Explore/Value", "/explore", "/data/<b>x</b>"])
def test_an_address_that_leads_nowhere_says_so(path: str, private: Running) -> None:
    status, headers, body = request(private.port, path, [("Host", f"localhost:{private.port}"), *OPENED])
    assert (status, headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no page at this address" in body
    assert "<b>" not in body
    assert '<a href="/">Go to Home</a>' in body


@pytest.mark.parametrize("path", ["/", "/Explore?view=Value", "/Live", "/_stcore/health"])
def test_an_address_of_a_page_leads_there(path: str, private: Running) -> None:
    status, _, body = request(private.port, path, [("Host", f"localhost:{private.port}"), *OPENED])
    assert status == 200
    assert "There is no page" not in body


def test_an_unknown_address_is_not_told_apart_without_a_log_in(team: Running) -> None:
    status, _, body = request(team.port, "/Reports", [("Host", f"{TEAM}:{team.port}"), *OPENED])
    assert status == 401
    assert "Token" in body


def handshake(port: int, headers: Headers) -> int:
    """Ask for the WebSocket of the pages, and return the status of the answer: 101 if it was accepted."""
    key = base64.b64encode(bytes(16)).decode()
    upgrade = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")]
    protocol = [("Sec-WebSocket-Key", key), ("Sec-WebSocket-Protocol", "streamlit")]
    return request(port, "/_stcore/stream", [*headers, *upgrade, *protocol])[0]


# PORT is the port of the server and OTHER another one; an Origin of None is not sent
MATRIX = [
    ("localhost:PORT", None, True),
    ("localhost:PORT", "http://localhost:PORT", True),
    ("LocalHost:PORT", "http://localhost:PORT", True),
    ("127.0.0.1:PORT", "http://127.0.0.1:PORT", True),
    ("[::1]:PORT", "http://[::1]:PORT", True),
    ("evil.test:PORT", None, False),
    ("evil.test:PORT", "http://evil.test:PORT", False),
    ("evil.test:PORT", "http://localhost:PORT", False),
    ("localhost:PORT", "http://evil.test:PORT", False),
    ("localhost:PORT", "http://evil.test", False),
    ("localhost:PORT", "http://localhost:OTHER", False),
    ("localhost:PORT", "http://localhost", False),
    ("localhost:PORT", "http://127.0.0.1:PORT", False),
    ("localhost:PORT", "null", False),
    ("localhost:PORT", "", False),
    ("localhost:PORT", "file://", False),
    ("localhost:PORT", "http://localhost:PORT@evil.test", False),
    ("localhost:PORT", "http://localhost.evil.test:PORT", False),
    ("localhost:OTHER", "http://localhost:OTHER", False),
    ("localhost", "http://localhost", False),
    ("localhost.:PORT", "http://localhost.:PORT", False),
    ("localhost.evil.test:PORT", "http://localhost.evil.test:PORT", False),
    ("evil.test@localhost:PORT", "http://localhost:PORT", False),
    ("localhost:PORT, evil.test", "http://localhost:PORT", False),
    ("0.0.0.0:PORT", "http://0.0.0.0:PORT", False),
    ("[::]:PORT", "http://[::]:PORT", False),
    ("2130706433:PORT", "http://2130706433:PORT", False),
    ("", "http://localhost:PORT", False),
]
PATHS = [
    ("GET", "/"),
    ("GET", "/Data"),
    ("GET", "/_stcore/health"),
    ("GET", "/_stcore/host-config"),
    ("GET", "/_stcore/metrics"),
    ("GET", "/media/0123456789abcdef.csv"),
    ("GET", "/component/some.component/index.html"),
    ("GET", "/_stcore/bidi-components/some/index.js"),
    ("GET", "/static/js/index.js"),
    ("GET", "/app/static/file.txt"),
    ("PUT", "/_stcore/upload_file/session/file"),
    ("DELETE", "/_stcore/upload_file/session/file"),
    ("OPTIONS", "/_stcore/upload_file/session/file"),
    ("POST", "/_stcore/agent/interact"),
    ("POST", "/_stcore/agent/mcp"),
]


def headers_of(port: int, host: str, origin: str | None) -> Headers:
    headers = [("Host", host)] if origin is None else [("Host", host), ("Origin", origin)]
    return [(name, value.replace("PORT", str(port)).replace("OTHER", str(port + 1))) for name, value in headers]


@pytest.mark.parametrize(("host", "origin", "accepted"), MATRIX)
def test_only_own_pages_at_own_addresses_are_answered(
    host: str, origin: str | None, accepted: bool, private: Running
) -> None:
    headers = headers_of(private.port, host, origin)
    assert handshake(private.port, headers) == (101 if accepted else 403)
    status, _, text = request(private.port, "/_stcore/health", headers)
    assert status == (200 if accepted else 403)
    assert text == "ok" if accepted else "The dashboard" in text or "the dashboard's" in text


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_every_path_is_refused_at_a_foreign_address_and_to_a_foreign_page(
    method: str, path: str, private: Running
) -> None:
    port = private.port
    for host, origin in (("evil.test:PORT", None), ("localhost:PORT", "http://evil.test:PORT")):
        status, headers, text = request(port, path, headers_of(port, host, origin), method)
        assert (status, headers["content-type"]) == (403, "text/plain; charset=utf-8")
        assert "access-control-allow-origin" not in headers
        assert "SVS_ALLOWED_HOSTS=evil.test" in text or "A page of another address" in text


@pytest.mark.parametrize(
    ("extra", "status"),
    [
        ([("X-Forwarded-Host", "localhost:PORT")], 403),
        ([("Forwarded", "host=localhost")], 403),
        ([("Host", "localhost:PORT")], 403),
    ],
)
def test_headers_of_a_proxy_and_a_second_host_do_not_help(extra: Headers, status: int, private: Running) -> None:
    more = [(name, value.replace("PORT", str(private.port))) for name, value in extra]
    headers = [("Host", f"evil.test:{private.port}"), *more]
    assert handshake(private.port, headers) in (status, 400)
    assert request(private.port, "/", headers)[0] in (status, 400)


def test_another_local_page_cannot_embed_files_of_the_dashboard(private: Running) -> None:
    own = [("Host", f"localhost:{private.port}")]
    embedded = [*own, ("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "no-cors")]
    link = [*own, ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")]
    page = [*own, ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "cors")]
    assert [request(private.port, "/_stcore/health", headers)[0] for headers in (embedded, link, page)] == [
        403,
        200,
        200,
    ]


def test_the_server_says_who_can_open_it(private: Running, team: Running) -> None:
    assert f"Session Value Studio: http://localhost:{private.port}\nOnly this machine can open it.\n" in (
        private.log.read_text()
    )
    assert (
        "Other machines can open this dashboard, with the token. File paths and databases of the server are hidden.\n"
        in team.log.read_text()
    )


CONNECT = """([address]) => new Promise(done => {
    const socket = new WebSocket(address, ["streamlit"]);
    socket.onopen = () => { socket.close(); done("open"); };
    socket.onerror = () => done("refused");
})"""


@pytest.mark.browser
def test_a_name_that_is_re_pointed_to_this_machine_gets_nothing(rebound: Browser, private: Running) -> None:
    port = private.port
    page = rebound.new_page()
    answer = page.goto(f"http://evil.test:{port}/Data")
    assert answer is not None
    assert answer.status == 403
    assert "The dashboard does not answer at the address evil.test" in page.content()
    # the page has the origin of the attacker, and its requests go to the dashboard
    assert page.evaluate(CONNECT, [f"ws://evil.test:{port}/_stcore/stream"]) == "refused"
    assert page.evaluate(CONNECT, [f"ws://localhost:{port}/_stcore/stream"]) == "refused"
    for path in ("/_stcore/health", "/_stcore/host-config", "/media/x.csv"):
        assert page.evaluate("path => fetch(path).then(answer => answer.status)", path) == 403
    # the same requests of the dashboard's own page are answered
    page.goto(f"http://localhost:{port}/_stcore/health")
    assert page.evaluate(CONNECT, [f"ws://localhost:{port}/_stcore/stream"]) == "open"
    page.close()


@pytest.mark.browser
def test_the_pages_work_at_an_ip_address_of_this_machine(rebound: Browser, private: Running) -> None:
    page = rebound.new_page()
    page.goto(f"http://127.0.0.1:{private.port}/Submission")
    expect(page.get_by_role("heading", level=1)).to_have_text("Is the submission ready?", timeout=60_000)
    expect(page.get_by_text("Open to other machines")).to_have_count(0)
    page.close()


def test_without_the_token_only_the_health_is_answered(team: Running) -> None:
    own = [("Host", f"{TEAM}:{team.port}")]
    assert handshake(team.port, own) == 403
    assert request(team.port, "/_stcore/health", own)[::2] == (200, "ok")
    for method, path in PATHS:
        if method != "POST" and path != "/_stcore/health":
            status, headers, text = request(team.port, path, own, method)
            assert (status, headers["cache-control"]) == (401, "no-store")
            assert 'type="password"' in text
    for cookie in ("", ".", "9999999999", "9999999999.00", "1.00", "x.y", "²." + "0" * 64, "9" * 5000 + ".0"):
        assert request(team.port, "/", [*own, ("Cookie", f"{COOKIE}={cookie}".encode().decode("latin-1"))])[0] == 401
    assert handshake(team.port, [("Host", f"evil.test:{team.port}")]) == 403


def test_the_token_is_exchanged_for_a_cookie(team: Running) -> None:
    host = f"{TEAM}:{team.port}"
    form = [("Host", host), ("Content-Type", "application/x-www-form-urlencoded")]
    body = f"token={TOKEN}".encode()
    assert request(team.port, "/Data", form, "POST", b"token=wrong")[0] == 401
    assert request(team.port, "/Data", form, "POST", b"&a=" * 20 + body)[0] == 401
    assert request(team.port, "/Data", form, "POST", b"token=\xff%FF" + bytes(9000))[0] == 401
    assert request(team.port, "/Data", [*form, ("Origin", "http://evil.test")], "POST", body)[0] == 403
    for path, requested in (("/Data?view=Users", "/Data?view=Users"), ("//evil.test/x", "/evil.test/x")):
        status, headers, _ = request(team.port, path, [*form, ("Origin", f"https://{host}")], "POST", body)
        assert (status, headers["location"]) == (303, requested)
    assert {"HttpOnly", "SameSite=lax", "Secure"} <= set(headers["set-cookie"].split("; "))
    assert TOKEN not in headers["set-cookie"]
    logged_in = [("Host", host), ("Cookie", headers["set-cookie"].partition(";")[0])]
    assert request(team.port, "/_stcore/host-config", logged_in)[0] == 200
    assert handshake(team.port, [*logged_in, ("Origin", f"https://{host}")]) == 101
    assert handshake(team.port, [*logged_in, ("Origin", "https://evil.test")]) == 403
    assert request(team.port, "/", [("Host", host), ("Cookie", f"{logged_in[1][1]}0")])[0] == 401


@pytest.mark.browser
def test_a_visitor_logs_in_and_is_told_who_can_open_the_dashboard(rebound: Browser, team: Running) -> None:
    address, context = f"http://{TEAM}:{team.port}/Submission?view=x", rebound.new_context()
    page = context.new_page()
    page.goto(address)
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text(str(AccessError.wrong_token()))
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Is the submission ready?", timeout=60_000)
    expect(page.get_by_text("Open to other machines")).to_be_visible()
    assert page.url.startswith(address)
    assert TOKEN not in page.url
    page.goto(f"http://{TEAM}:{team.port}/")
    expect(page.get_by_text("Other machines can open this dashboard, with the token.")).to_be_visible(timeout=60_000)
    context.close()
    assert TOKEN not in team.log.read_text()


def test_wrong_tokens_are_answered_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    asleep: list[float] = []
    most_asleep = 0

    async def sleep(seconds: float) -> None:
        nonlocal most_asleep
        asleep.append(seconds)
        most_asleep = max(most_asleep, len(asleep))
        await real_sleep(0)
        asleep.pop()

    async def body() -> dict[str, object]:
        return {"type": "http.request", "body": b"token=wrong"}

    async def attempts() -> list[int]:
        entry = Login(TOKEN)
        requests = [Request({"type": "http", "method": "POST", "headers": []}, body) for _ in range(12)]
        return [answer.status_code for answer in await asyncio.gather(*map(entry.attempt, requests))]

    real_sleep = asyncio.sleep
    monkeypatch.setattr(login.asyncio, "sleep", sleep)
    with ThreadPoolExecutor(1) as thread:  # this one has the event loop of the browser
        assert thread.submit(asyncio.run, attempts()).result() == [401] * 10 + [429] * 2
    assert most_asleep == 1


@pytest.mark.parametrize("token", ["pässwörd & 1", "日本", "a+b=c%20"])
def test_a_token_may_have_any_character(token: str) -> None:
    async def body() -> dict[str, object]:
        return {"type": "http.request", "body": urlencode({"token": f" {token}\n"}).encode()}

    headers = [(b"host", b"studio.test")]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers, "scheme": "http"}
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(asyncio.run, Login(token).attempt(Request(scope, body))).result()
    assert answer.status_code == 303


def test_a_cookie_expires_and_belongs_to_one_token(monkeypatch: pytest.MonkeyPatch) -> None:
    def connection(cookie: str) -> Request:
        return Request({"type": "http", "headers": [(b"cookie", f"{COOKIE}={cookie}".encode())]})

    entry = Login(TOKEN)
    cookie = entry._cookie("2000000000")
    monkeypatch.setattr(login.time, "time", lambda: 1_999_999_999.0)
    assert entry.is_logged_in(connection(cookie))
    assert not Login("another token").is_logged_in(connection(cookie))
    assert not entry.is_logged_in(connection(cookie.replace("2000000000", "2000000001")))
    monkeypatch.setattr(login.time, "time", lambda: 2_000_000_001.0)
    assert not entry.is_logged_in(connection(cookie))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost", Address("localhost", None)),
        ("[0:0:0:0:0:0:0:1]:8501", Address("::1", 8501)),
        ("[::ffff:10.0.0.5]:8501", Address("10.0.0.5", 8501)),
        ("a:0", None),
        ("a:65536", None),
        ("::1", None),
        ("[::1", None),
        ("a/b", None),
        ("a b", None),
        ("a\r\n", None),
        ("é.test", None),
    ],
)
def test_addresses_are_parsed(text: str, address: Address | None) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("host", "server", "allowed"),
    [
        (Address("studio.test", 443), Address("127.0.0.1", 8501), True),
        (Address("studio.test", None), Address("127.0.0.1", 8501), True),
        (Address("shop.test", 9000), Address("127.0.0.1", 8501), True),
        (Address("shop.test", None), Address("127.0.0.1", 8501), False),
        (Address("localhost", None), Address("127.0.0.1", 80), True),
        (Address("localhost", None), Address("127.0.0.1", 8501), False),
        (Address("10.0.0.5", 8501), Address("10.0.0.5", 8501), True),
        (Address("10.0.0.6", 8501), Address("10.0.0.5", 8501), False),
    ],
)
def test_own_addresses_need_the_own_port_and_added_ones_the_port_they_have(
    host: Address, server: Address, allowed: bool
) -> None:
    hosts = AllowedHosts.parse(["studio.test", "shop.test:9000"])
    assert hosts is not None
    assert hosts.allow(host, server) is allowed


@pytest.mark.parametrize(
    ("host", "local"),
    [("localhost", True), ("127.0.0.1", True), ("::1", True), ("0.0.0.0", False), ("::", False), (None, False)],  # noqa: S104
)
def test_every_interface_is_not_only_this_machine(host: str | None, local: bool) -> None:
    assert is_local(host) is local


def test_a_forwarded_port_of_this_machine_is_not_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVS_ALLOWED_HOSTS", "localhost:9000")
    assert not ServerSettings.current().shared
    monkeypatch.setenv("SVS_ALLOWED_HOSTS", "localhost:9000, studio.test")
    settings = ServerSettings.current()
    assert (settings.shared, settings.shows_files) == (True, False)
    monkeypatch.setenv("SVS_ALLOW_LOCAL_FILES", "1")
    assert ServerSettings.current().shows_files


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SVS_ALLOWED_HOSTS", "https://studio.test"),
        ("SVS_ALLOWED_HOSTS", "*"),
        ("SVS_ALLOWED_HOSTS", "a, b c"),
        ("SVS_ALLOW_LOCAL_FILES", "yes"),
    ],
)
def test_invalid_settings_are_refused(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingError) as caught:
        ServerSettings.current()
    assert (caught.value.code, caught.value.actual) == ("setting_not_allowed", value)


def test_the_server_does_not_start_with_invalid_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVS_ALLOWED_HOSTS", "*")
    command = [sys.executable, "-m", "core", "ui", "--port", str(free_port())]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("SVS_ALLOWED_HOSTS is '*'. Allowed: host names")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("The run in {home}/runs/2025-ab cannot be read.", "The run in 2025-ab cannot be read."),
        ("The workspace {home} is full.", "The workspace (hidden) is full."),
        ("The workspace {home}: full", "The workspace (hidden): full"),
        ('File "/usr/lib/python3/x.py", line 3', 'File "x.py", line 3'),
        ("train:/mnt/logs/a.csv", "train:a.csv"),
        (r"C:\Users\ann\shop\a.csv is empty.", "a.csv is empty."),
        ("postgresql+psycopg://ann@db.test/shop, then", "(hidden) then"),
        (UNCHANGED, UNCHANGED),
    ],
)
def test_paths_and_databases_are_removed_from_text(
    text: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "my home"
    monkeypatch.setenv("SVS_HOME", str(home))
    assert without_paths(text.replace("{home}", str(home))) == shown


@pytest.fixture
def no_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not read the demo data when a page is opened."""
    monkeypatch.setattr("pages._ui.frame.start_first_run", lambda workspace: None)


def open_page(page: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60).switch_page(page).run()
    assert not app.exception
    return app


def everything_in(app: AppTest) -> str:
    """Return all texts of a page, with the labels of its select boxes and the cells of its tables."""
    texts = [element.value for element in [*app.markdown, *app.caption, *app.info, *app.error, *app.warning]]
    options = [option for box in app.selectbox for option in box.options]
    return "\n".join([*texts, *options, *(table.value.to_csv() for table in app.dataframe)])


@pytest.mark.usefixtures("no_demo")
def test_visitors_see_files_and_databases_only_if_this_is_allowed(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "shop.db"
    with closing(sqlite3.connect(database)) as connection:
        for name in ("train", "test"):
            rows = pl.read_csv(DEMO / f"{name}.csv", infer_schema=False).head(2000)
            rows[1, "event_time"] = "never"  # quarantined
            marks = ", ".join("?" * rows.width)
            connection.execute(f"CREATE TABLE {name} ({', '.join(rows.columns)})")
            connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows.rows())  # noqa: S608
        connection.commit()
    url = f"sqlite:///{database}"
    ingest(InputFiles(Query(url, "SELECT * FROM train"), Query(url, "SELECT * FROM test")), workspace)

    def opened() -> tuple[list[str], str]:
        app = open_page("pages/1_Data.py")
        return list(app.segmented_control[0].options), everything_in(app)

    everything = ["Upload", "Files on this machine", "Database", "Demo data"]
    sources, text = opened()
    assert sources == everything
    assert text.count(str(database)) == 5  # in the selector, below the table of files (two), in quarantine (two)
    assert "Open to other machines" not in text

    monkeypatch.setenv("SVS_ALLOWED_HOSTS", TEAM)
    sources, text = opened()
    assert sources == ["Upload", "Demo data"]
    assert str(tmp_path) not in text
    assert "Train: (hidden). Test: (hidden)." in text
    assert "Only uploads are possible here" in text
    assert "Open to other machines" in text

    monkeypatch.setenv("SVS_ALLOW_LOCAL_FILES", "1")
    sources, text = opened()
    assert sources == everything
    assert text.count(str(database)) == 5
    assert "Open to other machines" in text


def test_an_error_names_no_folder_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SVS_HOME", str(tmp_path / "file"))
    assert str(tmp_path) in everything_in(open_page("pages/5_Submission.py"))
    monkeypatch.setenv("SVS_ALLOWED_HOSTS", TEAM)
    shown = everything_in(open_page("pages/5_Submission.py"))
    assert "The workspace (hidden) cannot be used" in shown
    assert str(tmp_path) not in shown


@pytest.mark.usefixtures("no_demo")
@pytest.mark.parametrize(
    ("headers", "token", "problem"),
    [
        ({"Host": "evil.test:8501", "Origin": "http://evil.test:8501"}, "", "does not answer at the address evil.test"),
        ({"Host": "localhost:8501", "Origin": "http://evil.test"}, "", "A page of another address sent a request"),
        ({"Host": "localhost:8501", "Origin": "http://localhost:8501"}, TOKEN, "was started without app.py"),
        ({"Host": "localhost:8501", "Origin": "http://localhost:8501"}, "", ""),
    ],
)
def test_a_page_that_was_started_without_the_guard_checks_its_visitor(
    headers: dict[str, str], token: str, problem: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamlit.runtime.context.ContextProxy.headers", headers)
    monkeypatch.setenv("SVS_TOKEN", token)
    app = open_page("pages/5_Submission.py")
    assert bool(app.title) is (problem == "")
    assert problem in everything_in(app)
