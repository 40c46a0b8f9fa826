"""Names and pins of runs and datasets: on the command line, and beside the fields in which they are chosen."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from core.base.note import Note, read_note, write_note
from core.base.workspace import Workspace
from core.cli import main
from core.config import RunConfig
from core.dataset import list_datasets
from core.jobs import Jobs, start_run
from core.runs import Run, list_runs
from tests.test_pages import older_is_better, open_page, texts, two_runs  # noqa: F401 (fixtures)

Home = tuple[Workspace, Run]


def last_object(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def options_of(app: AppTest, label: str) -> list[str]:
    return next(box for box in app.selectbox if box.label == label).options


@pytest.mark.parametrize("verb", ["runs", "datasets"])
def test_a_name_a_note_and_a_pin_are_set_one_at_a_time(
    verb: str, finished_home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, run = finished_home
    folder = run.folder if verb == "runs" else workspace.datasets / run.manifest.dataset
    key = {"runs": ("run_id", run.manifest.run_id), "datasets": ("dataset", run.manifest.dataset)}[verb]
    assert main([verb, "note", key[1], "--name", "  My  $x$ ", "--json"]) == 0
    assert last_object(capsys) == {key[0]: key[1], "name": "My $x$", "text": "", "pinned": False}
    assert main([verb, "pin", key[1], "--json"]) == 0
    assert main([verb, "note", key[1], "--text", "why", "--json"]) == 0
    assert read_note(folder) == Note(name="My $x$", text="why", pinned=True)
    assert main([verb, "unpin", key[1], "--json"]) == 0
    assert last_object(capsys)["pinned"] is False
    assert main([verb, "list"]) == 0
    assert "My $x$" in capsys.readouterr().out
    assert main([verb, "note", key[1], "--name", "x" * 81, "--json"]) == 2
    assert last_object(capsys)["code"] == "note_too_long"


def test_the_verbs_need_to_be_told_which_dataset(capsys: pytest.CaptureFixture[str], workspace: Workspace) -> None:
    assert main(["datasets", "pin", "--json"]) == 2
    assert "DATASET" in last_object(capsys)["error"]


def test_a_note_of_an_earlier_version_has_no_pin(finished_home: Home) -> None:
    _, run = finished_home
    (run.folder / "note.json").write_text('{"name": "old", "text": ""}')
    assert run.note == Note(name="old")


def test_a_run_is_named_where_it_is_chosen(finished_home: Home) -> None:
    _, run = finished_home
    app = open_page("pages/5_Submission.py")
    app.text_input(f"name-selector-run-{run.manifest.run_id}").set_value("*mine*")
    app.button(f"save-selector-run-{run.manifest.run_id}").click().run()
    assert run.note.name == "*mine*"
    assert options_of(app, "Run")[0].startswith("*mine* · MSE")


def test_a_pinned_run_is_listed_first_but_the_best_one_is_the_default(older_is_better: tuple[Run, Run]) -> None:  # noqa: F811
    newer, best = older_is_better
    best.save_note(Note(name="best"))
    app = open_page("app.py")
    assert options_of(app, "Run")[1].startswith("★ best")
    app.button(f"pin-selector-run-{best.manifest.run_id}").click().run()
    assert best.note.pinned
    assert options_of(app, "Run")[0].startswith("★ best")
    newer.save_note(Note(name="newer", pinned=True))
    best.save_note(Note(name="best"))
    app = open_page("app.py")
    assert options_of(app, "Run")[0].startswith("newer")
    assert app.query_params["run"] == [best.manifest.run_id] or app.query_params["run"] == best.manifest.run_id


def test_a_run_is_deleted_where_it_is_chosen_after_a_second_click(older_is_better: tuple[Run, Run]) -> None:  # noqa: F811
    newer, best = older_is_better
    app = open_page("app.py")
    key = f"selector-run-{best.manifest.run_id}"
    assert "really-delete" not in str([button.key for button in app.button])
    app.toggle(f"delete-{key}").set_value(True).run()
    app.button(f"really-delete-{key}").click().run()
    assert not app.exception
    assert not best.folder.exists()
    assert next(box for box in app.selectbox if box.label == "Run").value == newer.manifest.run_id


def test_the_name_of_a_dataset_is_shown_and_given_to_its_jobs(
    demo_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (dataset,) = list_datasets(demo_workspace)
    write_note(dataset.folder, Note(name="Autumn"))
    assert dataset.name == "Autumn"
    assert options_of(open_page("app.py"), "Dataset")[0].startswith("Autumn · ")
    monkeypatch.setattr("core.jobs.control.start_next_job", lambda _: None)
    job, _ = start_run(demo_workspace, dataset, RunConfig())
    assert Jobs(demo_workspace).get(job.id).dataset_name == "Autumn"
    assert list_runs(demo_workspace) == []
