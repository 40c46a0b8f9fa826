"""Names from event files, addresses and file names are shown as they are, never as markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import altair as alt
import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from core.base.note import write_note
from core.base.workspace import Workspace
from core.dataset import list_datasets
from core.eda.parts import export
from core.eda.parts.export import PageChart
from core.eda.views import VIEWS
from core.runs import Note, Run
from pages._ui.text import plain
from tests.rewriting import read_sealed, without_hashes, write_sealed
from tests.test_pages import TITLES, open_explore, open_page

MARKUP = [
    "*st*ar", "__un__ der", "`code`", "$x$ y", ":red[r] ", ":smile: ", ":material/home: ", ":100: ", "<b>b</b>",
    "[l](/x)", "![i](/x)", "https://e.example", "www.e.example", "u@e.example", "~~gone~~", "&lt;", "a -> b", "\\pipe|",
]  # fmt: skip
"""Texts that Streamlit would render as something else."""
LINE_STARTS = ["# head", "1. list", "- list", "    code", "> quote", "==="]
"""Texts that are markup only at the beginning of a line."""
TEXT_FIELDS = ("body", "label", "help", "text")
"""Fields of Streamlit's elements that are rendered as Markdown."""


def rendered(app: AppTest) -> Iterator[str]:
    """Yield every text that Streamlit renders as Markdown: bodies, labels, tooltips and options of buttons."""
    for element in app._tree:
        proto: Any = getattr(element, "proto", None)
        if proto is None or type(proto).__name__ in {"Code", "Text"}:  # shown as they are
            continue
        names = {field.name for field in proto.DESCRIPTOR.fields}
        yield from (str(getattr(proto, name)) for name in TEXT_FIELDS if name in names)
        if type(proto).__name__ == "ButtonGroup":
            yield from (option.content for option in proto.options)


def hostile(texts: pl.Series) -> pl.Series:
    """Return the texts with markup before each."""
    return pl.Series(texts.name, [f"{MARKUP[at % len(MARKUP)]}{text}" for at, text in enumerate(texts)])


@pytest.fixture
def hostile_home(finished_home: tuple[Workspace, Run], monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with a finished run, in which every id, the files and the run have names with markup."""
    monkeypatch.setattr("pages._ui.frame.start_first_run", lambda _: None)  # it would restore the name of the demo
    workspace, run = finished_home
    dataset = list_datasets(workspace)[0]
    for path in dataset.folder.glob("dictionary_*.parquet"):
        frame = pl.read_parquet(path)
        text = next(name for name, dtype in frame.schema.items() if dtype == pl.String)
        frame.with_columns(hostile(frame.get_column(text))).write_parquet(path)
    card = read_sealed(without_hashes(dataset).folder / "card.json")
    for part in ("train", "test"):
        card[part]["name"] = f"*st*ar$x$ :red[r] <b>{part}</b>.csv"
    card["name"] = "*st*ar and $x$ [l](/x)"
    card["quarantine_reasons"] = {f"{text}: no": 1 for text in MARKUP}
    write_sealed(dataset.folder / "card.json", card)
    (dataset.folder / "audit.json").unlink(missing_ok=True)
    run.save_note(Note.checked("*st*ar $x$ :smile: [l](/x)", ""))
    write_note(dataset.folder, Note.checked("$x$ :red[r] *st*ar", ""))
    return workspace


def must_be_text(app: AppTest) -> str:
    """Check that no text has markup that is not escaped, and return all texts."""
    assert not app.exception
    shown = list(rendered(app))
    for text in shown:
        assert not [markup for markup in MARKUP if markup.strip() in text and plain(markup).strip() not in text], text
    return "\n".join(shown)


@pytest.mark.parametrize("page", TITLES)
def test_names_have_no_markup_on_any_page(page: str, hostile_home: Workspace) -> None:
    text = must_be_text(open_page(page))
    if page == "pages/1_Data.py":
        assert plain("*st*ar$x$ :red[r] <b>train</b>.csv") in text


def test_names_have_no_markup_in_any_view(hostile_home: Workspace) -> None:
    app = open_explore(view="Overview")
    for view in VIEWS:
        app.query_params["view"] = view
        must_be_text(app.run())


@pytest.mark.parametrize("markup", ["*st*ar $x$ [l](https://e.example)", ":red[r] <b>b</b>"])
def test_texts_of_the_address_have_no_markup(markup: str, hostile_home: Workspace) -> None:
    must_be_text(open_explore(view="One session", session=markup))
    text = must_be_text(open_explore(view=markup, run=markup, dataset=markup))
    assert f"There is no view {plain(markup)}" in text
    must_be_text(open_explore(categories=markup, days=markup))


@pytest.mark.parametrize("text", [*MARKUP, *LINE_STARTS])
def test_a_text_without_markup_is_shown_as_it_is(text: str) -> None:
    escaped = plain(text)
    assert escaped != text
    assert re.sub(r"\\([^a-zA-Z0-9\s])", r"\1", escaped).replace("\u2060", "") == text.lstrip()


@pytest.mark.parametrize(
    "text",
    ["user_session in train.csv", "12:30:05 UTC", "1,234.5 (90%)", "P-12 + 3 = 5!", "a - b", "100: 5", "–", "{x}"],
)
def test_usual_texts_need_no_escape(text: str) -> None:
    assert plain(text) == text


def test_a_page_of_charts_has_no_tags_of_names() -> None:
    name = "<!--<script></script><b>*st*ar"
    figure = alt.Chart(pl.DataFrame({"name": [name], "n": [1]})).mark_bar().encode(x="name", y="n")
    figure.config = alt.Config()
    page = export.render_page(name, name, [PageChart(f"{name} 2", name, figure)]).decode()
    body = page[page.rindex("<body><h1>") :]
    assert "<!--" not in body
    assert "<b>" not in body
    assert body.count("<script>") == body.count("</script>") == 1
