"""A damaged or replaced file of a workspace is named, hides nothing else, hangs nothing, and shows no other figure."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.base.stored_files import (
    MAX_JSON_BYTES,
    UnusableFileError,
    hash_folder,
    hash_stored,
    open_for_append,
    read_sealed_json,
    read_stored_end,
    read_stored_json,
    sealed_json,
)
from core.base.workspace import Workspace
from core.cli import main
from core.config import RunConfig
from core.dataset import list_datasets, unreadable_datasets
from core.errors import RunError
from core.ingestion import InputFiles, ingest
from core.jobs import Jobs
from core.pipeline.first_run import demo_dataset
from core.runs import Run, list_runs, unreadable_runs
from core.runs.store import IMPORTANCE_FILE
from tests.tampering import CHANGES, FILES, PROJECT, prepare, replaced_by_pipe

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")

Home = tuple[Workspace, Run]
SAMPLE = (
    ("runs/2*/manifest.json", "flipped"),
    ("runs/2*/importance/importance.parquet", "flipped"),
    ("datasets/*/units.parquet", "pipe"),
    ("jobs.sqlite", "flipped"),
)
CLAUSES = {
    "link": "is a link",
    "device": "is a link",
    "pipe": "is a named pipe",
    "folder": "is a folder",
    "deep JSON": "is nested too deeply",
    "flipped": "changed",
    "emptied": "is not valid JSON",
    "huge": f"has {1 << 40:,} bytes, more than the {MAX_JSON_BYTES:,} that are allowed",
}


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_was_changed_or_replaced_is_refused_with_the_reason(change: str, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "card.json"
    path.parent.mkdir()
    path.write_text(sealed_json('{"sessions": 123456789, "value": 12.5}'))
    assert json.loads(read_sealed_json(path)) == {"sessions": 123456789, "value": 12.5}
    CHANGES[change](path)
    with pytest.raises(UnusableFileError) as caught:
        read_sealed_json(path)
    assert caught.value.clause == CLAUSES[change]
    assert not caught.value.is_missing
    if change in ("link", "device", "pipe", "folder", "huge"):
        with pytest.raises(UnusableFileError):
            hash_stored(path)


def test_a_missing_file_is_named_as_missing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "absent", tmp_path / "file" / "below"):
        with pytest.raises(UnusableFileError) as caught:
            read_stored_json(path)
        assert (caught.value.clause, caught.value.is_missing) == ("is missing", True)


def test_the_hash_of_a_file_follows_its_content(tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.write_bytes(b"one")
    os.utime(path, (1e9, 1e9))
    hashes = [hash_stored(path), hash_stored(path)]
    path.write_bytes(b"two")
    os.utime(path, (1e9, 1e9))  # with the same size and time
    assert len({*hashes, hash_stored(path)}) == 2


def test_all_files_of_a_folder_are_hashed_but_those_excluded(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for name in ("b", "a", "models/m", "manifest"):
        (tmp_path / name).write_text(name)
    hashes = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("a", "b", "models/m")}
    for threads in (1, 2):
        assert hash_folder(tmp_path, excluded=["manifest"], threads=threads) == hashes
    (tmp_path / "link").symlink_to(tmp_path / "models")
    with pytest.raises(UnusableFileError, match="is a link"):
        hash_folder(tmp_path)


def test_only_the_end_of_a_log_is_read_and_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with open_for_append(log) as file:
        file.write(b"first\nlast")
    assert read_stored_end(log, 4) == "last"
    replaced_by_pipe(log)
    assert read_stored_end(log) == ""
    with pytest.raises(OSError, match="No such device"):
        open_for_append(log)


# --- one bad thing does not hide the others ---------------------------------------------------------------------------


@pytest.mark.parametrize("change", CHANGES)
def test_a_bad_manifest_hides_no_other_run(
    change: str, finished_home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, run = finished_home
    bad = workspace.runs / "20200101-000000-bad"
    shutil.copytree(run.folder, bad)
    CHANGES[change](bad / "manifest.json")
    assert [other.manifest.run_id for other in list_runs(workspace)] == [run.manifest.run_id]
    ((folder, error),) = unreadable_runs(workspace)
    assert (folder, error.code) == (bad, "damaged_run")
    assert main(["runs", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(run.manifest.run_id)
    assert lines[1:] == [str(error)]
    assert main(["runs", "delete", bad.name, "--yes"]) == 0
    assert not os.path.lexists(bad)


@pytest.mark.parametrize("change", CHANGES)
def test_a_bad_card_hides_no_other_dataset(
    change: str, finished_home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, run = finished_home
    bad = workspace.datasets / ("0" * 64)
    shutil.copytree(workspace.datasets / run.manifest.dataset, bad)
    CHANGES[change](bad / "card.json")
    assert [dataset.fingerprint for dataset in list_datasets(workspace)] == [run.manifest.dataset]
    ((folder, error),) = unreadable_datasets(workspace)
    assert (folder, error.code) == (bad, "damaged_dataset")
    assert main(["datasets", "list"]) == 0
    assert str(error) in capsys.readouterr().out.splitlines()
    assert main(["datasets", "delete", "000000", "--yes"]) == 0
    assert not os.path.lexists(bad)


@pytest.mark.parametrize("name", ["units.parquet", "train.parquet", "sha256.json"])
def test_a_changed_dataset_is_not_read_and_is_repaired_by_reading_its_files_again(
    name: str, workspace: Workspace, demo_files: InputFiles
) -> None:
    dataset = demo_dataset(workspace)
    before = dataset.units().collect()
    CHANGES["flipped"](dataset.folder / name)
    assert dataset.damage()
    with pytest.raises(RunError) as caught:
        (dataset.events("train") if name == "train.parquet" else dataset.units()).collect()
    assert caught.value.code == "damaged_dataset"
    assert ingest(demo_files, workspace).damage() == []
    assert dataset.units().collect().equals(before)


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("config", "{"),
        ("config", "[" * 100_000),
        ("config", None),
        ("moment", '{"step": 1}'),
        ("created", "yesterday"),
        ("created", 1e300),
        ("state", "unheard of"),
        ("dataset_name", b"\xff\x00"),
        ("sittings", "x"),
    ],
)
def test_a_bad_row_hides_no_other_job(
    column: str, cell: object, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = Jobs(workspace)
    ids = [jobs.enqueue("dataset", "demo", f"digest{number}", {})[0].id for number in range(3)]
    for job_id in ids:
        jobs.dequeue(job_id)
    with closing(sqlite3.connect(workspace.jobs_database)) as database, database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        cell = "null" if cell is None else cell
        database.execute(f"UPDATE jobs SET {column} = ? WHERE id = ?", (cell, ids[1]))  # noqa: S608 (our names)
    assert sorted(job.id for job in jobs.all()) == sorted([ids[0], ids[2]])
    (error,) = jobs.damaged()
    assert error.code == "damaged_job"
    assert ids[1] in str(error)
    assert main(["jobs", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [len(listed["jobs"]), listed["unreadable"]] == [2, [{"error": str(error)}]]
    assert main(["jobs", "show", ids[1]]) == 2


def test_a_bad_row_of_a_running_job_does_not_block_the_queue(workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    bad, good = (jobs.enqueue("dataset", "demo", digest, {})[0] for digest in ("bad", "good"))
    assert jobs.start_next() is not None
    with closing(sqlite3.connect(workspace.jobs_database)) as database, database:
        database.execute("UPDATE jobs SET config = '{' WHERE id = ?", (bad.id,))
    started = jobs.start_next()
    assert started is not None
    assert started.id == good.id
    jobs.end(good.id, "cancelled")


# --- links ------------------------------------------------------------------------------------------------------------


def test_deleting_a_linked_run_or_dataset_keeps_what_the_link_leads_to(
    finished_home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, run = finished_home
    for parent, verb, folder in (
        (workspace.runs, "runs", run.folder),
        (workspace.datasets, "datasets", workspace.datasets / run.manifest.dataset),
    ):
        target = tmp_path / f"precious-{verb}"
        folder.rename(target)
        folder.symlink_to(target)
        assert main([verb, "delete", folder.name, "--yes"]) == 0
        assert not os.path.lexists(folder)
        assert len(list(target.rglob("*.parquet"))) > 1
        assert list(parent.iterdir()) == []
    assert f"It was a link to {tmp_path / 'precious-runs'}, which was kept." in capsys.readouterr().out


# --- pages ------------------------------------------------------------------------------------------------------------


def open_page(page: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    return (app if page == "app.py" else app.switch_page(page)).run()


def test_an_altered_importance_table_is_not_shown(finished_home: Home) -> None:
    _, run = finished_home
    CHANGES["flipped"](run.folder / IMPORTANCE_FILE)
    app = open_page("pages/4_Importance.py")
    assert not app.exception
    assert [f"({IMPORTANCE_FILE} changed)" in error.value for error in (*app.warning, *app.error)] == [True, True]
    assert [heading.value for heading in (*app.header, *app.subheader)] == []


def test_runs_and_datasets_that_cannot_be_opened_are_counted_and_listed(finished_home: Home) -> None:
    workspace, _ = finished_home
    (workspace.runs / "bad").mkdir()
    (workspace.datasets / "bad").mkdir()
    data, train = open_page("pages/1_Data.py"), open_page("pages/3_Train.py")
    for app, line in ((data, "The dataset in"), (train, "The run in")):
        assert not app.exception
        assert [warning.value.startswith(line) for warning in app.warning] == [True]
        captions = [caption.value for caption in app.sidebar.caption]
        assert ":material/warning: 1 dataset cannot be opened. See Data." in captions
        assert ":material/warning: 1 run cannot be opened. See Train." in captions


def test_a_run_that_is_deleted_elsewhere_is_reported_on_an_open_page(finished_home: Home) -> None:
    workspace, run = finished_home
    app = open_page("pages/4_Importance.py")
    shutil.rmtree(run.folder)
    app.run()
    assert not app.exception
    assert [warning.value for warning in app.warning] == [
        f"The run {run.manifest.run_id} that was shown here was deleted."
    ]
    assert list_runs(workspace) == []


# --- everything at once, sampled --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("tampering"), RunConfig(folds=2, learners=("lightgbm",)))


def test_make_torture_replaces_every_kind_of_file(small_home: Path) -> None:
    """Files that differ in the number of a fold or the name of an id are of one kind."""

    def kind(path: Path) -> str:
        top, _, *rest = path.relative_to(small_home).parts if path.parent != small_home else (path.name, "")
        return re.sub(r"\d+|(category|product|user)_(id|session)", "*", "/".join([top, *rest]))

    stored = {kind(path) for path in small_home.rglob("*") if path.is_file() and not path.name.startswith(".")}
    tried = {kind(path) for pattern in FILES for path in small_home.glob(pattern)}
    assert stored == tried


def test_every_verb_and_page_answers_and_shows_no_altered_figure(small_home: Path) -> None:
    """`make torture` tries every file with every change."""
    arguments = [part for pair in SAMPLE for part in pair]
    process = subprocess.run(
        [sys.executable, "-m", "tests.tampering", str(small_home), *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    results = [json.loads(line) for line in process.stdout.splitlines()]
    assert results == [[pattern, change, []] for pattern, change in SAMPLE], process.stderr[-2000:]
