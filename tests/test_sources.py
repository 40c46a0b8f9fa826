"""Where events may come from: archives, folders, globs, other separators and encodings, and real databases."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import sqlite3
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from core.dataset import Dataset
from core.errors import InputError
from core.ingestion import InputFiles, Query, Source, ingest
from core.ingestion.mapping import Mapping
from core.workspace import Workspace
from tests.browser import free_port
from tests.conftest import absent_part
from tests.events_on_the_spot import csv_of, facts_of, good_events, rows_of, write_files

GOOD = good_events()
ROWS = rows_of(GOOD, "train")
CSV = csv_of(ROWS)
HALVES = csv_of(ROWS[:20]), csv_of([dict(reversed(row.items())) for row in ROWS[20:]])
"""The good rows in two files whose columns are in different order."""
FACTS = sorted(event.facts for event in GOOD)


def read(tmp_path: Path, train: Source, **mapping: object) -> Dataset:
    test = write_files(tmp_path / "beside", GOOD).test
    return ingest(InputFiles(train, test, mapping=Mapping.checked(**mapping)), Workspace(tmp_path / "home"))


def zip_of(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def parquet_of(rows: list[dict[str, str]]) -> bytes:
    target = io.BytesIO()
    pl.DataFrame(rows).write_parquet(target)
    return target.getvalue()


def with_separator(mark: str) -> bytes:
    return CSV.replace(b",", mark.encode())


FORMS = {
    "semicolons": with_separator(";"),
    "tabs": with_separator("\t"),
    "bars": with_separator("|"),
    "the separator told in the first line": b"sep=;\r\n" + with_separator(";").replace(b"\n", b"\r\n"),
    "byte order mark": b"\xef\xbb\xbf" + CSV,
    "UTF-16 by its mark": CSV.decode().encode("utf-16"),
    "line ends of old Macs": CSV.replace(b"\n", b"\r"),
    "column names in capitals": CSV.replace(CSV.split(b"\n")[0], CSV.split(b"\n")[0].upper()),
    "blank lines between": CSV.replace(b"\n", b"\n\n"),
    "quoted cells": csv_of(ROWS, quote_all=True),
    "a cell with line breaks in a column nobody asked for": csv_of([{"note": 'a\n\n"b",', **row} for row in ROWS]),
    "gzip": gzip.compress(CSV),
    "a ZIP of one file": zip_of({"train.csv": CSV}),
    "a ZIP of two": zip_of({"a.csv": HALVES[0], "b.csv": HALVES[1]}),
    "a ZIP with what a Mac puts into it": zip_of({"log/": b"", "log/a.csv": CSV, "__MACOSX/log/._a.csv": b"\x00"}),
    "a ZIP of a gzip": zip_of({"train.csv.gz": gzip.compress(CSV)}),
    "a ZIP of Parquet": zip_of({"train.parquet": parquet_of(ROWS)}),
    "Parquet": parquet_of(ROWS),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_events_are_the_same_in_any_form(tmp_path: Path, form: str) -> None:
    (tmp_path / "train.csv").write_bytes(FORMS[form])
    dataset = read(tmp_path, tmp_path / "train.csv")
    assert facts_of(dataset) == FACTS
    assert dataset.quarantine().collect().is_empty()


def test_letters_of_a_declared_encoding_arrive_as_they_are(tmp_path: Path) -> None:
    rows = [{**row, "product_id": "Überzug ß"} for row in ROWS]
    (tmp_path / "train.csv").write_bytes(csv_of(rows).decode().encode("cp1252"))
    dataset = read(tmp_path, tmp_path / "train.csv", encoding="cp1252")
    assert "Überzug ß" in dataset.dictionary("product_id").collect().get_column("product_id")


def folder_of(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "2025-06-a.csv").write_bytes(HALVES[0])
    (folder / "2025-06-b.csv.gz").write_bytes(gzip.compress(HALVES[1]))
    (folder / "notes.md").write_text("not a log")
    return folder


@pytest.mark.parametrize("pattern", ["", "2025-06-*"])
def test_a_folder_and_a_glob_are_read_file_by_file(tmp_path: Path, pattern: str) -> None:
    folder = folder_of(tmp_path)
    dataset = read(tmp_path, folder / pattern if pattern else folder)
    assert facts_of(dataset) == FACTS
    assert dataset.card().train.rows == 40


def test_the_quarantine_names_the_file_of_the_folder(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "2025-06-c.csv").write_bytes(csv_of(ROWS[:1]) + b"2025-06-02,VIEW\n")
    (aside,) = read(tmp_path, folder).quarantine().collect().to_dicts()
    assert (aside["file"], aside["line"]) == ("2025-06-c.csv", 3)


def test_a_folder_without_an_event_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with pytest.raises(
        InputError, match=r"logs has no event file \(.csv, .gz, .tsv, .txt, .parquet, .pq, .zip\): name"
    ):
        read(tmp_path, tmp_path / "logs")


def test_a_member_without_the_columns_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.zip").write_bytes(zip_of({"a.csv": CSV, "b.csv": b"x,y\n1,2\n"}))
    with pytest.raises(InputError, match=r"train.zip/b.csv has no columns event_time, "):
        read(tmp_path, tmp_path / "train.zip")


# --- databases --------------------------------------------------------------------------------------------------------


def create_and_fill(mark: str) -> tuple[str, str, list[tuple[object, ...]]]:
    """Statements for a table of the good train events with types of its own, and its rows."""
    create = (
        "CREATE TABLE events (event_time TIMESTAMP, event_type TEXT, product_id TEXT, category_id TEXT, "
        "user_id TEXT, user_session TEXT, session_value NUMERIC)"
    )
    fill = f"INSERT INTO events VALUES ({', '.join([mark] * 7)})"  # noqa: S608 (the marks are ours)
    rows = [(row["event_time"].removesuffix("+00:00"), *list(row.values())[1:]) for row in ROWS]
    return create, fill, rows


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    create, fill, rows = create_and_fill("?")
    with sqlite3.connect(path) as connection:
        connection.execute(create)
        connection.executemany(fill, rows)
    connection.close()
    return path


def test_a_query_to_sqlite_gives_the_events(tmp_path: Path, sqlite_file: Path) -> None:
    dataset = read(tmp_path, Query(f"sqlite:///{sqlite_file}", "SELECT * FROM events"))
    assert facts_of(dataset) == FACTS
    assert dataset.card().train.value_mean == pytest.approx(10.5 * 4.5)


def test_the_answer_of_a_query_is_recognised_by_its_content(tmp_path: Path, sqlite_file: Path) -> None:
    url = f"sqlite:///{sqlite_file}"
    once = read(tmp_path, Query(url, "SELECT * FROM events"))
    assert read(tmp_path, Query(url, "SELECT * FROM events WHERE 1 = 1")).folder == once.folder
    with sqlite3.connect(sqlite_file) as connection:
        connection.execute("UPDATE events SET session_value = 1")
    connection.close()
    assert read(tmp_path, Query(url, "SELECT * FROM events")).folder != once.folder


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELECT * FROM sales", "does not answer the query (no such table: sales): check the address, the password"),
        ("DELETE FROM events", "does not answer the query"),
        ("SELECT user_id FROM events", "has no columns event_time, event_type, product_id, category_id, user_session"),
        ("SELECT * FROM events WHERE 1 = 0", "is empty: an event file needs a header line and at least one event"),
    ],
)
def test_a_query_that_gives_no_events_is_a_sentence(tmp_path: Path, sqlite_file: Path, sql: str, sentence: str) -> None:
    with pytest.raises(InputError) as refused:
        read(tmp_path, Query(f"sqlite:///{sqlite_file}", sql))
    assert sentence in str(refused.value)
    with sqlite3.connect(sqlite_file) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (40,)
    connection.close()


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no file at .*nowhere.db"):
        read(tmp_path, Query(f"sqlite:///{tmp_path}/nowhere.db", "SELECT 1"))
    assert not (tmp_path / "nowhere.db").exists()


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A PostgreSQL of this test's own, on a free port of this machine; gives its address, with a password."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not binaries:
        absent_part("PostgreSQL", "install it (Debian: apt-get install postgresql)")
    tools, port = binaries[-1].parent, free_port()
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # it refuses to run as root
    with tempfile.TemporaryDirectory() as name:  # not below pytest's folder, which others may not enter
        home = Path(name)
        home.chmod(0o755)
        if prefix:
            shutil.chown(home, "postgres")
        (home / "password").write_text("se-cret")
        (home / "password").chmod(0o644)

        def call(tool: str, *arguments: str) -> None:
            command = [*prefix, f"{tools / tool}", "-D", f"{home / 'data'}", *arguments]
            subprocess.run(command, check=True, capture_output=True, cwd=home)

        call("initdb", "-U", "shop", "-A", "scram-sha-256", f"--pwfile={home / 'password'}", "-N")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        call("pg_ctl", "-w", "-l", f"{home / 'log'}", "-o", options, "start")
        try:
            yield f"postgresql://shop:se-cret@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "-m", "immediate", "stop")


def test_a_query_to_postgresql_gives_the_events_and_its_password_is_nowhere(tmp_path: Path, postgres: str) -> None:
    import psycopg

    create, fill, rows = create_and_fill("%s")
    with psycopg.connect(postgres) as connection:
        connection.execute(create)
        with connection.cursor() as cursor:
            cursor.executemany(fill, rows)
    dataset = read(tmp_path, Query(postgres, "SELECT * FROM events"))
    assert facts_of(dataset) == FACTS
    assert dataset.card().train.name.startswith("postgresql://shop:***@127.0.0.1:")
    for file in dataset.folder.iterdir():
        assert b"se-cret" not in file.read_bytes(), file.name
    with pytest.raises(InputError) as refused:
        read(tmp_path, Query(postgres.replace("se-cret", "wrong"), "SELECT * FROM events"))
    assert "password authentication failed" in str(refused.value)
    assert "wrong" not in str(refused.value)
    with pytest.raises(InputError, match="does not answer the query"):
        read(tmp_path, Query(postgres, "DELETE FROM events"))
    assert facts_of(read(tmp_path, Query(postgres, "SELECT * FROM events"))) == FACTS
