"""The explanation of a finished run: stored tables, what is computed on request, and the report for stakeholders."""

from __future__ import annotations

import json
import re
import shutil
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from core.base.workspace import Workspace
from core.cli import main
from core.dataset import Dataset, list_datasets
from core.errors import RunError
from core.features import feature_catalogue
from core.importance import drivers, periods
from core.model import load_model
from core.pipeline.explain import explain_further, stored_explanation, stored_methods
from core.pipeline.report import report_page
from core.runs import Run, load_run
from core.runs.on_request import store_tables, stored_tables
from core.runs.store import ANSWERS_FILE, find_damage
from tests.rewriting import read_sealed, write_sealed

METHODS = {"permutation", "group_permutation", "interaction", "sampled_shapley", "stretching"}


def test_stored_effects_add_up_to_the_predictions_of_the_run(finished: tuple[Workspace, Run]) -> None:
    explanation = stored_explanation(finished[1])
    assert explanation is not None
    sums = explanation.effects.cast(pl.Float64).sum_horizontal()
    sessions = explanation.sessions
    assert (sessions["base"] + sums).to_numpy() == pytest.approx(sessions["predicted"].to_numpy(), rel=1e-5, abs=1e-4)
    values = load_model(finished[1]).fitted.values
    assert np.isin(sessions["value"].to_numpy(), values).all()


def test_the_drivers_of_the_demo_are_its_purchases_and_its_carts(finished: tuple[Workspace, Run]) -> None:
    explanation = stored_explanation(finished[1])
    assert explanation is not None
    top = drivers(explanation).head(2)
    assert top["feature"].to_list() == ["recovered_buy_sum", "recovered_add_cart_sum"]
    assert top["direction"].to_list() == ["up", "up"]


def test_periods_are_divided_by_the_chosen_day(finished: tuple[Workspace, Run]) -> None:
    workspace, run = finished
    explanation, dataset = stored_explanation(run), Dataset(workspace.datasets / run.manifest.dataset)
    assert explanation is not None
    starts = dataset.units().select("unit", day=pl.from_epoch("start").dt.date()).collect()
    sessions = explanation.sessions.join(starts, on="unit")
    first = sessions["day"].min()
    assert isinstance(first, date)
    day = first + timedelta(days=2)
    table = periods(explanation, dataset, day)
    assert table["segment"].to_list() == [f"Before {day}", f"From {day}"]
    values = [sessions.filter(rows)["value"].mean() for rows in (pl.col("day") < day, pl.col("day") >= day)]
    assert table["value"].to_list() == pytest.approx(values)


def test_methods_on_request_are_stored_once_and_are_no_damage(finished_home: tuple[Workspace, Run]) -> None:
    run = finished_home[1]
    assert stored_methods(run) is None
    reports: list[tuple[int, int, str]] = []
    table = explain_further(run, lambda *report: reports.append(report))
    assert set(table["method"]) == METHODS
    stored = stored_methods(run)
    assert stored is not None
    assert stored.equals(table)
    assert [done for done, _, _ in reports] == sorted(done for done, _, _ in reports)
    damage = find_damage(run)
    assert not damage.added
    assert not damage.descriptions()
    (run.folder / "on_request" / "methods" / "methods.parquet").write_bytes(b"other")
    assert stored_methods(run) is None


def test_tables_of_another_run_or_version_are_not_used(finished_home: tuple[Workspace, Run]) -> None:
    run = finished_home[1]
    store_tables(run, "methods", {"methods": pl.DataFrame({"a": [1]})})
    assert stored_tables(run, "methods") is not None
    path = run.folder / "on_request" / "methods" / "tables.json"
    content = read_sealed(path)
    for change in ({"run": "another"}, {"version": 0}, {"sha256": {"../manifest.json": "0"}}):
        write_sealed(path, content | change)
        assert stored_tables(run, "methods") is None
    path.write_text("{}")
    assert stored_tables(run, "methods") is None


def test_a_run_without_stored_effects_is_explained_on_request(
    finished_home: tuple[Workspace, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, run = finished_home
    before = stored_explanation(run)
    path = run.folder / "manifest.json"
    content = read_sealed(path)
    new_files = [name for name in content["sha256"] if re.fullmatch(r"importance/(?!importance|prices).*", name)]
    assert len(new_files) == 5
    for name in new_files:
        del content["sha256"][name]
        (run.folder / name).unlink()
    write_sealed(path, content)
    older = load_run(run.folder)
    assert stored_explanation(older) is None
    (dataset,) = list_datasets(workspace)
    with pytest.raises(RunError, match="is not explained yet"):
        report_page(older, dataset)
    monkeypatch.setattr("core.importance.explanation.METHODS", ())
    monkeypatch.setattr("core.pipeline.explain.run_methods", lambda *_: pl.DataFrame({"method": ["none"]}))
    explain_further(older)
    again = stored_explanation(older)
    assert before is not None
    assert again is not None
    assert again.sessions[["unit", "fold", "value"]].equals(before.sessions[["unit", "fold", "value"]])
    assert again.effects.to_numpy() == pytest.approx(before.effects.to_numpy(), abs=1e-3)


# --- the report ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(finished: tuple[Workspace, Run]) -> str:
    workspace, run = finished
    (dataset,) = list_datasets(workspace)
    return report_page(run, dataset).decode()


class _Texts(HTMLParser):
    """Collects the texts of a page, and its addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.addresses += [str(value) for name, value in attributes if name in ("src", "href")]
        self.texts += [str(value) for name, value in attributes if name == "alt"]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_report_has_no_name_in_code_outside_the_part_for_experts(page: str) -> None:
    story, experts = page.split("<h2>For experts</h2>")
    parser = _Texts()
    parser.feed(story)
    text = " ".join(parser.texts)
    for entry in feature_catalogue():
        assert not re.search(rf"\b{entry.feature.name}\b", text) or "_" not in entry.feature.name, entry.feature.name
    assert not re.search(r"\b(ADD_CART|REMOVE_CART|BUY|VIEW|lightgbm|recovered_\w+|n_\w+)\b", text)
    assert "recovered_buy_sum" in experts


def test_the_report_is_small_and_needs_no_network(page: str) -> None:
    assert len(page.encode()) < 1_500_000
    parser = _Texts()
    parser.feed(page)
    assert parser.addresses
    assert all(address.startswith("data:image/svg+xml;base64,") for address in parser.addresses)
    assert "default-src 'none'" in page
    assert "<script" not in page


def test_the_report_answers_the_questions_of_a_reader(page: str, finished: tuple[Workspace, Run]) -> None:
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles == [
        "Which data is this about?",
        "How good are the predictions, and for whom are they bad?",
        "What drives the value of a session?",
        "How does the prediction change with a driver?",
        "How do groups of sessions differ?",
        "What is an event on a product worth?",
        "Can the result be trusted?",
        "What are the limits?",
        "Model card",
        "For experts",
    ]
    manifest = finished[1].manifest
    assert f"{manifest.sessions.train:,}" in page
    assert f"{1 - manifest.scores.cv_mse / manifest.scores.baseline_mse:.1%} of the differences" in page
    assert "The errors are largest for Buyers" in page
    assert "What was bought is part of the value itself." in page
    assert "a shop can influence “Value of cart additions in this session”" in page
    assert "The data are simulated" in page
    assert page.count("<figure>") == 9


def test_hostile_names_are_only_text(finished_home: tuple[Workspace, Run]) -> None:
    workspace, run = finished_home
    run.save_note(run.note.checked("<script>alert(1)</script>", ""))
    (dataset,) = list_datasets(workspace)
    page = report_page(run, dataset).decode()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_report_is_accessible_and_fits_a_phone(page: str, browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    tab = browser.new_page(viewport={"width": 390, "height": 800})
    requests: list[str] = []
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(path.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    results = Axe().run(tab)
    assert not results.response["violations"], results.generate_report()
    assert all(url.startswith(("file:", "data:")) for url in requests)
    tab.close()


def test_the_command_writes_the_report(
    finished_home: tuple[Workspace, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished_home[1].manifest.run_id
    out = tmp_path / "report.html"
    assert main(["report", "--run", run, "--out", str(out), "--json"]) == 0
    content = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert content == {"out": str(out), "bytes": out.stat().st_size}
    assert main(["report", "--run", run, "--out", str(out)]) == 2
    assert main(["report", "--run", run, "--out", str(tmp_path / "report.pdf")]) == 2
    assert "a name that ends in .html" in capsys.readouterr().err


def test_the_report_refuses_a_damaged_run(finished_home: tuple[Workspace, Run], tmp_path: Path) -> None:
    workspace, run = finished_home
    shutil.copy(run.folder / ANSWERS_FILE, run.folder / "importance" / "effects.parquet")
    (dataset,) = list_datasets(workspace)
    with pytest.raises(RunError, match=r"importance/effects\.parquet changed"):
        report_page(run, dataset)
