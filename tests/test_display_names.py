"""Names of products and categories: read from the log or a table, and shown instead of ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from core.base.workspace import Workspace
from core.dataset import LABEL, Dataset
from core.demo import write_demo
from core.eda.charts import categories, category_map, long_tail, session_line
from core.eda.parts.product_counts import ProductEvents
from core.eda.parts.selection import Selection
from core.errors import InputError, SettingError
from core.ingestion import InputFiles, ingest
from core.ingestion.mapping import Mapping, guess_mapping, load_mapping, mapping_text
from core.ingestion.mapping.toml_file import parse_mapping
from core.ingestion.rows import display_names
from core.pipeline.run import run as run_pipeline
from core.schema import CATEGORY_ID, PRODUCT_ID
from tests.conftest import QUICK
from tests.test_names_are_text import hostile, must_be_text
from tests.test_pages import click, fill_in_paths, open_explore, open_page, texts

NAMES = {"product": "item", "category": "shelf"}
Rename = Callable[[pl.DataFrame], pl.DataFrame]


def named(events: pl.DataFrame) -> pl.DataFrame:
    """A name for each product and category: the same for the products P...0 and P...1, and none for category 3."""
    number = pl.col(PRODUCT_ID).str.slice(-1).cast(pl.Int64)
    shelf = pl.when(pl.col(CATEGORY_ID).str.ends_with("3")).then(pl.lit("")).otherwise("Shelf " + pl.col(CATEGORY_ID))
    item = pl.when(number < 2).then(pl.lit("Twin")).otherwise("Item " + pl.col(PRODUCT_ID))
    return events.with_columns(item.alias("item"), shelf.alias("shelf"))


def files_in(folder: Path, rename: Rename = named, names: dict[str, str] = NAMES) -> InputFiles:
    folder.mkdir(parents=True, exist_ok=True)
    write_demo(folder, sessions=400, seed=3)
    for file in ("train", "test"):
        rename(pl.read_csv(folder / f"{file}.csv", infer_schema=False)).write_csv(folder / f"{file}.csv")
    return InputFiles(folder / "train.csv", folder / "test.csv", mapping=Mapping.checked(names=names))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> InputFiles:
    return files_in(tmp_path_factory.mktemp("names"))


@pytest.fixture(scope="module")
def dataset(files: InputFiles, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return ingest(files, Workspace(tmp_path_factory.mktemp("names-home")))


def tables_of(app: AppTest) -> set[str]:
    """Every text in the tables of a page."""
    return {str(cell) for table in app.dataframe for cell in table.value.to_numpy().ravel()}


def labels(dataset: Dataset, column: str = PRODUCT_ID) -> dict[str, str]:
    """What is shown for each id: the label, or the id if it has none."""
    ids = dataset.dictionary(column).collect()[column]
    return {key: key for key in ids} | dict(dataset.labels(column).collect().iter_rows())


# --- reading ----------------------------------------------------------------------------------------------------------
def test_every_id_has_a_label_and_repeated_names_have_the_id_in_brackets(dataset: Dataset) -> None:
    found = labels(dataset)
    for product, label in found.items():
        assert label == (f"Twin ({product})" if int(product[-1]) < 2 else f"Item {product}")
    for category, label in labels(dataset, CATEGORY_ID).items():
        assert label == (category if category.endswith("3") else f"Shelf {category}")
    named_shelves = {label for label in labels(dataset, CATEGORY_ID).values() if label.startswith("Shelf")}
    items = {label for label in found.values() if label.startswith("Item")}
    assert set(dataset.names().collect()["name"]) == {"Twin"} | items | named_shelves


def test_the_most_common_name_of_an_id_is_shown(tmp_path: Path, workspace: Workspace) -> None:
    words = [" a  name ", "a\tname", "another", "", "null", "(?)"]

    def rename(events: pl.DataFrame) -> pl.DataFrame:
        return events.with_columns(
            pl.Series("item", [words[number % len(words)] for number in range(events.height)]),
            pl.lit("x").alias("shelf"),
        )

    files = files_in(tmp_path / "files", rename)
    counts: dict[str, Counter[str]] = {}
    for path in files.sources:
        assert isinstance(path, Path)
        for product, name in pl.read_csv(path, infer_schema=False).select(PRODUCT_ID, "item").iter_rows():
            cleaned = " ".join((name or "").split())
            if cleaned not in ("", "null"):
                counts.setdefault(product, Counter())[cleaned] += 1
    expected = {product: min(names, key=lambda name: (-names[name], name)) for product, names in counts.items()}
    found = ingest(files, workspace).names().filter(pl.col("column") == PRODUCT_ID).collect()
    # Rows without a usable event are few, and do not count.
    differing = {row[0] for row in found.select("id", "name").iter_rows() if expected.get(row[0]) != row[1]}
    assert len(differing) <= 0.02 * found.height
    assert set(found["name"]) <= {"a name", "another", "(?)"}


def test_memory_for_names_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column that differs on every row has as many pairs as rows."""
    monkeypatch.setattr(display_names, "_MAX_PAIRS", 100)
    names = display_names.DisplayNames()
    for start in range(0, 2_000, 50):
        rows = range(start, start + 50)
        counts = pl.DataFrame({"code": [1] * 50, "name": [f"n{row:04}" for row in rows], "count": [1] * 50})
        names.add({PRODUCT_ID: counts})
        assert sum(frame.height for frame in names._counts[PRODUCT_ID]) <= 150
    dictionary = pl.DataFrame({"product": [1], PRODUCT_ID: ["P"]})
    assert names.of(PRODUCT_ID, dictionary).rows() == [(PRODUCT_ID, "P", "n0000", "n0000")]


def test_long_and_hostile_names_are_cut_and_on_one_line(tmp_path: Path, workspace: Workspace) -> None:
    def rename(events: pl.DataFrame) -> pl.DataFrame:
        return named(events).with_columns(
            ("a\u202eb\r\n\x07<b>" + pl.col(PRODUCT_ID) + pl.lit("x" * 500)).alias("item")
        )

    found = (
        ingest(files_in(tmp_path / "files", rename), workspace).names().filter(pl.col("column") == PRODUCT_ID).collect()
    )
    assert found.height > 100
    assert set(found["name"].str.len_chars()) == {100}
    assert all(name.startswith("a b <b>") for name in found["name"])


def test_labels_differ_even_if_a_name_looks_like_one_with_an_id() -> None:
    ids = pl.Series("id", ["A", "B", "C"])
    names = display_names.names_of_ids(PRODUCT_ID, ids, pl.Series(["x", "x", "x (A)"]))
    assert names[LABEL].to_list() == ["x (A) (A)", "x (B)", "x (A) (C)"]


def test_a_log_without_names_has_no_labels(small_files: InputFiles, workspace: Workspace) -> None:
    dataset = ingest(small_files, workspace)
    assert not (dataset.folder / "names.parquet").exists()
    assert dataset.names().collect().is_empty()
    events = ProductEvents.of(dataset).count()
    assert LABEL not in events.products.columns
    assert LABEL not in categories.frame(events.categories).columns


def test_names_come_from_the_table_of_products(files: InputFiles, tmp_path: Path, workspace: Workspace) -> None:
    assert isinstance(files.train, Path)
    rows = pl.read_csv(files.train, infer_schema=False).select(PRODUCT_ID).unique()
    rows = rows.with_columns(("Name of " + pl.col(PRODUCT_ID)).alias("Product name"))
    rows.write_csv(tmp_path / "products.csv")
    tables = {"products": tmp_path / "products.csv"}
    dataset = ingest(InputFiles(files.train, files.test, tables=tables), workspace)
    known = set(rows[PRODUCT_ID])
    for product, label in labels(dataset).items():
        assert label == (f"Name of {product}" if product in known else product)
    assert any("has the names of the products" in note for note in dataset.card().mapping_notes)
    mapping = Mapping.checked(names={"product": {"column": "Product name", "table": "products"}})
    again = ingest(InputFiles(files.train, files.test, mapping=mapping, tables=tables), Workspace(tmp_path / "again"))
    assert labels(again) == labels(dataset)
    with pytest.raises(InputError) as caught:
        ingest(InputFiles(files.train, files.test, mapping=mapping), workspace)
    assert caught.value.code == "table_needed"


def test_a_column_of_names_that_the_log_lacks_is_missing(small_files: InputFiles, workspace: Workspace) -> None:
    mapping = Mapping.checked(names={"product": "no such column"})
    with pytest.raises(InputError, match="has no column no such column"):
        ingest(InputFiles(small_files.train, small_files.test, mapping=mapping), workspace)


def test_a_test_file_needs_no_names(tmp_path: Path, workspace: Workspace) -> None:
    files = files_in(tmp_path / "files")
    assert isinstance(files.test, Path)
    pl.read_csv(files.test, infer_schema=False).drop("item", "shelf").write_csv(files.test)
    assert ingest(files, workspace).names().collect().height


# --- mappings ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("names", [NAMES, {"product": {"column": "x", "table": "products"}}, {"category": "a = b"}])
def test_a_mapping_with_names_is_written_and_read(names: dict[str, object]) -> None:
    mapping = Mapping.checked(names=names)
    assert parse_mapping(mapping_text(mapping).encode(), "mapping.toml") == mapping
    assert mapping.digest != Mapping().digest


REFUSED = {
    "no table": {"names": 3},
    "another kind": {"names": {"brand": "x"}},
    "no text": {"names": {"product": 3}},
    "no column": {"names": {"product": {"table": "products"}}},
    "a table of users": {"names": {"product": {"column": "x", "table": "users"}}},
    "no categories": {"names": {"category": "x"}, "columns": {"category_id": None}},
}


@pytest.mark.parametrize("case", REFUSED)
def test_settings_of_names_are_checked(case: str) -> None:
    with pytest.raises(SettingError):
        Mapping.checked(**REFUSED[case])


def guessed(**columns: list[str]) -> dict[str, object]:
    """The guessed names of a log of 60 events on 20 products and 10 categories, with further columns."""
    numbers = range(60)
    rows = {
        "event_time": [f"2025-06-01 10:{number:02}:00" for number in numbers],
        "event_type": ["VIEW", "BUY"] * 30,
        "product_id": [f"P{number % 20}" for number in numbers],
        "category_id": [f"C{number % 10}" for number in numbers],
        "user_id": [f"U{number // 4}" for number in numbers],
        "user_session": [f"S{number // 2}" for number in numbers],
        "session_value": [str(number // 2) for number in numbers],
    } | columns
    return guess_mapping(list(rows), list(zip(*rows.values(), strict=True))).settings.get("names", {})


def test_names_are_guessed_by_name_and_content() -> None:
    names, codes = [f"Item {number % 20}" for number in range(60)], [f"a.{number % 10 // 2}" for number in range(60)]
    assert guessed(product_name=names, category_code=codes) == {"product": "product_name", "category": "category_code"}
    assert guessed(Title=names) == {"product": "Title"}
    assert guessed(colour=names) == {}  # not a usual name
    assert guessed(product_name=[f"Item {number}" for number in range(60)]) == {}  # several names per product
    assert guessed(product_name=["Item"] * 60) == {}
    assert guessed(product_name=[""] * 55 + names[:5]) == {}  # most products have none


# --- what people see --------------------------------------------------------------------------------------------------
def test_charts_show_names_and_keep_ids(dataset: Dataset) -> None:
    counts = ProductEvents.of(dataset).count()
    found, kinds = labels(dataset), labels(dataset, CATEGORY_ID)
    top = long_tail.top_frame(counts.products)
    assert top[LABEL].to_list() == [found[product] for product in top[PRODUCT_ID]]
    frequent = categories.frame(counts.categories)
    assert frequent[LABEL].to_list() == [kinds[category] for category in frequent[CATEGORY_ID]]
    assert categories.finding(frequent).startswith(f"{kinds[frequent.item(0, CATEGORY_ID)]} has the most events")
    bars = categories.figure(frequent).to_dict()
    assert bars["layer"][0]["encoding"]["y"]["field"] == LABEL
    assert {each["field"] for each in bars["layer"][0]["encoding"]["tooltip"]} >= {LABEL, CATEGORY_ID}
    areas = category_map.frame(counts.categories)
    assert set(areas[LABEL]) == set(kinds.values())
    assert category_map.figure(areas)


def test_the_map_of_many_categories_sums_up_the_others() -> None:
    rows = pl.DataFrame({CATEGORY_ID: [f"C{number}" for number in range(90)]}).with_columns(
        ("Name " + pl.col(CATEGORY_ID)).alias(LABEL),
        pl.lit(10).alias("events"),
        pl.lit(1).alias("buys"),
        pl.lit(2).alias("products"),
    )
    areas = category_map.frame(rows)
    assert areas.height == 61
    assert areas.filter(pl.col(CATEGORY_ID) == "all others")[LABEL].to_list() == ["all others"]


def test_a_session_has_the_names_of_its_products(dataset: Dataset) -> None:
    session = dataset.dictionary("user_session").collect()["user_session"][0]
    events = session_line.frame(dataset, session)
    found = labels(dataset)
    assert events["product"].to_list() == [found[product] for product in events[PRODUCT_ID]]
    tooltip = session_line.figure(events).to_dict()["layer"][1]["encoding"]["tooltip"]
    assert [each["field"] for each in tooltip if "product" in each["field"]] == ["product", PRODUCT_ID]


def test_a_filter_is_described_by_names() -> None:
    selection = Selection(categories=("C1", "C2"))
    assert selection.describe({"C1": "Shoes"}) == "in Shoes or C2"
    assert selection.as_query() == {"categories": "C1,C2"}


@pytest.fixture
def named_home(tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A finished run on a log whose names have markup."""
    monkeypatch.setattr("pages._ui.frame.start_first_run", lambda _: None)

    def rename(events: pl.DataFrame) -> pl.DataFrame:
        rows = named(events)
        ranks = {name: rows.get_column(name).rank("dense").cast(pl.Int64) for name in (PRODUCT_ID, CATEGORY_ID)}
        markup = hostile(pl.Series([f"name {number}" for number in range(500)]))
        return rows.with_columns(
            ("P " + markup.gather(ranks[PRODUCT_ID])).alias("item"), markup.gather(ranks[CATEGORY_ID]).alias("shelf")
        )

    run = run_pipeline(files_in(tmp_path / "files", rename), QUICK, workspace)
    return Dataset(workspace.datasets / run.manifest.dataset)


def test_pages_show_names_as_text(named_home: Dataset) -> None:
    found = labels(named_home)
    app = open_explore(view="Products")
    must_be_text(app)
    shown = tables_of(app)
    top = long_tail.top_frame(ProductEvents.of(named_home).count().products)
    assert {found[product] for product in top[PRODUCT_ID]} <= shown
    assert set(top[PRODUCT_ID]) <= shown
    importance = open_page("pages/4_Importance.py")
    must_be_text(importance)
    importance.segmented_control[0].set_value("Prices").run()
    must_be_text(importance)
    assert len(tables_of(importance) & set(found.values())) >= 20
    category, label = next(iter(labels(named_home, CATEGORY_ID).items()))
    filtered = open_explore(view="Products", categories=category)
    must_be_text(filtered)
    assert label.split()[-1] in texts(filtered)


def test_the_mapping_form_suggests_names(tmp_path: Path, workspace: Workspace) -> None:
    def rename(events: pl.DataFrame) -> pl.DataFrame:
        names = ("Item " + pl.col(PRODUCT_ID)).alias("product_name")
        return events.with_columns(names).rename({"user_session": "visit"})

    files = files_in(tmp_path / "files", rename)
    app = fill_in_paths(files.train, files.test)
    assert next(box for box in app.selectbox if box.label == "Product name").value == "product_name"
    next(box for box in app.selectbox if box.label == "Category name").set_value("product_name").run()
    click(app, "Save the mapping")
    assert not app.exception
    saved = load_mapping(workspace.mappings / "My_shop.toml")
    assert saved.names_in_log() == {"product_name": "product_name", "category_name": "product_name"}
