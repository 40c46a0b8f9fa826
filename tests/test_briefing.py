"""The briefing on Home: how surprise is measured, which findings are named, and what to do next."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from core.base.workspace import Workspace
from core.dataset import Dataset, list_datasets
from core.eda.parts import surprise
from core.eda.run_charts import error_and_average
from core.ingestion import InputFiles, ingest
from core.jobs import Jobs
from core.pipeline.briefing import BriefFinding, brief, data_findings, model_findings, most_surprising
from core.pipeline.next_step import next_step
from core.runs import Run, error_sentence, load_run
from tests.rewriting import read_sealed, write_sealed
from tests.test_pages import PROJECT, open_page, texts

Home = tuple[Workspace, Run]
PURE = BriefFinding("data", "x", 0.1, "Explore")


# --- surprise ---------------------------------------------------------------------------------------------------------


def test_d_is_the_difference_of_means_in_standard_deviations() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(1.0, 2.0, 4_000), rng.normal(0.0, 2.0, 6_000)
    effect, error = surprise.difference_of_means(one, other)
    assert effect == pytest.approx(0.5, abs=3 * error)
    draws = [surprise.difference_of_means(rng.normal(1.0, 2.0, 400), rng.normal(0.0, 2.0, 600))[0] for _ in range(400)]
    assert surprise.difference_of_means(one[:400], other[:600])[1] == pytest.approx(np.std(draws), rel=0.15)
    assert surprise.difference_of_means(one[:1], other) == (0.0, 0.0)
    assert surprise.difference_of_means(np.ones(5), np.ones(5)) == (0.0, 0.0)


def test_h_is_the_difference_of_arcsines() -> None:
    assert surprise.difference_of_shares(1.0, 0.0) == pytest.approx(math.pi)
    assert surprise.difference_of_shares(0.3, 0.3) == 0.0
    assert surprise.difference_of_shares(0.2, 0.4) == -surprise.difference_of_shares(0.4, 0.2)


def test_effects_that_do_not_exist_are_no_surprise() -> None:
    rng = np.random.default_rng(2)
    groups = [(rng.exponential(5.0, 500), rng.exponential(5.0, 500)) for _ in range(300)]
    surprises = [surprise.surprise(*surprise.difference_of_means(*pair)) for pair in groups]
    assert sum(each > 0 for each in surprises) <= 3


def test_the_share_of_the_top_is_that_of_a_sorted_list() -> None:
    amounts = np.random.default_rng(3).exponential(1.0, 10_000)
    assert surprise.share_of_top(amounts, 0.01) == pytest.approx(np.sort(amounts)[-100:].sum() / amounts.sum())
    assert surprise.share_of_top(amounts, 0.01) == pytest.approx(0.01 * (1 - math.log(0.01)), rel=0.05)
    normal = np.random.default_rng(3).normal(size=1_000_000) ** 2
    assert surprise.share_of_top(normal, 0.01) == pytest.approx(0.0846, rel=0.01)
    assert surprise.share_of_top(np.zeros(10), 0.01) == 0.0
    expected = 0.01 * (1 - math.log(0.01))
    assert 0 < surprise.error_of_top(amounts, 0.01, expected) < 0.05


# --- findings ---------------------------------------------------------------------------------------------------------


def test_the_most_surprising_come_first_and_at_most_three_are_of_a_kind() -> None:
    data = [BriefFinding("data", str(size), size, "Explore") for size in (0.9, 0.8, 0.7, 0.6, 0.0)]
    model = [BriefFinding("model", str(size), size, "Train") for size in (0.65, 0.1, 0.05)]
    chosen = most_surprising([*data, *model])
    assert [each.surprise for each in chosen] == [0.9, 0.8, 0.7, 0.65, 0.1]
    assert most_surprising([BriefFinding("data", "", 0.0, "Explore")]) == []


def shop(folder: object, *, extra: float, seed: int = 0) -> InputFiles:
    """Sessions of 1 to 4 views, worth 10 a view and noise; those in category C1 are worth `extra` more."""
    from pathlib import Path

    assert isinstance(folder, Path)
    rng = np.random.default_rng(seed)
    rows = {"train": [], "test": []}
    for session in range(1_500):
        role = "train" if session < 1_200 else "test"
        category = f"C{rng.integers(1, 5)}"
        n_views = int(rng.integers(1, 5))
        value = round(10.0 * n_views + (extra if category == "C1" else 0.0) + float(rng.exponential(5.0)), 2)
        day = 1 + session * 27 // 1_500
        for event in range(n_views):
            row = {
                "event_time": f"2025-06-{day:02d} 10:{session % 60:02d}:{event:02d}",
                "event_type": "VIEW",
                "product_id": f"P{category}{rng.integers(20)}",
                "category_id": category,
                "user_id": f"U{session}",
                "user_session": f"S{session}",
            }
            rows[role].append(row | ({"session_value": value} if role == "train" else {}))
    for role, lines in rows.items():
        pl.DataFrame(lines).write_csv(folder / f"{role}.csv")
    return InputFiles(folder / "train.csv", folder / "test.csv")


def test_a_planted_effect_is_found_with_its_filter_and_nothing_else(tmp_path: object, workspace: Workspace) -> None:
    dataset = ingest(shop(tmp_path, extra=6.0), workspace)
    found = most_surprising(data_findings(dataset))
    assert dict(found[0].query) == {"categories": "C1"}
    assert found[0].text.startswith("Sessions in C1 are worth ")
    assert "more than other sessions with the same number of events" in found[0].text
    others = [dict(each.query).get("categories") for each in found[1:]]
    assert set(others) <= {"C2", "C3", "C4"}, "the other categories are worth less than the rest, which includes C1"
    assert not [each for each in found if "events" in dict(each.query)]


def test_a_shop_without_effects_has_no_findings(tmp_path: object, workspace: Workspace) -> None:
    assert most_surprising(data_findings(ingest(shop(tmp_path, extra=0.0), workspace))) == []


def test_findings_of_a_group_are_those_of_plain_least_squares(finished: Home) -> None:
    dataset = list_datasets(finished[0])[0]
    (finding,) = [each for each in data_findings(dataset) if dict(each.query) == {"types": "ADD_CART"}]
    units = dataset.units().filter(pl.col("role") == 0, ~pl.col("composite"), pl.col("value").is_not_null())
    events = dataset.events("train").collect()
    counts = events.pivot("type", index="unit", values="time", aggregate_function="len").fill_null(0)
    table = units.collect().join(counts, on="unit", how="left", maintain_order="left").fill_null(0)
    design = np.column_stack([np.ones(table.height), *(table[name] for name in counts.columns[1:])]).astype(float)
    values = table["value"].to_numpy()
    rest = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    added = set(events.filter(pl.col("type") == 1)["unit"])
    inside = np.array([unit in added for unit in table["unit"]])
    gap = rest[inside].mean() - rest[~inside].mean()
    assert f"worth {abs(gap):.2f} value units {'more' if gap > 0 else 'less'}" in finding.text


def test_a_run_has_findings_on_drivers_and_errors_that_lead_to_their_charts(finished: Home) -> None:
    workspace, run = finished
    found = model_findings(run)
    assert {each.place for each in found} == {"Importance", "Train"}
    oof = pl.read_parquet(run.folder / "oof.parquet")
    errors = np.sort((oof["value"] - oof["stack"]).to_numpy() ** 2)
    share = errors[-round(0.01 * len(errors)) :].sum() / errors.sum()
    assert f"1% of the sessions cause {share:.1%} of the squared error." in found[-2].text
    assert 0 < len(brief(list_datasets(workspace)[0], run)) <= 5
    assert brief(None, None) == []


# --- what to do next --------------------------------------------------------------------------------------------------


def run_like(run: Run, **changes: object) -> Run:
    return Run(run.folder, run.manifest.model_copy(update=changes))


def test_one_step_is_next(finished: Home) -> None:
    workspace, run = finished
    dataset = list_datasets(workspace)[0]
    counts = run.manifest.checks.model_copy(update={"failed": 1})
    unlike = SimpleNamespace(outcome="unlike", kinds=(SimpleNamespace(code="new_users"),))
    tuned = run_like(run, config=run.manifest.config.model_copy(update={"preset": "standard"}))
    steps = [
        next_step(None, None, None, waiting=False),
        next_step(dataset, None, None, waiting=True),
        next_step(dataset, None, None, waiting=False),
        next_step(dataset, run, run, waiting=False),
        next_step(dataset, run_like(run, certificate=counts), run, waiting=False),
        next_step(dataset, run_like(run, checks=counts), run, waiting=False),
        next_step(dataset, run_like(run, shift=unlike), run, waiting=False),
        next_step(dataset, run, tuned, waiting=False),
    ]
    assert [(step.place, step.view) for step in steps] == [
        ("Data", ""),
        ("Train", "Now"),
        ("Train", "Now"),
        ("Train", "Now"),
        ("Train", "Result"),
        ("Submission", ""),
        ("Explore", "Drift"),
        ("Submission", ""),
    ]
    assert steps[3].label == "Try a tuned run"
    assert "new users" in steps[6].reason


# --- the page ---------------------------------------------------------------------------------------------------------


def test_home_says_the_error_with_its_interval_against_the_average(finished_home: Home) -> None:
    _, run = finished_home
    scores = run.manifest.scores.metric_scores
    low, high = (math.sqrt(end) for end in (scores.expected.low, scores.expected.high))
    text = texts(open_page("app.py"))
    assert f"(90% interval: {low:.1f} to {high:.1f})" in text
    assert f"Predicting the average for every session is off by {math.sqrt(scores.baseline):.1f}." in text
    assert "What stands out?" in [header.value for header in open_page("app.py").header]


def test_a_withheld_score_and_the_median_are_named(finished: Home) -> None:
    _, run = finished
    scores = run.manifest.scores
    withheld = scores.model_copy(update={"expected_withheld": True})
    assert "its test error is withheld" in error_sentence(run.manifest.model_copy(update={"scores": withheld}), "It")
    metric = scores.metric_scores.model_copy(update={"metric": "mae"})
    absolute = scores.model_copy(update={"in_metric": metric})
    assert "Predicting the median" in error_sentence(run.manifest.model_copy(update={"scores": absolute}), "It")


def test_home_follows_the_selected_run(finished_home: Home) -> None:
    workspace, run = finished_home
    manifest = read_sealed(run.folder / "manifest.json")
    other = workspace.runs / "20200101-000000-twin"
    import shutil

    shutil.copytree(run.folder, other)
    manifest |= {"run_id": other.name}
    manifest["scores"]["in_metric"]["expected"] = {"value": 10_000.0, "low": 8_100.0, "high": 12_100.0}
    write_sealed(other / "manifest.json", manifest)
    app = open_page("app.py")
    assert "The best run is expected to be off by" in texts(app)
    next(box for box in app.selectbox if box.label == "Run").select(load_run(other).manifest.run_id).run()
    assert "The selected run is expected to be off by **100" in texts(app)
    assert "(90% interval: 90.0 to 110)" in texts(app)


def links(app: AppTest) -> dict[str, str]:
    return {proto.label: proto.query_string for element in app.get("page_link") if (proto := element.proto)}


def test_every_finding_links_to_its_chart_with_the_filter(finished_home: Home) -> None:
    workspace, run = finished_home
    app = open_page("app.py")
    assert not app.exception
    found = brief(list_datasets(workspace)[0], run)
    wanted = [each for each in found if each.place == "Explore"]
    assert wanted
    queries = [element.proto.query_string for element in app.get("page_link") if element.proto.label == "Chart"]
    assert len(queries) == len(wanted)
    for query, each in zip(queries, wanted, strict=True):
        assert f"view={each.view}" in query
        for name in dict(each.query):
            assert f"{name}=" in query


def test_a_page_that_waits_says_when_it_will_be_ready(
    demo_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.base.progress import ProgressUpdate
    from core.config import RunConfig
    from core.jobs import start_run

    monkeypatch.setattr("core.jobs.control._spawn", lambda *_: None)
    monkeypatch.setattr("core.jobs.job.Job.alive", True)
    (dataset,) = list_datasets(demo_workspace)
    assert isinstance(dataset, Dataset)
    job, _ = start_run(demo_workspace, dataset, RunConfig())
    update = ProgressUpdate("train", "Training", "", 1, 4, 0.4, 30.0, 61.0)
    Jobs(demo_workspace).record_heartbeat(job.id, update)
    app = open_page("pages/5_Submission.py")
    assert "**Ready in about 1 min 1 s.**" in texts(app)
    assert "Follow the run" in [button.label for button in open_page("app.py").button]


def test_a_warning_about_a_link_can_be_dismissed(finished_home: Home) -> None:
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    app.query_params["run"] = "gone"
    app.run()
    assert "was not found" in str([warning.value for warning in app.warning])
    app.button("dismiss-link-run").click().run()
    assert "was not found" not in str([warning.value for warning in app.warning])


# --- the chart --------------------------------------------------------------------------------------------------------


def test_the_error_is_drawn_next_to_that_of_the_average() -> None:
    data = error_and_average.frame(20.0, 18.0, 23.0, 40.0)
    assert data["error"].to_list() == [40.0, 20.0]
    assert data["low"].to_list() == [None, 18.0]
    assert error_and_average.finding(data) == "50.0% closer than the average for every session."
    worse = error_and_average.frame(50.0, None, None, 40.0, is_median=True)
    assert error_and_average.finding(worse) == "The predictions are worse than the median for every session."
    assert "nothing to predict" in error_and_average.finding(error_and_average.frame(0.0, None, None, 0.0))
    assert error_and_average.figure(worse, "value units").to_dict()["description"]
