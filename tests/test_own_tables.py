"""Tables of products and users: a log with a table equals a log whose rows have the table's cells."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import TextInput

from core.base.text import number
from core.base.workspace import Workspace
from core.cli import main
from core.cli.inputs import log_file
from core.cli.parser import build_parser
from core.config import RunConfig
from core.dataset import Dataset, list_datasets, table_lines
from core.demo import write_demo
from core.errors import InputError, RunError, SettingError
from core.features.table import build_features
from core.ingestion import DateSplit, InputFiles, ingest
from core.ingestion.attributes import AttributeTable, ReadAttributes, read_attributes, reading
from core.ingestion.attributes.completion import complete_with_tables
from core.ingestion.mapping import Mapping, mapping_text
from core.ingestion.mapping.toml_file import parse_mapping
from core.ingestion.preview import preview_rows
from core.ingestion.sources.uploads import list_uploads
from core.model import load_model, save_model
from core.pipeline.run import run as run_pipeline
from core.pipeline.score import score
from core.pipeline.verify import verify_run
from core.runs import Run
from core.runs.store import ANSWERS_FILE
from core.schema import PRODUCT_ID, SESSION_VALUE, USER_ID, USER_SESSION
from tests.test_pages import click, open_page, values
from tests.test_score_page import metrics

COLUMNS = {
    "price": {"column": "price", "kind": "money", "level": "product"},
    "brand": {"column": "brand", "kind": "category", "level": "product"},
    "joined": {"column": "joined", "kind": "time", "level": "user"},
    "club": {"column": "club", "kind": "flag", "level": "user"},
}
TABLE_OF = {"price": "products", "brand": "products", "joined": "users", "club": "users"}
IN_LOG = Mapping.checked(own=COLUMNS)
IN_TABLES = Mapping.checked(own={name: {**own, "table": TABLE_OF[name]} for name, own in COLUMNS.items()})
CONFIG = RunConfig(folds=2, learners=("lightgbm", "catboost"), combination="ridge")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small demo: with the cells on each row (whole_*.csv), and without them but with tables."""
    folder = tmp_path_factory.mktemp("tables")
    write_demo(folder, sessions=800, seed=1)
    files = {name: pl.read_csv(folder / f"{name}.csv") for name in ("train", "test")}
    both = pl.concat([file.select(PRODUCT_ID, USER_ID) for file in files.values()])
    number = pl.col(PRODUCT_ID).hash(0) % 97
    products = (
        both.select(PRODUCT_ID)
        .unique()
        .sort(PRODUCT_ID)
        .with_columns(
            pl.when(number > 3).then(number / 4).alias("price"),
            ("brand " + (number % 11).cast(pl.String)).alias("brand"),
        )
        .filter(pl.col(PRODUCT_ID).hash(5) % 9 > 0)  # some products of the log are not in the table
    )
    users = (
        both.select(USER_ID)
        .unique()
        .sort(USER_ID)
        .with_columns(
            (pl.date(2025, 1, 1) + pl.duration(days=pl.col(USER_ID).hash(2) % 90)).cast(pl.String).alias("joined"),
            pl.when(pl.col(USER_ID).hash(3) % 2 == 0).then(pl.lit("yes")).otherwise(pl.lit("no")).alias("club"),
        )
        .filter(pl.col(USER_ID).hash(6) % 9 > 0)
    )
    for name, events in files.items():
        whole = events.join(products, on=PRODUCT_ID, how="left", maintain_order="left")
        whole.join(users, on=USER_ID, how="left", maintain_order="left").write_csv(folder / f"whole_{name}.csv")
    never_seen = pl.DataFrame({PRODUCT_ID: ["NEVER SEEN"], "price": [1.0], "brand": ["none"]})
    pl.concat([products, never_seen]).write_csv(folder / "products.csv")
    users.write_parquet(folder / "users.parquet")
    return folder


def with_tables(folder: Path, mapping: Mapping = IN_TABLES) -> InputFiles:
    tables = {"products": folder / "products.csv", "users": folder / "users.parquet"}
    return InputFiles(folder / "train.csv", folder / "test.csv", mapping=mapping, tables=tables)


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_pipeline(with_tables(folder), CONFIG, Workspace(tmp_path_factory.mktemp("tables-home")))


@pytest.fixture(scope="module")
def run_of_rows(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same run on the log whose rows have the cells."""
    files = InputFiles(folder / "whole_train.csv", folder / "whole_test.csv", mapping=IN_LOG)
    return run_pipeline(files, CONFIG, Workspace(tmp_path_factory.mktemp("rows-home")))


def dataset_of(run: Run) -> Dataset:
    return Dataset(next(run.folder.parent.parent.glob("datasets/[!.]*")))


def products_with(folder: Path, path: Path, **columns: pl.Expr) -> Path:
    """Write the table of products with other columns."""
    pl.read_csv(folder / "products.csv").with_columns(**columns).write_csv(path)
    return path


# --- equal to a log with the cells on each row ------------------------------------------------------------------------
def test_events_and_features_equal_those_of_a_log_with_the_cells_on_each_row(run: Run, run_of_rows: Run) -> None:
    joined, on_rows = dataset_of(run), dataset_of(run_of_rows)
    for role in ("train", "test"):
        events = joined.events(role).collect()
        assert_frame_equal(events, on_rows.events(role).collect())
        assert events["own_brand"].null_count() > 0  # of the products that are not in the table
    assert joined.card().own == on_rows.card().own
    assert_frame_equal(build_features(joined, CONFIG).values, build_features(on_rows, CONFIG).values)


def test_predictions_equal_those_of_a_log_with_the_cells_on_each_row(run: Run, run_of_rows: Run) -> None:
    assert_frame_equal(run.table(ANSWERS_FILE).collect(), run_of_rows.table(ANSWERS_FILE).collect())
    assert {check.outcome for check in verify_run(run)} <= {"passed", "not applicable", "not_applicable"}


def test_the_card_counts_the_ids_of_the_log_that_the_tables_have(run: Run, folder: Path) -> None:
    card = dataset_of(run).card()
    files = [pl.read_csv(folder / f"{name}.csv") for name in ("train", "test")]
    tables = {"products": (pl.read_csv(folder / "products.csv"), PRODUCT_ID)}
    tables["users"] = (pl.read_parquet(folder / "users.parquet"), USER_ID)
    for name, (table, column) in tables.items():
        in_log = set(files[0][column]) | set(files[1][column])
        assert card.tables[name].ids == len(in_log)
        assert card.tables[name].known == len(in_log & set(table[column])) < len(in_log)
    assert "the others have empty cells" in table_lines(card)[0]


def test_one_log_that_is_split_by_date_takes_a_table(folder: Path, workspace: Workspace) -> None:
    own = {"brand": {"column": "brand", "kind": "category", "table": "products"}}
    files = InputFiles(
        folder / "train.csv",
        split=DateSplit(7),
        mapping=Mapping.checked(own=own),
        tables={"products": folder / "products.csv"},
    )
    dataset = ingest(files, workspace)
    brands = dict(pl.read_csv(folder / "products.csv").select(PRODUCT_ID, "brand").iter_rows())
    ids = dataset.dictionary(PRODUCT_ID).select("product", PRODUCT_ID)
    events = dataset.events("test").join(ids, on="product").collect()
    assert events["own_brand"].to_list() == [brands.get(product) for product in events[PRODUCT_ID]]
    assert events["own_brand"].count() > 0


# --- keys -------------------------------------------------------------------------------------------------------------
def read(path: Path, key: str = PRODUCT_ID) -> tuple[AttributeTable, int, int, int]:
    mapping = IN_TABLES.model_copy(update={"tables": Mapping.checked(tables={"products": {"key": key}}).tables})
    found = read_attributes(path, "products", mapping)
    return found.table, found.rows, found.repeated, found.broken


def test_keys_are_cleaned_like_the_ids_of_the_log(tmp_path: Path) -> None:
    rows = pl.DataFrame({"product_id": [12.0, 7.0, None], "price": [1.5, 2.5, 3.5], "brand": ["a", "b", "c"]})
    rows.write_parquet(tmp_path / "products.parquet")
    mapping = replace_least(IN_TABLES, 0.5)
    table = read_attributes(tmp_path / "products.parquet", "products", mapping).table
    price, brand = table.cells_of(pl.Series(["7", "12", "8", None, "7"]))
    assert price.to_list() == [2.5, 1.5, None, None, 2.5]
    assert brand.to_list() == ["b", "a", None, None, "b"]


def replace_least(mapping: Mapping, share: float) -> Mapping:
    keys = Mapping.checked(tables={"products": {"key": PRODUCT_ID}}).tables
    return mapping.model_copy(update={"least_usable": share, "tables": keys})


def test_every_id_of_a_large_table_is_found(tmp_path: Path) -> None:
    ids = [f"P{number}" for number in range(30_000)]
    table = AttributeTable("products", pl.DataFrame({PRODUCT_ID: ids, "own_n": range(30_000)}))
    asked = pl.Series([*reversed(ids), "P-1", "P30000"])
    (cells,) = table.cells_of(asked)
    assert cells.to_list() == [*range(29_999, -1, -1), None, None]
    assert table.has(asked).to_list() == [True] * 30_000 + [False, False]


def test_the_last_row_of_a_repeated_id_counts(tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    path.write_text("product_id,price,brand\nA,1,x\nB,2,y\nA,3,z\nB,2,y\nC,1,w\n,9,v\nD,1,x\nE,1,x\nF,1,x\nG,1,x\n")
    table, rows, repeated, broken = read(path)
    price, brand = table.cells_of(pl.Series(["A", "B"]))
    assert (price.to_list(), brand.to_list()) == (["3", "2"], ["z", "y"])
    assert (rows, repeated, broken) == (9, 1, 1)  # the two rows of B are equal


@pytest.mark.parametrize("header", ["product_id", "PRODUCT_ID", "Product ID", "sku", "Artikelnummer", "item_id"])
def test_the_key_is_found_by_its_name(folder: Path, tmp_path: Path, header: str) -> None:
    path = tmp_path / "products.csv"
    pl.read_csv(folder / "products.csv").rename({PRODUCT_ID: header}).write_csv(path)
    completed = complete_with_tables(Mapping(), {"products": path})
    assert completed.mapping.tables["products"].key == header
    assert set(completed.mapping.own) == {"price", "brand"}
    assert [own.level for own in completed.mapping.own.values()] == ["product", "product"]


def test_the_key_has_the_name_of_the_log_s_column(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    table = pl.read_csv(folder / "products.csv").rename({PRODUCT_ID: "our code"})
    table.with_columns(pl.lit("x").alias("sku")).write_csv(path)
    mapping = Mapping.checked(columns={"product_id": "Our_Code"})
    assert complete_with_tables(mapping, {"products": path}).mapping.tables["products"].key == "our code"


def test_the_mapping_names_the_key(folder: Path, tmp_path: Path, workspace: Workspace) -> None:
    path = tmp_path / "products.csv"
    table = pl.read_csv(folder / "products.csv").rename({PRODUCT_ID: "number on the shelf"})
    table.with_columns(pl.lit("x").alias(PRODUCT_ID)).write_csv(path)
    mapping = Mapping.checked(tables={"products": {"key": "number on the shelf"}})
    dataset = ingest(replace(with_tables(folder, mapping), tables={"products": path}), workspace)
    assert dataset.card().tables["products"].known > 200


# --- files that are no such table -------------------------------------------------------------------------------------
def no_key(folder: Path, path: Path) -> Path:
    pl.read_csv(folder / "products.csv").rename({PRODUCT_ID: "shelf"}).write_csv(path)
    return path


ID = pl.col(PRODUCT_ID)
WRONG: dict[str, tuple[str, Callable[[Path, Path], Path]]] = {
    "the train file": ("repeated_ids", lambda folder, path: folder / "train.csv"),
    "the sample submission": ("no_table_key", lambda folder, path: folder / "sample_submission.csv"),
    "no key": ("no_table_key", no_key),
    "missing": ("file_not_found", lambda folder, path: path),
    "a picture": ("not_a_table", lambda folder, path: (path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99)), path)[1]),
    "empty": ("empty_file", lambda folder, path: (path.write_bytes(b""), path)[1]),
    "only a header": ("empty_file", lambda folder, path: (path.write_text("product_id,brand\n"), path)[1]),
    "no ids": ("too_few_ids", lambda folder, path: products_with(folder, path, product_id=pl.lit(None))),
    "other ids": (
        "no_known_ids",
        lambda folder, path: products_with(folder, path, product_id="X" + pl.col(PRODUCT_ID)),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused(folder: Path, tmp_path: Path, workspace: Workspace, name: str) -> None:
    code, make = WRONG[name]
    files = replace(with_tables(folder, Mapping()), tables={"products": make(folder, tmp_path / "products.csv")})
    with pytest.raises(InputError) as caught:
        ingest(files, workspace)
    assert caught.value.code == code
    assert not [path for path in workspace.datasets.iterdir() if path.is_dir()]


def test_a_table_without_a_column_of_the_mapping_is_refused(folder: Path, tmp_path: Path, workspace: Workspace) -> None:
    path = tmp_path / "products.csv"
    pl.read_csv(folder / "products.csv").drop("brand").write_csv(path)
    files = with_tables(folder)
    with pytest.raises(InputError, match="has no column brand, which the mapping takes from the table of products"):
        ingest(replace(files, tables={**files.tables, "products": path}), workspace)


def test_a_mapping_with_columns_of_a_table_needs_the_table(folder: Path, workspace: Workspace) -> None:
    files = with_tables(folder)
    with pytest.raises(InputError) as caught:
        ingest(replace(files, tables={"users": files.tables["users"]}), workspace)
    assert caught.value.code == "table_needed"
    assert caught.value.actual == ["price", "brand"]


def test_a_log_without_users_takes_no_table_of_users(folder: Path, workspace: Workspace) -> None:
    mapping = Mapping.checked(columns={"user_id": None})
    files = replace(with_tables(folder, mapping), tables={"users": folder / "users.parquet"})
    with pytest.raises(SettingError, match="because the log has no users"):
        ingest(files, workspace)


def test_a_table_with_too_many_rows_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS", 100)
    with pytest.raises(InputError) as caught:
        read(folder / "products.csv")
    assert caught.value.code == "table_too_large"


# --- mappings ---------------------------------------------------------------------------------------------------------
def test_useful_columns_are_added_to_a_mapping_that_names_none(folder: Path, workspace: Workspace) -> None:
    card = ingest(with_tables(folder, Mapping()), workspace).card()
    found = {own.name: (own.kind, own.level) for own in card.own}
    assert found == {
        "price": ("money", "product"),
        "brand": ("category", "product"),
        "joined": ("time", "user"),
        "club": ("flag", "user"),
    }
    assert any("price and brand of products.csv are used" in note for note in card.mapping_notes)


def test_only_the_columns_that_a_mapping_names_are_used(folder: Path) -> None:
    own = {"brand": {"column": "brand", "kind": "category", "table": "products"}}
    completed = complete_with_tables(Mapping.checked(own=own), {"products": folder / "products.csv"})
    assert list(completed.mapping.own) == ["brand"]


def test_a_column_that_the_log_has_is_not_taken_from_the_table(folder: Path) -> None:
    mapping = Mapping.checked(own={"brand": {"column": "brand", "kind": "category", "level": "product"}})
    completed = complete_with_tables(mapping, {"products": folder / "products.csv"}).mapping
    assert {name: own.table for name, own in completed.own.items()} == {"brand": None, "price": "products"}


def test_a_mapping_with_tables_is_written_and_read() -> None:
    mapping = Mapping.checked(
        own={
            "brand": {"column": "Brand", "kind": "category", "table": "products"},
            "other": {"column": "Brand", "kind": "category"},  # a column of the log with the same name
        },
        tables={"products": {"key": "SKU"}},
    )
    assert parse_mapping(mapping_text(mapping).encode(), "mapping.toml") == mapping
    assert mapping.own["brand"].level == "product"


REFUSED = {
    "another level": {"own": {"a": {"column": "x", "kind": "flag", "table": "users", "level": "event"}}},
    "an unknown table": {"own": {"a": {"column": "x", "kind": "flag", "table": "shops"}}},
    "a table that is no text": {"own": {"a": {"column": "x", "kind": "flag", "table": 3}}},
    "a column twice": {
        "own": {name: {"column": "x", "kind": "flag", "table": "users"} for name in ("a", "b")},
    },
    "an unknown key": {"tables": {"users": {"keys": "x"}}},
    "no key": {"tables": {"users": {}}},
    "a text": {"tables": {"users": "x"}},
    "another table": {"tables": {"shops": {"key": "x"}}},
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_settings_of_tables_are_checked(name: str) -> None:
    with pytest.raises(SettingError):
        Mapping.checked(**REFUSED[name])


def test_the_preview_has_the_cells_of_the_table(folder: Path) -> None:
    completed = complete_with_tables(IN_TABLES, with_tables(folder).tables).mapping
    table = read_attributes(folder / "products.csv", "products", completed).table
    preview = preview_rows(folder / "train.csv", completed, with_value=True, tables=[table])
    brands = dict(pl.read_csv(folder / "products.csv").select(PRODUCT_ID, "brand").iter_rows())
    assert preview["own_brand"].to_list() == [brands.get(product) for product in preview[PRODUCT_ID]]


# --- stored datasets --------------------------------------------------------------------------------------------------
def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_the_fingerprint_has_the_content_of_a_table_only_if_there_is_one(
    folder: Path, tmp_path: Path, workspace: Workspace
) -> None:
    parts = {name: sha256((folder / f"{name}.csv").read_bytes()) for name in ("test", "train")}
    plain = ingest(InputFiles(folder / "train.csv", folder / "test.csv"), workspace)
    empty_digest = sha256(b"{}")[:12]
    content = "".join(f"{name}:{digest};" for name, digest in parts.items())
    assert plain.fingerprint == sha256(f"events-3{empty_digest}{content}".encode())
    own = {"brand": {"column": "brand", "kind": "category"}}
    assert Mapping.checked(own=own).digest == sha256(json.dumps({"own": own}, sort_keys=True).encode())[:12]

    mapped = ingest(with_tables(folder), workspace)
    renamed = tmp_path / "another name.csv"
    renamed.write_bytes((folder / "products.csv").read_bytes())
    files = with_tables(folder)
    again = ingest(replace(files, tables={**files.tables, "products": renamed}), workspace)
    assert again.fingerprint == mapped.fingerprint
    assert again.card().tables["products"].name == "another name.csv"
    other = products_with(folder, tmp_path / "other.csv", price=pl.col("price") + 1)
    assert (
        ingest(replace(files, tables={**files.tables, "products": other}), workspace).fingerprint != mapped.fingerprint
    )


def test_only_ids_and_used_columns_of_a_table_are_stored(folder: Path, tmp_path: Path, workspace: Workspace) -> None:
    path = products_with(folder, tmp_path / "products.csv", secret=pl.lit("secret"))
    files = with_tables(folder)
    dataset = ingest(replace(files, tables={**files.tables, "products": path}), workspace)
    stored = pl.read_parquet(dataset.verified_file("table_products.parquet"))
    assert stored.columns == [PRODUCT_ID, "own_price", "own_brand"]
    assert stored.height == pl.read_csv(path).height  # a later file may have other products


# --- models -----------------------------------------------------------------------------------------------------------
def test_a_later_file_is_valued_with_the_table_of_the_run(run: Run, folder: Path) -> None:
    expected = run.table(ANSWERS_FILE).filter(pl.col("source") != "known").collect().sort(USER_SESSION)
    scores = score(load_model(run), folder / "test.csv")
    values = scores.values.join(expected, on=USER_SESSION, how="semi").sort(USER_SESSION)
    np.testing.assert_array_equal(values[SESSION_VALUE], expected[SESSION_VALUE])
    in_table = set(pl.read_csv(folder / "products.csv")[PRODUCT_ID])
    products = pl.read_csv(folder / "test.csv")[PRODUCT_ID].unique()
    assert scores.in_tables["products"] == pytest.approx(products.is_in(list(in_table)).mean())
    assert any("are not in the table of products" in line for line in scores.lines())


def test_a_later_file_is_valued_with_another_table(run: Run, folder: Path, tmp_path: Path) -> None:
    """New products get their cells from the new table, as if the rows had them."""
    later = pl.read_csv(folder / "test.csv").with_columns((pl.lit("L") + pl.col(PRODUCT_ID, USER_SESSION)).name.keep())
    later.write_csv(tmp_path / "later.csv")
    new = products_with(folder, tmp_path / "new.csv", product_id="L" + pl.col(PRODUCT_ID))
    model = load_model(run)
    replaced = score(model, tmp_path / "later.csv", tables={"products": new}).values
    old = score(model, tmp_path / "later.csv").values
    assert not replaced.equals(old)

    users = pl.read_parquet(folder / "users.parquet")
    rows = later.join(pl.read_csv(new), on=PRODUCT_ID, how="left", maintain_order="left")
    rows = rows.join(users, on=USER_ID, how="left", maintain_order="left")
    on_rows = replace(model, mapping=IN_LOG, tables=()).predict(rows)
    assert_frame_equal(replaced, on_rows)


def test_rows_that_are_known_count_once_if_the_table_is_replaced(run: Run, folder: Path, tmp_path: Path) -> None:
    other = products_with(folder, tmp_path / "other.csv", brand=pl.lit("one brand"))
    model = load_model(run).with_tables({"products": other})
    with model.scoring(folder / "test.csv") as scoring:
        events = scoring.advanced().history.events
    assert events.height == model.history.events.height
    in_test = pl.read_csv(folder / "test.csv").height
    assert events.filter(pl.col("own_brand") == "one brand").height > in_test / 2


def test_a_saved_model_keeps_its_tables(run: Run, folder: Path, tmp_path: Path) -> None:
    other = products_with(folder, tmp_path / "other.csv", price=pl.col("price") * 2)
    target = tmp_path / "model"
    target.mkdir()
    replaced = load_model(run).with_tables({"products": other})
    save_model(replaced, target)
    again = load_model(target)
    assert {table.name for table in again.tables} == {"products", "users"}
    assert again.predict(folder / "test.csv").equals(replaced.predict(folder / "test.csv"))
    assert not again.predict(folder / "test.csv").equals(load_model(run).predict(folder / "test.csv"))


@pytest.mark.parametrize("damage", ["lost", "changed", "not listed", "repeated ids", "other columns"])
def test_a_model_with_a_damaged_table_is_refused(run: Run, tmp_path: Path, damage: str) -> None:
    target = tmp_path / "model"
    target.mkdir()
    model = load_model(run)
    tables = {table.name: table for table in model.tables}
    if damage == "not listed":
        del tables["products"]
    if damage == "repeated ids":
        tables["products"] = AttributeTable("products", pl.concat([tables["products"].rows.head(2)] * 2))
    if damage == "other columns":
        tables["products"] = tables["products"].with_columns_of(["own_price"])
    save_model(replace(model, tables=tuple(tables.values())), target)
    path = target / "tables" / "table_products.parquet"
    if damage == "lost":
        path.unlink()
    if damage == "changed":
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(RunError) as caught:
        load_model(target)
    assert caught.value.code == "damaged_model"


def test_a_model_refuses_a_table_that_it_does_not_use(run: Run, run_of_rows: Run, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="because the model of this run uses no table of products"):
        load_model(run_of_rows).with_tables({"products": folder / "products.csv"})
    path = tmp_path / "products.csv"
    pl.read_csv(folder / "products.csv").drop("brand").write_csv(path)
    with pytest.raises(InputError) as caught:
        load_model(run).with_tables({"products": path})
    assert caught.value.code == "missing_table_columns"


def test_a_model_without_tables_has_no_folder_for_them(run_of_rows: Run) -> None:
    assert not (run_of_rows.folder / "model" / "tables").exists()


# --- command line -----------------------------------------------------------------------------------------------------
def test_the_command_line_takes_tables(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--train", str(folder / "train.csv"), "--test", str(folder / "test.csv")]
    tables = ["--products", str(folder / "products.csv"), "--users", str(folder / "users.parquet")]
    target = tmp_path / "mapping.toml"
    assert main(["mapping", "guess", str(folder / "train.csv"), *tables, "--out", str(target)]) == 0
    assert "of the product, from the table of products: price (money), brand (category)" in capsys.readouterr().out
    assert main(["ingest", *files, *tables, "--mapping", str(target), "--json"]) == 0
    card = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(card["tables"]) == {"products", "users"}
    assert {own["name"] for own in card["own"]} == set(COLUMNS)
    keys = tmp_path / "keys.toml"
    keys.write_text('[tables.products]\nkey = "brand"\n')
    assert main(["mapping", "guess", str(folder / "train.csv"), *tables, "--mapping", str(keys), "--json"]) == 0
    assert 'key = "brand"' in json.loads(capsys.readouterr().out.splitlines()[-1])["mapping"]
    assert main(["ingest", *files, "--mapping", str(target)]) == 2
    assert "--products" in capsys.readouterr().err
    assert main(["run", "--dataset", card["fingerprint"], *tables]) == 2
    assert "--products" in capsys.readouterr().err
    assert main(["mapping", "preview", str(folder / "train.csv"), *tables, "--mapping", str(target)]) == 0
    assert "own_brand" in capsys.readouterr().out


def test_the_command_line_scores_with_another_table(
    run: Run, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = products_with(folder, tmp_path / "other.csv", price=pl.col("price") * 2)
    arguments = ["score", "--run", str(run.folder), "--events", str(folder / "test.csv"), "--json"]
    sums = []
    for tables in ([], ["--products", str(folder / "products.csv")], ["--products", str(other)]):
        assert main([*arguments, *tables]) == 0
        sums.append(json.loads(capsys.readouterr().out.splitlines()[-1])["value_sum"])
    assert sums[0] == sums[1] != sums[2]


def test_backtests_take_tables(folder: Path) -> None:
    arguments = ["backtest", "--events", "events.csv", "--test-days", "7", "--products", str(folder / "products.csv")]
    assert log_file(build_parser().parse_args(arguments)).tables == {"products": folder / "products.csv"}


def test_a_table_that_changes_while_the_log_is_read_is_refused(
    folder: Path, tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = products_with(folder, tmp_path / "products.csv")

    def read_and_change(*arguments: Any) -> ReadAttributes:
        found = read_attributes(*arguments)
        with path.open("a") as file:
            file.write("new,1,x\n")
        return found

    monkeypatch.setattr(sys.modules["core.ingestion.ingest"], "read_attributes", read_and_change)
    with pytest.raises(InputError) as caught:
        ingest(replace(with_tables(folder, Mapping()), tables={"products": path}), workspace)
    assert caught.value.code == "file_changed"


# --- pages ------------------------------------------------------------------------------------------------------------
def field_of(app: AppTest, label: str) -> TextInput:
    return next(field for field in app.text_input if field.label == label)


def with_a_table(workspace: Workspace) -> list[Dataset]:
    """The datasets with a table; the page has read the demo data as well."""
    return [dataset for dataset in list_datasets(workspace) if dataset.card().tables]


def data_page(folder: Path) -> AppTest:
    """The Data page, on which the event files are chosen by their paths."""
    app = open_page("pages/1_Data.py")
    app.segmented_control[0].set_value("Files on this machine").run()
    field_of(app, "Train file").set_value(str(folder / "train.csv"))
    return field_of(app, "Test file").set_value(str(folder / "test.csv")).run()


def test_the_data_page_takes_tables_by_path(folder: Path, workspace: Workspace) -> None:
    app = data_page(folder)
    field_of(app, "Table of products (optional)").set_value(str(folder / "products.csv")).run()
    assert any("Columns price and brand of products.csv are used" in text for text in values(app.caption))
    click(app, "Read the files")
    assert not app.exception
    assert not app.error
    (dataset,) = with_a_table(workspace)
    assert {own.name for own in dataset.card().used_own} == {"price", "brand"}
    assert any("of the log are in this table" in text for text in values(app.caption))


def test_the_data_page_says_what_is_wrong_with_a_table(folder: Path, workspace: Workspace) -> None:
    app = data_page(folder)
    field_of(app, "Table of users (optional)").set_value(str(folder / "sample_submission.csv")).run()
    assert any("has no column user_id" in text for text in values(app.warning))
    assert next(button for button in app.button if button.label == "Read the files").disabled
    assert with_a_table(workspace) == []


def test_uploaded_tables_are_deleted_when_they_are_a_dataset(folder: Path, workspace: Workspace) -> None:
    app = open_page("pages/1_Data.py")
    labels = {"Train file": "train.csv", "Test file": "test.csv", "Table of products": "products.csv"}
    for label, name in labels.items():
        field = next(field for field in app.file_uploader if field.label.startswith(label))
        field.upload(name, (folder / name).read_bytes()).run()
    assert len(list_uploads(workspace)) == 3
    click(app, "Read the files")
    assert not app.exception
    assert list_uploads(workspace) == []
    (dataset,) = with_a_table(workspace)
    assert set(dataset.card().tables) == {"products"}


def test_the_score_page_takes_a_newer_table(run: Run, folder: Path, tmp_path: Path, workspace: Workspace) -> None:
    shutil.copytree(run.folder.parent.parent, workspace.root, dirs_exist_ok=True)
    other = products_with(folder, tmp_path / "other.csv", price=pl.col("price") * 2)
    shown = []
    for path in ("", str(other)):
        app = open_page("pages/6_Score.py")
        app.segmented_control[0].set_value("File on this machine").run()
        field_of(app, "Event file").set_value(str(folder / "test.csv")).run()
        field_of(app, "Table of products (optional)").set_value(path).run()
        click(app, "Predict values")
        assert not app.exception
        assert not app.error
        shown.append(metrics(app)["Predicted total"])
    assert shown[0] == number(score(load_model(run), folder / "test.csv").value_sum)
    assert shown[1] == number(score(load_model(run), folder / "test.csv", tables={"products": other}).value_sum)
    assert shown[0] != shown[1]
