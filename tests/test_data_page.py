"""The Data page: wrong and swapped files are noticed at once, and the form speaks in the words of its fields."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.base.workspace import Workspace
from core.errors import SourceError
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.role_text import HOW_TO_SET
from core.ingestion.mapping.time_format import EPOCHS
from pages._ui.form_words import field_help, in_form_words
from pages._ui.time_fields import PATTERNS, example_of
from tests.conftest import DEMO
from tests.test_pages import click, fill_in_paths, open_page, texts, values

SETTING = re.compile(r"\bcolumns\.\w+|\b\w+_(?:words|is|usable|minutes|format|zone|rates|status)\b")


def workbook() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return out.getvalue()


WRONG = {
    "empty": (b"", "is empty"),
    "only a header": (b"event_time,event_type\n", "is empty"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(200), "it is a PNG image"),
    "workbook": (workbook(), "it is an Excel workbook"),
    "document": (json.dumps({"events": []}, indent=1).encode(), "it is one JSON object"),
    "web page": (b"<!doctype html>\n<html><body>Log in</body></html>\n", "it is a web page"),
}


def name_one(label: str, file: Path) -> AppTest:
    """Open the Data page and name only one of the two files."""
    app = open_page("pages/1_Data.py")
    app.segmented_control[0].set_value("Files on this machine").run()
    return next(field for field in app.text_input if field.label == label).set_value(str(file)).run()


@pytest.mark.parametrize("label", ["Train file", "Test file"])
@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_file_is_refused_before_the_other_one_is_named(
    kind: str, label: str, tmp_path: Path, demo_workspace: Workspace
) -> None:
    content, reason = WRONG[kind]
    file = tmp_path / "events.csv"
    file.write_bytes(content)
    app = name_one(label, file)
    assert not app.exception
    (error,) = values(app.error)
    assert reason in error


def test_a_right_file_alone_is_not_refused(demo_workspace: Workspace) -> None:
    app = name_one("Train file", DEMO / "train.csv")
    assert not app.error
    assert "Choose the train and the test file first." in texts(app)
    assert next(button for button in app.button if button.label == "Read the files").disabled


def test_swapped_files_are_noticed_and_can_be_swapped(demo_workspace: Workspace) -> None:
    app = fill_in_paths(DEMO / "test.csv", DEMO / "train.csv")
    (error,) = values(app.error)
    assert "They seem to be swapped." in error
    assert "Read the files" not in [button.label for button in app.button]
    click(app, "Swap them")
    assert not app.exception
    assert not app.error
    assert [field.value for field in app.text_input[:2]] == [str(DEMO / "train.csv"), str(DEMO / "test.csv")]
    assert not next(button for button in app.button if button.label == "Read the files").disabled


def test_what_can_be_read_comes_before_what_was_read(demo_workspace: Workspace) -> None:
    headers = values(open_page("pages/1_Data.py").header)
    assert headers[:2] == ["Read other files", "Train and test files"]


@pytest.mark.parametrize("time_format", [*PATTERNS, *EPOCHS])
def test_the_example_of_a_time_format_is_read_by_it(time_format: str) -> None:
    example = example_of(time_format)
    last_second = datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)
    if time_format in EPOCHS:
        number, unit = example.split()[0], example.split()[1].strip("(")
        factor = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}[unit]
        assert int(number) == int(last_second.timestamp()) * factor
    else:
        read = datetime.strptime(example, time_format).replace(tzinfo=UTC)
        assert read == (last_second if "%S" in time_format else last_second.replace(second=0))
    assert Mapping(time_format=time_format).time_format == time_format


@pytest.mark.parametrize(
    "text",
    [*HOW_TO_SET.values(), str(SourceError.swapped_files("a", "b", "value")), *map(field_help, Mapping.model_fields)],
)
def test_texts_of_the_form_have_no_names_of_settings(text: str) -> None:
    shown = re.sub(r"price_of_buys|order_total|epoch_\w+", "", in_form_words(text))
    assert not SETTING.search(shown), shown
    assert "TOML" not in shown
