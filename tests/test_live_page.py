"""The Live page: its charts against computations by hand, and its replay against the batch path."""

from __future__ import annotations

import shutil
from math import inf, sqrt
from typing import Any

import numpy as np
import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from core.base.text import number, percent
from core.base.workspace import Workspace
from core.config import RunConfig
from core.eda.run_charts import coverage_by_events, earliness, replayed_session
from core.features import feature_catalogue
from core.ingestion import InputFiles
from core.live.reasons import GROUP_LABELS
from core.live.replay import Replayer
from core.live.rule_backtest import backtest_rules, suggested_rules
from core.model import load_model
from core.model.history import whole_history
from core.model.rows import prefix_rows
from core.pipeline.run import run as run_pipeline
from core.runs import Run
from core.runs.store import EARLINESS_FILE, PREFIXES_FILE
from core.schema import ROLE, SESSION, TEST_ROLE, UNIT
from tests.conftest import QUICK
from tests.test_eda import assert_one_sentence, assert_well_drawn
from tests.test_pages import click, open_page, texts

PAGE = "pages/8_Live.py"
CONFIG = RunConfig.checked(purpose="live", learners=("lightgbm",), folds=2)


@pytest.fixture(scope="module")
def live_home(small_files: InputFiles, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Run]:
    workspace = Workspace(tmp_path_factory.mktemp("live"))
    return workspace, run_pipeline(small_files, CONFIG, workspace)


@pytest.fixture
def home(live_home: tuple[Workspace, Run], workspace: Workspace) -> Run:
    """The run, in the workspace that the page finds."""
    source, run = live_home
    shutil.copytree(source.root, workspace.root)
    return Run(workspace.runs / run.folder.name, run.manifest)


@pytest.fixture(scope="module")
def tables(live_home: tuple[Workspace, Run]) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """The table of errors, and the prefixes from which it was computed."""
    run = live_home[1]
    prefixes = run.table(PREFIXES_FILE).collect().filter(pl.col("drawn") & pl.col("stack").is_not_nan())
    return run.table(EARLINESS_FILE).collect(), prefixes.to_dicts()


def test_errors_by_events_equal_those_of_the_prefixes(tables: tuple[pl.DataFrame, list[dict[str, Any]]]) -> None:
    data = earliness.frame(tables[0])
    columns = {
        "model": "stack",
        "average": "average",
        "value so far": "so_far",
        "whole sessions": "whole_sessions",
    }
    shown = {(row["predictor"], row["segment"]): row for row in data.iter_rows(named=True)}
    assert {predictor for predictor, _ in shown} == set(columns)
    for segment, lengths in (("1", {1}), ("3", {3}), ("6 to 7", {6, 7})):
        rows = [row for row in tables[1] if row["events_seen"] in lengths]
        for predictor, column in columns.items():
            error = np.sqrt(np.mean([(row[column] - row["value"]) ** 2 for row in rows]))
            assert shown[predictor, segment]["error"] == pytest.approx(error)
            assert shown[predictor, segment]["prefixes"] == len(rows)
    sentence = earliness.finding(data)
    assert f"is {number(shown['model', '1']['error'])} after 1 event (" in sentence
    titles = {"y": "root mean squared error (value units)"}
    assert_one_sentence(sentence)
    assert_well_drawn(earliness.figure(data), data.height, sentence, titles)
    assert_one_sentence(earliness.finding(data.clear()))


def test_coverage_by_events_has_the_interval_of_wilson(tables: tuple[pl.DataFrame, list[dict[str, Any]]]) -> None:
    data = coverage_by_events.frame(tables[0])
    z = 1.959963984540054
    for row in data.iter_rows(named=True):
        n, share = row["prefixes"], row["inside"]
        middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        assert (row["low"], row["high"]) == pytest.approx((middle - half, middle + half))
    inside = [row["low_80"] <= row["value"] <= (inf if row["high_80"] is None else row["high_80"]) for row in tables[1]]
    sentence = coverage_by_events.finding(data)
    assert sentence.startswith(f"{percent(float(np.mean(inside)))} of the final values are inside")
    assert_one_sentence(sentence)
    assert_well_drawn(coverage_by_events.figure(data), data.height, sentence, {"y": "share inside"})


def test_a_length_whose_coverage_differs_is_named() -> None:
    rows = {"by": "events", "segment": ["1", "2"], "prefixes": [1000, 1000], "inside_80": [0.8, 0.7]}
    sentence = coverage_by_events.finding(coverage_by_events.frame(pl.DataFrame(rows)))
    assert sentence == (
        "75.0% of the final values are inside the 80% interval; after 2 events, the share differs from 80% by more "
        "than chance explains."
    )


def test_a_replayed_session_has_the_estimates_of_its_prefixes(live_home: tuple[Workspace, Run]) -> None:
    model = load_model(live_home[1])
    replayer = Replayer(model)
    session = replayer.random_session(5)
    assert session is not None
    replay = replayer.replay(session)
    assert replay is not None
    events, units = model.history.as_log
    code = model.history.ids[SESSION].filter(pl.col("user_session") == session)
    (unit,) = units.join(code, on=SESSION).filter(pl.col(ROLE) == TEST_ROLE)[UNIT]
    n_events = events.filter(pl.col(UNIT) == unit).height
    assert replay.n_events == len(replay.steps) == n_events >= 3
    prefixes = pl.DataFrame({UNIT: [unit] * n_events, "events_seen": range(1, n_events + 1)})
    batch = model.fitted.predict(
        prefix_rows(whole_history(model.history), model.spec, model.fitted.catalogue, prefixes)
    )
    assert [estimate.value for _, estimate in replay.steps] == pytest.approx(batch.stack.tolist())
    assert replayer.replay(session) == replay
    assert replayer.replay("no such session") is None


def test_the_chart_of_a_replay_grows_on_the_axes_of_the_whole_session() -> None:
    step = {"second": 0, "event_type": "VIEW", "product_id": "P", "p_buy": 0.1, "secured": 0.0, "low": 10.0}
    data = replayed_session.frame(
        [step | {"events_seen": 1, "value": 40.0, "high": inf}, step | {"events_seen": 2, "value": 50.0, "high": 80.0}]
    )
    assert data["high"].to_list() == [None, 80.0]
    sentence = (
        "After 2 events, the session is expected to be worth 50.0 value units, 25.0% more than after the first event."
    )
    assert replayed_session.finding(data, 2) == sentence
    titles = {"x": "events seen", "y": "expected value (value units)"}
    for seen in (1, 2):
        figure = replayed_session.figure(data, seen)
        assert_well_drawn(figure, seen, replayed_session.finding(data, seen), titles)
        assert "[0.5, 2.5]" in str(figure.to_dict())


def test_every_group_of_features_has_a_name_in_reasons() -> None:
    assert {entry.group for entry in feature_catalogue()} == set(GROUP_LABELS)


def test_the_page_replays_a_random_session(home: Run) -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert "The typical error of the model" in texts(app)
    assert "of the final values are inside the 80% interval" in texts(app).replace("\\", "")
    click(app, "Random session")
    assert not app.exception
    session = app.text_input[0].value
    replay = Replayer(load_model(home)).replay(session)
    assert replay is not None
    for seen in (len(replay.steps), 1):
        app.slider[0].set_value(seen).run()
        estimate = replay.steps[seen - 1][1]
        shown = {metric.label: metric.value for metric in app.metric}
        assert shown["Expected value"] == number(estimate.value)
        assert shown["Purchase"] == percent(estimate.p_buy)
        table = app.dataframe[0].value
        assert table["Seen"].to_list() == [str(place) for place in range(seen, 0, -1)]
        assert table["Value"].to_list()[0] == number(estimate.value)
    app.text_input[0].set_value("no such session").run()
    assert "There is no session no such session in the test file." in texts(app)


def test_the_page_says_how_to_start_a_run_for_open_sessions(finished_home: tuple[Workspace, Run]) -> None:
    app = open_page(PAGE)
    assert "The best run values whole sessions only." in texts(app)
    assert app.code[0].value == f"svs run --dataset {finished_home[1].manifest.dataset[:12]} --purpose live"


def test_the_page_offers_another_run_for_open_sessions(
    home: Run, small_files: InputFiles, workspace: Workspace
) -> None:
    other = run_pipeline(small_files, QUICK, workspace)
    app = select_run(other)
    assert "values whole sessions only." in texts(app)
    click(app, "Show the latest run for open sessions")
    assert app.query_params["run"] == home.manifest.run_id
    assert "The typical error of the model" in texts(app)


def select_run(run: Run) -> AppTest:
    """Open the page and select a run."""
    app = open_page(PAGE)
    app.selectbox(key="select-run").set_value(run.manifest.run_id).run()
    assert not app.exception
    return app


def test_the_page_backtests_suggested_rules(home: Run) -> None:
    page = open_page(PAGE)
    prefixes = home.table(PREFIXES_FILE).collect()
    outcomes = backtest_rules(suggested_rules(prefixes), prefixes).to_dicts()
    (table,) = [each.value for each in page.dataframe if "Of the value" in each.value.columns]
    assert table["Label"].to_list() == [outcome["label"] for outcome in outcomes]
    assert table["Sessions"].to_list() == [f"{outcome['sessions']:,}" for outcome in outcomes]
    assert table["Of the value"].to_list() == [percent(outcome["value_share"]) for outcome in outcomes]
