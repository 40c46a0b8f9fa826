"""Every page, opened cold, without a browser: what it asks for, what it says when there is nothing yet."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from core.base.workspace import Workspace
from core.eda.views import VIEWS
from core.errors import RunError
from core.ingestion import InputFiles, ingest
from core.ingestion.mapping import load_mapping
from core.jobs import Jobs
from core.pipeline.first_run import demo_dataset
from core.runs import Note, Run, load_run
from pages._ui.frame import told_apart
from tests.conftest import DEMO

PROJECT = Path(__file__).resolve().parent.parent
SECONDS = 60
TITLES = {
    "app.py": "What will a session be worth?",
    "pages/1_Data.py": "What is in the data?",
    "pages/2_Explore.py": "What do sessions look like?",
    "pages/3_Train.py": "How well can we predict?",
    "pages/4_Importance.py": "What drives the value of a session?",
    "pages/5_Submission.py": "Is the submission right?",
}


def opened(page: str) -> AppTest:
    """The page as the first thing that a visitor opens."""
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=SECONDS)
    return (app if page == "app.py" else app.switch_page(page)).run()


def said(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption, *app.info, *app.error])


def test_every_page_of_the_folder_is_tested() -> None:
    assert {f"pages/{path.name}" for path in (PROJECT / "pages").glob("[0-9]*.py")} | {"app.py"} == set(TITLES)


@pytest.mark.parametrize(("page", "title"), TITLES.items())
def test_a_page_opens_cold_in_an_empty_workspace(page: str, title: str, workspace: Workspace) -> None:
    app = opened(page)
    assert not app.exception
    assert [each.value for each in app.title] == [title]
    assert "Synthetic data: simulated, not of a real shop." in said(app)
    assert Jobs(workspace).all() == []


@pytest.mark.parametrize(("page", "title"), TITLES.items())
def test_a_page_opens_cold_with_a_finished_run(page: str, title: str, finished_home: tuple[Workspace, Run]) -> None:
    app = opened(page)
    assert not app.exception
    assert not app.error
    assert [each.value for each in app.title] == [title]
    assert len(app.metric) <= 5


@pytest.mark.parametrize(
    ("page", "promise"),
    [
        ("app.py", "There is no finished run on this dataset yet."),
        ("pages/3_Train.py", "There is no finished run on this dataset yet."),
        ("pages/4_Importance.py", "The features that each learner used will stand here."),
        ("pages/5_Submission.py", "submission.csv and its checks will stand here."),
    ],
)
def test_a_page_with_nothing_to_show_says_what_will_stand_there(page: str, promise: str, workspace: Workspace) -> None:
    assert promise in said(opened(page))


def test_a_filter_that_leaves_nothing_says_so_and_can_be_cleared(finished_home: tuple[Workspace, Run]) -> None:
    app = explored(least_value="5000", view="Value")
    assert not app.exception
    assert "No session fits the filter: widen it, or clear it." in said(app)
    assert app.segmented_control("filter-file").value == "both"
    app.button("filter-clear").click().run()
    assert "No session fits the filter" not in said(app)
    assert "Half of the sessions are worth at most" in said(app)


@pytest.mark.parametrize("view", VIEWS)
def test_of_the_test_file_alone_no_view_speaks_of_values(view: str, finished_home: tuple[Workspace, Run]) -> None:
    app = explored(file="test", view=view)
    assert not app.exception
    assert "NaN" not in said(app)
    assert "those in test." in said(app)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ({"first": "2030-01-01"}, "first=2030-01-01"),
        ({"first": "2020-01-01", "last": "2020-02-01"}, "first=2020-01-01, last=2020-02-01"),
        ({"first": "2025-06-20", "last": "2025-06-10"}, "first=2025-06-20, last=2025-06-10"),
        ({"file": "nonsense", "users": "2"}, "file=nonsense, users=2"),
        ({"types": "CLICK"}, "types=CLICK"),
    ],
)
def test_what_an_address_asks_in_vain_is_said(
    address: dict[str, str], told: str, finished_home: tuple[Workspace, Run]
) -> None:
    app = explored(**address)
    assert not app.exception
    (warned,) = [each.value for each in app.warning]
    assert warned.startswith(f"Left out of the filter, as it fits nothing here: {told}. The log goes from 01 Jun 2025")
    assert "sessions of both files." in said(app)


def test_a_link_to_a_run_or_dataset_that_is_not_here_is_not_answered_with_another_without_a_word(
    finished_home: tuple[Workspace, Run],
) -> None:
    manifest = finished_home[1].manifest
    app = explored(run="gone", dataset="g" * 50)
    assert not app.exception
    dataset, run = (each.value for each in app.warning)
    assert dataset.startswith(f"The address asks for the dataset {'g' * 40}, which is not here")
    assert run.startswith("The address asks for the run gone, which is not here")
    assert manifest.dataset_name in dataset
    assert len(app.run().warning) == 2  # as long as what stands in its place is shown
    there = explored(run=manifest.run_id, dataset=manifest.dataset)
    assert not there.warning


def test_a_link_to_a_view_that_is_not_there_says_which_is_shown(finished_home: tuple[Workspace, Run]) -> None:
    app = explored(view="Prices")
    (warned,) = [each.value for each in app.warning]
    assert warned == "The address asks for the view Prices, which is not there. Shown is Overview."
    assert not app.run().warning  # the address says now what is shown
    assert not explored(view="Users").warning


def test_any_share_of_users_can_be_asked_for(finished_home: tuple[Workspace, Run]) -> None:
    app = explored(users="0.3")
    assert not app.exception
    assert not app.warning
    assert "those of 30.0% of the users." in said(app)


def test_the_figures_are_those_of_the_run(finished_home: tuple[Workspace, Run]) -> None:
    manifest = finished_home[1].manifest
    shown = {metric.label: metric.value for metric in opened("pages/5_Submission.py").metric}
    assert shown["Sessions"] == f"{manifest.sessions.test:,}"
    assert shown["Known from train"] == str(manifest.sessions.known)
    passed = manifest.checks.passed + manifest.certificate.passed
    assert {metric.label: metric.value for metric in opened("app.py").metric}[
        "Checks passed"
    ] == f"{passed} of {passed}"


def test_importance_can_be_seen_by_either_measure(finished_home: tuple[Workspace, Run]) -> None:
    app = opened("pages/4_Importance.py")
    by_effect = app.dataframe[0].value
    app.segmented_control[0].set_value("gain_share").run()
    assert not app.exception
    assert "of the gain" in said(app)
    assert not by_effect.equals(app.dataframe[0].value)


def test_what_an_event_is_worth_stands_below_the_features(finished_home: tuple[Workspace, Run]) -> None:
    app = opened("pages/4_Importance.py")
    assert "value units to its session: BUY " in said(app)
    shown = app.dataframe[1].value
    assert list(shown.columns) == ["Product", "Category", "Events", "VIEW", "ADD_CART", "REMOVE_CART", "BUY"]
    assert len(shown) == 50


def test_files_on_this_machine_are_read_by_path(finished_home: tuple[Workspace, Run], tmp_path: Path) -> None:
    train = tmp_path / "part.csv"
    train.write_text("\n".join((DEMO / "train.csv").read_text().splitlines()[:3000]) + "\n")
    app = opened("pages/1_Data.py")
    app.segmented_control[0].set_value("Files on this machine").run()
    app.text_input[0].set_value(str(train))
    app.text_input[1].set_value(str(DEMO / "test.csv")).run()
    next(button for button in app.button if button.label == "Read the files").click().run()
    assert not app.exception
    assert "Train: part.csv." in said(app)


def test_a_wrong_path_is_a_sentence_and_the_page_stays(finished_home: tuple[Workspace, Run]) -> None:
    app = opened("pages/1_Data.py")
    app.segmented_control[0].set_value("Files on this machine").run()
    app.text_input[0].set_value("/no/such/file.csv")
    app.text_input[1].set_value(str(DEMO / "test.csv")).run()
    assert not app.exception
    assert [each.value for each in app.error] == [
        "There is no file at /no/such/file.csv. Check the path, or choose another file."
    ]
    assert [each.value for each in app.title] == [TITLES["pages/1_Data.py"]]


def test_rows_that_cannot_be_used_are_shown_with_their_reason(workspace: Workspace, tmp_path: Path) -> None:
    lines = (DEMO / "train.csv").read_text().splitlines()
    lines[5] = lines[5].replace("ADD_CART", "LOOKED")
    (tmp_path / "train.csv").write_text("\n".join(lines) + "\n")
    app = opened("pages/1_Data.py")
    app.segmented_control[0].set_value("Files on this machine").run()
    app.text_input[0].set_value(str(tmp_path / "train.csv"))
    app.text_input[1].set_value(str(DEMO / "test.csv")).run()
    next(button for button in app.button if button.label == "Read the files").click().run()
    assert "1 row: event_type is LOOKED, not one of VIEW, ADD_CART, REMOVE_CART, BUY" in said(app)
    (shown,) = [table.value for table in app.dataframe if "reason" in table.value and "row" in table.value]
    assert shown["line"].to_list() == [6]
    assert shown["row"].to_list() == [lines[5]]


def test_settings_out_of_their_range_cannot_be_chosen(finished_home: tuple[Workspace, Run]) -> None:
    folds = opened("pages/3_Train.py").number_input[0]
    assert (folds.min, folds.max) == (2, 20)


@pytest.mark.parametrize("page", ["app.py", "pages/3_Train.py"])
def test_a_run_that_went_wrong_is_said_also_to_those_who_were_elsewhere(page: str, workspace: Workspace) -> None:
    jobs = Jobs(workspace)
    job, _ = jobs.enqueue(demo_dataset(workspace).fingerprint, "demo", "digest", {})
    jobs.end(job.id, "failed", error="The reason in a sentence.")
    assert [each.value for each in opened(page).error] == ["The run failed. The reason in a sentence."]


@pytest.mark.parametrize(
    ("page", "file"),
    [
        ("pages/4_Importance.py", "importance/importance.parquet"),
        ("pages/4_Importance.py", "importance/prices.parquet"),
        ("pages/5_Submission.py", "checks.json"),
    ],
)
def test_a_run_with_a_part_missing_is_a_sentence(page: str, file: str, finished_home: tuple[Workspace, Run]) -> None:
    (finished_home[1].folder / file).unlink()
    app = opened(page)
    assert not app.exception
    (error,) = [each.value for each in app.error]
    assert f"is damaged (no {'readable ' if file.endswith('json') else ''}{file})" in error


def test_nothing_is_shown_of_a_run_whose_files_changed(finished_home: tuple[Workspace, Run]) -> None:
    (finished_home[1].folder / "oof.parquet").write_bytes(b"other")
    (finished_home[1].folder / "certificate.json").unlink()
    app = opened("pages/3_Train.py")
    assert not app.exception
    (error,) = [each.value for each in app.error]
    assert "written with (oof.parquet changed, certificate.json is missing), so nothing of it is shown" in error
    assert not app.metric


@pytest.mark.parametrize(
    ("file", "damage", "told"),
    [
        ("submission.csv", lambda path: path.write_text("user_session,session_value\n"), "submission.csv changed"),
        ("submission.csv", Path.unlink, "submission.csv is missing"),
        ("checks.json", lambda path: path.write_text("[]"), "checks.json changed"),
    ],
    ids=["changed", "missing", "checks"],
)
def test_a_submission_that_is_not_the_checked_one_is_neither_praised_nor_handed_out(
    file: str, damage: Callable[[Path], object], told: str, finished_home: tuple[Workspace, Run]
) -> None:
    damage(finished_home[1].folder / file)
    app = opened("pages/5_Submission.py")
    assert not app.exception
    (error,) = [each.value for each in app.error]
    assert f"is damaged ({told}). Start the run again, or choose another one." in error
    assert [each.value for each in app.title] == [TITLES["pages/5_Submission.py"]]
    assert "Yes" not in said(app)
    assert not app.get("download_button")


def test_a_submission_that_changes_while_the_page_is_open_is_not_handed_out(
    finished_home: tuple[Workspace, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    offered: list[Callable[[], bytes]] = []
    monkeypatch.setattr("streamlit.download_button", lambda *_, data, **__: offered.append(data))
    assert not opened("pages/5_Submission.py").exception
    submission = finished_home[1].submission
    assert offered[-1]() == submission.read_bytes()
    submission.write_text("other")
    with pytest.raises(RunError, match=r"submission\.csv changed"):
        offered[-1]()


@pytest.mark.parametrize(("page", "title"), TITLES.items())
def test_a_damaged_jobs_database_is_a_sentence_on_every_page(
    page: str, title: str, finished_home: tuple[Workspace, Run]
) -> None:
    finished_home[0].jobs_database.write_bytes(b"no database at all, but long enough to look at" * 100)
    app = opened(page)
    assert not app.exception
    (error,) = [each.value for each in app.error]
    assert "cannot be used (file is not a database)" in error
    tells_of_jobs = page in ("app.py", "pages/3_Train.py")
    assert [each.value for each in app.title] == ([] if tells_of_jobs else [title])
    assert [box.label for box in app.sidebar.selectbox] == ["Dataset", "Run"]


def test_an_upload_that_finds_no_room_is_a_sentence(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("core.ingestion.sources.uploads._copy", full)
    app = opened("pages/1_Data.py")
    app.file_uploader[0].upload("train.csv", b"x")
    app.file_uploader[1].upload("test.csv", b"y").run()
    assert not app.exception
    (error,) = [each.value for each in app.error]
    assert error.startswith(f"The disk of the workspace {workspace.root} is full. The new dataset was not stored.")


def test_files_read_again_under_other_names_are_called_by_these(workspace: Workspace, tmp_path: Path) -> None:
    assert "Train: train.csv." in said(opened("pages/1_Data.py"))
    for name in ("train", "test", "sample_submission"):
        shutil.copy(DEMO / f"{name}.csv", tmp_path / f"my_{name}.csv")
    ingest(InputFiles(*(tmp_path / f"my_{name}.csv" for name in ("train", "test", "sample_submission"))), workspace)
    assert "Train: my_train.csv." in said(opened("pages/1_Data.py"))


@pytest.fixture
def namesakes(finished_home: tuple[Workspace, Run]) -> tuple[Run, Run]:
    """The run and an older one, which a test may name."""
    workspace, run = finished_home
    folder = workspace.runs / "20200101-000000-twin"
    shutil.copytree(run.folder, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest |= {"run_id": folder.name, "created": "2020-01-01T00:00:00+00:00"}
    manifest["config"]["seed"] += 1
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return run, load_run(folder)


def test_runs_of_one_name_can_be_told_apart_and_chosen(namesakes: tuple[Run, Run]) -> None:
    for run in namesakes:
        run.save_note(Note(name="Best"))
    app = opened("pages/5_Submission.py")
    (box,) = [each for each in app.selectbox if each.label == "Run"]
    newer, older = box.options
    assert newer.endswith(f"({namesakes[0].manifest.run_id.rpartition('-')[2]})")
    assert older.endswith("(twin)")
    for run in namesakes:
        box.select(run.manifest.run_id).run()
        assert app.query_params["run"] == run.manifest.run_id


@pytest.mark.parametrize(
    ("name", "shown"), [("Best", ["Best (twin)", "Best ({})"]), ("Setting", ["Setting (twin)", "Setting ({})"])]
)
def test_runs_of_one_name_stand_side_by_side_whatever_it_is(
    name: str, shown: list[str], namesakes: tuple[Run, Run]
) -> None:
    for run in namesakes:
        run.save_note(Note(name=name))
    app = opened("pages/3_Train.py")
    app.session_state["runs-2"] = {"selection": {"rows": [0, 1], "columns": [], "cells": []}}
    app.run()
    assert not app.exception
    (settings,) = [each for each in app.dataframe if "Setting" in each.value]
    (row,) = settings.value.to_dict("records")
    newer, older = (run.manifest.config.seed for run in namesakes)
    assert row == {"Setting": "seed", "first": str(older), "second": str(newer)}
    labels = json.loads(settings.proto.columns)
    asked = [each.format(namesakes[0].manifest.run_id.rpartition("-")[2]) for each in shown]
    assert [labels[place]["label"] for place in ("first", "second")] == asked


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"1-a": "x", "1-b": "y"}, ["x", "y"]),
        ({"1-a": "x", "1-b": "x", "1-c": "y"}, ["x (a)", "x (b)", "y"]),
        ({"1-a": "x", "2-a": "x"}, ["x (1-a)", "x (2-a)"]),
        ({"1-a": "x", "1-b": "x", "1-c": "x (a)"}, ["x (1-a)", "x (1-b)", "x (a) (1-c)"]),
        ({}, []),
    ],
)
def test_names_are_told_apart(names: dict[str, str], told: list[str]) -> None:
    assert list(told_apart(names).values()) == told


def test_the_same_file_twice_is_refused(finished_home: tuple[Workspace, Run]) -> None:
    app = opened("pages/1_Data.py")
    app.segmented_control[0].set_value("Files on this machine").run()
    app.text_input[0].set_value(str(DEMO / "train.csv"))
    app.text_input[1].set_value(str(DEMO / "train.csv")).run()
    next(button for button in app.button if button.label == "Read the files").click().run()
    assert "train.csv is both the train file and the test file" in app.error[0].value


def test_what_is_odd_about_the_data_stands_on_cards_the_worst_first(workspace: Workspace) -> None:
    app = opened("pages/1_Data.py")
    text = said(app)
    assert "1 session id is shared by several users" in text
    assert "19 test sessions are known from train" in text
    assert not app.exception
    assert any("good to know" in each.label for each in app.expander)


def test_a_mapping_of_ones_own_can_be_saved_and_is_offered_again(workspace: Workspace, tmp_path: Path) -> None:
    for name in ("train.csv", "test.csv"):
        text = (DEMO / name).read_text().replace("user_session", "visit").replace("ADD_CART", "add to basket")
        (tmp_path / name).write_text(text)
    app = opened("pages/1_Data.py")
    app.segmented_control[0].set_value("Files on this machine").run()
    app.text_input[0].set_value(str(tmp_path / "train.csv"))
    app.text_input[1].set_value(str(tmp_path / "test.csv")).run()
    boxes = {box.label: box for box in app.selectbox}
    assert boxes["How the log is read"].value == "my own"
    assert boxes["Session"].value == "visit"
    assert boxes["add to basket"].value == "ADD_CART"
    next(each for each in app.text_input if each.label == "Name of the mapping").set_value("Basket shop").run()
    next(button for button in app.button if button.label == "Save the mapping").click().run()
    assert not app.exception
    assert load_mapping(workspace.mappings / "Basket_shop.toml").columns.user_session == "visit"
    again = opened("pages/1_Data.py")
    again.segmented_control[0].set_value("Files on this machine").run()
    again.text_input[0].set_value(str(tmp_path / "train.csv"))
    again.text_input[1].set_value(str(tmp_path / "test.csv")).run()
    assert "Basket shop" in next(box for box in again.selectbox if box.label == "How the log is read").options
    next(button for button in again.button if button.label == "Read the files").click().run()
    assert not again.exception
    assert "Train: train.csv." in said(again)


def explored(**query: str) -> AppTest:
    """The Explore page with something in its address."""
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=SECONDS)
    app.switch_page("pages/2_Explore.py")
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def test_a_filter_in_the_address_holds_and_is_said(finished_home: tuple[Workspace, Run]) -> None:
    app = explored(types="BUY", least_events="3", view="Products")
    assert not app.exception
    (told,) = [each.value for each in app.markdown if "those with BUY, of 3 events or more." in each.value]
    kept = int(told.split("**")[1].replace(",", ""))
    assert 100 < kept < 5_000
    assert "Do few products get most of the attention?" in [each.value for each in app.subheader]
    assert app.query_params["types"] == "BUY"
    app.button("filter-clear").click().run()
    assert not app.exception
    assert "types" not in app.query_params
    assert any(each.value.startswith("All ") for each in app.markdown)


def test_products_by_the_recovered_price_of_the_chosen_run(finished_home: tuple[Workspace, Run]) -> None:
    app = explored(view="Products")
    group = next(each for each in app.button_group if "Highest recovered price" in str(each.options))
    group.set_value("price").run()
    assert not app.exception
    table = app.dataframe[-1].value
    prices = [float(told.replace(",", "").split(" ± ")[0]) for told in table["BUY"]]
    assert len(prices) == 20
    assert prices == sorted(prices, reverse=True)
    assert any("worth most by the chosen run" in each.value for each in app.caption)


@pytest.mark.parametrize("view", ["Features", "Drift"])
def test_the_views_of_features_say_how_many_sessions_they_look_at(
    view: str, finished_home: tuple[Workspace, Run]
) -> None:
    train, test = (pl.read_csv(DEMO / f"{name}.csv") for name in ("train", "test"))
    users = train.group_by("user_session").agg(pl.col("user_id").n_unique())
    alone = users.filter(pl.col("user_id") == 1).height  # the value of a shared id is of several users
    both = f"{users.height:,} train sessions and {test['user_session'].n_unique():,} test sessions"
    told = f"Counted on {both if view == 'Drift' else f'{alone:,} train sessions'}."
    assert told in [each.value for each in explored(view=view).caption]


@pytest.mark.parametrize("view", list(VIEWS))
def test_every_view_opens_also_where_nothing_is_left(view: str, finished_home: tuple[Workspace, Run]) -> None:
    app = explored(view=view, least_value="1e11")
    assert not app.exception
    assert any(each.value.startswith("**0** of") for each in app.markdown)
    assert "No session fits the filter" in said(app)
    assert not app.subheader


def test_one_session_is_drawn_or_found_by_its_id(finished_home: tuple[Workspace, Run]) -> None:
    app = explored(view="One session", types="BUY")
    assert not app.exception
    assert "draw a session at random" in said(app)
    app.button("draw-session").click().run()
    assert not app.exception
    drawn = app.query_params["session"]
    assert drawn
    assert any("events in" in each.value or "event in" in each.value for each in app.markdown)
    app = explored(view="One session", session="unknown")
    assert not app.exception
    assert "No session has this id." in said(app)
