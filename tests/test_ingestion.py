"""What ingestion keeps, sets aside and refuses: files in, one clean dataset out, or one sentence and nothing stored."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import random
import shutil
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset import CARD_FILE, Dataset
from core.errors import InputError, StudioError
from core.ingestion import InputFiles, ingest, read_ids
from core.ingestion.uploads import keep_upload
from core.schema import ROLES
from core.workspace import Workspace
from tests.events_on_the_spot import (
    NOON,
    Event,
    csv_of,
    facts_of,
    good_events,
    random_events,
    rows_of,
    sample_of,
    store,
    unit_names,
    words_of,
    write_files,
)

GOOD = good_events()
ROWS = rows_of(GOOD, "train")
CSV = csv_of(ROWS)
LINES = CSV.decode().splitlines()
HEADER = LINES[0]
FOUND = HEADER.replace(",", ", ")
QUICKLY = settings(deadline=None, derandomize=True)


def parquet_of(frame: pl.DataFrame) -> bytes:
    target = io.BytesIO()
    frame.write_parquet(target)
    return target.getvalue()


def typed_frame() -> pl.DataFrame:
    """The good train rows as a program would write them: times as times, values as numbers, words as categories."""
    return pl.DataFrame(ROWS).with_columns(
        pl.col("event_time").str.to_datetime("%Y-%m-%d %H:%M:%S%z"),
        pl.col("event_type").cast(pl.Categorical),
        pl.col("session_value").cast(pl.Float64),
    )


def with_line(number: int, line: str) -> bytes:
    """The good train file with one line (the header is line 1) replaced."""
    return "\n".join([*LINES[: number - 1], line, *LINES[number:]]).encode() + b"\n"


def with_cell(column: str, text: str, row: int = 5) -> list[dict[str, str]]:
    """The good train rows with one cell replaced."""
    return [{**cells, column: text} if number == row else cells for number, cells in enumerate(ROWS)]


def stored_bytes(dataset: Dataset) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in dataset.folder.iterdir()}


def left_behind(workspace: Workspace) -> list[str]:
    return [str(path) for path in workspace.datasets.rglob("*")]


# --- good files -------------------------------------------------------------------------------------------------------
LISTS = typed_frame().with_columns(pl.lit([1, 2]).alias("tags"), pl.lit(b"\xff").alias("thumbnail"))
TIMES = typed_frame().get_column("event_time")
BUSY_NAMES = {"line": "1", "time": "now", "value": "-3", "unit": "x", "reason": "none", "": "", "note": 'a, "b"\nc'}
GOOD_FORMS = {
    "CSV": CSV,
    "CSV without a line end at its end": CSV.rstrip(b"\n"),
    "CSV.GZ": gzip.compress(CSV),
    "CSV.GZ of several members": gzip.compress(CSV[:500]) + gzip.compress(CSV[500:]),
    "Parquet of text": parquet_of(pl.DataFrame(ROWS)),
    "Parquet with a datetime column": parquet_of(typed_frame()),
    "Parquet with times without a zone": parquet_of(typed_frame().with_columns(TIMES.dt.replace_time_zone(None))),
    "Parquet with nanoseconds": parquet_of(typed_frame().with_columns(TIMES.dt.cast_time_unit("ns"))),
    "Parquet with times of Tokyo": parquet_of(typed_frame().with_columns(TIMES.dt.convert_time_zone("Asia/Tokyo"))),
    "Parquet with lists and pictures nobody asked for": parquet_of(LISTS),
    "byte order mark": b"\xef\xbb\xbf" + CSV,
    "line ends of Windows": csv_of(ROWS, ending="\r\n"),
    "quoted fields": csv_of(ROWS, quote_all=True),
    "columns in another order": csv_of([dict(reversed(row.items())) for row in ROWS]),
    "extra columns, some named as our own": csv_of([{**BUSY_NAMES, **row} for row in ROWS]),
    "blanks around names and cells": b"\n".join(
        " , ".join(f" {cell}  " for cell in line.split(",")).encode() for line in LINES
    ),
    "times in ISO form": csv_of([{**row, "event_time": row["event_time"].replace(" ", "T")} for row in ROWS]),
    "times ending in Z": csv_of([{**row, "event_time": row["event_time"].replace("+00:00", "Z")} for row in ROWS]),
    "times ending in UTC": csv_of([{**row, "event_time": row["event_time"].replace("+00:00", " UTC")} for row in ROWS]),
    "times without a zone": csv_of([{**row, "event_time": row["event_time"].removesuffix("+00:00")} for row in ROWS]),
    "times with parts of a second": csv_of(
        [{**row, "event_time": row["event_time"].replace("+00:00", ".999+00:00")} for row in ROWS]
    ),
}


@pytest.mark.parametrize("form", GOOD_FORMS)
def test_a_good_file_is_stored_event_by_event(tmp_path: Path, form: str) -> None:
    dataset = store(tmp_path, GOOD, train=GOOD_FORMS[form])
    assert facts_of(dataset) == sorted(event.facts for event in GOOD)
    card = dataset.card()
    assert (card.train.rows, card.train.kept, card.train.quarantined) == (40, 40, 0)
    assert dataset.quarantine().collect().is_empty()
    values = dict(dataset.units().filter(pl.col("role") == 0).select("session", "value").collect().iter_rows())
    sessions = words_of(dataset, "user_session")
    assert {sessions[code]: value for code, value in values.items()} == {f"A{n}": 10.5 * n for n in range(10)}


def test_a_time_of_another_zone_is_moved_to_utc(tmp_path: Path) -> None:
    dataset = store(tmp_path, GOOD, train=csv_of(with_cell("event_time", "2025-06-02 14:30:00+02:00")))
    sixth = dataclasses.replace(GOOD[5], time=NOON + 1800)
    assert facts_of(dataset) == sorted(event.facts for event in [*GOOD[:5], sixth, *GOOD[6:]])


def test_the_name_of_a_file_does_not_count_but_its_content(tmp_path: Path) -> None:
    files = write_files(tmp_path, GOOD, train=gzip.compress(CSV))
    table = files.train.rename(tmp_path / "train.parquet")
    assert len(facts_of(ingest(InputFiles(table, files.test), Workspace(tmp_path / "home")))) == 80


def test_the_card_counts_what_the_files_hold(tmp_path: Path) -> None:
    events = [
        *GOOD,
        Event("train", "BOTH", "U9", time=NOON - 60, value=8.0),
        Event("test", "BOTH", "U9", product="NEW"),
        Event("train", "SHARED", "U1"),
        Event("train", "SHARED", "U2"),
        Event("train", "UNEVEN", "U3", value=1.0),
        Event("train", "UNEVEN", "U3", value=4.0),
    ]
    card = store(tmp_path, events, sample=sample_of("BOTH", "B1")).card()
    train = card.train
    assert (train.name, train.rows, train.sessions, train.users, train.products) == ("train.csv", 45, 13, 7, 7)
    assert (train.first_time, train.last_time) == (NOON - 60, NOON + 9 * 3600 + 180)
    assert train.value_mean == pytest.approx((10.5 * 45 + 8 + 10 + 2.5) / 13)
    assert (card.test.rows, card.test.value_mean, card.test.value_median) == (41, None, None)
    assert (card.to_predict, card.known_sessions, card.composite_train, card.composite_test) == (2, 1, 1, 0)
    assert (card.users_in_both, card.products_new_in_test, card.sessions_with_differing_values) == (7, 1, 1)
    assert (card.synthetic, card.sample_submission, card.quarantine_reasons) == (False, "sample.csv", {})


def test_files_beside_the_mark_of_the_simulator_are_called_synthetic(demo_files: InputFiles, tmp_path: Path) -> None:
    assert ingest(demo_files, Workspace(tmp_path)).card().synthetic


def test_ids_come_back_as_they_stand_in_the_files(tmp_path: Path) -> None:
    odd = ["0001", "1", "ä ö", "Ωmega", "a,b", 'say "x"', "NULL", "nan", "-", "💶"]
    users = {f"A{number}": user for number, user in enumerate(odd)}
    events = [dataclasses.replace(event, user=users.get(event.session, event.user)) for event in GOOD]
    dataset = store(tmp_path, events)
    assert facts_of(dataset) == sorted(event.facts for event in events)
    assert sorted(words_of(dataset, "user_id").values()) == sorted({event.user for event in events})


# --- the order of the submission --------------------------------------------------------------------------------------
def test_the_order_of_the_sample_submission_is_kept(tmp_path: Path) -> None:
    order = store(tmp_path, GOOD, sample=sample_of("B7", "B0", "B3")).order()
    assert order.get_column("user_session").to_list() == ["B7", "B0", "B3"]


def test_without_a_sample_all_test_sessions_are_predicted_in_the_order_of_their_ids(tmp_path: Path) -> None:
    dataset = store(tmp_path, GOOD[::-1])
    assert dataset.order().get_column("user_session").to_list() == [f"B{number}" for number in range(10)]
    assert sorted(dataset.test_sessions()) == [f"B{number}" for number in range(10)]


def test_ids_are_read_once_each_in_file_order(tmp_path: Path) -> None:
    assert read_ids(write_files(tmp_path, GOOD[::-1]).test).to_list() == [f"B{number}" for number in range(9, -1, -1)]


# --- the same files again ---------------------------------------------------------------------------------------------
def test_the_same_files_are_recognised_under_other_names_and_only_the_names_are_rewritten(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    first = ingest(write_files(tmp_path / "one", GOOD, sample=sample_of("B1")), workspace)
    stored = [path for path in first.folder.iterdir() if path.name != "card.json"]
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in stored}
    card = first.card()
    again = write_files(tmp_path / "two", GOOD, sample=sample_of("B1"))
    other_name = again.train.rename(tmp_path / "two" / "clicks.csv")
    said: list[str] = []
    second = ingest(
        InputFiles(other_name, again.test, again.sample_submission),
        workspace,
        lambda part, parts, text: said.append(text),
    )
    assert second.fingerprint == first.fingerprint
    assert said[-1] == "these files were read before"
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in stored} == before
    assert {path.name for path in second.folder.iterdir()} == {path.name for path in stored} | {"card.json"}
    named = card.model_copy(update={"name": "two", "train": card.train.model_copy(update={"name": "clicks.csv"})})
    assert second.card() == named


def test_other_content_is_another_dataset(tmp_path: Path) -> None:
    fingerprints = {
        store(tmp_path / "a", GOOD).fingerprint,
        store(tmp_path / "b", GOOD[1:]).fingerprint,
        store(tmp_path / "c", GOOD, sample=sample_of("B1")).fingerprint,
        store(tmp_path / "d", GOOD, sample=sample_of("B2")).fingerprint,
    }
    assert len(fingerprints) == 4


@settings(QUICKLY, max_examples=40)
@given(events=random_events(), seed=st.integers(0, 999))
def test_the_row_order_of_the_files_changes_no_stored_byte(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("order")
    shuffled = random.Random(seed).sample(events, len(events))
    one, two = (stored_bytes(store(folder / name, rows)) for name, rows in (("a", events), ("b", shuffled)))
    one.pop(CARD_FILE), two.pop(CARD_FILE)
    assert one == two


def test_rows_that_differ_in_one_cell_only_have_one_stored_order(tmp_path: Path) -> None:
    twins = [Event("train", "S", "U", category=f"C{number}", value=0.1 * number) for number in range(8)]
    one = stored_bytes(store(tmp_path / "a", [*GOOD, *twins]))
    two = stored_bytes(store(tmp_path / "b", [*twins[::-1], *GOOD]))
    assert (one["train.parquet"], one["units.parquet"]) == (two["train.parquet"], two["units.parquet"])


# --- known and composite sessions -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("in_train", "in_test", "is_known"),
    [
        (["U1"], ["U1"], True),
        (["U1", "U2"], ["U2", "U1"], True),
        (["U1"], ["U2"], False),
        (["U1", "U2"], ["U1"], False),
        (["U1"], ["U1", "U2"], False),
        (["U1", "U2"], ["U1", "U3"], False),
    ],
)
def test_a_test_session_is_known_when_train_has_its_id_with_the_same_users(
    tmp_path: Path, in_train: list[str], in_test: list[str], is_known: bool
) -> None:
    shared = [
        *(Event("train", "S", user, value=42.0) for user in in_train),
        *(Event("test", "S", user) for user in in_test),
    ]
    dataset = store(tmp_path, [*GOOD, *shared])
    units = dataset.units().collect()
    known = dict(zip(unit_names(dataset, units), units.get_column("known_value"), strict=True))
    assert {name: value for name, value in known.items() if value is not None} == (
        {("test", "S", user): 42.0 for user in in_test} if is_known else {}
    )
    assert dataset.card().known_sessions == int(is_known)


def test_a_session_id_of_several_users_is_one_unit_a_user(tmp_path: Path) -> None:
    shared = [Event("train", "S", f"U{number}", time=NOON + number, value=7.0) for number in (3, 1, 2, 1)]
    dataset = store(tmp_path, [*GOOD, *shared, Event("test", "S", "U1")])
    units = dataset.units().filter(pl.col("composite")).collect()
    starts = dict(zip(unit_names(dataset, units), units.get_column("start"), strict=True))
    assert starts == {("train", "S", f"U{number}"): NOON + number for number in (1, 2, 3)}
    assert units.get_column("value").to_list() == [7.0, 7.0, 7.0]
    card = dataset.card()
    assert (card.composite_train, card.composite_test, card.train.sessions) == (1, 0, 11)


def test_units_are_numbered_from_zero_and_their_events_stand_together(tmp_path: Path) -> None:
    dataset = store(tmp_path, GOOD)
    units = dataset.units().collect()
    assert units.get_column("unit").to_list() == list(range(20))
    assert sorted(unit_names(dataset, units)) == sorted({(event.file, event.session, event.user) for event in GOOD})
    for file in ROLES:
        events = dataset.events(file).select("unit", "time").collect()
        assert events.rows() == sorted(events.rows())
        assert events.get_column("unit").n_unique() == 10


def test_differing_values_of_a_session_are_averaged(tmp_path: Path) -> None:
    dataset = store(tmp_path, [*GOOD, *(Event("train", "S", "U1", value=value) for value in (1.0, 2.0, 6.0))])
    assert dataset.units().collect().get_column("value").max() == 94.5
    assert dataset.units().filter(pl.col("value") == 3.0).collect().height == 1


# --- rows and files that cannot be used -------------------------------------------------------------------------------
def test_a_row_of_the_test_file_goes_to_quarantine_too(tmp_path: Path) -> None:
    rows = rows_of(GOOD, "test")
    rows[-1] = {**rows[-1], "event_type": "LOOK"}
    dataset = store(tmp_path, GOOD, test=csv_of(rows))
    (aside,) = dataset.quarantine().collect().to_dicts()
    assert (aside["file"], aside["line"], aside["role"]) == ("test.csv", 41, 1)
    assert (dataset.card().test.kept, dataset.card().test.quarantined, dataset.card().train.quarantined) == (39, 1, 0)


def test_a_row_of_parquet_is_set_aside_as_json(tmp_path: Path) -> None:
    dataset = store(tmp_path, GOOD, train=parquet_of(pl.DataFrame(with_cell("event_type", "LOOK"))))
    (aside,) = dataset.quarantine().collect().to_dicts()
    assert (aside["line"], json.loads(aside["row"])) == (7, {**ROWS[5], "event_type": "LOOK"})


def test_a_row_with_several_faults_is_counted_once_by_the_first_of_them(tmp_path: Path) -> None:
    dataset = store(tmp_path, GOOD, train=with_line(7, "never,LOOK,,C1,U1,A1,-5"))
    assert dataset.quarantine().collect().get_column("reason").to_list() == ["empty product_id"]
    assert dataset.card().quarantine_reasons == {"empty product_id": 1}


def test_up_to_a_tenth_of_unusable_rows_is_set_aside(tmp_path: Path) -> None:
    rows = [{**row, "event_type": "LOOK"} if number < 4 else row for number, row in enumerate(ROWS)]
    dataset = store(tmp_path, GOOD, train=csv_of(rows))
    assert dataset.quarantine().collect().get_column("line").to_list() == [2, 3, 4, 5]
    assert dataset.card().train.kept == 36


@pytest.mark.parametrize("part", ["train", "test", "sample_submission"])
def test_a_file_that_is_not_there_is_named_with_its_path(tmp_path: Path, workspace: Workspace, part: str) -> None:
    absent = tmp_path / "absent.csv"
    files = dataclasses.replace(write_files(tmp_path / "files", GOOD), **{part: absent})
    with pytest.raises(InputError) as refused:
        ingest(files, workspace)
    assert str(refused.value) == f"There is no file at {absent}: check the path, or pick another file."
    assert left_behind(workspace) == []


# --- whatever the bytes -----------------------------------------------------------------------------------------------
EDITS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["replace", "insert", "delete", "cut"]),
        st.one_of(st.sampled_from(list(b',"\n\r \x00;-P0\xff')), st.integers(0, 255)),
    ),
    min_size=1,
    max_size=4,
)
Edit = tuple[float, str, int]


def edited(content: bytes, edits: list[Edit]) -> bytes:
    changed = bytearray(content)
    for where, what, byte in edits:
        place = int(where * len(changed))
        if what == "replace" and changed:
            changed[place] = byte
        elif what == "insert":
            changed.insert(place, byte)
        elif what == "delete":
            del changed[place : place + 1 + byte % 40]
        elif what == "cut" and byte % 8 == 0:
            del changed[place:]
    return bytes(changed)


def refused_or_adding_up(folder: Path, name: str, content: bytes) -> Dataset | None:
    """Ingest the good pair with one file replaced: None when it was refused as it should be, or a whole dataset."""
    files = write_files(folder / "files", GOOD, **{name: content})
    workspace = Workspace(folder / "home")
    try:
        dataset = ingest(files, workspace)
    except StudioError as refused:
        assert str(refused).endswith(".")
        assert left_behind(workspace) == []
        return None
    card, aside = dataset.card(), dataset.quarantine().collect()
    for role, part in (("train", card.train), ("test", card.test)):
        assert part.rows == part.kept + part.quarantined + part.removed
        assert part.kept == dataset.events(role).collect().height >= 0.9 * part.rows
    assert aside.height == card.train.quarantined + card.test.quarantined == sum(card.quarantine_reasons.values())
    assert set(aside.get_column("file")) <= {"train.csv", "test.csv"}
    return dataset


@settings(QUICKLY, max_examples=60)
@given(name=st.sampled_from(["train", "test"]), edits=EDITS)
def test_a_damaged_gzip_is_refused_or_adds_up(
    tmp_path_factory: pytest.TempPathFactory, name: str, edits: list[Edit]
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    packed = gzip.compress(csv_of(rows_of(GOOD, name)), mtime=0)
    refused_or_adding_up(folder, name, edited(packed, edits))
    shutil.rmtree(folder)


def test_a_parquet_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = parquet_of(typed_frame())
    for length in range(1, len(whole), 97):
        assert refused_or_adding_up(tmp_path, "train", whole[:length]) is None


@settings(QUICKLY, max_examples=100)
@given(edits=EDITS)
def test_a_damaged_parquet_file_is_refused_or_adds_up(
    tmp_path_factory: pytest.TempPathFactory, edits: list[Edit]
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    refused_or_adding_up(folder, "train", edited(parquet_of(typed_frame()), edits))
    shutil.rmtree(folder)


# --- uploads ----------------------------------------------------------------------------------------------------------
class Upload(io.BytesIO):
    """A browser's upload: a stream with the name that the visitor's machine gave it."""

    def __init__(self, name: str, content: bytes = CSV) -> None:
        super().__init__(content)
        self.name = name


CLIMBING = [
    ("train.csv", "train.csv"),
    ("../../train.csv", "train.csv"),
    ("/etc/passwd", "passwd"),
    ("a/b/../c.csv", "c.csv"),
    ("..", "file"),
    (".", "file"),
    ("", "file"),
    ("...", "file"),
    (".bashrc", "bashrc"),
    ("..\\..\\evil.csv", "_.._evil.csv"),
    ("C:\\data\\x.csv", "C__data_x.csv"),
    ("~/x.csv", "x.csv"),
    ("nul\0and\nline.csv", "nul_and_line.csv"),
    ("$(rm) ;x.csv", "__rm_ _x.csv"),
    ("événements 2.csv", "événements 2.csv"),
    ("x" * 500 + ".csv.gz", "x" * 53 + ".csv.gz"),
    ("€" * 300, "_" * 60),
    ("語" * 300, "語" * 60),
]


@pytest.mark.parametrize(("name", "kept_as"), CLIMBING, ids=[ascii(name[:20]) for name, _ in CLIMBING])
def test_an_upload_stays_in_its_folder_whatever_its_name(workspace: Workspace, name: str, kept_as: str) -> None:
    path = keep_upload(workspace, {"train": Upload(name)})["train"]
    assert path.name == kept_as
    assert path.resolve().is_relative_to(workspace.uploads.resolve())
    assert path.read_bytes() == CSV
    assert [found for found in workspace.root.rglob("*") if found.is_file()] == [path]


def test_the_same_upload_again_finds_its_folder(workspace: Workspace) -> None:
    first = keep_upload(workspace, {"train": Upload("a.csv"), "test": Upload("b.csv", b"b")})
    before = {path: path.stat().st_mtime_ns for path in first.values()}
    second = keep_upload(workspace, {"test": Upload("b.csv", b"b"), "train": Upload("a.csv")})
    assert second == first
    assert {path: path.stat().st_mtime_ns for path in second.values()} == before
    assert len(list(workspace.uploads.iterdir())) == 1


def test_the_same_content_under_another_name_is_found_under_that_name(workspace: Workspace) -> None:
    for name in ("a.csv", "b.csv"):
        path = keep_upload(workspace, {"train": Upload(name)})["train"]
        assert (path.name, path.read_bytes()) == (name, CSV)


def test_two_uploads_of_one_name_stay_apart(workspace: Workspace) -> None:
    kept = keep_upload(workspace, {"train": Upload("x.csv", b"one"), "test": Upload("x.csv", b"two")})
    assert (kept["train"].read_bytes(), kept["test"].read_bytes()) == (b"one", b"two")


def test_other_content_under_the_same_name_replaces_nothing(workspace: Workspace) -> None:
    old = keep_upload(workspace, {"train": Upload("x.csv", b"old")})["train"]
    new = keep_upload(workspace, {"train": Upload("x.csv", b"new")})["train"]
    assert (old.read_bytes(), new.read_bytes()) == (b"old", b"new")


def test_an_upload_that_was_read_already_is_kept_whole(workspace: Workspace) -> None:
    upload = Upload("x.csv")
    upload.read()
    assert keep_upload(workspace, {"train": upload})["train"].read_bytes() == CSV


def test_an_upload_that_breaks_off_leaves_nothing_behind(workspace: Workspace) -> None:
    class BreakingOff(Upload):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("connection lost")

    with pytest.raises(OSError, match="connection lost"):
        keep_upload(workspace, {"test": Upload("a.csv"), "train": BreakingOff("b.csv")})
    assert list(workspace.uploads.iterdir()) == []


def test_kept_uploads_can_be_ingested(workspace: Workspace) -> None:
    kept = keep_upload(workspace, {"train": Upload("x.csv"), "test": Upload("x.csv", csv_of(rows_of(GOOD, "test")))})
    assert len(facts_of(ingest(InputFiles(kept["train"], kept["test"]), workspace))) == 80
