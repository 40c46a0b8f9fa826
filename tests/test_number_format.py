"""Currency and marks of numbers, set for each dataset and used in every text that people read."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from babel.numbers import format_currency, format_decimal
from streamlit.testing.v1 import AppTest

from core.audit import audit, stored_audit
from core.base.amounts import money, value_estimate, value_interval, value_text
from core.base.note import Note, read_note, write_note
from core.base.number_format import UNIT, NumberFormat, current_format, using_format
from core.base.text import count, estimate, number, percent
from core.base.workspace import Workspace
from core.cli import main
from core.dataset import Dataset
from core.eda.parts.session_table import session_table
from core.eda.views import CHARTS
from core.pipeline.report import report_page
from core.runs import Run
from tests.test_names_are_text import rendered
from tests.test_pages import TITLES, open_explore, open_page

Home = tuple[Workspace, Run]
GERMAN = NumberFormat(symbol="€", symbol_after=True, decimals=2, marks="1.234,5")
DOLLARS = NumberFormat(symbol="$", decimals=2)
LOCALES = {
    ("EUR", "de_DE"): GERMAN,
    ("USD", "en_US"): DOLLARS,
    ("EUR", "fr_FR"): NumberFormat(symbol="€", symbol_after=True, decimals=2, marks="1 234,5"),
    ("JPY", "en_US"): NumberFormat(symbol="¥", decimals=0),
}
"""Currency and locale -> the format that writes its amounts."""


@pytest.fixture
def german_home(finished_home: Home) -> Home:
    workspace, run = finished_home
    write_note(workspace.datasets / run.manifest.dataset, Note(number_format=GERMAN))
    return finished_home


@pytest.mark.parametrize(("code", "locale"), LOCALES)
@pytest.mark.parametrize("value", [0.0, 0.5, 3.14159, 999.994, 1234.5, 1_234_567.891])
def test_amounts_are_written_as_in_the_country(code: str, locale: str, value: float) -> None:
    with using_format(LOCALES[code, locale]):
        assert value_text(value) == money(value) == format_currency(value, code, locale=locale)
        if LOCALES[code, locale].thousands:
            assert count(1_234_567, "session").removesuffix(" sessions") == format_decimal(1_234_567, locale=locale)


def test_without_a_format_texts_are_as_before() -> None:
    assert (money(42.196), value_text(1234.5), number(-3.14159), percent(0.1236)) == (
        "42.2 value units",
        "1,234",
        "-3.14",
        "12.4%",
    )
    assert (value_interval(5.0, None), value_estimate(53.81, 4.76)) == ("at least 5.00", estimate(53.81, 4.76))


def test_a_small_amount_is_not_shown_as_nothing_and_a_negative_one_is_no_formula() -> None:
    with using_format(DOLLARS):
        assert (value_text(0.0042), value_text(-5.2), value_text(0.006)) == ("$0.00420", "−$5.20", "$0.01")


def test_a_format_does_not_reach_other_threads() -> None:
    with using_format(GERMAN), ThreadPoolExecutor(1) as pool:
        assert pool.submit(money, 1.5).result() == "1.50 value units"
        assert money(1.5) == "1,50\u00a0€"
    assert current_format() == NumberFormat()


@pytest.mark.parametrize("symbol", ["1$", "<b>", "*€*", "=A1", "a" * 9, "a\nb", ":red[x]"])
def test_a_currency_is_no_number_and_no_markup(
    symbol: str, demo_workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder,) = demo_workspace.datasets.glob("[!.]*")
    assert main(["datasets", "currency", folder.name, f"--symbol={symbol}", "--json"]) == 2
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["code"] == "setting_not_allowed"
    assert read_note(folder) == Note()


def test_the_command_line_sets_and_uses_the_format(finished_home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    workspace, run = finished_home
    folder, run_id = workspace.datasets / run.manifest.dataset, run.manifest.run_id
    set_format = ["datasets", "currency", folder.name[:12], "--symbol", "€", "--place", "after", "--decimals", "2"]
    assert main([*set_format, "--marks", "1.234,5"]) == 0
    assert capsys.readouterr().out == "Amounts are written like 1.234,50\u00a0€, numbers like 1.234.\n"
    assert read_note(folder).number_format == GERMAN
    assert main(["datasets", "note", folder.name, "--name", "Shop"]) == 0  # the format stays
    assert read_note(folder) == Note(name="Shop", number_format=GERMAN)
    capsys.readouterr()
    assert main(["audit", folder.name]) == 0
    assert f" {UNIT}" not in capsys.readouterr().out
    assert main(["runs", "show", run_id]) == 0
    assert re.search(r"expected on test +[\d.]+,\d|expected on test +[\d.]+ ", capsys.readouterr().out)
    assert main(["runs", "show", run_id, "--json"]) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert isinstance(record["scores"]["cv_mse"], float)
    assert main(["datasets", "currency", folder.name, "--symbol", "", "--decimals", "auto"]) == 0
    assert "1.234 value units" in capsys.readouterr().out
    assert current_format() == NumberFormat()  # a verb leaves nothing behind


def test_the_audit_is_written_again_in_a_new_format(german_home: Home) -> None:
    workspace, run = german_home
    dataset = Dataset(workspace.datasets / run.manifest.dataset)
    assert stored_audit(dataset) is None
    report = audit(dataset)
    assert stored_audit(dataset) == report and report.number_format == GERMAN
    assert UNIT not in report.model_dump_json()
    write_note(dataset.folder, Note())
    assert stored_audit(dataset) is None


def test_no_chart_has_value_units_if_there_is_a_currency(finished: Home) -> None:
    workspace, run = finished
    dataset = Dataset(workspace.datasets / run.manifest.dataset)
    sessions = session_table(dataset)
    n_named = 0
    with using_format(GERMAN):
        for chart in CHARTS.values():
            if chart.source not in ("dataset", "sessions"):
                continue
            data = chart.data({"dataset": lambda: dataset, "sessions": lambda: sessions}, None)
            text = chart.finding(data) + json.dumps(chart.figure(data).to_dict(), default=str)
            assert UNIT not in text, chart.name
            n_named += "€" in text
            assert '"thousands": "."' in text
    assert n_named > 5


def test_the_report_has_the_currency(german_home: Home) -> None:
    workspace, run = german_home
    page = report_page(run, Dataset(workspace.datasets / run.manifest.dataset)).decode()
    text = re.sub(r'src="[^"]*"', "", page)
    assert UNIT not in text
    assert re.search(r"typical error of one session is \d+,\d\d\xa0€", text)


def shown(app: AppTest) -> str:
    assert not app.exception
    tables = [frame.value.to_csv() for frame in app.dataframe]
    metrics = [metric.value for metric in app.metric]
    charts = [str(getattr(getattr(element, "proto", None), "spec", "")) for element in app._tree]
    return "\n".join([*rendered(app), *tables, *metrics, *charts])


@pytest.mark.parametrize("page", [page for page in TITLES if page != "pages/2_Explore.py"])
def test_every_page_has_the_currency(page: str, german_home: Home) -> None:
    text = shown(open_page(page))
    assert UNIT not in text
    if page in ("app.py", "pages/1_Data.py", "pages/3_Train.py"):
        assert re.search(r"\d,\d\d\xa0€", text)


def test_dollars_are_no_formula(german_home: Home) -> None:
    workspace, run = german_home
    write_note(workspace.datasets / run.manifest.dataset, Note(number_format=DOLLARS))
    for app in (open_page("app.py"), open_page("pages/1_Data.py"), open_explore(view="Value")):
        texts = list(rendered(app))
        assert any("\\$" in text for text in texts)
        assert not [text for text in texts if re.search(r"(?<!\\)\$", text)]


def test_the_form_of_the_page_changes_the_format(demo_workspace: Workspace) -> None:
    (folder,) = demo_workspace.datasets.glob("[!.]*")
    app = open_page("pages/1_Data.py")
    next(field for field in app.text_input if field.label == "Currency").set_value("€")
    next(box for box in app.selectbox if box.label == "Decimals of amounts").select("2")
    next(box for box in app.selectbox if box.label == "Number format").select("1.234,5")
    next(button for button in app.button if (button.key or "").startswith("save-format")).click()
    app.run()
    assert read_note(folder).number_format == NumberFormat(symbol="€", decimals=2, marks="1.234,5")
    assert "€43,51" in shown(app)
