"""The Live page: its charts against computations by hand, and its replay against the batch path."""

from __future__ import annotations

import datetime
import json
import shutil
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from math import inf
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats
from streamlit.testing.v1 import AppTest

from core.base.text import count, number, percent
from core.base.workspace import Workspace
from core.cli import main
from core.eda.run_charts import coverage_by_events, earliness, purchase_reliability, replayed_session
from core.features import feature_catalogue
from core.ingestion import InputFiles
from core.live.reasons import GROUP_LABELS
from core.live.replay import Click, Replayer
from core.live.rule_backtest import backtest_rules, suggested_rules
from core.live.service_client import DEFAULT_ADDRESS
from core.model import load_model
from core.model.history import whole_history
from core.model.rows import prefix_rows
from core.pipeline.run import run as run_pipeline
from core.runs import Run, open_session_warning
from core.runs.store import EARLINESS_FILE, PREFIXES_FILE
from core.schema import ROLE, SESSION, TEST_ROLE, UNIT
from pages._ui.text import plain
from tests.conftest import LIVE, QUICK
from tests.test_eda import assert_one_sentence, assert_well_drawn
from tests.test_live_parity import as_frame
from tests.test_live_shop import FORECAST, SESSION_ROW, answering, names_of, open_by_brute_force
from tests.test_pages import click, open_page, texts

PAGE = "pages/8_Live.py"


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


SIMPLE = {"average": "average", "value so far": "so_far", "finished sessions": "whole_sessions"}
IN_SEGMENT: dict[earliness.By, dict[str, Callable[[dict[str, Any]], bool]]] = {
    "events": {
        "1": lambda row: row["events_seen"] == 1,
        "3": lambda row: row["events_seen"] == 3,
        "6 to 7": lambda row: row["events_seen"] in (6, 7),
    },
    "seconds": {
        "at once": lambda row: row["seconds"] == 0,
        "to 1 minute": lambda row: 10 < row["seconds"] <= 60,
        "to 5 minutes": lambda row: 60 < row["seconds"] <= 300,
    },
}


@pytest.mark.parametrize("by", ["events", "seconds"])
def test_errors_and_widths_equal_those_of_the_prefixes(
    by: earliness.By, tables: tuple[pl.DataFrame, list[dict[str, Any]]]
) -> None:
    for measure, y in (("error", "root mean squared error"), ("width", "average width of the 80% intervals")):
        data = earliness.frame(tables[0], by, measure)
        shown = {(row["predictor"], row["segment"]): row for row in data.iter_rows(named=True)}
        assert {predictor for predictor, _ in shown} == {"model", *SIMPLE}
        for segment, is_in in IN_SEGMENT[by].items():
            rows = [row for row in tables[1] if is_in(row)]
            values = np.array([row["value"] for row in rows])
            for predictor, column in (SIMPLE | {"model": "stack"}).items():
                predicted = np.array([row[column] for row in rows])
                errors = values - predicted
                if measure == "error":
                    expected = np.sqrt(np.mean(errors**2))
                elif predictor == "model":
                    ends = [(row["low_80"], row["high_80"]) for row in rows if row["high_80"] is not None]
                    expected = np.mean([high - low for low, high in ends])
                else:
                    low, high = np.quantile(errors, [0.1, 0.9])
                    expected = np.mean(np.maximum(predicted + high, 0) - np.maximum(predicted + low, 0))
                assert shown[predictor, segment]["amount"] == pytest.approx(expected)
                assert shown[predictor, segment]["prefixes"] == len(rows)
        sentence = earliness.finding(data, by, measure)
        first = next(iter(IN_SEGMENT[by]))
        when = "After 1 event" if by == "events" else "At once"
        assert sentence.startswith(f"{when}, the ")
        assert f" is {number(shown['model', first]['amount'])}, " in sentence
        assert_one_sentence(sentence)
        assert_well_drawn(earliness.figure(data, by, measure), data.height, sentence, {"y": f"{y} (value units)"})
        assert_one_sentence(earliness.finding(data.clear(), by, measure))


def test_errors_are_said_to_grow_only_if_they_do() -> None:
    def errors(model: list[float], average: list[float]) -> pl.DataFrame:
        rows = [("model", amount) for amount in model] + [("average", amount) for amount in average]
        return pl.DataFrame(rows, schema=["predictor", "amount"], orient="row")

    assert "grow with the events" in earliness.growth(errors([1.0, 3.0, 2.0], [2.0, 2.5, 4.0]))
    assert not earliness.growth(errors([3.0, 1.0, 2.0], [2.0, 2.5, 4.0]))
    assert not earliness.growth(errors([1.0], [2.0]))
    assert not earliness.growth(errors([], []).cast({"amount": pl.Float64}))


def test_groups_of_purchase_probabilities_have_the_shares_of_the_prefixes(
    tables: tuple[pl.DataFrame, list[dict[str, Any]]], live_home: tuple[Workspace, Run]
) -> None:
    data = purchase_reliability.frame(live_home[1].table(PREFIXES_FILE).collect())
    rows = [row for row in tables[1] if row["p_buy"] < 1]
    assert data["prefixes"].sum() == len(rows)
    assert data.height <= purchase_reliability.MAX_GROUPS
    assert data["first"].to_list() == sorted(data["first"])
    for group in data.iter_rows(named=True):
        of_group = [row for row in rows if group["first"] <= row["p_buy"] <= group["last"]]
        assert len(of_group) == group["prefixes"]
        assert group["predicted"] == pytest.approx(np.mean([row["p_buy"] for row in of_group]))
        assert group["bought"] == pytest.approx(np.mean([row["bought"] for row in of_group]))
        assert group["low"] <= group["bought"] <= group["high"]
    sentence = purchase_reliability.finding(data)
    assert f"{percent(float(np.mean([row['bought'] for row in rows])))} had one by their end" in sentence
    titles = {"x": "predicted probability of a purchase", "y": "sessions with a purchase"}
    assert_one_sentence(sentence)
    assert_well_drawn(purchase_reliability.figure(data), data.height, sentence, titles)
    nothing = purchase_reliability.frame(live_home[1].table(PREFIXES_FILE).collect().clear())
    assert_one_sentence(purchase_reliability.finding(nothing))


def test_coverage_by_events_has_the_interval_of_wilson(tables: tuple[pl.DataFrame, list[dict[str, Any]]]) -> None:
    data = coverage_by_events.frame(tables[0])
    for row in data.iter_rows(named=True):
        n = row["prefixes"]
        ends = stats.binomtest(round(n * row["inside"]), n).proportion_ci(method="wilson")
        assert (row["low"], row["high"]) == pytest.approx((ends.low, ends.high))
    inside = [row["low_80"] <= row["value"] <= (inf if row["high_80"] is None else row["high_80"]) for row in tables[1]]
    sentence = coverage_by_events.finding(data)
    assert sentence.startswith(f"{percent(float(np.mean(inside)))} of the final values are inside")
    assert_one_sentence(sentence)
    assert_well_drawn(coverage_by_events.figure(data), data.height, sentence, {"y": "share inside"})


def test_a_length_whose_coverage_differs_is_named() -> None:
    rows = {"by": "events", "segment": ["1", "2"], "prefixes": [1000, 1000], "inside_80": [0.7, 0.8]}
    sentence = coverage_by_events.finding(coverage_by_events.frame(pl.DataFrame(rows)))
    assert sentence == (
        "75.0% of the final values are inside the 80% interval; after 1 event, the share differs from 80% by more "
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


def test_an_invented_session_has_the_value_of_a_batch(live_home: tuple[Workspace, Run]) -> None:
    model = load_model(live_home[1])
    replayer = Replayer(model)
    first, second = replayer.products(2)
    clicks = [Click("VIEW", first, 0), Click("ADD_CART", second, 40), Click("VIEW", "a new product", 7)]
    replay = replayer.invent(clicks)
    assert replay is not None
    events = [event for event, _ in replay.steps]
    assert [(event.type, event.product) for event in events] == [click[:2] for click in clicks]
    assert [later.time - event.time for event, later in pairwise(events)] == [40, 7]
    for n_events, (_, estimate) in enumerate(replay.steps, start=1):
        batch = model.predict(as_frame(events[:n_events])).row(0, named=True)
        assert estimate.value == pytest.approx(batch["session_value"], rel=1e-6)
        assert estimate.events_seen == n_events
    assert replayer.invent([]) is None


def test_a_real_session_that_goes_on_as_it_did_has_its_own_estimates(live_home: tuple[Workspace, Run]) -> None:
    model = load_model(live_home[1])
    replayer = Replayer(model)
    session = replayer.random_session(5)
    assert session is not None
    replay = replayer.replay(session)
    assert replay is not None
    pairs = model.history.events.select("product", "category").unique()
    assert pairs["product"].is_unique().all()  # so an invented event has the category of the real one
    events = [event for event, _ in replay.steps]
    for n_kept in range(1, len(events) + 1):
        clicks = [
            Click(later.type, later.product, later.time - event.time) for event, later in pairwise(events[n_kept - 1 :])
        ]
        same = replayer.invent(clicks, session, n_kept)
        assert same is not None
        assert [estimate for _, estimate in same.steps] == [estimate for _, estimate in replay.steps]
        assert same.n_invented == len(clicks)


def test_the_products_with_most_events_come_first(live_home: tuple[Workspace, Run]) -> None:
    model = load_model(live_home[1])
    counts = Counter(model.history.events["product"])
    ids = dict(model.history.ids["product"].iter_rows())
    ranked = sorted(counts, key=lambda code: (-counts[code], code))
    assert Replayer(model).products(30) == [ids[code] for code in ranked[:30]]


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
    titles = {"x": "events so far", "y": "predicted final value (value units)"}
    for seen in (1, 2):
        figure = replayed_session.figure(data, seen)
        assert_well_drawn(figure, seen, replayed_session.finding(data, seen), titles)
        assert "[0.5, 2.5]" in str(figure.to_dict())


def test_every_group_of_features_has_a_name_in_reasons() -> None:
    assert {entry.group for entry in feature_catalogue()} == set(GROUP_LABELS)


def test_the_page_replays_a_random_session(home: Run) -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert "the typical error is" in texts(app)
    click(app, "Random session")
    assert not app.exception
    session = app.text_input[0].value
    replay = Replayer(load_model(home)).replay(session)
    assert replay is not None
    for seen in (len(replay.steps), 1):
        app.slider[0].set_value(seen).run()
        estimate = replay.steps[seen - 1][1]
        shown = {metric.label: metric.value for metric in app.metric}
        assert shown["Predicted final value"] == number(estimate.value)
        assert shown["Purchase probability"] == percent(estimate.p_buy)
        table = app.dataframe[0].value
        assert table["Events"].to_list() == [str(place) for place in range(seen, 0, -1)]
        assert table["Predicted value"].to_list()[0] == number(estimate.value)
    app.text_input[0].set_value("no such session").run()
    assert "There is no session no such session in the test file." in texts(app)


def test_the_page_shows_how_good_the_estimates_are(home: Run) -> None:
    app = open_view("Accuracy")
    assert "of the final values are inside the 80% interval" in texts(app).replace("\\", "")
    app.segmented_control(key="quality-by").set_value("seconds").run()
    assert not app.exception
    for part in ("At once, ", "the average width of the 80% intervals is", "had one by their end"):
        assert part in texts(app)


def test_a_session_is_clicked_together_on_the_page(home: Run) -> None:
    app = open_page(PAGE)
    app.segmented_control(key="session-origin").set_value("Build a session").run()
    assert "The prediction follows each click." in texts(app)
    first, second = Replayer(load_model(home)).products(2)
    assert app.selectbox(key="click-product").value == first
    click(app, "View")
    app.selectbox(key="click-product").set_value(second)
    app.number_input(key="click-seconds").set_value(90)
    click(app, "Buy")
    assert not app.exception
    table = app.dataframe[0].value
    assert table[["Event", "Product", "After"]].to_numpy().tolist() == [
        ["BUY", second, "1 min 30 s"],
        ["VIEW", first, "0 s"],
    ]
    assert {metric.label: metric.value for metric in app.metric}["Purchase probability"] == "100.0%"
    click(app, "Undo")
    assert len(app.dataframe[0].value) == 1
    click(app, "Start over")
    assert not app.dataframe


def test_a_real_session_goes_on_differently(home: Run) -> None:
    app = open_page(PAGE)
    click(app, "Random session")
    app.slider[0].set_value(2).run()
    real = app.dataframe[0].value
    click(app, "Try other events")
    assert not app.exception
    assert app.dataframe[0].value.equals(real)
    click(app, "Add to cart")
    assert app.dataframe[0].value["Event"].to_list() == ["ADD_CART", *real["Event"]]
    assert "The last event was added here and is not in the log." in texts(app)


def shop_metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_the_page_shows_the_open_sessions_of_a_replayed_day(home: Run) -> None:
    app = open_view("Whole shop")
    replayer = Replayer(load_model(home))
    day, n_events = max(replayer.days(), key=lambda pair: pair[1])
    days = app.selectbox(key="shop-day")
    assert days.options[days.index].endswith(f" · {count(n_events, 'event')}")
    for hour in (14, 20):
        app.slider(key="shop-time").set_value(datetime.time(hour, 0)).run()
        assert not app.exception
        shown = shop_metrics(app)
        assert shown["Time (UTC)"] == f"{hour}:00:00"
        open_now = open_by_brute_force(replayer.model, day + hour * 3_600)
        assert shown["Open sessions"] == f"{len(open_now)}"
        table = app.dataframe[0].value
        links = {f"session={names_of(replayer.model)[unit]}" for unit in open_now}
        assert {link.rpartition("&")[2] for link in table["Session"]} == links
        ranked = [float(value.replace(",", "")) for value in table["Predicted value"]]
        assert ranked == sorted(ranked, reverse=True)
    assert "so a final value is the sum of the estimated prices of all events of the session" in texts(app)


def test_a_replayed_day_runs_until_it_is_paused(home: Run) -> None:
    app = open_view("Whole shop")
    assert shop_metrics(app)["Time (UTC)"] == "09:00:00"
    app.segmented_control(key="shop-speed").set_value(3_600).run()
    click(app, "Start")
    app.run()
    running = shop_metrics(app)["Time (UTC)"]
    assert running > "09:00:00"
    click(app, "Pause")
    paused = shop_metrics(app)["Time (UTC)"]
    app.run()
    assert shop_metrics(app)["Time (UTC)"] == paused >= running
    assert f"{app.slider(key='shop-time').value:%H:%M}"[:4] == paused[:4]


def test_the_page_shows_the_open_sessions_of_a_service(home: Run) -> None:
    app = open_view("Whole shop")
    app.segmented_control(key="shop-origin").set_value("Service").run()
    body = json.dumps({"open": 1_234, "forecast": FORECAST, "sessions": [SESSION_ROW]})
    with answering(200, body) as (address, requests):
        app.text_input(key="service-address").set_value(address)
        app.text_input(key="service-token").set_value("secret")
        app.toggle(key="follow-service").set_value(True).run()
    assert not app.exception
    assert requests == [("/v1/sessions?limit=20&by=value", "Bearer secret")]
    assert shop_metrics(app)["Open sessions"] == "1,234"
    assert "(80% interval: at least 10.0)" in texts(app)
    assert app.dataframe[0].value["Session"].to_list() == ["s1"]
    app.segmented_control(key="rank-by").set_value("to_come").run()  # the service has ended
    assert not app.exception
    (error,) = app.error
    assert error.value.startswith("No service answers at")


def test_a_shared_dashboard_asks_no_address_that_a_visitor_enters(home: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVS_ALLOWED_HOSTS", "studio.example.com")
    app = open_view("Whole shop")
    app.segmented_control(key="shop-origin").set_value("Service").run()
    assert app.text_input(key="service-address").disabled
    app.text_input(key="service-address").proto.disabled = False  # a program can send what a browser cannot
    with answering(200, "{}") as (address, requests):
        app.text_input(key="service-address").set_value(address)
        app.toggle(key="follow-service").set_value(True).run()
    assert requests == []
    assert DEFAULT_ADDRESS in texts(app).replace("\u2060", "")


@pytest.mark.parametrize("page", ["pages/5_Submission.py", "pages/6_Score.py"])
def test_pages_warn_that_values_are_those_of_open_sessions(page: str, home: Run) -> None:
    app = open_page(page)
    assert not app.exception
    assert [each.value for each in app.warning] == [plain(open_session_warning(LIVE))]


@pytest.mark.parametrize("page", ["pages/5_Submission.py", "pages/6_Score.py"])
def test_pages_of_other_runs_do_not_warn(page: str, finished_home: tuple[Workspace, Run]) -> None:
    assert not open_page(page).warning


def test_commands_warn_that_values_are_those_of_open_sessions(
    home: Run, small_files: InputFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "values_of_open_sessions" in home.summary()["warnings"]
    assert main(["runs", "show", home.manifest.run_id]) == 0
    assert f"WARNING     {open_session_warning(LIVE)}" in capsys.readouterr().out
    assert main(["score", "--run", home.manifest.run_id, "--events", str(small_files.test)]) == 0
    assert f"WARNING: {open_session_warning(LIVE)}" in capsys.readouterr().out


def test_the_page_says_how_to_start_a_run_for_open_sessions(finished_home: tuple[Workspace, Run]) -> None:
    app = open_page(PAGE)
    assert "The best run predicts finished sessions only." in texts(app)
    assert app.code[0].value == f"svs run --dataset {finished_home[1].manifest.dataset[:12]} --purpose live"


def test_the_page_offers_another_run_for_open_sessions(
    home: Run, small_files: InputFiles, workspace: Workspace
) -> None:
    other = run_pipeline(small_files, QUICK, workspace)
    app = select_run(other)
    assert "predicts finished sessions only." in texts(app)
    click(app, "Show the latest run for open sessions")
    assert app.query_params["run"] == home.manifest.run_id
    assert "the typical error is" in texts(app)


def open_view(view: str) -> AppTest:
    """Open the page and select a view."""
    app = open_page(PAGE)
    app.segmented_control(key="view-Live").set_value(view).run()
    assert not app.exception
    return app


def select_run(run: Run) -> AppTest:
    """Open the page and select a run."""
    app = open_page(PAGE)
    app.selectbox(key="select-run").set_value(run.manifest.run_id).run()
    assert not app.exception
    return app


def test_the_page_backtests_suggested_rules(home: Run) -> None:
    page = open_view("Rules")
    prefixes = home.table(PREFIXES_FILE).collect()
    outcomes = backtest_rules(suggested_rules(prefixes), prefixes).to_dicts()
    (table,) = [each.value for each in page.dataframe if "Share of value" in each.value.columns]
    assert table["Label"].to_list() == [outcome["label"] for outcome in outcomes]
    assert table["Sessions"].to_list() == [f"{outcome['sessions']:,}" for outcome in outcomes]
    assert table["Share of value"].to_list() == [percent(outcome["value_share"]) for outcome in outcomes]
