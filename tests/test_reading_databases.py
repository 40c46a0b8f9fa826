"""A query's answer as a log: SQLite and a real PostgreSQL; nothing in a database is changed, no password gets about."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from core.base.workspace import Workspace
from core.cli import main
from core.dataset import Dataset
from core.errors import InputError
from core.ingestion import InputFiles, Query, Source, ingest, source_of
from core.ingestion.mapping import Mapping
from core.ingestion.peek import peek
from core.ingestion.sources import database
from tests.absent import absent_part
from tests.browser import free_port
from tests.events_on_the_spot import (
    NOON,
    facts_of,
    good_events,
    left_behind,
    must_add_up,
    quarantined_rows,
    rows_of,
    same_frames,
    store,
    store_train,
    values_of,
    words_of,
    write_files,
)

GOOD = good_events()
ROWS = rows_of(GOOD, "train")
FACTS = sorted(event.facts for event in GOOD)
ALL = "SELECT * FROM events"
CREATE = (
    "CREATE TABLE events (event_time {time}, event_type TEXT, product_id TEXT, category_id TEXT, user_id TEXT, "
    "user_session TEXT, session_value {value})"
)


def cells() -> list[tuple[str, ...]]:
    return [tuple(row.values()) for row in ROWS]


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The good files, stored."""
    return store(tmp_path_factory.mktemp("right"), GOOD)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """An SQLite database with the good train events."""
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(CREATE.format(time="TEXT", value="REAL"))
        connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", cells())
    connection.close()
    return path


def rows_in(shop: Path) -> int:
    connection = sqlite3.connect(shop)
    (count,) = connection.execute("SELECT count(*) FROM events").fetchone()
    connection.close()
    return count


# --- SQLite -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("sql", [ALL, f"  {ALL} ;\n", f"-- all\n{ALL}", "WITH e AS (TABLE) SELECT * FROM e"])
def test_the_answer_of_a_query_holds_the_same_events_as_a_file(
    tmp_path: Path, shop: Path, right: Dataset, sql: str
) -> None:
    dataset = store_train(tmp_path, Query(f"sqlite:///{shop}", sql.replace("TABLE", ALL)))
    assert same_frames(dataset, right)
    card = dataset.card()
    assert (card.train.name, card.name, card.train.rows) == (f"sqlite:///{shop}", f"sqlite:///{shop}", 40)


def test_an_answer_may_come_in_many_batches(
    tmp_path: Path, shop: Path, right: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_ROWS", 7)
    assert same_frames(store_train(tmp_path, Query(f"sqlite:///{shop}", ALL)), right)


def test_colons_and_percent_signs_of_a_query_are_its_own(tmp_path: Path, shop: Path, right: Dataset) -> None:
    sql = f"{ALL} WHERE event_time LIKE '%12:%' OR event_time > '2025-06-02 12:30' OR user_id = ':name'"
    assert same_frames(store_train(tmp_path, Query(f"sqlite:///{shop}", sql)), right)


def test_a_mapping_translates_the_columns_of_an_answer(tmp_path: Path, shop: Path) -> None:
    sql = (
        "SELECT strftime('%s', event_time) AS t, event_type, product_id, user_id AS u, user_session, 2 AS p FROM events"
    )
    mapping = Mapping.checked(
        time_format="epoch_seconds",
        value="price_of_buys",
        columns={"event_time": "t", "user_id": "u", "category_id": None, "price": "p"},
    )
    query = Query(f"sqlite:///{shop}", sql)
    dataset = ingest(
        InputFiles(query, Query(query.url, sql.replace("2 AS", "3 AS")), mapping=mapping), Workspace(tmp_path / "home")
    )
    assert set(values_of(dataset).values()) == {2.0}
    assert dataset.card().test.kept == 40


def test_columns_of_any_kind_are_read_as_a_person_would_write_them(tmp_path: Path, shop: Path) -> None:
    connection = sqlite3.connect(shop)
    with connection:
        connection.execute("CREATE TABLE mixed (product_id, user_id)")
        connection.executemany(
            "INSERT INTO mixed VALUES (?, ?)",
            [(7, 1.0), ("seven", 2.5), (7.0, None), (b"bytes", b"\xff"), (None, 2**60)],
        )
    connection.close()
    rest = "event_time, event_type, category_id, user_session, session_value FROM events"
    sql = f"SELECT m.*, {rest} CROSS JOIN mixed m"
    dataset = store_train(tmp_path, Query(f"sqlite:///{shop}", sql), Mapping(least_usable=0))
    assert set(words_of(dataset, "product_id").values()) >= {"7", "seven"}
    assert set(words_of(dataset, "user_id").values()) >= {"1", "2.5", f"{2**60}"}
    assert dataset.card().quarantine_reasons == {"empty user_id": 80}
    must_add_up(dataset)


def test_a_bad_row_of_an_answer_is_set_aside_with_its_place_and_cells(tmp_path: Path, shop: Path) -> None:
    connection = sqlite3.connect(shop)
    with connection:
        connection.execute("UPDATE events SET event_type = 'LOOK', session_value = NULL WHERE rowid = 3")
    connection.close()
    dataset = store_train(tmp_path, Query(f"sqlite:///{shop}", f"{ALL} ORDER BY rowid"))
    ((line, reason, row),) = quarantined_rows(dataset)
    assert (line, reason) == (4, "event_type is LOOK, not one of VIEW, ADD_CART, REMOVE_CART, BUY")
    assert '"event_type": "LOOK"' in row
    assert '"session_value": null' in row


def test_an_answer_is_known_again_by_its_content_not_by_its_query(tmp_path: Path, shop: Path) -> None:
    url = f"sqlite:///{shop}"
    once = store_train(tmp_path, Query(url, ALL))
    assert store_train(tmp_path, Query(url, f"{ALL} WHERE 1 = 1")).folder == once.folder
    assert store_train(tmp_path, Query(url, ALL), Mapping(duplicates="remove")).folder != once.folder
    connection = sqlite3.connect(shop)
    with connection:
        connection.execute("UPDATE events SET session_value = 1")
    connection.close()
    assert store_train(tmp_path, Query(url, ALL)).folder != once.folder


def test_people_see_the_address_that_was_given_last(tmp_path: Path, shop: Path) -> None:
    store_train(tmp_path, Query(f"sqlite:///{shop}", ALL))
    other = shop.rename(tmp_path / "moved.db")
    assert store_train(tmp_path, Query(f"sqlite:///{other}", ALL)).card().train.name == f"sqlite:///{other}"


@pytest.mark.parametrize(
    "sql",
    ["DROP TABLE events", "DELETE FROM events", "DELETE FROM events RETURNING *", "UPDATE events SET user_id = 'X'",
     "INSERT INTO events DEFAULT VALUES", "CREATE TABLE more (x)", f"{ALL}; DROP TABLE events",
     "PRAGMA query_only = OFF", "VACUUM", ""],
)  # fmt: skip
def test_whatever_the_query_says_nothing_in_the_database_is_changed(tmp_path: Path, shop: Path, sql: str) -> None:
    before = shop.read_bytes()
    with pytest.raises(InputError, match=r"^The query on sqlite:///.*shop\.db failed \(.*\)\. Check the address"):
        store_train(tmp_path, Query(f"sqlite:///{shop}", sql))
    assert shop.read_bytes() == before
    assert rows_in(shop) == 40


SHOP = "sqlite:///{shop}"
AGAIN = ". Check the address, the password and the query."
ADDRESS = ". Write it like sqlite:///shop.db or postgresql://user:password@host/shop."
DRIVER = (
    " needs the package {0}, which is not installed. Only SQLite and PostgreSQL work without another package. "
    "Run `pip install {0}`, then try again."
)
REFUSALS = {
    "a table that is not there": (
        (SHOP, "SELECT * FROM sales"), "The query on " + SHOP + " failed (no such table: sales)" + AGAIN,
    ),
    "no SQL": ((SHOP, "all events"), "The query on " + SHOP + ' failed (near "all": syntax error)' + AGAIN),
    "no SELECT": (
        (SHOP, "PRAGMA foreign_keys = ON"),
        "The query on " + SHOP + " failed (the query must be a SELECT statement)" + AGAIN,
    ),
    "an answer without rows": (
        (SHOP, f"{ALL} WHERE 1 = 0"),
        "The query on " + SHOP + " returned no rows. At least one event is needed. "
        "Check its conditions and try again.",
    ),
    "an answer without columns": (
        (SHOP, "SELECT user_id, 1 AS x FROM events"),
        SHOP + " has no columns event_time, event_type, product_id, category_id, user_session and session_value. "
        "Its columns are user_id and x. Add or rename columns, or use a mapping that names the columns of this log.",
    ),
    "a column twice": (
        (SHOP, "SELECT *, user_id FROM events"),
        SHOP + " has more than one column user_id. "
        "Rename one of them, or choose a different column in a mapping.",
    ),
    "a file to be made beside": (
        (SHOP, "ATTACH DATABASE '{folder}/more.db' AS more"),
        "The query on " + SHOP + " failed (the query must be a SELECT statement)" + AGAIN,
    ),
    "a copy to be made": (
        (SHOP, "VACUUM INTO '{folder}/copy.db'"),
        "The query on " + SHOP + " failed (the query must be a SELECT statement)" + AGAIN,
    ),
    "a database that is not there": (
        ("sqlite:///{folder}/none.db", ALL),
        "There is no file at {folder}/none.db. Check the path, or choose another file.",
    ),
    "a file that is no database": (
        ("sqlite:///{folder}/beside/test.csv", ALL),
        "The query on sqlite:///{folder}/beside/test.csv failed (file is not a database)" + AGAIN,
    ),
    "no address": (
        ("shop", ALL),
        "The database address cannot be parsed (Could not parse SQLAlchemy URL from given URL string)"
        + ADDRESS,
    ),
    "an unknown kind of database": (
        ("nosuch://u:se-cret@host/shop", ALL),
        "The database address cannot be parsed (Can't load plugin: sqlalchemy.dialects:nosuch)" + ADDRESS,
    ),
    "a port that is no number": (
        ("postgresql://u:se-cret@host:x/shop", ALL),
        "The database address cannot be parsed (its port is not a number)" + ADDRESS,
    ),
    "a password with a colon and a slash": (
        ("postgresql://u:se-cret:se-cret/x@host:y/shop", ALL),
        "The database address cannot be parsed (its port is not a number)" + ADDRESS,
    ),
    "a password with an @": (
        ("postgresql://u:se@se-cret@host/shop", ALL),
        "The database address cannot be parsed (an @ in the password must be written as %40)" + ADDRESS,
    ),
    "a driver that is not installed": (
        ("mysql://u:se-cret@host/shop", ALL), "mysql://u:***@host/shop" + DRIVER.format("mysqlclient"),
    ),
    "a server that is not there": (
        ("postgresql://u:se-cret@127.0.0.1:1/shop?password=se-cret", ALL),
        'The query on postgresql://u:***@127.0.0.1:1/shop failed (connection failed: connection to server at '
        '"127.0.0.1", port 1 failed: Connection refused)' + AGAIN,
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "address", ["{}", "file:{}", "file:{}?uri=true", "file:{}?uri=true&mode=rwc", "file:{}?mode=memory&uri=true"]
)
def test_an_address_of_a_database_that_is_not_there_creates_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("none.db", tmp_path / "none.db"):
        with pytest.raises(InputError) as refused:
            peek(Query(f"sqlite:///{address.format(path)}", ALL))
        assert refused.value.code == "file_not_found"
    assert list(tmp_path.iterdir()) == []


def test_a_database_with_unusual_characters_in_its_name_is_read(tmp_path: Path, shop: Path) -> None:
    shutil.copy(shop, tmp_path / "plain.db")
    renamed = shop.rename(tmp_path / "a %20#?shop.db")
    url = str(URL.create("sqlite", database=str(renamed)))
    assert peek(Query(url, ALL)).columns == tuple(ROWS[0])
    assert peek(Query(f"sqlite:///file:{shop.parent}/plain.db?uri=true&mode=rwc", ALL)).rows


def test_a_query_is_shown_without_its_password() -> None:
    query = Query("postgresql://u:se-cret@host/shop?password=se-cret", ALL)
    assert "se-cret" not in f"{query!r} {query.name}"
    with pytest.raises(InputError) as refused:
        source_of("https://u:se-cret@host/events.csv")
    assert refused.value.code == "web_address"
    assert "se-cret" not in str(refused.value)


@pytest.mark.parametrize("case", REFUSALS)
def test_a_database_that_gives_no_events_is_refused_in_one_sentence(
    tmp_path: Path, shop: Path, workspace: Workspace, case: str
) -> None:
    (url, sql), sentence = REFUSALS[case]
    test = write_files(tmp_path / "beside", GOOD).test
    query = Query(url.format(shop=shop, folder=tmp_path), sql.format(folder=tmp_path))
    with pytest.raises(InputError) as refused:
        ingest(InputFiles(query, test), workspace)
    assert str(refused.value) == sentence.format(shop=shop, folder=tmp_path)
    assert "se-cret" not in f"{refused.value} {query.name}"
    assert left_behind(workspace) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beside", "home", "shop.db"]


def test_the_same_query_for_train_and_test_is_refused(tmp_path: Path, shop: Path, workspace: Workspace) -> None:
    query = Query(f"sqlite:///{shop}", ALL)
    with pytest.raises(InputError, match="is both the train file and the test file"):
        ingest(InputFiles(query, query), workspace)


def test_the_command_line_asks_a_database(
    tmp_path: Path, shop: Path, capsys: pytest.CaptureFixture[str], right: Dataset, workspace: Workspace
) -> None:
    test = write_files(tmp_path / "beside", GOOD).test
    files = ["--train", f"sqlite:///{shop}", "--test", str(test)]
    assert main(["ingest", *files, "--train-query", ALL]) == 0
    (folder,) = workspace.datasets.iterdir()
    assert same_frames(Dataset(folder), right)
    assert f"  sqlite:///{shop}: 40 rows = 40 kept + 0 quarantined" in capsys.readouterr().out
    assert main(["ingest", *files]) == 2
    assert capsys.readouterr().err == (
        "--train-query is missing. It takes the SELECT whose rows are the events. Add it and try again.\n"
    )


# --- PostgreSQL -------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL of these tests' own, on a free port of this machine, with a password in it."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        absent_part("PostgreSQL", "install it (Debian: apt-get install postgresql)")
    as_its_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # it refuses to run as root
    with tempfile.TemporaryDirectory() as name:  # not below pytest's folder, which other users may not enter
        home, port = Path(name), free_port()
        password = home / "password"
        password.write_text("se-cret")
        for path, mode in ((home, 0o755), (password, 0o644)):
            path.chmod(mode)
        if as_its_user:
            shutil.chown(home, "postgres")

        def call(tool: str, *arguments: str) -> None:
            command = [*as_its_user, str(found[-1].with_name(tool)), "-D", str(home / "data"), *arguments]
            subprocess.run(command, check=True, capture_output=True, cwd=home)

        call("initdb", "-U", "shop", "-A", "scram-sha-256", f"--pwfile={password}", "-N", "-E", "UTF8", "--no-locale")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        call("pg_ctl", "-w", "-l", str(home / "log"), "-o", options, "start")
        try:
            yield f"postgresql://shop:se-cret@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "-w", "-m", "immediate", "stop")


@pytest.fixture(scope="module")
def events(postgres: str) -> str:
    """A PostgreSQL with the good events of both files, in types of its own; its people live in Berlin."""
    import psycopg

    with psycopg.connect(postgres) as connection:
        connection.execute("ALTER ROLE shop SET timezone = 'Europe/Berlin'")
        connection.execute("SET timezone = 'UTC'")
        connection.execute(CREATE.format(time="TIMESTAMPTZ", value="NUMERIC(10, 2)"))
        connection.execute("CREATE TABLE later (LIKE events)")
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO events VALUES (%s, %s, %s, %s, %s, %s, %s)", cells())
            later = [tuple(row.values()) for row in rows_of(GOOD, "test")]
            cursor.executemany("INSERT INTO later VALUES (%s, %s, %s, %s, %s, %s)", later)
    return postgres


@pytest.mark.parametrize("rows", [50_000, 7])
def test_postgresql_gives_the_same_events_as_a_file(
    tmp_path: Path, events: str, right: Dataset, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(database, "_ROWS", rows)
    assert same_frames(store_train(tmp_path, Query(events, ALL)), right)
    with_driver = events.replace("postgresql:", "postgresql+psycopg:")
    assert same_frames(store_train(tmp_path, Query(with_driver, ALL)), right)


KINDS = {
    "a local time": ("event_time", "event_time::timestamp", Mapping(time_zone="Europe/Berlin")),
    "epoch seconds": ("event_time", "extract(epoch FROM event_time)::bigint", Mapping(time_format="epoch_seconds")),
    "exact epoch seconds": ("event_time", "extract(epoch FROM event_time)", Mapping(time_format="epoch_seconds")),
    "a time with its offset as text": ("event_time", "event_time::text", Mapping()),
    "a value as a float": ("session_value", "session_value::float8", Mapping()),
    "a value as text": ("session_value", "session_value::text", Mapping()),
    "a word of fixed length": ("event_type", "event_type::char(20)", Mapping()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_postgresql_may_have_any_types(tmp_path: Path, events: str, right: Dataset, kind: str) -> None:
    column, expression, mapping = KINDS[kind]
    names = [f"{expression} AS {column}" if name == column else name for name in ROWS[0]]
    train, test = (Query(events, f"SELECT {', '.join(names)} FROM {table}") for table in ("events", "later"))  # noqa: S608
    assert same_frames(ingest(InputFiles(train, test, mapping=mapping), Workspace(tmp_path / "home")), right)


def test_a_whole_numeric_of_postgresql_is_an_id_as_a_file_has_it(tmp_path: Path, events: str) -> None:
    names = ["12.00::numeric(10, 2) AS product_id" if name == "product_id" else name for name in ROWS[0]]
    dataset = store_train(tmp_path, Query(events, f"SELECT {', '.join(names)} FROM events"))  # noqa: S608
    assert set(dataset.dictionary("product_id").filter("in_train").collect()["product_id"]) == {"12"}


def test_ids_of_postgresql_may_be_uuids_and_large_numbers(tmp_path: Path, events: str) -> None:
    sql = (
        "SELECT event_time, event_type, 9007199254740993::bigint AS product_id, category_id, session_value, "
        "12345678901234567890::numeric AS user_id, md5(user_session)::uuid AS user_session FROM events"
    )
    dataset = store_train(tmp_path, Query(events, sql))
    in_train = [fact for fact in facts_of(dataset) if fact[0] == "train"]
    assert {fact[2:4] for fact in in_train} == {("12345678901234567890", "9007199254740993")}
    assert {len(fact[1]) for fact in in_train} == {36}


def test_values_that_are_no_numbers_and_times_that_are_nothing_are_set_aside(tmp_path: Path, events: str) -> None:
    names = "event_type, product_id, category_id, user_id, user_session"
    bad = [("NULL", "1"), ("event_time", "'NaN'"), ("event_time", "'Infinity'")]
    rows = [f"(SELECT {time}, {names}, {value}::numeric FROM events LIMIT 1)" for time, value in bad]  # noqa: S608
    sql = f"SELECT * FROM events WHERE false UNION ALL {' UNION ALL '.join(rows)} UNION ALL {ALL}"  # noqa: S608
    dataset = store_train(tmp_path, Query(events, sql))
    assert [(line, reason) for line, reason, _ in quarantined_rows(dataset)] == [
        (2, "event_time is not a time such as 2025-06-19 10:23:07+00:00"),
        (3, "session_value is not a finite number"),
        (4, "session_value is not a finite number"),
    ]
    assert dataset.card().train.kept == 40
    assert dataset.card().train.first_time == NOON


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT * FROM sales", 'relation "sales" does not exist'),
        ("SELECT 1 / 0", "division by zero"),
        ("SELECT 1 / (n - 8) AS event_time, {} FROM generate_series(1, 9) n", "division by zero"),
        ("DELETE FROM events", 'syntax error at or near "DELETE"'),
        ("SELECT nextval('numbers')", "cannot execute nextval() in a read-only transaction"),
        ("WITH gone AS (DELETE FROM events RETURNING *) SELECT * FROM gone", "DECLARE CURSOR must not contain"),
        (f"{ALL}; DROP TABLE events", "cannot insert multiple commands into a prepared statement"),
    ],
)
def test_a_query_that_postgresql_does_not_answer_is_a_sentence_and_changes_nothing(
    tmp_path: Path, events: str, sql: str, found: str
) -> None:
    import psycopg

    with psycopg.connect(events) as connection:
        connection.execute("CREATE SEQUENCE IF NOT EXISTS numbers")
    others = ", ".join(f"1 AS {name}" for name in list(ROWS[0])[1:])
    with pytest.raises(InputError) as refused:
        store_train(tmp_path, Query(events, sql.format(others)))
    assert found in str(refused.value)
    assert str(refused.value).endswith(AGAIN)
    with psycopg.connect(events) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (40,)
        assert connection.execute("SELECT is_called FROM numbers").fetchone() == (False,)


@pytest.mark.parametrize("variable", ["PGPASSWORD", "PGPASSFILE"])
def test_a_password_may_come_from_the_environment(
    tmp_path: Path, events: str, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    url = events.replace(":se-cret@", "@")
    host = url.split("@")[1].split("/")[0]
    (tmp_path / "passfile").write_text(f"{host}:postgres:shop:se-cret\n")
    (tmp_path / "passfile").chmod(0o600)
    with pytest.raises(InputError, match="no password supplied"):
        peek(Query(url, ALL))
    monkeypatch.setenv(variable, "se-cret" if variable == "PGPASSWORD" else str(tmp_path / "passfile"))
    assert peek(Query(url, ALL)).columns == tuple(ROWS[0])


def test_a_connection_that_breaks_is_one_sentence(events: str) -> None:
    with pytest.raises(InputError) as refused:
        peek(Query(events, "SELECT pg_terminate_backend(pg_backend_pid())"))
    assert refused.value.code == "query_failed"
    assert re.search(r"failed \((terminating connection|consuming input failed: server closed)", str(refused.value))
    assert "\n" not in str(refused.value)


def test_a_password_is_nowhere_but_in_the_address(
    tmp_path: Path, events: str, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    test = write_files(tmp_path / "beside", GOOD).test
    address, database_ = events.rsplit("/", 1)
    plain = f"{address}/{database_}?application_name=studio"
    in_the_query = f"{address.replace('shop:se-cret@', '')}/{database_}?user=shop&password=se-cret"
    for url in (plain, in_the_query, events.replace("se-cret", "wr-ong"), f"{address}/nothing"):
        main(["ingest", "--train", url, "--test", str(test), "--train-query", ALL, "--json"])
    said = capsys.readouterr()
    assert said.out.count('"fingerprint"') == 2
    assert "password authentication failed" in said.err
    assert 'database "nothing" does not exist' in said.err
    assert "postgresql://shop:***@127.0.0.1:" in said.out
    for secret in ("se-cret", "wr-ong"):
        assert secret not in said.out + said.err
        for path in workspace.root.rglob("*"):
            assert path.is_dir() or secret.encode() not in path.read_bytes(), path


def test_a_train_file_and_a_test_query_go_together(tmp_path: Path, events: str) -> None:
    files = write_files(tmp_path / "files", GOOD)
    source: Source = Query(events, f"{ALL} WHERE user_id = 'U1'")
    dataset = ingest(InputFiles(files.train, source), Workspace(tmp_path / "home"))
    assert (dataset.card().train.rows, dataset.card().test.rows) == (40, 8)
    assert dataset.card().known_sessions == 2
