"""The Submission page: its views, and the whole way of a broken file in a real browser."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from playwright.sync_api import Browser, Page, expect
from streamlit.testing.v1 import AppTest

from core.base.amounts import value_text
from core.base.workspace import Workspace
from core.eda.run_charts import file_values, returned_scores
from core.runs import Run
from core.submission import log
from core.submission.blend_store import list_blends
from pages._ui import desk
from tests.browser import ENDED, Dashboard, Watched
from tests.test_eda import assert_one_sentence
from tests.test_pages import click, open_page, texts

PAGE = "pages/5_Submission.py"
VALUE = "session_value"


def view(app: AppTest, name: str) -> AppTest:
    (control,) = [control for control in app.segmented_control if control.label == "View"]
    return control.set_value(name).run()


@pytest.fixture
def home(finished_home: tuple[Workspace, Run]) -> tuple[Workspace, Run, pl.DataFrame]:
    workspace, run = finished_home
    return workspace, run, pl.read_csv(run.submission, schema_overrides={"user_session": pl.String})


def test_the_run_s_file_has_a_verdict_with_its_expected_score(home):
    app = open_page(PAGE)
    assert not app.exception
    assert re.search(
        r"\*\*Yes:\*\* all \d\d applicable checks passed\. Expected test MSE: [\d,.]+ \(90% interval:", texts(app)
    )
    assert next(iter(app.get("download_button"))).label == "Download submission.csv"


def test_a_file_by_path_is_checked_repaired_and_becomes_ready(home, tmp_path):
    _, run, _ = home
    broken = tmp_path / "broken.csv"
    broken.write_text(run.submission.read_text().replace(",", ";"))
    app = view(open_page(PAGE), "Check a file")
    assert "Upload a submission file from any tool" in texts(app)
    (path,) = [field for field in app.text_input if field.label == "Or enter a path on this machine"]
    path.set_value(str(broken)).run()
    assert "broken.csv: **No:** 1 blocking check failed." in texts(app)
    assert "**Fields are separated by commas** (blocking): failed." in texts(app)
    assert not app.get("download_button")
    assert "The fields are separated by commas." in [expander.label for expander in app.expander]
    assert any(list(table.value.columns) == ["Line", "Before", "After"] for table in app.dataframe)
    click(app, "Apply the safe repairs")
    assert not app.exception
    assert "repaired_broken.csv: **Yes:**" in texts(app)
    assert [message.value for message in app.success] == ["The fields are separated by commas."]


def test_the_columns_of_a_file_can_be_chosen(home, tmp_path):
    _, _, ours = home
    several = tmp_path / "several.csv"
    values = pl.Series("b", [f"{value:.6f}".replace(".", ",") for value in ours[VALUE]])
    ours.select("user_session", pl.lit(7.25).alias("a"), values).write_csv(several)
    app = view(open_page(PAGE), "Check a file")
    (path,) = [field for field in app.text_input if field.label == "Or enter a path on this machine"]
    path.set_value(str(several)).run()
    assert "several.csv cannot be repaired: 2 columns may have the values ('a' and 'b')." in texts(app)
    assert "Apply the safe repairs" not in [button.label for button in app.button]
    (ids,) = [box for box in app.selectbox if box.label == "Session ids"]
    (values,) = [box for box in app.selectbox if box.label == "Values"]
    assert (ids.value, values.value) == (0, None)
    values.set_value(2).run()
    (marks,) = [box for box in app.selectbox if box.label == "Number format"]
    marks.set_value("1234,5").run()
    click(app, "Apply the safe repairs")
    assert "repaired_several.csv: **Yes:**" in texts(app)
    (repaired,) = Workspace.from_environment().uploads.glob("*/submission/*")
    assert pl.read_csv(repaired, schema_overrides={"user_session": pl.String}).equals(ours)


def test_files_are_ranked_and_returned_scores_fill_the_fields_of_a_blend(home, tmp_path):
    workspace, run, ours = home
    other = tmp_path / "other.csv"
    ours.with_columns((pl.col(VALUE) * 0.5).round(3)).write_csv(other)
    app = view(open_page(PAGE), "Check a file")
    (path,) = [field for field in app.text_input if field.label == "Or enter a path on this machine"]
    path.set_value(str(other)).run()
    (entry,) = log.entries(workspace)
    log.set_returned(workspace, entry.entry, 712.5)
    own = run.manifest.sha256["submission.csv"]
    log.record(
        workspace, "submitted", file="ours.csv", sha256=own, dataset=run.manifest.dataset, metric="MSE", returned=650.0
    )
    app = view(app, "Log")
    ranking = next(table.value for table in app.dataframe if "Rank" in table.value.columns)
    assert [name.split(",")[0] for name in ranking["File"]] == ["Quick", "other.csv"]
    assert ranking["Returned"].to_list() == ["650", "712"]
    assert re.search(r"has the lowest expected MSE of 2 files: [\d,.]+ \(90% interval:", texts(app))
    desk.keep(workspace, "other.csv", io.BytesIO(other.read_bytes()))
    app = view(app, "Compare and blend")
    (method,) = [control for control in app.segmented_control if control.label == "Weights"]
    app = method.set_value("Returned scores").run()
    assert [field.value for field in app.number_input] == [650.0, 712.5, None]


@pytest.mark.parametrize("typed", ["/nothing/here.csv", "x" * 300])
def test_a_path_that_leads_nowhere_is_one_sentence(home, typed):
    app = view(open_page(PAGE), "Check a file")
    (path,) = [field for field in app.text_input if field.label == "Or enter a path on this machine"]
    path.set_value(typed).run()
    assert not app.exception
    assert [error.value for error in app.error] == [f"There is no file at {typed}. Check the path, or upload the file."]


def test_a_file_in_doubt_is_compared_in_either_format(home):
    workspace, _, ours = home
    doubtful = ours.select("user_session", pl.lit("3,516").alias(VALUE)).write_csv()
    desk.keep(workspace, "doubtful.csv", io.BytesIO(doubtful.encode()))
    app = view(open_page(PAGE), "Compare and blend")
    assert "doubtful.csv has no number for" in texts(app)
    (marks,) = [box for box in app.selectbox if box.label == "Number format of File doubtful.csv"]
    for example, value in (("1.234,5", 3.516), ("1,234.5", 3516.0)):
        marks.set_value(example).run()
        (pairs,) = [table.value for table in app.dataframe if "Average difference" in table.value]
        assert pairs["Average difference"].to_list() == [value_text(value - float(ours[VALUE].mean()))]


def test_one_file_alone_cannot_be_compared(home):
    app = view(open_page(PAGE), "Compare and blend")
    assert not app.exception
    assert "Choose two or more files." in texts(app)


def test_a_returned_score_is_added_to_an_entry(home):
    workspace, _, _ = home
    entry = log.record(workspace, "submitted", file="a.csv", sha256="0", foreseen=600.0, low=550.0, high=650.0)
    app = view(open_page(PAGE), "Log")
    (score,) = app.number_input
    score.set_value(610.0)
    click(app, "Save")
    assert not app.exception
    (stored,) = log.entries(workspace)
    assert (stored.entry, stored.returned) == (entry.entry, 610.0)
    assert "1 of 1 returned score is inside the 90% interval" in texts(app)


def test_an_empty_log_says_what_will_be_there(home):
    assert "No submission has been downloaded or submitted yet." in texts(view(open_page(PAGE), "Log"))


# --- charts -----------------------------------------------------------------------------------------------------------


def test_shares_of_values_are_those_of_a_histogram_by_hand():
    values = {file_values.FILE: np.array([1.0, 2.0, 2.0, 50.0]), file_values.TRAIN: np.array([0.0, 3.0])}
    data = file_values.frame(values)
    for name, amounts in values.items():
        rows = data.filter(pl.col("series") == name)
        assert rows["share"].sum() == pytest.approx(1.0)
        assert rows["median"].unique().to_list() == [float(np.median(amounts))]
        for low, high, share in rows.select("low", "high", "share").rows()[1:-1]:
            assert share == pytest.approx(np.mean((amounts >= low) & (amounts < high)))
    assert_one_sentence(file_values.finding(data).replace("; ", ", "))
    assert file_values.finding(file_values.frame({file_values.FILE: np.zeros(3)})) == "No value is above 0."
    assert "Distribution of the values" in json.dumps(file_values.figure(data).to_dict())


def entry(**fields: Any) -> dict[str, Any]:
    return {"file": "a", "foreseen": 10.0, "low": 8.0, "high": 12.0, "returned": 11.0, "metric": "MSE"} | fields


def test_only_entries_with_both_scores_are_compared():
    data = returned_scores.frame([entry(), entry(returned=20.0), entry(returned=None), entry(foreseen=None)])
    assert data.height == 2
    assert returned_scores.finding(data) == (
        "1 of 2 returned scores is inside the 90% interval; on average, the expected and the returned score differ by "
        "29.5%."
    )
    assert "returned score" in json.dumps(returned_scores.figure(data).to_dict())
    assert returned_scores.frame([]).is_empty()
    perfect = [returned_scores.frame([entry(returned=0.0), *others]) for others in ([], [entry(returned=10.0)])]
    assert returned_scores.finding(perfect[0]) == "0 of 1 returned score are inside the 90% interval."
    assert returned_scores.finding(perfect[1]).endswith("the expected and the returned score differ by 0.0%.")


# --- the whole way in a browser ---------------------------------------------------------------------------------------


def choose(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).click()
    page.wait_for_timeout(300)
    expect(page.locator(ENDED)).to_be_visible(timeout=60_000)


def test_a_broken_file_is_read_repaired_compared_blended_downloaded_and_logged(
    browser: Browser, finished_dashboard: Dashboard, tmp_path: Path
) -> None:
    run, workspace = finished_dashboard.run, finished_dashboard.workspace
    rows = pl.read_csv(run.submission, schema_overrides={"user_session": pl.String})
    known = run.table("answers.parquet").collect()["source"] == "known"
    other = rows.with_columns((pl.col(VALUE) * 0.8 + 3).round(4))
    right = rows.with_columns(pl.when(known).then(VALUE).otherwise(other[VALUE]).alias(VALUE))
    broken = tmp_path / "team.csv"
    broken.write_text(other.sort("user_session").write_csv().replace(",", ";").replace(".", ","))
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    watched = Watched(context.new_page())
    page = watched.page
    page.goto(f"{finished_dashboard.address}/Submission")
    expect(page.get_by_text("applicable checks passed")).to_be_visible(timeout=60_000)
    choose(page, "Check a file")
    page.locator("input[type=file]").first.set_input_files(broken)
    expect(page.get_by_text("2 blocking checks failed")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Fields are separated by commas", exact=False).first).to_be_visible()
    page.get_by_role("button", name="Apply the safe repairs").click()
    expect(page.get_by_text("repaired_team.csv: Yes")).to_be_visible(timeout=60_000)
    message = page.get_by_test_id("stAlertContentSuccess")
    expect(message.get_by_text("change place, into the order of the sample submission")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download submission.csv").click()
    file = tmp_path / "download.csv"
    download.value.save_as(file)
    assert pl.read_csv(file, schema_overrides={"user_session": pl.String}).equals(right)
    assert download.value.suggested_filename == "submission_demo_repaired_team.csv"

    choose(page, "Compare and blend")
    expect(page.get_by_role("heading", name="How do the files differ?")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Write the blend").click()
    expect(page.get_by_text("was saved (0.500")).to_be_visible(timeout=60_000)
    (blend,) = list_blends(workspace)
    mean = (rows[VALUE] + right[VALUE]) / 2
    assert pl.read_csv(blend.submission)[VALUE].to_numpy() == pytest.approx(mean.to_numpy(), abs=1e-5)

    choose(page, "Log")
    expect(page.get_by_label("Score that the host returned")).to_be_visible()
    recorded = sorted((entry.action, entry.made_by or entry.file) for entry in log.entries(workspace))
    assert recorded == [
        ("blended", blend.blend),
        ("checked", "repaired_team.csv"),
        ("checked", "team.csv"),
        ("downloaded", "repaired_team.csv"),
    ]
    page.get_by_label("Score that the host returned").fill("612.5")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Are expected scores right?")).to_be_visible(timeout=60_000)
    assert any(entry.returned == 612.5 for entry in log.entries(workspace))
    page.reload()
    expect(page.get_by_text("Are expected scores right?")).to_be_visible(timeout=60_000)
    context.close()
    watched.must_be_clean()
