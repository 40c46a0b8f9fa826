"""The Score page: values equal to those of the command line, what a visitor keeps, and what is deleted."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from core.base.spreadsheet import csv_for_people
from core.base.text import number
from core.base.workspace import Workspace
from core.cli import main
from core.ingestion.sources.uploads import list_uploads
from core.pipeline.score import Scores
from core.runs import Run
from core.schema import EVENT_COLUMNS
from pages._ui import scored_files
from pages._ui.scored_files import ScoredFile
from tests.conftest import DEMO
from tests.rewriting import read_sealed, write_sealed
from tests.test_names_are_text import hostile, must_be_text
from tests.test_pages import PROJECT, SECONDS, TITLES, click, open_page, texts, values

PAGE = "pages/6_Score.py"
OTHER_PAGE = "pages/5_Submission.py"
NO_TYPES = b"event_time,product_id,category_id,user_id,user_session\n2025-06-01 00:00:00,P,C,U,S\n"


def scores(n_sessions: int) -> Scores:
    """Return the scores of a file whose first session has no usable event; the others are worth more and more."""
    place = pl.int_range(n_sessions, eager=True)
    is_usable = place > 0
    table = pl.DataFrame({"user_session": [f"S{at}" for at in place], "session_value": 10.0 + place}).with_columns(
        pl.when(is_usable).then(5.0).alias("low_80"),
        pl.lit(None, pl.Float64).alias("high_80"),
        pl.when(is_usable).then(pl.lit("predicted")).otherwise(pl.lit("default")).alias("source"),
        pl.when(is_usable).then(pl.lit(value=True)).alias("user_known"),
        pl.when(is_usable).then(0.5).alias("products_known"),
    )
    return Scores("x.csv", table, n_sessions, {}, pl.DataFrame({"line": []}))


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> scored_files._ScoredFiles:
    """Scored files of this test alone."""
    files = scored_files._ScoredFiles()
    monkeypatch.setattr(scored_files, "_scored_files", lambda: files)
    return files


def open_link(file_id: str) -> AppTest:
    """Open the page with the values of a scored file in its address."""
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=SECONDS).switch_page(PAGE)
    app.query_params["scores"] = file_id
    app.run()
    assert not app.exception
    return app


@pytest.fixture
def new_events(tmp_path: Path) -> Path:
    """A later file with two unusable rows, the only ones of their session."""
    rows = pl.read_csv(DEMO / "test.csv", infer_schema=False).head(1500)
    bad = rows.head(2).with_columns(pl.lit("LOST").alias("user_session"), pl.lit("LOOKED").alias("event_type"))
    path = tmp_path / "new events.csv"
    pl.concat([rows, bad]).write_csv(path)
    return path


def by_path(path: Path) -> AppTest:
    """Open the page and score a file on this machine."""
    app = open_page(PAGE)
    app.segmented_control[0].set_value("File on this machine").run()
    app.text_input[0].set_value(str(path)).run()
    click(app, "Predict values")
    assert not app.exception
    return app


def by_upload(app: AppTest, name: str, content: bytes) -> AppTest:
    """Upload a file and score it."""
    app.file_uploader[0].upload(name, content).run()
    click(app, "Predict values")
    assert not app.exception
    return app


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def from_command_line(
    events: Path, run: Run, out: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[dict[str, Any], pl.DataFrame]:
    """Return the figures and the values that the verb `score` gives."""
    capsys.readouterr()
    arguments = ["--run", run.manifest.run_id, "--events", str(events), "--out", str(out), "--json"]
    assert main(["score", *arguments]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1]), pl.read_parquet(out)


def test_values_are_those_of_the_command_line(
    finished_home: tuple[Workspace, Run],
    new_events: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    figures, expected = from_command_line(new_events, finished_home[1], tmp_path / "values.parquet", capsys)
    offered: dict[str, Callable[[], str | bytes]] = {}
    monkeypatch.setattr("streamlit.download_button", lambda _, data, file_name, **__: offered.update({file_name: data}))
    app = by_path(new_events)
    assert not app.error
    assert values(app.title) == [TITLES[PAGE]]
    n_sessions, total = expected.height, number(expected["session_value"].sum())
    assert app.main.markdown[0].value == (
        f"The **{n_sessions:,} sessions** of new events.csv will be worth **{total} value units** in total, "
        f"{number(expected['session_value'].mean())} on average."
    )
    assert metrics(app) == {
        "Sessions": f"{n_sessions:,}",
        "Predicted total": total,
        "Predicted average": number(expected["session_value"].mean()),
        "Known users": f"{figures['sessions_of_known_users'] / n_sessions:.1%}",
        "Quarantined rows": "2",
    }
    assert pl.read_parquet(io.BytesIO(offered["session_values.parquet"]())).equals(expected)  # type: ignore[arg-type]
    assert offered["session_values.csv"]() == csv_for_people(expected)
    assert "1 session has no usable event and gets the baseline of the run" in texts(app)
    assert "2 rows: event_type is LOOKED, not one of VIEW, ADD_CART, REMOVE_CART, BUY" in texts(app)
    assert "of the run: the standard columns." in texts(app)
    highest, quarantine = (frame.value for frame in app.dataframe)
    assert quarantine["line"].to_list() == [1502, 1503]
    top = expected.sort("session_value", descending=True).row(0, named=True)
    assert len(highest) == 20
    assert highest.iloc[0].to_dict() == {
        "Session": top["user_session"],
        "Predicted value": number(top["session_value"]),
        "80% interval": f"{number(top['low_80'])} to {number(top['high_80'])}",
        "Known user": "yes" if top["user_known"] else "no",
        "Known products": f"{top['products_known']:.1%}",
    }


def test_a_disabled_button_says_what_is_missing(finished_home: tuple[Workspace, Run]) -> None:
    app = open_page(PAGE)
    assert next(button for button in app.button if button.label == "Predict values").disabled
    assert "Choose an event file first." in texts(app)
    app.segmented_control[0].set_value("Database").run()
    assert "Fill in all fields first." in texts(app)


def test_what_was_typed_survives_a_look_at_another_page(finished_home: tuple[Workspace, Run]) -> None:
    app = open_page(PAGE)
    app.segmented_control[0].set_value("Database").run()
    app.text_area[0].set_value("SELECT * FROM events").run()
    app.segmented_control[0].set_value("File on this machine").run()
    app.text_input[0].set_value("logs/*.csv").run()
    app.switch_page("pages/5_Submission.py").run()
    app.switch_page(PAGE).run()
    assert app.text_input[0].value == "logs/*.csv"
    app.segmented_control[0].set_value("Database").run()
    assert app.text_area[0].value == "SELECT * FROM events"


def test_the_error_to_expect_is_that_of_the_run(finished_home: tuple[Workspace, Run], new_events: Path) -> None:
    expected = finished_home[1].manifest.scores.metric_scores.expected.value
    assert f"The best run has an expected test error of **{expected**0.5:.1f} value units" in texts(by_path(new_events))


def test_a_query_is_scored_like_the_file(
    finished_home: tuple[Workspace, Run], new_events: Path, tmp_path: Path
) -> None:
    rows = pl.read_csv(new_events, infer_schema=False)
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute(f"CREATE TABLE events ({', '.join(rows.columns)})")
        marks = ", ".join("?" * rows.width)
        connection.executemany(f"INSERT INTO events VALUES ({marks})", rows.rows())  # noqa: S608 (our own columns)
        connection.commit()
    app = open_page(PAGE)
    app.segmented_control[0].set_value("Database").run()
    app.text_input[0].set_value(f"sqlite:///{tmp_path / 'shop.db'}").run()
    app.text_area[0].set_value("SELECT * FROM events").run()
    click(app, "Predict values")
    assert not app.exception
    assert metrics(app) == metrics(by_path(new_events))


def test_an_upload_is_deleted_when_it_is_scored_and_its_values_stay(
    finished_home: tuple[Workspace, Run], new_events: Path
) -> None:
    app = by_upload(open_page(PAGE), "later.csv", new_events.read_bytes())
    assert not app.error
    assert list_uploads(finished_home[0]) == []
    assert "of later.csv will be worth" in app.main.markdown[0].value
    assert "later.csv was scored." in values(app.success)[0]
    shown, link = metrics(app), app.query_params["scores"]
    app.switch_page(OTHER_PAGE).run()
    assert values(app.title) == [TITLES[OTHER_PAGE]]
    assert metrics(app.switch_page(PAGE).run()) == shown
    assert metrics(open_link(link[0] if isinstance(link, list) else link)) == shown


def test_nothing_is_lost_to_a_wrong_file(finished_home: tuple[Workspace, Run], new_events: Path) -> None:
    app = by_path(new_events)
    shown = metrics(app)
    app.segmented_control[0].set_value("Upload").run()
    by_upload(app, "no types.csv", NO_TYPES)
    (error,) = values(app.error)
    assert "no types.csv has no column event_type" in error
    assert not app.get("progress")
    assert metrics(app) == shown
    assert [upload.names for upload in list_uploads(finished_home[0])] == [("no types.csv",)]
    app.switch_page(OTHER_PAGE).run()
    app.switch_page(PAGE).run()
    assert "Uploaded before: no types.csv (events)." in values(app.caption)
    click(app, "Discard these uploads")
    assert list_uploads(finished_home[0]) == []
    assert metrics(app) == shown


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "is empty"), (b"\x89PNG\r\n\x1a\n" + bytes(64), "cannot be read as a table (it is a PNG image)")],
    ids=["empty", "picture"],
)
def test_a_file_that_is_no_table_is_one_sentence(
    content: bytes, sentence: str, finished_home: tuple[Workspace, Run]
) -> None:
    app = by_upload(open_page(PAGE), "wrong.csv", content)
    (error,) = values(app.error)
    assert f"wrong.csv {sentence}" in error
    assert not app.metric


def test_a_session_without_a_usable_event_has_a_value_and_no_interval(
    finished_home: tuple[Workspace, Run], held: scored_files._ScoredFiles
) -> None:
    run_id = finished_home[1].manifest.run_id
    app = open_link(held.add(ScoredFile(run_id, scores(1))))
    assert app.main.markdown[0].value == "The **only session** of x.csv will be worth **10.0 value units**."
    assert values(app.header) == [
        "How do the values differ between sessions?",
        "Which sessions are worth the most?",
        "Score another file",
    ]
    assert app.dataframe[0].value.iloc[0].to_list() == ["S0", "10.0", "–", "–", "–"]
    app = open_link(held.add(ScoredFile(run_id, scores(3))))
    assert app.dataframe[0].value["80% interval"].to_list() == ["at least 5.00", "at least 5.00", "–"]
    assert app.dataframe[0].value["Predicted value"].to_list() == ["12.0", "11.0", "10.0"]


def test_a_run_of_an_earlier_version_must_be_made_again(finished_home: tuple[Workspace, Run]) -> None:
    run = finished_home[1]
    shutil.rmtree(run.folder / "model")
    manifest = read_sealed(run.folder / "manifest.json") | {"version": 1}
    manifest["sha256"] = {name: sha for name, sha in manifest["sha256"].items() if not name.startswith("model/")}
    write_sealed(run.folder / "manifest.json", manifest)
    app = open_page(PAGE)
    assert not app.exception
    assert not app.error
    assert app.main.markdown[0].value == (
        "The best run was made by an earlier version and has no stored model. Train again with the same settings to "
        "score files."
    )
    assert not app.file_uploader


def test_a_damaged_model_is_one_sentence(finished_home: tuple[Workspace, Run], new_events: Path) -> None:
    (finished_home[1].folder / "model" / "mapping.toml").write_text("name = 'other'")
    (error,) = values(by_path(new_events).error)
    assert "is damaged" in error


def test_values_that_are_no_longer_held_are_reported(finished_home: tuple[Workspace, Run]) -> None:
    app = open_link("gone")
    assert values(app.warning) == ["The values in the link are no longer stored. Score the file again."]
    assert "scores" not in app.query_params
    assert not app.run().warning


def test_values_of_another_run_are_not_shown(
    finished_home: tuple[Workspace, Run], held: scored_files._ScoredFiles
) -> None:
    app = open_link(held.add(ScoredFile("another run", scores(3))))
    assert not app.warning
    assert not app.metric
    assert metrics(open_link(held.add(ScoredFile(finished_home[1].manifest.run_id, scores(3)))))["Sessions"] == "3"


def test_the_memory_of_scored_files_is_bounded(
    held: scored_files._ScoredFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scored_files, "_MAX_ROWS", 10)
    first, second = (held.add(ScoredFile("run", scores(5))) for _ in range(2))
    assert held.get(first) is not None  # it is the last one used, so the other one is forgotten first
    third = held.add(ScoredFile("run", scores(4)))
    assert [held.get(file_id) is None for file_id in (first, second, third)] == [False, True, False]
    large = held.add(ScoredFile("run", scores(11)))
    assert [held.get(file_id) is None for file_id in (first, third, large)] == [True, True, False]


def test_visitors_choose_files_of_the_server_only_if_this_is_allowed(
    finished_home: tuple[Workspace, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(open_page(PAGE).segmented_control[0].options) == ["Upload", "File on this machine", "Database"]
    monkeypatch.setenv("SVS_ALLOWED_HOSTS", "team.example")
    app = open_page(PAGE)
    assert list(app.segmented_control[0].options) == ["Upload"]
    assert "Only uploads are possible here" in texts(app)


def test_names_of_a_scored_file_are_text(finished_home: tuple[Workspace, Run], tmp_path: Path) -> None:
    rows = pl.read_csv(DEMO / "test.csv", infer_schema=False).head(300)
    rows = rows.with_columns(hostile(rows.get_column(name)) for name in EVENT_COLUMNS if name.endswith("_id"))
    ids = [f"=HYPERLINK({place})" for place in range(rows.height)]
    rows = rows.with_columns(pl.Series("user_session", ids))
    rows[4, "event_type"] = "*st*ar :red[r]"
    path = tmp_path / "*st*ar $x$ :red[r] <b>b<b>.csv"
    rows.write_csv(path)
    app = by_path(path)
    assert not app.error
    must_be_text(app)
    assert all(cell.startswith("'=HYPERLINK(") for cell in app.dataframe[0].value["Session"])
