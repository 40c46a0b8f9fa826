"""Stored datasets and uploads: listed with their sizes and what depends on them, and deleted after a confirmation."""

from __future__ import annotations

import io
import json

import pytest
from streamlit.testing.v1 import AppTest

from core.base.workspace import Workspace
from core.cli import main
from core.errors import RunError
from core.ingestion.sources.uploads import forget_read_uploads, keep_upload, list_uploads
from core.jobs import Jobs
from core.pipeline.first_run import demo_dataset
from core.pipeline.stored_data import delete_dataset, list_stored_datasets, stored_dataset_named
from core.runs import Run, list_runs
from tests.conftest import DEMO
from tests.test_pages import click, open_page, texts

Home = tuple[Workspace, Run]


class Upload(io.BytesIO):
    """A file as Streamlit hands it over."""

    def __init__(self, name: str, content: bytes = b"x") -> None:
        super().__init__(content)
        self.name = name


def last_object(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_dataset_is_deleted_only_after_confirmation_and_its_runs_are_kept(
    finished_home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, run = finished_home
    (stored,) = list_stored_datasets(workspace)
    files = stored.folder.iterdir()
    assert (stored.runs, stored.bytes) == ((run.manifest.run_id,), sum(path.stat().st_size for path in files))
    (workspace.unfinished / f"{stored.id}-settings-program" / "features").mkdir(parents=True)
    assert main(["datasets", "delete", stored.id, "--json"]) == 2
    refusal = last_object(capsys)
    assert refusal["code"] == "deletion_not_confirmed"
    assert f"1 run on it is kept ({run.manifest.run_id})" in refusal["error"]
    assert stored.folder.is_dir()
    assert main(["datasets", "delete", stored.id, "--yes", "--json"]) == 0
    assert last_object(capsys) | {"bytes": 0} == {
        "deleted": run.manifest.dataset,
        "runs": [run.manifest.run_id],
        "jobs": [],
        "bytes": 0,
    }
    assert list(workspace.datasets.iterdir()) == []
    assert list(workspace.unfinished.iterdir()) == []
    assert [kept.manifest.run_id for kept in list_runs(workspace)] == [run.manifest.run_id]
    assert main(["runs", "show", run.manifest.run_id]) == 0
    assert demo_dataset(workspace).fingerprint == run.manifest.dataset


def test_a_dataset_that_an_open_job_uses_is_not_deleted(finished_home: Home) -> None:
    workspace, run = finished_home
    jobs = Jobs(workspace)
    job, _ = jobs.enqueue(run.manifest.dataset, "demo", "digest", {})
    stored = stored_dataset_named(workspace, run.manifest.dataset)
    assert stored.open_jobs == (job.id,)
    with pytest.raises(RunError) as caught:
        delete_dataset(workspace, stored)
    assert (caught.value.code, caught.value.actual) == ("dataset_in_use", [job.id])
    jobs.dequeue(job.id)
    stored = stored_dataset_named(workspace, run.manifest.dataset)
    assert (stored.open_jobs, stored.resumable_jobs) == ((), (job.id,))
    delete_dataset(workspace, stored)
    assert not stored.folder.exists()


def test_uploads_are_listed_and_deleted(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    keep_upload(workspace, {"train": Upload("a.csv", b"12345")})
    keep_upload(workspace, {"test": Upload("b.csv", b"123")})
    assert main(["uploads", "list", "--json"]) == 0
    listed = {tuple(upload["names"]): upload for upload in last_object(capsys)["uploads"]}
    assert {names: upload["bytes"] for names, upload in listed.items()} == {("a.csv",): 5, ("b.csv",): 3}
    upload_id = listed["a.csv",]["id"]
    assert main(["uploads", "delete", upload_id, "--json"]) == 2
    assert last_object(capsys)["code"] == "deletion_not_confirmed"
    assert main(["uploads", "delete", upload_id, "--yes"]) == 0
    assert [upload.names for upload in list_uploads(workspace)] == [("b.csv",)]
    assert main(["uploads", "delete", upload_id, "--yes"]) == 2


def test_only_uploads_are_forgotten(workspace: Workspace, tmp_path) -> None:
    (tmp_path / "mine.csv").write_text("x")
    kept = keep_upload(workspace, {"train": Upload("a.csv")})["train"]
    forget_read_uploads(workspace, [tmp_path / "mine.csv", workspace.uploads, kept])
    assert list_uploads(workspace) == []
    assert (tmp_path / "mine.csv").exists()
    assert workspace.uploads.is_dir()


def upload_files(app: AppTest) -> AppTest:
    for place, name in enumerate(("train.csv", "test.csv")):
        app.file_uploader[place].upload(name, (DEMO / name).read_bytes())
    return app.run()


def test_an_upload_survives_a_look_at_another_page_and_is_deleted_once_it_is_a_dataset(workspace: Workspace) -> None:
    app = upload_files(open_page("pages/1_Data.py"))
    assert sorted(upload.names for upload in list_uploads(workspace)) == [("test.csv",), ("train.csv",)]
    app.switch_page("pages/2_Explore.py").run()
    app.switch_page("pages/1_Data.py").run()
    assert "Uploaded before: train.csv (train) and test.csv (test)." in texts(app)
    click(app, "Read the files")
    assert not app.exception
    assert list_uploads(workspace) == []
    assert len(list_stored_datasets(workspace)) == 2
    assert "Uploaded before" not in texts(app)


def test_swapped_uploads_are_read(workspace: Workspace) -> None:
    app = open_page("pages/1_Data.py")
    for place, name in enumerate(("test.csv", "train.csv")):
        app.file_uploader[place].upload(name, (DEMO / name).read_bytes())
    app.run()
    click(app, "Swap them")
    assert "Uploaded before: train.csv (train) and test.csv (test)." in texts(app)
    click(app, "Read the files")
    assert not app.exception
    assert not app.error
    assert list_uploads(workspace) == []


def test_uploads_can_be_discarded(workspace: Workspace) -> None:
    app = upload_files(open_page("pages/1_Data.py"))
    app.switch_page("pages/2_Explore.py").run()
    app.switch_page("pages/1_Data.py").run()
    click(app, "Discard these uploads")
    assert list_uploads(workspace) == []
    assert "Uploaded before" not in texts(app)


def test_an_upload_of_another_visitor_is_listed_and_can_be_deleted_on_the_page(workspace: Workspace) -> None:
    keep_upload(workspace, {"train": Upload("a.csv", b"12345")})
    app = open_page("pages/1_Data.py")
    assert "Upload · a.csv · 5 B" in [text.value for text in app.text]
    assert "This deletes the uploaded files. A dataset that was read from them stays." in [
        text.value for text in app.text
    ]
    click(app, "Yes, delete the upload")
    assert not app.exception
    assert list_uploads(workspace) == []
    assert "Upload · a.csv · 5 B" not in [text.value for text in app.text]


def test_a_dataset_can_be_deleted_on_the_page(finished_home: Home) -> None:
    workspace, run = finished_home
    app = open_page("pages/1_Data.py")
    assert any(f"1 run on it is kept ({run.manifest.run_id})" in text.value for text in app.text)
    click(app, "Yes, delete the dataset")
    assert not app.exception
    assert list(workspace.datasets.iterdir()) == []
    assert [header.value for header in app.header] == ["Read event files"]
