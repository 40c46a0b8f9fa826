"""Files that change while they are read: refused in one sentence, or stored under the fingerprint of the rows read.

The change is made in the middle of the reading, when a certain block of the file has been read.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.workspace import Workspace
from core.dataset import Dataset
from core.errors import InputError
from core.ingestion import InputFiles, Query, ingest
from core.ingestion.mapping import Mapping
from core.ingestion.sources import hashed_file
from core.ingestion.sources.content_hash import Content
from core.ingestion.sources.uploads import keep_upload
from core.ingestion.storage import stored_datasets
from core.ingestion.storage.stored_datasets import fingerprint_of
from tests.events_on_the_spot import Event, csv_of, good_events, left_behind, rows_of, same_frames, sample_of, zip_of

BLOCK = 8_192
EVENTS = [replace(event, session=f"{event.session}-{copy}") for copy in range(60) for event in good_events()]
OTHER = [replace(event, category=event.category.replace("C", "D")) for event in EVENTS]
"""The same events with other categories, whose files are as large."""
SESSIONS = list(dict.fromkeys(event.session for event in EVENTS if event.file == "test"))
SENTENCE = re.compile(
    r"^(.+) changed while it was being read \((.+)\)\. "
    r"Wait until it is completely written, then try again\.$"
)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a file of 120 kB is read in many pieces, few of which are under way at once on any number of cores."""
    monkeypatch.setattr(hashed_file, "_BLOCK", BLOCK)
    monkeypatch.setattr("core.ingestion.sources.csv_text.PIECE_BYTES", BLOCK)
    monkeypatch.setattr("core.ingestion.sources.csv_text._HEAD_BYTES", BLOCK)
    monkeypatch.setattr("core.ingestion.sources.parquet_file._ROWS", 100)
    monkeypatch.setattr("core.ingestion.parallel.available_cores", lambda: 1)


# --- inputs of every kind, and what can happen to them ----------------------------------------------------------------
def csv_file(events: list[Event]) -> bytes:
    return csv_of(rows_of(events, "train"))


def parquet_file(events: list[Event]) -> bytes:
    target = io.BytesIO()
    frame = pl.DataFrame(rows_of(events, "train"))
    frame.write_parquet(target, compression="uncompressed", row_group_size=100, statistics=False)
    return target.getvalue()


PACKED: dict[str, Callable[[list[Event]], bytes]] = {
    "CSV": csv_file,
    "CSV.GZ": lambda events: gzip.compress(csv_file(events), compresslevel=0, mtime=0),
    "ZIP": lambda events: zip_of({"train.csv": csv_file(events)}, zipfile.ZIP_STORED),
    "Parquet": parquet_file,
}
PLACES = {"folder": "logs/b.csv", "glob": "logs/b.csv", "sample": "sample.csv", "upload": ""}
KINDS = [*PACKED, *PLACES]


@dataclass
class Given:
    """Input files, the one of them that changes, and what it may become."""

    files: InputFiles
    victim: Path
    other: bytes

    def fingerprint(self, content: bytes) -> str:
        """The fingerprint of the dataset if the victim, which is the train file, had this content."""
        hashes = {"train": content, "test": Path(str(self.files.test)).read_bytes()}
        return fingerprint_of({part: hashlib.sha256(each).hexdigest() for part, each in hashes.items()}, Mapping())


def given_files(folder: Path, kind: str) -> Given:
    test, sample = folder / "test.csv", folder / "sample.csv"
    folder.mkdir(parents=True, exist_ok=True)
    test.write_bytes(csv_of(rows_of(EVENTS, "test")))
    pack = PACKED.get(kind, csv_file)
    content, other = pack(EVENTS), pack(OTHER)
    assert len(content) == len(other)
    train = folder / "train"
    if kind in {"folder", "glob"}:
        (folder / "logs").mkdir()
        (folder / "logs" / "a.csv").write_bytes(csv_file(good_events()))
        train = folder / "logs" / ("*.csv" if kind == "glob" else "")
    victim = folder / PLACES.get(kind, "train")
    if kind == "sample":
        train.write_bytes(content)
        content, other = sample_of(*SESSIONS), sample_of(*SESSIONS[::-1])
    if kind == "upload":
        upload = io.BytesIO(content)
        upload.name = "train.csv"
        victim = train = keep_upload(Workspace(folder / "home"), {"train": upload})["train"]
    victim.write_bytes(content)
    return Given(InputFiles(train, test, sample if kind == "sample" else None), victim, other)


def truncate(victim: Path, other: bytes) -> None:
    os.truncate(victim, len(other) // 2)


def append(victim: Path, other: bytes) -> None:
    with victim.open("ab") as target:
        target.write(other[len(other) // 2 :])


def replace_it(victim: Path, other: bytes) -> None:
    new = victim.with_suffix(".new")
    new.write_bytes(other)
    new.replace(victim)


def overwrite(victim: Path, other: bytes) -> None:
    """In place, in the same size, with the time of modification set back: only the content differs."""
    before = victim.stat()
    with victim.open("r+b") as target:
        target.write(other)
    os.utime(victim, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES = {"truncate": truncate, "append": append, "replace": replace_it, "overwrite": overwrite}


def let_the_clock_move(folder: Path, victim: Path) -> None:
    """Wait until a change gets another time than the file has: a file system's clock may stand still for 10 ms."""
    probe, last = folder / "probe", victim.stat().st_ctime_ns
    while last >= probe.stat().st_ctime_ns if probe.exists() else True:
        probe.write_bytes(b"")


def ingest_with(given: Given, folder: Path, act: Callable[[], None]) -> Dataset:
    """Ingest the files; when a quarter of the file that is to change has been read, `act`."""
    let_the_clock_move(folder, given.victim)
    acted: list[int] = []
    plain, middle = hashed_file.HashedFile._fetch, given.victim.stat().st_size // BLOCK // 4

    def fetch(stream: hashed_file.HashedFile, number: int) -> bytes:
        block = plain(stream, number)
        if stream._name == given.victim.name and number == middle and not acted:
            acted.append(number)
            act()
        return block

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashed_file.HashedFile, "_fetch", fetch)
        try:
            return ingest(given.files, Workspace(folder / "home"))
        finally:
            assert acted


def refused(given: Given, folder: Path, act: Callable[[], None]) -> tuple[str, str]:
    """What the sentence names, and what it says was found; nothing is stored."""
    with pytest.raises(InputError) as raised:
        ingest_with(given, folder, act)
    assert left_behind(Workspace(folder / "home")) == []
    said = SENTENCE.match(str(raised.value))
    assert said is not None, str(raised.value)
    return said[1], said[2]


# --- every kind of input, every kind of change ------------------------------------------------------------------------
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, kind: str, change: str) -> None:
    given = given_files(tmp_path, kind)
    before = given.victim.stat().st_size
    name, found = refused(given, tmp_path, lambda: CHANGES[change](given.victim, given.other))
    now = given.victim.stat().st_size
    assert name == given.victim.name
    sizes = f"it had {before:,} bytes, but now it has {now:,}"
    assert found == (sizes if change in {"truncate", "append"} else "it has other content now")


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", PACKED)
def test_the_fingerprint_is_that_of_the_rows_also_where_the_file_system_tells_of_no_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, change: str
) -> None:
    """A clock too coarse, a network drive: then only the bytes that were read themselves can tell.

    Text is stored as it was read, half of it old perhaps. In a package old and new bytes do not go together.
    """
    given = given_files(tmp_path, kind)
    content = given.victim.read_bytes()
    monkeypatch.setattr(Content, "require_unchanged", lambda self: None)
    try:
        dataset = ingest_with(given, tmp_path, lambda: CHANGES[change](given.victim, given.other))
    except InputError:
        assert left_behind(Workspace(tmp_path / "home")) == []
        assert change != "replace"
        return
    # The end of a Parquet file, which lists its parts, is read first. What is appended later is not read.
    assert kind == "CSV" or change == "replace" or (kind, change) == ("Parquet", "append")
    now = given.victim.read_bytes()
    read = [content[:cut] + now[cut:] for cut in range(0, len(content), BLOCK)] + [
        content,
        content + now[len(content) :],
    ]
    matching = [each for each in read if given.fingerprint(each) == dataset.fingerprint]
    assert len(set(matching)) == 1
    assert (matching[0] == content) == (change == "replace")
    clean = tmp_path / "clean.csv"
    clean.write_bytes(matching[0])
    assert same_frames(dataset, ingest(replace(given.files, train=clean), Workspace(tmp_path / "other home")))


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_deleted_while_it_is_read_is_refused(tmp_path: Path, kind: str) -> None:
    given = given_files(tmp_path, kind)
    name, found = refused(given, tmp_path, given.victim.unlink)
    where = "logs" if kind == "folder" else "*.csv" if kind == "glob" else given.victim.name
    said = "b.csv was removed" if kind in {"folder", "glob"} else "it can no longer be found"
    assert (name, found) == (where, said)


@pytest.mark.parametrize("kind", ["folder", "glob"])
def test_files_that_gain_one_while_they_are_read_are_refused(tmp_path: Path, kind: str) -> None:
    given = given_files(tmp_path, kind)
    new = given.victim.with_name("c.csv")
    said = refused(given, tmp_path, lambda: new.write_bytes(given.other) and None)
    assert said == ("logs" if kind == "folder" else "*.csv", "c.csv was added")


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_only_touched_or_replaced_by_its_own_copy_is_read(tmp_path: Path, kind: str) -> None:
    given = given_files(tmp_path, kind)
    content = given.victim.read_bytes()

    def act() -> None:
        replace_it(given.victim, content)
        os.utime(given.victim)

    dataset = ingest_with(given, tmp_path, act)
    assert ingest(given.files, Workspace(tmp_path / "other home")).fingerprint == dataset.fingerprint


def test_a_file_that_grew_after_its_end_was_read_is_refused(tmp_path: Path) -> None:
    given = given_files(tmp_path, "CSV")
    content = Path(str(given.files.test)).read_bytes()
    given.victim = Path(str(given.files.test))
    said: list[str] = []

    def late(part: int, parts: int, text: str) -> None:
        if "rows sorted" in text and not said:
            said.append(text)
            append(given.victim, content)

    with pytest.raises(
        InputError, match=rf"^test\.csv changed while it was being read \(it had {len(content):,} bytes"
    ):
        ingest(given.files, Workspace(tmp_path / "home"), late)
    assert said
    assert left_behind(Workspace(tmp_path / "home")) == []


def test_a_sample_beside_queries_must_not_change_either(tmp_path: Path) -> None:
    given = given_files(tmp_path, "sample")
    database = tmp_path / "shop.db"
    with closing(sqlite3.connect(database)) as connection:
        for file in ("train", "test"):
            rows = rows_of(EVENTS, file)
            connection.execute(f"CREATE TABLE {file} ({', '.join(rows[0])})")
            marks = ", ".join("?" * len(rows[0]))
            insert = f"INSERT INTO {file} VALUES ({marks})"  # noqa: S608 (our own names)
            connection.executemany(insert, [list(row.values()) for row in rows])
        connection.commit()
    train, test = (Query(f"sqlite:///{database}", f"SELECT * FROM {file}") for file in ("train", "test"))  # noqa: S608
    given.files = InputFiles(train, test, given.victim)
    assert refused(given, tmp_path, lambda: append(given.victim, given.other))[0] == "sample.csv"


# --- files that were read before --------------------------------------------------------------------------------------
def test_a_known_file_that_changes_while_it_is_looked_at_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = given_files(tmp_path, "CSV")
    first = ingest(given.files, Workspace(tmp_path / "home"))
    plain = Content.read

    def read(content: Content) -> str:
        digest = plain(content)
        if content.source == given.victim:
            let_the_clock_move(tmp_path, given.victim)
            overwrite(given.victim, given.other)
        return digest

    monkeypatch.setattr(Content, "read", read)
    with pytest.raises(InputError, match=r"^train changed while it was being read \(it has other content now\)"):
        ingest(given.files, Workspace(tmp_path / "home"))
    assert [path.name for path in (tmp_path / "home" / "datasets").iterdir()] == [first.fingerprint]


def test_a_file_that_changes_between_the_look_for_known_ones_and_the_reading_is_read_as_it_is_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look hashes it, as a dataset of files of this size is there; the rows are those of the second."""
    given = given_files(tmp_path, "CSV")
    workspace = Workspace(tmp_path / "home")
    ingest(given.files, workspace)
    content = given.victim.read_bytes()
    third = content.replace(b",C1,", b",E1,")
    given.victim.write_bytes(given.other)
    plain = stored_datasets.is_whole

    def is_whole(dataset: Dataset) -> bool:
        found = plain(dataset)
        if given.victim.read_bytes() == given.other:
            given.victim.write_bytes(third)
        return found

    monkeypatch.setattr(stored_datasets, "is_whole", is_whole)
    assert ingest(given.files, workspace).fingerprint == given.fingerprint(third)
    assert given.victim.read_bytes() == third


# --- uploads ----------------------------------------------------------------------------------------------------------
def test_an_upload_that_was_written_to_since_is_kept_again_as_it_was(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")

    def keep() -> Path:
        upload = io.BytesIO(csv_file(EVENTS))
        upload.name = "train.csv"
        return keep_upload(workspace, {"train": upload})["train"]

    for spoil in (lambda path: truncate(path, csv_file(OTHER)), lambda path: path.unlink()):
        path = keep()
        spoil(path)
        assert keep() == path
        assert path.read_bytes() == csv_file(EVENTS)


@pytest.mark.parametrize(("size", "now"), [(3, 5), (5, 3)])
def test_an_upload_that_is_still_arriving_is_refused_and_not_kept(workspace: Workspace, size: int, now: int) -> None:
    class Arriving(io.BytesIO):
        name = "train.csv"

        def seek(self, offset: int, whence: int = 0, /) -> int:
            return now if whence == os.SEEK_END else super().seek(offset, whence)

    with pytest.raises(InputError) as raised:
        keep_upload(workspace, {"train": Arriving(b"x" * size)})
    said = SENTENCE.match(str(raised.value))
    assert said is not None
    assert (said[1], said[2]) == ("train.csv", f"{size} bytes were copied, but now it has {now}")
    assert list(workspace.uploads.iterdir()) == []


# --- the hash of what was read ----------------------------------------------------------------------------------------
class Recording(hashed_file.HashedFile):
    """Knows all blocks that it ever took from the file."""

    def __init__(self, path: Path) -> None:
        self.taken: dict[int, set[bytes]] = {}
        super().__init__(path)

    def _fetch(self, number: int) -> bytes:
        block = super()._fetch(number)
        self.taken.setdefault(number, set()).add(block)
        return block


STEP = st.tuples(
    st.sampled_from(["seek", "end", "read", "read", "read on", "write", "cut", "grow"]), st.integers(0, 70)
)


@settings(deadline=None, derandomize=True, max_examples=400)
@given(size=st.integers(0, 60), steps=st.lists(STEP, max_size=12))
def test_a_hash_is_that_of_all_bytes_that_were_delivered_or_there_is_none(
    tmp_path_factory: pytest.TempPathFactory, size: int, steps: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "hashed"
    path.write_bytes(bytes(range(size)))
    changed = False
    with pytest.MonkeyPatch.context() as patch, Recording(path) as stream, path.open("r+b", buffering=0) as writer:
        patch.setattr(hashed_file, "_BLOCK", 8)
        model = io.BytesIO(bytes(range(size)))
        try:
            for step, number in steps:
                if step in {"write", "cut", "grow"}:
                    changed = True
                    place = {"write": min(number, max(size - 1, 0)), "cut": 0, "grow": size}[step]
                    writer.seek(place)
                    _ = writer.truncate(min(number, size)) if step == "cut" else writer.write(b"\xff")
                elif step in {"seek", "end"}:
                    where = (-min(number, size), os.SEEK_END) if step == "end" else (number, os.SEEK_SET)
                    with suppress(OSError):  # the file is shorter by now
                        assert stream.seek(*where) == model.seek(*where) or changed
                else:
                    most = number if step == "read" else -1
                    assert stream.read(most) == model.read(most) or changed
            digest = stream.finish()
        except InputError as error:
            assert SENTENCE.match(str(error))
            assert changed
            return
    assert all(len(versions) == 1 for versions in stream.taken.values())
    taken = {number: block for number, versions in stream.taken.items() for block in versions if block}
    assert sorted(taken) == list(range(len(taken)))
    assert digest == hashlib.sha256(b"".join(taken[number] for number in sorted(taken))).hexdigest()
