"""Every page without a browser: opened first, with and without data, and with damaged files."""

from __future__ import annotations

import ast
import errno
import json
import os
import shutil
from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import HeadingBase

from core.audit import COUNTS_NOTE
from core.base.workspace import Workspace
from core.cli import main
from core.config import RunConfig
from core.dataset import COUNTED_SESSIONS, COUNTED_UNITS
from core.demo import write_demo
from core.eda.views import VIEWS
from core.errors import RunError, SettingError
from core.ingestion import InputFiles, ingest
from core.ingestion.mapping import load_mapping
from core.jobs import Jobs, start_run
from core.pipeline.first_run import demo_dataset
from core.runs import Note, Run, load_run
from pages._ui.money_form import parse_rates
from pages._ui.run_names import distinct_names
from tests.conftest import DEMO
from tests.rewriting import read_sealed, write_sealed

PROJECT = Path(__file__).resolve().parent.parent
SECONDS = 60
TITLES = {
    "app.py": "What will a session be worth?",
    "pages/1_Data.py": "What is in the data?",
    "pages/2_Explore.py": "What do sessions look like?",
    "pages/3_Train.py": "How well can we predict?",
    "pages/4_Importance.py": "What drives the value of a session?",
    "pages/5_Submission.py": "Is the submission ready?",
    "pages/6_Score.py": "What will new sessions be worth?",
    "pages/7_Backtest.py": "Does the expected score hold?",
    "pages/8_Live.py": "What is an open session worth?",
}


def open_page(page: str) -> AppTest:
    """Open a page as the first one of a visitor."""
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=SECONDS)
    return (app if page == "app.py" else app.switch_page(page)).run()


def open_train(view: str) -> AppTest:
    """Open one of the views of the Train page as the first page of a visitor."""
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=SECONDS).switch_page("pages/3_Train.py")
    app.query_params["view"] = view
    return app.run()


def values(elements: Iterable[Any]) -> list[str]:
    return [element.value for element in elements]


def fill_in_paths(train: Path, test: Path) -> AppTest:
    """Open the Data page and name two files on this machine."""
    app = open_page("pages/1_Data.py")
    app.segmented_control[0].set_value("Files on this machine").run()
    app.text_input[0].set_value(str(train))
    return app.text_input[1].set_value(str(test)).run()


def click(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()


def texts(app: AppTest) -> str:
    """Return the texts and messages of a page, one per line."""
    return "\n".join(element.value for element in [*app.markdown, *app.caption, *app.info, *app.error])


@pytest.fixture
def basket_shop(tmp_path: Path) -> tuple[Path, Path]:
    """The first sessions of the demo files with other words for a session and an event, which need a mapping."""
    paths = tmp_path / "train.csv", tmp_path / "test.csv"
    for path in paths:
        lines = (DEMO / path.name).read_text().splitlines()[:1_500]
        text = "\n".join(lines).replace("user_session", "visit").replace("ADD_CART", "add to basket")
        path.write_text(f"{text}\n")
    return paths


def test_every_page_of_the_folder_is_tested() -> None:
    assert {f"pages/{path.name}" for path in (PROJECT / "pages").glob("[0-9]*.py")} | {"app.py"} == set(TITLES)


@pytest.mark.parametrize("page", TITLES)
def test_a_page_has_no_bare_strings_which_streamlit_would_show(page: str) -> None:
    statements = ast.parse((PROJECT / page).read_text()).body[1:]
    assert not [node for node in statements if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]


@pytest.mark.parametrize(("page", "title"), TITLES.items())
def test_a_page_can_be_opened_first_in_an_empty_workspace(page: str, title: str, workspace: Workspace) -> None:
    app = open_page(page)
    assert not app.exception
    assert values(app.title) == [title]
    assert "Synthetic data from a simulated shop." in texts(app)
    assert Jobs(workspace).all() == []


@pytest.mark.parametrize(("page", "title"), TITLES.items())
def test_a_page_can_be_opened_first_with_a_finished_run(
    page: str, title: str, finished_home: tuple[Workspace, Run]
) -> None:
    app = open_page(page)
    assert not app.exception
    assert not app.error
    assert values(app.title) == [title]
    assert len(app.metric) <= 5
    levels = [int(element.tag[1]) for element in app.main if isinstance(element, HeadingBase)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels


def test_home_shows_a_run_of_the_command_line_and_not_the_demo(
    finished_home: tuple[Workspace, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_demo(tmp_path / "demo", sessions=200, seed=3)
    demo = InputFiles(tmp_path / "demo" / "train.csv", tmp_path / "demo" / "test.csv")
    monkeypatch.setattr("core.pipeline.first_run.demo_files", lambda: demo)
    monkeypatch.setenv("SVS_FIRST_RUN", "1")
    app = open_page("app.py")
    boxes = {box.label: box for box in app.sidebar.selectbox}
    assert len(boxes["Dataset"].options) == 2
    assert boxes["Dataset"].value == finished_home[1].manifest.dataset
    assert boxes["Run"].value == finished_home[1].manifest.run_id
    assert "The best run is expected to be off by" in texts(app)
    assert Jobs(finished_home[0]).all() == []


def test_counts_of_sessions_say_what_is_counted(
    finished_home: tuple[Workspace, Run], capsys: pytest.CaptureFixture[str]
) -> None:
    """The demo has an id that users share, and ids in both files; audit rules on lengths count by user."""
    train, test = (pl.read_csv(DEMO / f"{name}.csv") for name in ("train", "test"))
    n_sessions = train["user_session"].n_unique() + test["user_session"].n_unique()
    by_user = sum(part.select("user_session", "user_id").unique().height for part in (train, test))
    assert n_sessions < by_user
    explore, data, trained = (open_page(f"pages/{page}.py") for page in ("2_Explore", "1_Data", "3_Train"))
    (counted,) = [text for text in explore.markdown if text.value == f"All {n_sessions:,} sessions of both files."]
    assert counted.proto.help.startswith(COUNTED_SESSIONS)
    assert f"of {by_user:,} sessions" in texts(data)
    assert COUNTS_NOTE in values(data.caption)
    assert any(
        COUNTED_SESSIONS in text and COUNTED_UNITS in text
        for text in (caption.proto.help for caption in trained.caption)
    )
    assert main(["audit", finished_home[1].manifest.dataset]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == COUNTS_NOTE
    assert COUNTS_NOTE.startswith(COUNTED_SESSIONS)
    assert COUNTED_UNITS in COUNTS_NOTE


@pytest.mark.parametrize(
    ("page", "promise"),
    [
        ("app.py", "The best run's expected error will be shown here."),
        ("pages/3_Train.py", "There is no finished run on this dataset yet."),
        ("pages/4_Importance.py", "What drives the value of a session will be shown here, in words."),
        ("pages/5_Submission.py", "submission.csv and its checks will be shown here."),
        ("pages/6_Score.py", "The values of the sessions of a later event file will be shown here."),
        ("pages/8_Live.py", "The final values of open sessions will be predicted here, event by event."),
    ],
)
def test_an_empty_page_says_what_will_be_shown(page: str, promise: str, demo_workspace: Workspace) -> None:
    assert promise in texts(open_page(page))


def test_a_filter_that_no_session_passes_can_be_cleared(finished_home: tuple[Workspace, Run]) -> None:
    app = open_explore(least_value="5000", view="Value")
    assert not app.exception
    assert "No session matches the filter. Widen or clear it." in texts(app)
    assert app.segmented_control("filter-file").value == "both"
    click(app, "worth 5,000 or more")
    assert "No session matches the filter" not in texts(app)
    assert "Half of the sessions are worth at most" in texts(app)


@pytest.mark.parametrize("view", VIEWS)
def test_views_of_the_test_file_alone_show_no_missing_values(view: str, finished_home: tuple[Workspace, Run]) -> None:
    app = open_explore(file="test", view=view)
    assert not app.exception
    assert "NaN" not in texts(app)
    assert "in the test file" in [button.label for button in app.button]


@pytest.mark.parametrize(
    ("address", "ignored"),
    [
        ({"first": "2030-01-01"}, "first=2030-01-01"),
        ({"first": "2020-01-01", "last": "2020-02-01"}, "first=2020-01-01 and last=2020-02-01"),
        ({"file": "nonsense", "users": "2"}, "file=nonsense and users=2"),
        ({"types": "CLICK"}, "types=CLICK"),
    ],
)
def test_parts_of_the_address_that_fit_no_session_are_reported(
    address: dict[str, str], ignored: str, finished_home: tuple[Workspace, Run]
) -> None:
    app = open_explore(**address)
    assert not app.exception
    (warning,) = values(app.warning)
    assert f"{ignored}. The log covers 01 Jun 2025" in warning
    assert "sessions of both files." in texts(app)


def test_a_link_to_a_missing_run_or_dataset_shows_a_warning(
    finished_home: tuple[Workspace, Run],
) -> None:
    manifest = finished_home[1].manifest
    app = open_explore(run="gone", dataset="g" * 50)
    assert not app.exception
    dataset, run = values(app.warning)
    assert dataset.startswith(f"The dataset {'g' * 40} in the link was not found.")
    assert run.startswith("The run gone in the link was not found.")
    assert manifest.dataset_name in dataset
    assert len(app.run().warning) == 2  # until something else is chosen
    there = open_explore(run=manifest.run_id, dataset=manifest.dataset)
    assert not there.warning


def test_a_link_to_an_unknown_view_says_which_is_shown(finished_home: tuple[Workspace, Run]) -> None:
    app = open_explore(view="Prices")
    assert values(app.warning) == ["There is no view Prices. The page shows Overview instead."]
    assert not app.run().warning  # the address now has the view that is shown
    assert not open_explore(view="Users").warning


def test_the_address_can_have_any_share_of_users(finished_home: tuple[Workspace, Run]) -> None:
    app = open_explore(users="0.3")
    assert not app.exception
    assert not app.warning
    assert "of 30.0% of the users" in [button.label for button in app.button]


def test_metrics_are_those_of_the_run(finished_home: tuple[Workspace, Run]) -> None:
    manifest = finished_home[1].manifest
    shown = {metric.label: metric.value for metric in open_page("pages/5_Submission.py").metric}
    assert shown["Sessions"] == f"{manifest.sessions.test:,}"
    assert shown["Values from train file"] == str(manifest.sessions.known)
    passed = manifest.checks.passed + manifest.certificate.passed
    assert f"{passed} of {passed} checks passed" in texts(open_page("app.py"))


def test_importance_begins_with_the_answer_in_words(finished_home: tuple[Workspace, Run]) -> None:
    app = open_page("pages/4_Importance.py")
    shown = texts(app)
    assert "Value of purchases in this session matters most: on average, it moves" in shown
    assert "**5. " in shown
    assert "It does not show what would change the value" in shown
    assert "recovered_buy_sum" not in shown
    for view in ("Effects", "Segments"):
        app.segmented_control[0].set_value(view).run()
        assert not app.exception
        assert "recovered_buy_sum" not in texts(app)
    assert app.dataframe[0].value["Segment"].to_list() == ["Browsers", "Buyers"]
    app.segmented_control[1].set_value("Period").run()
    first = app.date_input[0].min
    app.date_input[0].set_value(first + timedelta(days=3)).run()
    day = str(first + timedelta(days=3))
    assert app.dataframe[0].value["Segment"].to_list() == [f"Before {day}", f"From {day}"]
    app.date_input[0].set_value(first).run()
    assert app.dataframe[0].value["Segment"].to_list() == [f"From {first}"]


def test_importance_is_shown_by_either_measure(finished_home: tuple[Workspace, Run]) -> None:
    app = open_page("pages/4_Importance.py")
    app.segmented_control[0].set_value("Details").run()
    by_effect = app.dataframe[0].value
    app.segmented_control[1].set_value("gain_share").run()
    assert not app.exception
    assert "of the gain" in texts(app)
    assert not by_effect.equals(app.dataframe[0].value)


def test_recovered_prices_are_shown_below_the_features(finished_home: tuple[Workspace, Run]) -> None:
    app = open_page("pages/4_Importance.py")
    app.segmented_control[0].set_value("Prices").run()
    assert "value units to its session: BUY " in texts(app)
    shown = app.dataframe[0].value
    assert list(shown.columns) == ["Product", "Category", "Events", "VIEW", "ADD_CART", "REMOVE_CART", "BUY"]
    assert len(shown) == 50


def test_files_on_this_machine_are_read_by_path(finished_home: tuple[Workspace, Run], tmp_path: Path) -> None:
    train = tmp_path / "part.csv"
    train.write_text("\n".join((DEMO / "train.csv").read_text().splitlines()[:3000]) + "\n")
    app = fill_in_paths(train, DEMO / "test.csv")
    click(app, "Read the files")
    assert not app.exception
    assert "Train: part.csv." in texts(app)


def test_a_wrong_path_is_shown_as_an_error(finished_home: tuple[Workspace, Run]) -> None:
    app = fill_in_paths(Path("/no/such/file.csv"), DEMO / "test.csv")
    assert not app.exception
    assert values(app.error) == ["There is no file at /no/such/file.csv. Check the path, or choose another file."]
    assert values(app.title) == [TITLES["pages/1_Data.py"]]


def test_quarantined_rows_are_shown_with_their_reason(demo_workspace: Workspace, tmp_path: Path) -> None:
    lines = (DEMO / "train.csv").read_text().splitlines()
    lines[5] = lines[5].replace("ADD_CART", "LOOKED")
    (tmp_path / "train.csv").write_text("\n".join(lines) + "\n")
    app = fill_in_paths(tmp_path / "train.csv", DEMO / "test.csv")
    click(app, "Read the files")
    assert "1 row: event_type is LOOKED, not one of VIEW, ADD_CART, REMOVE_CART, BUY" in texts(app)
    (shown,) = [table.value for table in app.dataframe if "reason" in table.value and "row" in table.value]
    assert shown["line"].to_list() == [6]
    assert shown["row"].to_list() == [lines[5]]


def test_form_fields_have_the_limits_of_their_settings(finished_home: tuple[Workspace, Run]) -> None:
    app = open_train("Now")
    folds = next(field for field in app.number_input if field.label == "Folds")
    assert (folds.min, folds.max) == (2, 20)


@pytest.mark.parametrize("page", ["app.py", "pages/3_Train.py"])
def test_a_failed_run_is_reported_on_a_later_visit(page: str, demo_workspace: Workspace) -> None:
    jobs = Jobs(demo_workspace)
    job, _ = jobs.enqueue(demo_dataset(demo_workspace).fingerprint, "demo", "digest", {})
    jobs.end(job.id, "failed", error="The reason in a sentence.")
    assert values(open_page(page).error) == ["The run failed. The reason in a sentence."]


@pytest.mark.parametrize(
    ("page", "file"),
    [
        ("pages/4_Importance.py", "importance/importance.parquet"),
        ("pages/4_Importance.py", "importance/effects.parquet"),
        ("pages/5_Submission.py", "checks.json"),
    ],
)
def test_a_missing_file_of_a_run_is_shown_as_an_error(
    page: str, file: str, finished_home: tuple[Workspace, Run]
) -> None:
    (finished_home[1].folder / file).unlink()
    app = open_page(page)
    assert not app.exception
    (error,) = values(app.error)
    assert f"is damaged ({file} is missing)" in error


def test_results_of_a_run_whose_files_changed_are_not_shown(finished_home: tuple[Workspace, Run]) -> None:
    (finished_home[1].folder / "oof.parquet").write_bytes(b"other")
    (finished_home[1].folder / "certificate.json").unlink()
    app = open_page("pages/3_Train.py")
    assert not app.exception
    (error,) = values(app.error)
    assert "(oof.parquet changed and certificate.json is missing)" in error
    assert not app.metric


@pytest.mark.parametrize(
    ("file", "damage", "description"),
    [
        ("submission.csv", lambda path: path.write_text("user_session,session_value\n"), "submission.csv changed"),
        ("submission.csv", Path.unlink, "submission.csv is missing"),
        ("checks.json", lambda path: path.write_text("[]"), "checks.json changed"),
    ],
    ids=["changed", "missing", "checks"],
)
def test_a_damaged_submission_is_not_offered(
    file: str, damage: Callable[[Path], object], description: str, finished_home: tuple[Workspace, Run]
) -> None:
    damage(finished_home[1].folder / file)
    app = open_page("pages/5_Submission.py")
    assert not app.exception
    (error,) = values(app.error)
    assert f"is damaged ({description}). Start the run again, or choose another one." in error
    assert values(app.title) == [TITLES["pages/5_Submission.py"]]
    assert "Yes" not in texts(app)
    assert not app.get("download_button")


def test_a_submission_that_changes_while_the_page_is_open_cannot_be_downloaded(
    finished_home: tuple[Workspace, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    offered: list[Callable[[], bytes]] = []
    monkeypatch.setattr("streamlit.download_button", lambda *_, data, **__: offered.append(data))
    assert not open_page("pages/5_Submission.py").exception
    submission = finished_home[1].submission
    assert offered[0]() == submission.read_bytes()
    submission.write_text("other")
    with pytest.raises(RunError, match=r"submission\.csv changed"):
        offered[0]()


@pytest.mark.parametrize(("page", "title"), TITLES.items())
def test_a_damaged_jobs_database_is_shown_as_an_error_on_every_page(
    page: str, title: str, finished_home: tuple[Workspace, Run]
) -> None:
    finished_home[0].jobs_database.write_bytes(b"no database at all, but long enough to look at" * 100)
    app = open_page(page)
    assert not app.exception
    (error,) = values(app.error)
    assert "cannot be used (file is not a database)" in error
    shows_jobs = page in ("app.py", "pages/3_Train.py")
    assert values(app.title) == ([] if shows_jobs else [title])
    assert [box.label for box in app.sidebar.selectbox] == ["Dataset", "Run"]


def test_an_upload_to_a_full_disk_is_shown_as_an_error(
    demo_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("core.ingestion.sources.uploads._copy", full)
    app = open_page("pages/1_Data.py")
    app.file_uploader[0].upload("train.csv", b"x")
    app.file_uploader[1].upload("test.csv", b"y").run()
    assert not app.exception
    (error,) = values(app.error)
    assert error.startswith(f"The disk of the workspace {demo_workspace.root} is full. The new dataset was not stored.")


def test_files_read_again_under_other_names_are_shown_with_these(demo_workspace: Workspace, tmp_path: Path) -> None:
    assert "Train: train.csv." in texts(open_page("pages/1_Data.py"))
    for name in ("train", "test", "sample_submission"):
        shutil.copy(DEMO / f"{name}.csv", tmp_path / f"my_{name}.csv")
    ingest(
        InputFiles(*(tmp_path / f"my_{name}.csv" for name in ("train", "test", "sample_submission"))), demo_workspace
    )
    assert "Train: my_train.csv." in texts(open_page("pages/1_Data.py"))


@pytest.fixture
def two_runs(finished_home: tuple[Workspace, Run]) -> tuple[Run, Run]:
    """The run, and an older copy of it with another seed."""
    workspace, run = finished_home
    folder = workspace.runs / "20200101-000000-twin"
    shutil.copytree(run.folder, folder)
    manifest = read_sealed(folder / "manifest.json")
    manifest |= {"run_id": folder.name, "created": "2020-01-01T00:00:00+00:00"}
    manifest["config"]["seed"] += 1
    write_sealed(folder / "manifest.json", manifest)
    return run, load_run(folder)


@pytest.fixture
def older_is_better(two_runs: tuple[Run, Run]) -> tuple[Run, Run]:
    """The newer run, and the older one with a lower expected score."""
    newer, older = two_runs
    manifest = read_sealed(older.folder / "manifest.json")
    manifest["scores"]["in_metric"]["expected"] = {"value": 100.0, "low": 90.0, "high": 110.0}
    write_sealed(older.folder / "manifest.json", manifest)
    return newer, load_run(older.folder)


RUN_PAGES = ["app.py", "pages/3_Train.py", "pages/4_Importance.py", "pages/5_Submission.py", "pages/6_Score.py"]


@pytest.mark.parametrize("page", RUN_PAGES)
def test_the_best_run_is_shown_first_and_another_choice_is_pointed_out(
    page: str, older_is_better: tuple[Run, Run]
) -> None:
    newer, best = older_is_better
    app = open_page(page)
    (box,) = [box for box in app.selectbox if box.label == "Run"]
    assert box.value == best.manifest.run_id
    assert [option.startswith("★ ") for option in box.options] == [False, True]
    assert "A better run exists" not in texts(app)
    box.select(newer.manifest.run_id).run()
    assert not app.exception
    assert "A better run exists: its expected test MSE is 100, this run's is" in texts(app)
    app.button("show-best").click().run()
    assert app.query_params["run"] == best.manifest.run_id
    assert "A better run exists" not in texts(app)


def test_home_and_train_say_whether_the_best_run_is_shown(older_is_better: tuple[Run, Run]) -> None:
    for page, verb in (("app.py", "is expected to be off by"), ("pages/3_Train.py", "has an expected test error of")):
        app = open_page(page)
        assert f"The best run {verb} **10.0" in texts(app)
        next(box for box in app.selectbox if box.label == "Run").select(older_is_better[0].manifest.run_id).run()
        assert f"The selected run {verb}" in texts(app)


def test_the_dataset_of_the_latest_run_is_shown_first(finished_home: tuple[Workspace, Run], tmp_path: Path) -> None:
    write_demo(tmp_path / "newer", sessions=200, seed=3)
    newer = ingest(InputFiles(tmp_path / "newer" / "train.csv", tmp_path / "newer" / "test.csv"), finished_home[0])
    box = next(box for box in open_page("app.py").selectbox if box.label == "Dataset")
    assert box.value == finished_home[1].manifest.dataset
    Jobs(finished_home[0]).enqueue(newer.fingerprint, "newer", "digest", {})  # work that is going on comes first
    box = next(box for box in open_page("pages/2_Explore.py").selectbox if box.label == "Dataset")
    assert box.value == newer.fingerprint


@pytest.mark.parametrize("page", RUN_PAGES)
def test_while_the_first_run_is_in_progress_pages_say_so(
    page: str, demo_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.jobs.control._spawn", lambda *_: None)  # the job stays as it is
    monkeypatch.setattr("core.jobs.job.Job.alive", True)
    start_run(demo_workspace, demo_dataset(demo_workspace), RunConfig(metric="mae", folds=3))
    app = open_page(page)
    assert not app.exception
    assert "The first run on this dataset is in progress." in texts(app)
    assert "A run on demo is in progress" in texts(app)
    assert "Start a run first" not in texts(app)
    if page in ("app.py", "pages/3_Train.py"):
        assert "quick, seed 7, metric mean absolute error, folds 3" in texts(app)


def test_a_queued_run_shows_its_settings(demo_workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.jobs.control._spawn", lambda *_: None)
    monkeypatch.setattr("core.jobs.job.Job.alive", True)
    for config in (RunConfig(), RunConfig(preset="standard", minutes=1, learners=("xgboost",))):
        start_run(demo_workspace, demo_dataset(demo_workspace), config)
    assert "1\\. demo, standard, 1 minute, seed 7, learners XGBoost" in texts(open_page("pages/3_Train.py"))


@pytest.mark.parametrize("page", ["app.py", "pages/3_Train.py"])
def test_the_end_of_a_job_is_reported_until_it_is_dismissed(page: str, demo_workspace: Workspace) -> None:
    jobs = Jobs(demo_workspace)
    job, _ = jobs.enqueue(demo_dataset(demo_workspace).fingerprint, "demo", "digest", {})
    jobs.end(job.id, "cancelled")
    app = open_page(page)
    assert "The run was cancelled." in texts(app)
    app.button(f"dismiss-{job.id}").click().run()
    assert "The run was cancelled." not in texts(app)
    assert "The run was cancelled." not in texts(open_page(page))  # nor in another tab


@pytest.mark.parametrize("page", ["app.py", "pages/3_Train.py"])
def test_the_end_of_a_job_is_no_longer_reported_when_a_newer_job_has_ended(
    page: str, demo_workspace: Workspace
) -> None:
    jobs, fingerprint = Jobs(demo_workspace), demo_dataset(demo_workspace).fingerprint
    for digest, state in (("first", "cancelled"), ("second", "done")):
        job, _ = jobs.enqueue(fingerprint, "demo", digest, {})
        jobs.end(job.id, state)  # type: ignore[arg-type]
    assert "The run was cancelled." not in texts(open_page(page))


def test_swapped_files_are_pointed_out_before_they_are_read(demo_workspace: Workspace, tmp_path: Path) -> None:
    app = fill_in_paths(DEMO / "test.csv", DEMO / "train.csv")
    assert "Use train.csv as the train file and test.csv as the test file." in app.error[0].value
    for name, other in (("train", "test"), ("test", "train")):
        shutil.copy(DEMO / f"{name}.csv", tmp_path / f"{other}.csv")
    app = fill_in_paths(tmp_path / "test.csv", tmp_path / "train.csv")
    assert values(app.warning) == [
        "The train file is test.csv and the test file is train.csv. Check whether they are swapped."
    ]


def test_runs_with_the_same_name_have_distinct_labels(two_runs: tuple[Run, Run]) -> None:
    for run in two_runs:
        run.save_note(Note(name="Best"))
    app = open_page("pages/5_Submission.py")
    (box,) = [box for box in app.selectbox if box.label == "Run"]
    newer, older = box.options
    assert newer.startswith("★ ")
    assert newer.endswith(f"({two_runs[0].manifest.run_id.rpartition('-')[2]})")
    assert older.endswith("(twin)")
    for run in two_runs:
        box.select(run.manifest.run_id).run()
        assert app.query_params["run"] == run.manifest.run_id


@pytest.mark.parametrize(
    ("name", "shown"), [("Best", ["Best (twin)", "Best ({})"]), ("Setting", ["Setting (twin)", "Setting ({})"])]
)
def test_runs_with_the_same_name_are_compared_under_distinct_labels(
    name: str, shown: list[str], two_runs: tuple[Run, Run]
) -> None:
    for run in two_runs:
        run.save_note(Note(name=name))
    app = open_train("Runs")
    app.toggle("board-learners").set_value(False).run()
    app.session_state["board-2"] = {"selection": {"rows": [0, 1], "columns": [], "cells": []}}
    app.run()
    assert not app.exception
    settings = next(table for table in app.dataframe if "Setting" in table.value)
    (row,) = settings.value.to_dict("records")
    newer, older = (run.manifest for run in two_runs)
    assert row == {"Setting": "Seed", older.run_id: str(older.config.seed), newer.run_id: str(newer.config.seed)}
    labels = json.loads(settings.proto.columns)
    expected = [label.format(newer.run_id.rpartition("-")[2]) for label in shown]
    assert [labels[run_id]["label"] for run_id in (older.run_id, newer.run_id)] == expected


@pytest.mark.parametrize(
    ("names", "distinct"),
    [
        ({"1-a": "x", "1-b": "y"}, ["x", "y"]),
        ({"1-a": "x", "1-b": "x", "1-c": "y"}, ["x (a)", "x (b)", "y"]),
        ({"1-a": "x", "2-a": "x"}, ["x (1-a)", "x (2-a)"]),
        ({"1-a": "x", "1-b": "x", "1-c": "x (a)"}, ["x (1-a)", "x (1-b)", "x (a) (1-c)"]),
        ({}, []),
    ],
)
def test_names_are_made_distinct(names: dict[str, str], distinct: list[str]) -> None:
    assert list(distinct_names(names).values()) == distinct


def test_the_same_file_for_train_and_test_is_refused(finished_home: tuple[Workspace, Run]) -> None:
    app = fill_in_paths(DEMO / "train.csv", DEMO / "train.csv")
    click(app, "Read the files")
    assert "train.csv is both the train file and the test file" in app.error[0].value


def test_findings_of_the_audit_are_shown(workspace: Workspace) -> None:
    app = open_page("pages/1_Data.py")
    text = texts(app)
    assert "1 session id is shared by several users" in text
    assert "The value of 19 test sessions is already known" in text
    assert not app.exception
    assert any(" note" in expander.label for expander in app.expander)


def test_a_custom_mapping_can_be_saved_and_is_offered_again(
    demo_workspace: Workspace, basket_shop: tuple[Path, Path]
) -> None:
    app = fill_in_paths(*basket_shop)
    boxes = {box.label: box for box in app.selectbox}
    assert boxes["Log format"].value == "custom"
    assert boxes["Session"].value == "visit"
    assert boxes["add to basket"].value == "ADD_CART"
    next(field for field in app.text_input if field.label == "Name of the mapping").set_value("Basket shop").run()
    click(app, "Save the mapping")
    assert not app.exception
    assert load_mapping(demo_workspace.mappings / "Basket_shop.toml").columns.user_session == "visit"
    again = fill_in_paths(*basket_shop)
    assert "Basket shop" in next(box for box in again.selectbox if box.label == "Log format").options
    click(again, "Read the files")
    assert not again.exception
    assert "Train: train.csv." in texts(again)


def test_files_and_a_mapping_made_by_hand_survive_a_look_at_another_page(
    demo_workspace: Workspace, basket_shop: tuple[Path, Path]
) -> None:
    app = fill_in_paths(*basket_shop)

    def fields() -> dict[str, Any]:
        drawn = [*app.selectbox, *app.text_input, *app.number_input, *app.radio, *app.segmented_control]
        return {field.label: field.value for field in drawn}

    def field_of(label: str) -> Any:
        return next(field for field in [*app.selectbox, *app.text_input, *app.number_input] if field.label == label)

    changes = {"add to basket": "ignore", "Category": "(not in the log)", "Minimum share of usable rows": 0.5}
    changes |= {"Name of the mapping": "By hand", "Time format": "other format", "Pattern": "%d/%m/%Y %H:%M"}
    for label, value in changes.items():
        field_of(label).set_value(value)
        if label == "Time format":  # which shows the field of the pattern
            app.run()
    app.run()
    before = fields()
    assert {label: before[label] for label in changes} == changes
    app.switch_page("pages/2_Explore.py").run()
    app.switch_page("pages/1_Data.py").run()
    assert not app.exception
    assert fields() == before
    field_of("Time format").set_value("auto")
    field_of("add to basket").set_value("ADD_CART").run()
    click(app, "Read the files")
    assert not app.exception
    assert "Train: train.csv." in texts(app)


def test_own_columns_chosen_in_the_form_survive_a_look_at_another_page(workspace: Workspace, tmp_path: Path) -> None:
    for name in ("train.csv", "test.csv"):
        header, *rows = (DEMO / name).read_text().replace("user_session", "visit", 1).splitlines()
        products = [sum(row.split(",")[2].encode()) for row in rows]
        cells = [
            f"{('aqua', 'nova', 'zest')[product % 3]},{product % 5 % 2},{number}"
            for number, product in enumerate(products)
        ]
        lines = [f"{header},Marke,on_sale,row", *(f"{row},{further}" for row, further in zip(rows, cells, strict=True))]
        (tmp_path / name).write_text("\n".join(lines))
    app = fill_in_paths(tmp_path / "train.csv", tmp_path / "test.csv")
    assert "2 of 3 extra columns may improve predictions." in texts(app)
    key = next(key for key in app.run().session_state["page_state"].kept_fields if key.endswith("/own"))
    choices = app.session_state[key]
    assert [(row["use"], row["column"], row["kind"], row["level"], row["why"]) for row in choices] == [
        (True, "Marke", "category", "product", ""),
        (True, "on_sale", "flag", "product", ""),
        (False, "row", "number", "event", "It numbers the rows."),
    ]
    app.session_state[key] = [{**choices[0], "level": "event"}, {**choices[1], "use": False}, choices[2]]
    app.switch_page("pages/2_Explore.py").run()
    app.switch_page("pages/1_Data.py").run()
    click(app, "Save the mapping")
    assert not app.exception
    own = load_mapping(workspace.mappings / "My_shop.toml").own
    assert {name: column.model_dump(exclude_none=True) for name, column in own.items()} == {
        "marke": {"column": "Marke", "kind": "category", "level": "event", "keep": False}
    }


def test_further_columns_of_a_log_in_the_standard_format_are_named(workspace: Workspace, tmp_path: Path) -> None:
    for name in ("train.csv", "test.csv"):
        header, *rows = (DEMO / name).read_text().splitlines()
        lines = [f"{header},price", *(f"{row},{1 + number % 7}.50" for number, row in enumerate(rows))]
        (tmp_path / name).write_text("\n".join(lines))
    app = fill_in_paths(tmp_path / "train.csv", tmp_path / "test.csv")
    assert next(box for box in app.selectbox if box.label == "Log format").value == "as it stands"
    assert "The log has more columns that may help to predict: price." in texts(app)
    next(box for box in app.selectbox if box.label == "Log format").set_value("custom").run()
    assert "1 of 1 extra column may improve predictions." in texts(app)
    assert not app.exception


def test_the_mapping_form_asks_for_exchange_rates(demo_workspace: Workspace, tmp_path: Path) -> None:
    header = "time,visitor,visit,item,kind,price,currency\n"
    row = "2025-06-{day:02} 10:{minute:02}:00,U{user},V{visit},P{item},{kind},{price},{currency}\n"
    lines = [
        row.format(
            day=1 + number % 20,
            minute=step,
            user=number % 40,
            visit=number,
            item=number % 9,
            kind=kind,
            price=9.5 if kind == "purchase" else "",
            currency=("EUR", "USD")[number % 2],
        )
        for number in range(90)
        for step, kind in enumerate(("view", "purchase"))
    ]
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_text(header + "".join(lines))
    app = fill_in_paths(tmp_path / "train.csv", tmp_path / "test.csv")
    next(box for box in app.selectbox if box.label == "Currency").set_value("currency").run()
    assert not app.exception
    for label, text in (("Currency of values", "EUR"), ("Exchange rates", "USD = x")):
        next(field for field in app.text_input if field.label == label).set_value(text).run()
    assert not app.exception
    assert "“Exchange rates” is 'USD = x'" in "".join(values(app.warning))


def open_explore(**query: str) -> AppTest:
    """Open the Explore page with parameters in its address."""
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=SECONDS)
    app.switch_page("pages/2_Explore.py")
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def test_a_filter_in_the_address_is_applied_and_described(finished_home: tuple[Workspace, Run]) -> None:
    app = open_explore(types="BUY", least_events="3", view="Products")
    assert not app.exception
    assert {"with BUY", "with 3 events or more"} <= {button.label for button in app.button}
    (note,) = [text for text in values(app.markdown) if "of 9,520 sessions:" in text]
    assert 100 < int(note.split("**")[1].replace(",", "")) < 5_000
    assert "Do few products get most of the attention?" in values(app.header)
    assert app.query_params["types"] == "BUY"
    app.button("filter-clear").click().run()
    assert not app.exception
    assert "types" not in app.query_params
    assert any(text.startswith("All ") for text in values(app.markdown))


def test_charts_that_compare_event_types_collapse_in_a_log_of_purchases(tmp_path: Path, workspace: Workspace) -> None:
    for part in ("train", "test"):
        pl.read_csv(DEMO / f"{part}.csv").head(900).with_columns(event_type=pl.lit("BUY")).write_csv(
            tmp_path / f"{part}.csv"
        )
    dataset = ingest(InputFiles(tmp_path / "train.csv", tmp_path / "test.csv"), workspace)
    app = open_explore(view="Events", dataset=dataset.fingerprint)
    assert not app.exception
    assert not app.header
    (line,) = [text for text in values(app.caption) if text.startswith("All events of this log are BUY. Not shown: ")]
    assert line.count("?") == len(VIEWS["Events"])


def test_a_view_can_be_split_and_two_filters_compared_by_the_address(finished_home: tuple[Workspace, Run]) -> None:
    app = open_explore(view="Sessions", by="purchase", types="VIEW", **{"with": "all"})
    assert not app.exception
    sentences = [text for text in values(app.markdown) if "for sessions with a purchase" in text]
    assert len(sentences) == 2 * len([chart for chart in VIEWS["Sessions"] if chart.splits])
    assert len(set(sentences)) == len(sentences)
    assert {"**sessions with VIEW**", "**all sessions**"} <= set(values(app.markdown))
    app.button("compare-clear").click().run()
    assert "with" not in app.query_params
    assert "**all sessions**" not in values(app.markdown)
    app.selectbox("choice-by").set_value("").run()
    assert "by" not in app.query_params


def test_a_comparison_with_no_session_is_not_drawn(finished_home: tuple[Workspace, Run]) -> None:
    app = open_explore(view="Products", **{"with": "least_value=1e11"})
    assert not app.exception
    assert "No session matches the other filter, so nothing is compared." in texts(app)
    assert "**all sessions**" not in values(app.markdown)


def test_the_value_by_any_feature_is_shown(finished_home: tuple[Workspace, Run]) -> None:
    app = open_explore(view="Features")
    assert not app.exception
    app.selectbox("one-feature").set_value("n_events").run()
    assert not app.exception
    assert any("How does the value depend on" in title for title in values(app.header))


def test_products_can_be_ranked_by_recovered_price(finished_home: tuple[Workspace, Run]) -> None:
    app = open_explore(view="Products")
    group = next(group for group in app.button_group if "Highest estimated purchase price" in str(group.options))
    group.set_value("price").run()
    assert not app.exception
    table = app.dataframe[-1].value
    prices = [float(cell.replace(",", "").split(" ± ")[0]) for cell in table["BUY"]]
    assert len(prices) == 20
    assert prices == sorted(prices, reverse=True)
    assert any("with the highest estimated purchase price" in text for text in values(app.caption))


@pytest.mark.parametrize("view", ["Features", "Drift"])
def test_views_of_features_say_how_many_sessions_they_use(view: str, finished_home: tuple[Workspace, Run]) -> None:
    train, test = (pl.read_csv(DEMO / f"{name}.csv") for name in ("train", "test"))
    users = train.group_by("user_session").agg(pl.col("user_id").n_unique())
    unshared = users.filter(pl.col("user_id") == 1).height  # a shared id has no value of its own
    both = f"{users.height:,} train sessions and {test['user_session'].n_unique():,} test sessions"
    expected = f"Based on {both if view == 'Drift' else f'{unshared:,} train sessions with a known value'}."
    assert expected in values(open_explore(view=view).caption)


@pytest.mark.parametrize("view", list(VIEWS))
def test_every_view_opens_when_no_session_passes_the_filter(view: str, finished_home: tuple[Workspace, Run]) -> None:
    app = open_explore(view=view, least_value="1e11")
    assert not app.exception
    assert any(text.startswith("**0** of") for text in values(app.markdown))
    assert "No session matches the filter" in texts(app)
    assert not app.header


def test_a_session_is_chosen_at_random_or_by_its_id(finished_home: tuple[Workspace, Run]) -> None:
    app = open_explore(view="One session", types="BUY")
    assert not app.exception
    assert "draw a random session" in texts(app)
    app.button("draw-session").click().run()
    assert not app.exception
    assert app.query_params["session"]
    assert any("events in" in text or "event in" in text for text in values(app.markdown))
    app = open_explore(view="One session", session="unknown")
    assert not app.exception
    assert "No session has this id." in texts(app)


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("", {}),
        ("USD = 0.92, gbp=1.17, ", {"USD": 0.92, "GBP": 1.17}),
        ("USD = 0.92, usd = 1", None),
        ("USD", None),
        ("= 0.92", None),
        ("USD = nan", None),
    ],
)
def test_exchange_rates_are_one_number_for_each_currency(text: str, rates: dict[str, float] | None) -> None:
    if rates is not None:
        assert parse_rates(text) == rates
        return
    with pytest.raises(SettingError) as refused:
        parse_rates(text)
    assert refused.value.code == "setting_not_allowed"


def test_the_detected_encoding_is_shown_and_can_be_changed(tmp_path: Path, demo_workspace: Workspace) -> None:
    for part in ("train", "test"):
        text = (
            pl.read_csv(DEMO / f"{part}.csv").head(40).with_columns(category_id=pl.lit("Şarküteri Ürünü")).write_csv()
        )
        (tmp_path / f"{part}.csv").write_bytes(text.encode("cp1254"))
    app = fill_in_paths(tmp_path / "train.csv", tmp_path / "test.csv")
    box = next(box for box in app.selectbox if box.label == "Text encoding")
    assert (box.value, box.options[0]) == ("detected", "Detected: cp1254")
    next(box for box in app.selectbox if box.label == "Log format").set_value("custom").run()
    assert any("Şarküteri Ürünü" in frame.value.to_string() for frame in app.dataframe)
    next(box for box in app.selectbox if box.label == "Text encoding").set_value("cp1252").run()
    assert not app.exception
    assert any("Þarküteri Ürünü" in frame.value.to_string() for frame in app.dataframe)


def test_methods_on_request_are_computed_and_shown(finished_home: tuple[Workspace, Run]) -> None:
    app = open_page("pages/4_Importance.py")
    app.segmented_control[0].set_value("Details").run()
    click(app, "Compute them")
    assert not app.exception
    tables = [table.value for table in app.dataframe]
    assert [table.columns[0] for table in tables[1:]] == ["Feature", "Part of the session", "Feature", "Feature"]
    assert tables[1]["Feature"][0] == "Value of purchases in this session"
    assert "of the effects of a learner to other features" in texts(app)
