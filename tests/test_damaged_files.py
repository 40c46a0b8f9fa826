"""Damaged files: never a traceback, never a lost row, whatever is damaged and however the file is cut into pieces.

And damaged machines: a disk that fills up leaves a sentence, and nothing else.
"""

from __future__ import annotations

import errno
import gc
import gzip
import io
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.workspace import Workspace
from core.dataset import Dataset
from core.errors import SettingError, StudioError
from core.ingestion import InputFiles, ingest
from core.ingestion.mapping import Mapping
from core.ingestion.sessions.assembly_counts import AssembledPartition, AssemblyCounts
from core.ingestion.sources import csv_blocks, csv_records, csv_text
from core.ingestion.sources.tables import BrokenLine
from tests.absent import absent_part
from tests.events_on_the_spot import (
    Event,
    csv_of,
    facts_of,
    frames_of,
    good_events,
    left_behind,
    must_add_up,
    parquet_of,
    quarantined_rows,
    rows_of,
    same_frames,
    sample_of,
    store,
    values_of,
    write_files,
    zip_of,
)

GOOD = good_events()
ROWS = rows_of(GOOD, "train")
CSV = csv_of(ROWS)
QUOTED = csv_of([{"note": 'said "so",\nand left', **row} for row in ROWS], quote_all=True)
TYPED = pl.DataFrame(ROWS).with_columns(
    pl.col("event_time").str.to_datetime("%Y-%m-%d %H:%M:%S%z"), pl.col("session_value").cast(pl.Float64)
)
LENIENT = Mapping(least_usable=0.0)
"""So that a file of which little is left is not refused for that alone."""
SLOWLY = settings(deadline=None, derandomize=True)
PLACES = st.floats(0, 1, exclude_max=True)
AWKWARD = st.sampled_from(
    [b'"', b'""', b"\n", b"\r", b"\r\n", b"\n\n", b",", b";", b" ", b"\x00", b"\xff", b"\xc3", b"-"]
)
BYTES = AWKWARD | st.binary(min_size=1, max_size=3)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with a few bytes, lines or cells changed, put in, taken out, doubled, exchanged or cut off."""
    for _ in range(draw(st.integers(1, 4))):
        place = int(draw(PLACES) * len(content))
        what = draw(st.sampled_from(["replace", "insert", "delete", "cut", "line twice", "line gone", "cell", "swap"]))
        if what == "replace":
            content = content[:place] + draw(BYTES) + content[place + 1 :]
        elif what == "insert":
            content = content[:place] + draw(BYTES) + content[place:]
        elif what == "delete":
            content = content[:place] + content[place + draw(st.integers(1, 60)) :]
        elif what == "cut" and draw(st.booleans()):
            content = content[:place]
        else:
            lines = content.split(b"\n")
            line = int(draw(PLACES) * len(lines))
            cells = lines[line].split(b",")
            if what == "swap":
                lines[line], lines[0] = lines[0], lines[line]
            elif what == "cell":
                cells[int(draw(PLACES) * len(cells))] = draw(BYTES)
                lines[line] = b",".join(cells)
            else:
                lines[line : line + 1] = [lines[line]] * (2 if what == "line twice" else 0)
            content = b"\n".join(lines)
    return content


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One folder for all examples of a test; each is gone before the next."""
    yield tmp_path_factory.mktemp("damaged")


def read(place: Path, name: str, content: bytes, mapping: Mapping = LENIENT) -> Dataset | None:
    """The dataset of the good pair with one file replaced; None where it is refused, in one sentence, without a rest.

    Any other exception fails the test.
    """
    shutil.rmtree(place, ignore_errors=True)
    try:
        dataset = store(place, GOOD, mapping, **{name: content})
    except StudioError as error:
        assert str(error).endswith(".")
        assert str(error).isprintable()
        assert len(str(error)) < 1_500
        assert left_behind(Workspace(place / "workspace")) == []
        return None
    must_add_up(dataset)
    quarantine = dataset.quarantine().filter(pl.col("role") == (name == "test")).collect()
    assert quarantine["line"].is_sorted()
    assert not quarantine["line"].is_duplicated().any()
    return dataset


def rows_read(dataset: Dataset, name: str) -> int:
    card = dataset.card()
    return (card.train if name == "train" else card.test).rows


# --- text -------------------------------------------------------------------------------------------------------------
@settings(SLOWLY, max_examples=60)
@given(data=st.data(), name=st.sampled_from(["train", "test"]))
def test_a_damaged_csv_is_refused_or_every_line_of_it_accounted_for(
    place: Path, data: st.DataObject, name: str
) -> None:
    content = data.draw(damaged(csv_of(rows_of(GOOD, name))))
    dataset = read(place, name, content)
    if dataset is not None and b'"' not in content and b"\r" not in content:
        assert rows_read(dataset, name) == sum(bool(line.strip()) for line in content.split(b"\n")) - 1


@settings(SLOWLY, max_examples=30)
@given(content=damaged(QUOTED))
def test_a_damaged_line_costs_no_other_one(place: Path, content: bytes) -> None:
    """Of lines whose text is still there whole, all are read, whatever became of those before them."""
    header = QUOTED.split(b"\n")[0]
    plain = b"\n".join(b'"",' + line for line in CSV.split(b"\n")[1:-1])
    body = content.removeprefix(header + b"\n") if content.startswith(header + b"\n") else b'"open,' + content[:99]
    dataset = read(place, "train", header + b"\n" + body.rstrip(b"\n") + b"\n" + b"x" * 9 + b"\n" + plain + b"\n")
    assert dataset is not None
    lines = dataset.quarantine().collect()["line"].to_list()
    behind = body.rstrip(b"\n").count(b"\n") + 2
    assert [line for line in lines if line > behind] == [behind + 1]


BODY = QUOTED[QUOTED.index(b"\n") + 1 :]


def in_pieces(content: bytes, piece: int) -> tuple[list[tuple[int, str, tuple[str, ...]]], list[BrokenLine]]:
    """Line, text and cells of every row, and what is none, of a file read in pieces of so many bytes."""
    rows, broken = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_text, "PIECE_BYTES", piece)
        patch.setattr(csv_text, "_HEAD_BYTES", max(piece, len(QUOTED) - len(BODY) + 1))
        table = csv_text.open_text("file", io.BytesIO(content), None)
        for each in table.pieces({"first": 0, "last": len(table.columns) - 1}):
            block = each.read()
            lines = block.lines_of(np.arange(block.rows.height)).tolist()
            texts = block.text_of(range(block.rows.height))
            cells = block.rows.select(pl.all().fill_null("").str.strip_chars()).rows()
            rows += zip(lines, texts, cells, strict=True)
            broken += block.broken
    return rows, broken


@settings(SLOWLY, max_examples=50)
@given(body=damaged(BODY), piece=st.integers(1, 400), most=st.sampled_from([3, 100]))
def test_where_a_file_is_cut_into_pieces_changes_nothing(body: bytes, piece: int, most: int) -> None:
    content = QUOTED.removesuffix(BODY) + body
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_records, "MAX_RECORD_LINES", most)
        assert in_pieces(content, piece) == in_pieces(content, 2**24)


@settings(SLOWLY, max_examples=50)
@given(body=damaged(BODY))
def test_the_fast_reader_and_the_careful_one_read_the_same(body: bytes) -> None:
    """The fast one passes the text on where they could differ."""
    content = QUOTED.removesuffix(BODY) + body
    fast = in_pieces(content, 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_blocks, "_parse_fast", lambda *_, **__: None)
        assert in_pieces(content, 100) == fast


@settings(SLOWLY, max_examples=8)
@given(body=damaged(BODY), piece=st.integers(100, 900))
def test_what_is_stored_does_not_depend_on_the_pieces(place: Path, body: bytes, piece: int) -> None:
    found = []
    for size in (2**24, piece):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(csv_text, "PIECE_BYTES", size)
            patch.setattr(csv_text, "_HEAD_BYTES", size + 100)
            dataset = read(place, "train", QUOTED.removesuffix(BODY) + body)
        found.append(
            dataset and (frames_of(dataset).keys(), facts_of(dataset), values_of(dataset), quarantined_rows(dataset))
        )
    assert found[0] == found[1]


@settings(SLOWLY, max_examples=25)
@given(content=damaged(CSV.replace(b"\n", b"\r\n").decode().encode("utf-16-le")), mark=st.booleans())
def test_damaged_text_of_another_encoding_is_refused_or_adds_up(place: Path, content: bytes, mark: bool) -> None:
    mapping = LENIENT.model_copy(update={"encoding": "utf-16-le"})
    test = {"test": csv_of(rows_of(GOOD, "test")).decode().encode("utf-16-le")}
    shutil.rmtree(place, ignore_errors=True)
    try:
        must_add_up(store(place, GOOD, mapping, train=b"\xff\xfe" * mark + content, **test))
    except StudioError as error:
        assert str(error).isprintable()


# --- packages ---------------------------------------------------------------------------------------------------------
HALVES = {"a.csv": csv_of(ROWS[:20]), "b.csv": csv_of(ROWS[20:])}
PACKAGES = {
    "gzip": gzip.compress(CSV, mtime=0),
    "gzip of two members": gzip.compress(CSV[:900], mtime=0) + gzip.compress(CSV[900:], mtime=0),
    "ZIP, not compressed": zip_of(HALVES, zipfile.ZIP_STORED),
    "ZIP": zip_of(HALVES),
    "ZIP by bzip2": zip_of(HALVES, zipfile.ZIP_BZIP2),
    "ZIP by LZMA": zip_of(HALVES, zipfile.ZIP_LZMA),
    "ZIP of a gzip": zip_of({"a.csv.gz": gzip.compress(CSV, mtime=0)}),
    "ZIP of Parquet": zip_of({"a.parquet": parquet_of(TYPED)}),
    "Parquet": parquet_of(TYPED),
    "Parquet of text": parquet_of(ROWS),
}


@pytest.mark.parametrize("kind", PACKAGES)
@settings(SLOWLY, max_examples=20)
@given(data=st.data())
def test_a_damaged_package_is_refused_or_adds_up(place: Path, kind: str, data: st.DataObject) -> None:
    dataset = read(place, "train", data.draw(damaged(PACKAGES[kind])))
    if dataset is not None and kind.startswith("Parquet") and facts_of(dataset):
        assert rows_read(dataset, "train") == 40


@pytest.mark.parametrize("kind", PACKAGES)
def test_a_package_cut_anywhere_is_refused(place: Path, kind: str) -> None:
    whole = PACKAGES[kind]
    for length in {*range(1, len(whole), 211), *range(len(whole) - 9, len(whole))}:
        if kind != "gzip of two members" or not whole[length:].startswith(b"\x1f\x8b"):
            assert read(place, "train", whole[:length]) is None


def test_bytes_of_parquet_that_are_no_text_are_refused(place: Path) -> None:
    """Polars would take them for text unseen, and end the program."""
    plain = TYPED.cast({"product_id": pl.String}).with_columns(pl.lit("Überzug").alias("product_id"))
    content = parquet_of(plain).replace("Ü".encode(), b"\xc3\x28")
    assert read(place, "train", content) is None


# --- disks and codes --------------------------------------------------------------------------------------------------
NO_ROOM = (
    "The disk of the workspace {} is full. The new dataset was not stored. "
    "Free some space, or set the environment variable SVS_HOME to another folder, then try again."
)


def filled_up(home: Path, files: InputFiles) -> bool:
    """Whether the disk of the workspace is too small: then that is said, and nothing is left on it."""
    workspace = Workspace(home)
    try:
        must_add_up(ingest(files, workspace))
    except SettingError as error:
        assert str(error) == NO_ROOM.format(home)
        assert left_behind(workspace) == []
        return True
    return False


@pytest.mark.parametrize("spilling", [False, True])
def test_a_disk_that_fills_up_at_any_moment_is_a_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spilling: bool
) -> None:
    if spilling:
        monkeypatch.setattr("core.ingestion.sessions.partitions._IN_MEMORY", 7)
        monkeypatch.setattr("core.ingestion.sessions.partitions._ROWS_A_PART", 11)
    files, home = write_files(tmp_path / "files", GOOD), tmp_path / "disk"
    home.mkdir()
    full = []
    for pages in (8, 12, 16, 20, 24, 28, 32, 36, 40, 200):
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={pages * 4096}", "tmpfs", home], check=False)
        if mounted.returncode:
            absent_part("The right to mount a small disk", "run the tests as root, in a container that may mount")
        try:
            full.append(filled_up(home, files))
        finally:
            gc.collect()  # an error holds on to the maps of files that were being put together
            subprocess.run(["umount", home], check=True)
    assert full == sorted(full, reverse=True)
    assert (full[0], full[-1]) == (True, False)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no limit of file sizes")
@pytest.mark.parametrize("limit", [100, 1_000, 2_000])
def test_a_file_that_may_not_grow_is_a_full_disk(tmp_path: Path, limit: int) -> None:
    """As under a quota: a process that may write no file larger than this."""
    files, home = write_files(tmp_path, GOOD), tmp_path / "home"
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from core.ingestion import InputFiles, ingest; from core.base.workspace import Workspace\n"
        "home = Workspace(Path(sys.argv[3])); home.datasets\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]),) * 2)\n"
        "try: ingest(InputFiles(Path(sys.argv[1]), Path(sys.argv[2])), home)\n"
        "except Exception as error: print(type(error).__name__, error, sep=': ')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(files.train), str(files.test), str(home), str(limit)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(csv_text.__file__).parents[3],
    )
    assert done.stdout == f"SettingError: {NO_ROOM.format(home)}\n"
    assert left_behind(Workspace(home)) == []


def test_a_workspace_that_cannot_be_written_to_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(SettingError, match=r"^The workspace .*home cannot be used \(.*\)\. It must be"):
        ingest(write_files(tmp_path, GOOD), Workspace(tmp_path / "home"))


# --- parts and codes --------------------------------------------------------------------------------------------------
BY_GAP = Mapping.checked(session_gap_minutes=30)


@pytest.mark.parametrize("mapping", [Mapping(), Mapping(duplicates="remove"), BY_GAP], ids=["keep", "remove", "gap"])
@pytest.mark.parametrize(("held", "a_part"), [(7, 3), (7, 10**6), (10**6, 3), (1, 1)])
def test_how_many_parts_there_are_and_where_they_are_kept_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapping: Mapping, held: int, a_part: int
) -> None:
    events = [*GOOD, *GOOD[::-3]]
    whole = store(tmp_path / "whole", events, mapping)
    monkeypatch.setattr("core.ingestion.sessions.partitions._IN_MEMORY", held)
    monkeypatch.setattr("core.ingestion.sessions.partitions._ROWS_A_PART", a_part)
    monkeypatch.setattr(csv_text, "PIECE_BYTES", 500)
    monkeypatch.setattr(csv_text, "_HEAD_BYTES", 500)
    parts = store(tmp_path / "parts", events, mapping)
    must_add_up(parts)
    assert facts_of(parts) == facts_of(whole)
    assert values_of(parts) == values_of(whole)
    assert parts.card().model_copy(update={"created": ""}) == whole.card().model_copy(update={"created": ""})
    if mapping != BY_GAP:  # sessions made of pauses stand by user, whose parts they are in
        assert same_frames(parts, whole)


def test_a_disk_that_fails_while_the_first_parts_are_synced_is_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The later parts are synced without an error."""
    synced: list[Path] = []
    first_failed = threading.Event()

    def sync(folder: Path) -> None:
        synced.append(folder)
        if len(synced) == 1:
            first_failed.set()
            raise OSError(errno.ENOSPC, "No space left on device")

    def counted(self: AssemblyCounts, assembled: AssembledPartition) -> None:
        add(self, assembled)
        if synced:
            first_failed.wait()
            time.sleep(0.05)  # until the failed future is done, so that the next one takes its place

    add = AssemblyCounts.add
    monkeypatch.setattr("core.ingestion.sessions.partitions._ROWS_A_PART", 3)
    monkeypatch.setattr("core.ingestion.sessions.assembly._sync_files", sync)
    monkeypatch.setattr(AssemblyCounts, "add", counted)
    with pytest.raises(StudioError) as error:
        store(tmp_path, [*GOOD, *GOOD[::-3]], Mapping())
    assert "full" in str(error.value)
    assert len(synced) == 1


@pytest.mark.parametrize("column", ["user_session", "user_id", "product_id", "category_id"])
@pytest.mark.parametrize("poor_seeds", [1, 3])
def test_where_two_ids_have_one_code_the_next_seed_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str, poor_seeds: int
) -> None:
    """A hash that under the first seeds gives all ids the same code."""
    real, tried = pl.Series.hash, set()

    def poor(series: pl.Series, seed: int = 0, *more: int) -> pl.Series:
        found = real(series, seed, *more)
        if series.name != column or seed >= poor_seeds:
            return found
        tried.add(seed)
        return found * 0

    right = store(tmp_path / "right", GOOD)
    monkeypatch.setattr(pl.Series, "hash", poor)
    again = store(tmp_path / "again", GOOD, sample=sample_of("B3", "B1"))
    assert tried == set(range(poor_seeds))
    assert facts_of(again) == facts_of(right) == sorted(event.facts for event in GOOD)
    assert values_of(again) == values_of(right)
    assert again.submission_order()["user_session"].to_list() == ["B3", "B1"]
    must_add_up(again)


def test_two_sessions_of_one_user_with_one_code_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They differ neither in users nor in files, only in their ids."""
    real = pl.Series.hash

    def poor(series: pl.Series, seed: int = 0, *more: int) -> pl.Series:
        found = real(series, seed, *more)
        return found.set(series.is_in(["ONE", "TWO"]), 7) if seed == 0 and series.name == "user_session" else found

    monkeypatch.setattr(pl.Series, "hash", poor)
    pair = [Event("train", name, "U", value=value) for name, value in (("ONE", 1.0), ("TWO", 2.0))]
    values = values_of(store(tmp_path, [*GOOD, *pair]))
    assert (values["ONE"], values["TWO"]) == (1.0, 2.0)
