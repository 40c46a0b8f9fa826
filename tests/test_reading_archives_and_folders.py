"""Several files as one log: archives, folders and globs, whatever their order and whatever else lies beside them."""

from __future__ import annotations

import gzip
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from core.base.workspace import Workspace
from core.dataset import Dataset
from core.errors import InputError
from core.ingestion import InputFiles, ingest, read_ids
from core.ingestion.mapping import Mapping
from tests.events_on_the_spot import (
    csv_of,
    facts_of,
    good_events,
    left_behind,
    must_add_up,
    parquet_of,
    rows_of,
    same_frames,
    sample_of,
    store,
    store_train,
    write_files,
    zip_of,
)

GOOD = good_events()
ROWS = rows_of(GOOD, "train")
CSV = csv_of(ROWS)
HEADER = CSV.split(b"\n")[0] + b"\n"
FACTS = sorted(event.facts for event in GOOD)
FIRST, SECOND = ROWS[:18], [dict(reversed(row.items())) for row in ROWS[18:]]
"""The good rows in two parts whose columns are in different orders; a session has rows in both."""
ENDINGS = ".csv, .gz, .tsv, .txt, .parquet, .pq, .zip, .jsonl, .ndjson, .json"

ARCHIVES = {
    "one member": {"train.csv": CSV},
    "two members with columns in different order": {"a.csv": csv_of(FIRST), "b.csv": csv_of(SECOND)},
    "two members, the second first": {"b.csv": csv_of(SECOND), "a.csv": csv_of(FIRST)},
    "a gzip": {"train.csv.gz": gzip.compress(CSV)},
    "Parquet": {"train.parquet": parquet_of(ROWS)},
    "members of several forms": {
        "a.csv": csv_of(FIRST[:5]).replace(b",", b";"),
        "b.gz": gzip.compress(csv_of(FIRST[5:])),
        "c.parquet": parquet_of(SECOND),
    },
    "an archive in the archive": {"train.zip": zip_of({"train.csv": CSV})},
    "members in folders": {
        "2025/": b"",
        "2025/06/": b"",
        "2025/06/a.csv": csv_of(FIRST),
        "2025/07.csv": csv_of(SECOND),
    },
    "what Macs put beside": {"log.csv": CSV, "__MACOSX/._log.csv": b"\x00\x05", "log/.DS_Store": b"\x00"},
    "a member that has a header only": {"a.csv": CSV, "b.csv": HEADER},
    "a name without an ending": {"events": CSV},
}


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The good files, stored."""
    return store(tmp_path_factory.mktemp("right"), GOOD)


@pytest.mark.parametrize("form", ARCHIVES)
def test_an_archive_holds_the_same_events_as_its_files(tmp_path: Path, right: Dataset, form: str) -> None:
    dataset = store(tmp_path, GOOD, train=zip_of(ARCHIVES[form]))
    assert facts_of(dataset) == FACTS
    assert same_frames(dataset, right)
    assert dataset.card().train.rows == 40
    assert dataset.quarantine().collect().is_empty()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_may_be_packed_in_any_way_that_python_knows(tmp_path: Path, right: Dataset, method: int) -> None:
    assert same_frames(store(tmp_path, GOOD, train=zip_of({"train.csv": CSV}, method)), right)


def test_the_test_file_and_the_sample_may_be_archives_too(tmp_path: Path, right: Dataset) -> None:
    test = zip_of({"test.csv": csv_of(rows_of(GOOD, "test"))})
    sample = sample_of(*(f"B{number}" for number in range(10)))
    dataset = store(tmp_path, GOOD, test=test, sample=zip_of({"sample.csv": sample}))
    assert same_frames(dataset, right)
    assert read_ids(tmp_path / "files" / "test.csv").to_list() == [f"B{number}" for number in range(10)]


def test_a_bad_row_is_named_with_its_member_and_its_line_there(tmp_path: Path) -> None:
    archive = zip_of({"a.csv": csv_of(FIRST), "b.csv": csv_of(SECOND) + b"x\n", "c.csv": csv_of(ROWS[:1]) + b"\ny\n"})
    dataset = store(tmp_path, GOOD, train=archive)
    assert dataset.quarantine().select("file", "line", "row").collect().rows() == [
        ("train.csv/b.csv", 24, "x"),
        ("train.csv/c.csv", 4, "y"),
    ]
    must_add_up(dataset)


# --- folders and globs ------------------------------------------------------------------------------------------------
def folder_of(place: Path, **files: bytes) -> Path:
    """A folder with these files; `__` in a name becomes a dot."""
    place.mkdir(parents=True)
    for name, content in files.items():
        (place / name.replace("__", ".")).write_bytes(content)
    return place


def logs(place: Path) -> Path:
    return folder_of(place, b__csv__gz=gzip.compress(csv_of(SECOND)), a__csv=csv_of(FIRST), notes__md=b"no log")


GLOBS = {
    "a folder": "",
    "a folder with a slash": "./",
    "all of a folder": "*.csv*",
    "one letter left open": "?.csv*",
    "letters to choose from": "[ab].*",
    "a folder left open": "../*/[ab].*",
    "any depth": "../**/?.csv*",
}


@pytest.mark.parametrize("pattern", GLOBS)
def test_a_folder_and_a_glob_are_read_file_by_file(tmp_path: Path, right: Dataset, pattern: str) -> None:
    dataset = store_train(tmp_path, logs(tmp_path / "shop" / "june") / GLOBS[pattern])
    assert same_frames(dataset, right)


def test_which_file_a_row_stands_in_changes_nothing(tmp_path: Path, right: Dataset) -> None:
    parts = {f"part{place}__csv": csv_of(ROWS[place::7]) for place in range(7)}
    assert same_frames(store_train(tmp_path, folder_of(tmp_path / "logs", **parts)), right)


def test_what_is_hidden_or_no_table_by_its_name_is_passed_over_in_a_folder(tmp_path: Path, right: Dataset) -> None:
    logs_ = folder_of(
        tmp_path / "logs",
        TRAIN__CSV=CSV,
        __hidden__csv=b"\x00\x05\x16\x07 what a Mac puts beside a file",
        _SUCCESS=b"",
        picture__png=b"\x89PNG",
        **{"part-0.csv.crc": b"crc"},
    )
    (logs_ / "more.csv").mkdir()
    assert same_frames(store_train(tmp_path, logs_), right)


HIDDEN = b"\x00\x05\x16\x07 what a Mac or an editor puts beside a file"


@pytest.mark.parametrize("pattern", ["*", "*.csv*", "../*/*.csv*", "../**/*.csv*"])
def test_a_glob_leaves_out_what_is_hidden_as_a_folder_does(tmp_path: Path, right: Dataset, pattern: str) -> None:
    place = tmp_path / "shop" / "june"
    folder_of(place, a__csv=csv_of(FIRST), b__csv=csv_of(SECOND), **{"._a.csv": HIDDEN, ".a.csv.swp.csv": HIDDEN})
    for name in (".trash", "__MACOSX"):
        folder_of(tmp_path / "shop" / name, a__csv=CSV)
    assert same_frames(store_train(tmp_path, place / pattern), right)


@pytest.mark.parametrize("pattern", ["june/.*.csv", "june/.[ab].csv", "*/.?.csv", "*/.logs/*.csv", "*/.logs/a.csv"])
def test_a_glob_with_a_dot_for_it_stands_for_what_is_hidden(tmp_path: Path, right: Dataset, pattern: str) -> None:
    folder_of(tmp_path / "shop" / "june", log__csv=CSV + b"x\n", **{".a.csv": csv_of(FIRST), ".b.csv": csv_of(SECOND)})
    folder_of(tmp_path / "shop" / "june" / ".logs", a__csv=CSV)
    assert same_frames(store_train(tmp_path, tmp_path / "shop" / pattern), right)


def test_a_glob_with_a_hidden_folder_leaves_out_other_hidden_folders(tmp_path: Path, right: Dataset) -> None:
    folder_of(tmp_path / "june" / ".logs" / "shop", a__csv=CSV)
    folder_of(tmp_path / "june" / ".logs" / ".trash", a__csv=CSV)
    assert same_frames(store_train(tmp_path, tmp_path / "*" / ".logs" / "**" / "a.csv"), right)


def test_the_card_tells_the_rows_of_each_table_and_what_was_not_read(tmp_path: Path) -> None:
    archive = zip_of({"a.csv": CSV, "b.csv": csv_of(ROWS[:3]) + b"x\n", "readme.md": b"", "b.dat": CSV})
    folder = folder_of(tmp_path / "logs", all__zip=archive, c__csv=HEADER, old__bz2=b"BZh")
    (folder / "more").mkdir()
    train = store_train(tmp_path, folder).card().train
    assert {name: (table.rows, table.quarantined) for name, table in train.files.items()} == {
        "all.zip/a.csv": (40, 0),
        "all.zip/b.csv": (4, 1),
        "c.csv": (0, 0),
    }
    assert train.passed_over == ("more/", "old.bz2", "all.zip/b.dat", "all.zip/readme.md")


def test_the_file_with_most_of_the_bad_rows_is_named(tmp_path: Path, workspace: Workspace) -> None:
    bad = csv_of([{**row, "event_type": "LOOK"} for row in ROWS])
    folder = folder_of(tmp_path / "logs", a__csv=CSV + b"x\n", b__csv=bad)
    with pytest.raises(
        InputError, match=r"1 x it has 1 field, but the header has 7; 40 of them in b\.csv\)\. At least"
    ):
        ingest(InputFiles(folder, write_files(tmp_path / "beside", GOOD).test), workspace)


def test_rows_to_be_ignored_make_no_file_the_worst(tmp_path: Path, workspace: Workspace) -> None:
    ignored = csv_of([{**row, "event_type": "scroll"} for row in ROWS])
    folder = folder_of(tmp_path / "logs", a__csv=ignored, b__csv=CSV + b"x\n" * 10)
    files = InputFiles(folder, write_files(tmp_path / "beside", GOOD).test, mapping=Mapping(ignored_words=("scroll",)))
    with pytest.raises(InputError) as refused:
        ingest(files, workspace)
    assert (
        "Only 40 of 50 rows in logs are valid (10 x it has 1 field, but the header has 7; 10 of them in b.csv; "
        "the mapping ignores 40 more)." in str(refused.value)
    )


def test_a_folder_whose_name_looks_like_a_glob_is_itself(tmp_path: Path, right: Dataset) -> None:
    folder = logs(tmp_path / "june [1]")
    assert same_frames(store_train(tmp_path / "itself", folder), right)
    assert same_frames(store_train(tmp_path / "glob", folder / "*.csv*"), right)


def test_a_day_without_events_does_not_stop_a_folder_of_days(tmp_path: Path, right: Dataset) -> None:
    assert same_frames(store_train(tmp_path, folder_of(tmp_path / "logs", a__csv=CSV, b__csv=HEADER)), right)


def test_a_bad_row_is_named_with_its_file_of_the_folder(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "logs", a__csv=CSV, b__csv=csv_of(SECOND[:1]) + b"2025-06-02,VIEW\n")
    dataset = store_train(tmp_path, folder)
    assert dataset.quarantine().select("file", "line", "reason").collect().rows() == [
        ("b.csv", 3, "it has 2 fields, but the header has 7")
    ]
    must_add_up(dataset)


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    folder_of(tmp_path / "day=1", events__csv=CSV)
    folder_of(tmp_path / "day=2", events__csv=csv_of(SECOND[:1]) + b"2025-06-02,VIEW\n")
    dataset = store_train(tmp_path / "made", tmp_path / "day*" / "events.csv")
    files = dataset.card().train.files
    assert {name: rows.rows for name, rows in files.items()} == {"day=1/events.csv": 40, "day=2/events.csv": 2}
    assert dataset.quarantine().select("file", "line").collect().rows() == [("day=2/events.csv", 3)]
    must_add_up(dataset)


def test_what_is_left_counts_over_the_whole_folder(tmp_path: Path) -> None:
    """All rows of an unusable file are quarantined if the other files are large enough."""
    bad = csv_of([{**row, "event_type": "LOOK"} for row in ROWS[:4]])
    dataset = store_train(tmp_path, folder_of(tmp_path / "logs", a__csv=CSV, b__csv=bad))
    assert (dataset.card().train.rows, dataset.card().train.kept) == (44, 40)


def test_people_see_the_name_of_the_folder_or_the_glob(tmp_path: Path) -> None:
    folder = logs(tmp_path / "june")
    assert store_train(tmp_path, folder).card().train.name == "june"
    card = store_train(tmp_path, folder / "*.csv*").card()
    assert (card.train.name, card.name) == ("*.csv*", "june")


def pipe(place: Path) -> Path:
    os.mkfifo(logs(place) / "pipe")
    return place / "pipe"


def link(place: Path, to: Path) -> Path:
    (logs(place) / "link").symlink_to(to)
    return place / "link"


REFUSALS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "an empty folder": (
        folder_of,
        "{place} has no event file (" + ENDINGS + "). Name a folder that has one, or a file.",
    ),
    "a folder of other things": (
        lambda place: folder_of(place, notes__md=b"", __hidden__csv=CSV),
        "{place} has no event file (" + ENDINGS + "). Name a folder that has one, or a file.",
    ),
    "a folder of daily folders": (
        lambda place: logs(place / "day=1").parent,
        "{place} has no event file of its own, only files in subfolders, such as day=1/a.csv. To read all of them, use "
        "the pattern {place}/**/*.csv.",
    ),
    "a glob that nothing matches": (
        lambda place: logs(place) / "*.xml",
        "There is no file at {place}/*.xml. Check the path, or choose another file.",
    ),
    "a folder that is not there": (
        lambda place: place / "nowhere",
        "There is no file at {place}/nowhere. Check the path, or choose another file.",
    ),
    "a file below a file": (
        lambda place: logs(place) / "a.csv" / "b.csv",
        "There is no file at {place}/a.csv/b.csv. Check the path, or choose another file.",
    ),
    "a pipe": (
        pipe,
        "pipe cannot be opened (it is neither a file nor a folder). "
        "Check the path and its permissions, or choose another file.",
    ),
    "a link that leads nowhere": (
        lambda place: link(place, to=place / "gone.csv"),
        "link cannot be opened (it is a link to a file that does not exist). "
        "Check the path and its permissions, or choose another file.",
    ),
    "a name that is too long": (
        lambda place: logs(place) / ("x" * 300),
        "x" * 300
        + " cannot be opened (File name too long). Check the path and its permissions, or choose another file.",
    ),
    "a folder of headers only": (
        lambda place: folder_of(place, a__csv=HEADER, b__csv=HEADER),
        "{name} is empty. An event file needs a header line and at least one event. Export it again.",
    ),
    "an empty file among good ones": (
        lambda place: folder_of(place, a__csv=CSV, b__csv=b""),
        "b.csv is empty. An event file needs a header line and at least one event. Export it again.",
    ),
    "a picture among good ones": (
        lambda place: folder_of(place, a__csv=CSV, b__csv=b"\x89PNG\r\n"),
        "b.csv cannot be read as a table (it is a PNG image). "
        "Save it as CSV, CSV.GZ, ZIP, Parquet or JSON Lines, then try again.",
    ),
    "a file without a column among good ones": (
        lambda place: folder_of(place, a__csv=CSV, b__csv=CSV.replace(b"user_id", b"who")),
        "b.csv has no column user_id. Its columns are event_time, event_type, product_id, category_id, who, "
        "user_session and session_value. Add or rename columns, or use a mapping that names the columns of this log.",
    ),
    "a broken archive among good ones": (
        lambda place: folder_of(place, a__csv=CSV, b__zip=zip_of({"b.csv": CSV})[:-30]),
        "b.zip cannot be read as a table (its ZIP archive is damaged: File is not a zip file). "
        "Save it as CSV, CSV.GZ, ZIP, Parquet or JSON Lines, then try again.",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_folder_that_cannot_be_used_is_refused_in_one_sentence(
    tmp_path: Path, workspace: Workspace, case: str
) -> None:
    make, sentence = REFUSALS[case]
    place = tmp_path / "logs"
    train = make(place)
    test = write_files(tmp_path / "beside", GOOD).test
    with pytest.raises(InputError) as refused:
        ingest(InputFiles(train, test), workspace)
    assert str(refused.value) == sentence.format(place=place, name=train.name)
    assert left_behind(workspace) == []
