"""The demo files resemble the real competition files, have their known flaws, and are reproducible."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from core.base.workspace import DEMO_FOLDER
from core.demo import write_demo
from core.demo.browsing import browse, thin
from core.demo.calibration import SHOP
from core.demo.crowd import Crowd, coprime_stride
from core.demo.text import cents, join_lines
from core.errors import Cancelled, SettingError
from core.ingestion.mapping import load_mapping
from core.schema import EVENT_COLUMNS, EVENT_TYPES, SUBMISSION_COLUMNS, TRAIN_COLUMNS

FULL = 101_500  # the competition's size
SMALL = 1_000  # enough for every flaw, written in 0.05 s
COMMITTED = 9_500  # the largest round number whose files stay under 1.9 MB
FILES = {"train.csv", "test.csv", "sample_submission.csv", "truth.csv", "demo.json"}
LOST = "SESSION_000000"

# Published figures of the real files, and the relative tolerance of the demo. It is 15% for sizes, values and event
# counts, and larger for figures that depend on few rows or were not fitted directly.
FACTS: dict[str, tuple[float, float]] = {
    "rows": (204_170, 0.15),
    "train sessions": (70_736, 0.15),
    "test sessions": (30_789, 0.15),
    "value mean": (42.20, 0.15),
    "value sd": (47.55, 0.15),
    "value q25": (18.53, 0.15),
    "value median": (30.75, 0.15),
    "value q75": (46.62, 0.15),
    "value q90": (86.48, 0.15),
    "value q95": (121.33, 0.15),
    "value min": (5.38, 0.15),
    "value log sd": (0.744, 0.15),
    "VIEW share": (0.417, 0.15),
    "ADD_CART share": (0.300, 0.15),
    "REMOVE_CART share": (0.181, 0.15),
    "BUY share": (0.102, 0.15),
    "events a session": (2.02, 0.15),
    "events sd": (2.6, 0.15),
    "one event": (0.64, 0.15),
    "events p90": (4, 0.15),
    "events p95": (6, 0.15),
    "events p99": (12, 0.15),
    "buying sessions": (0.124, 0.15),
    "one BUY of buying": (0.62, 0.15),
    "two BUYs of buying": (0.225, 0.2),
    "correlation BUY": (0.84, 0.15),
    "correlation ADD_CART": (0.36, 0.15),
    "correlation any BUY": (0.69, 0.15),
    "correlation events": (0.54, 0.15),
    "correlation products": (0.54, 0.15),
    "mean of one VIEW": (26, 0.15),
    "mean of one ADD_CART": (39, 0.15),
    "mean of one REMOVE_CART": (16, 0.25),
    "mean of one BUY": (98, 0.15),
    "mean of two BUYs": (152, 0.2),
    "value added by a BUY": (53.7, 0.15),
    "value added by an ADD_CART": (7.8, 0.2),
    "sessions a user": (1.365, 0.15),
    "test users seen in train": (0.204, 0.15),
    "train products": (26_470, 0.15),
    "products": (29_382, 0.15),
    "new among test products": (0.167, 0.25),
    "top 1 % of products": (0.13, 0.2),
    "top 10 % of products": (0.46, 0.15),
    "categories": (448, 0.15),
    "top 10 categories": (0.333, 0.3),
    "top 50 categories": (0.667, 0.15),
    "BUYs with their ADD_CART": (0.055, 0.2),
    "sessions of 0 s": (0.667, 0.15),
    "gap p75": (151, 0.3),
    "weekend rows": (0.31, 0.15),
    "sessions in both": (210, 0.25),
}


def _sha(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def _read(folder: Path) -> SimpleNamespace:
    when = pl.col("event_time").str.to_datetime("%Y-%m-%d %H:%M:%S%:z")
    return SimpleNamespace(
        train=pl.read_csv(folder / "train.csv").with_columns(when),
        test=pl.read_csv(folder / "test.csv").with_columns(when),
        sample=pl.read_csv(folder / "sample_submission.csv"),
        truth=pl.read_csv(folder / "truth.csv"),
        json=json.loads((folder / "demo.json").read_text()),
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("demo")
    summary = write_demo(folder, sessions=FULL)
    return SimpleNamespace(folder=folder, summary=summary, **vars(_read(folder)))


@pytest.fixture(scope="module")
def sessions(demo: SimpleNamespace) -> pl.DataFrame:
    """One row per train session: value, event counts by type, duration and number of products."""
    counts = [(pl.col("event_type") == word).sum().cast(pl.Float64).alias(word) for word in EVENT_TYPES]
    return demo.train.group_by("user_session").agg(
        pl.col("session_value").first().alias("value"),
        pl.col("user_id").first(),
        pl.len().cast(pl.Float64).alias("events"),
        pl.col("product_id").n_unique().cast(pl.Float64).alias("products"),
        (pl.col("event_time").max() - pl.col("event_time").min()).dt.total_seconds().alias("seconds"),
        *counts,
    )


@pytest.fixture(scope="module")
def figures(demo: SimpleNamespace, sessions: pl.DataFrame) -> dict[str, float]:
    """The figures of FACTS, computed from the demo."""
    return dict(
        [*_value_facts(sessions), *_event_facts(demo.train, sessions), *_people_and_products(demo), *_time_facts(demo)]
    ) | {
        "rows": len(demo.train) + len(demo.test),
        "train sessions": len(sessions),
        "test sessions": demo.test["user_session"].n_unique(),
        "sessions of 0 s": (sessions["seconds"] == 0).mean(),
    }


def _value_facts(sessions: pl.DataFrame) -> Iterator[tuple[str, float]]:
    value = sessions["value"]
    yield from {"value mean": value.mean(), "value sd": value.std(), "value min": value.min()}.items()
    yield "value log sd", value.log1p().std()
    for name, share in {"q25": 0.25, "median": 0.5, "q75": 0.75, "q90": 0.9, "q95": 0.95}.items():
        yield f"value {name}", value.quantile(share)
    for name, column in {"BUY": "BUY", "ADD_CART": "ADD_CART", "events": "events", "products": "products"}.items():
        yield f"correlation {name}", np.corrcoef(sessions[column], value)[0, 1]
    yield "correlation any BUY", np.corrcoef(sessions["BUY"] > 0, value)[0, 1]
    for words, count in {"one": 1, "two": 2}.items():
        for event_type in EVENT_TYPES:
            only = sessions.filter((pl.col(event_type) == count) & (pl.col("events") == count))
            yield f"mean of {words} {event_type}{'s' if count > 1 else ''}", only["value"].mean()
    design = np.column_stack([np.ones(len(sessions)), sessions.select(EVENT_TYPES).to_numpy()])
    coefficients = np.linalg.lstsq(design, value.to_numpy(), rcond=None)[0]
    yield "value added by an ADD_CART", coefficients[2]
    yield "value added by a BUY", coefficients[4]


def _event_facts(train: pl.DataFrame, sessions: pl.DataFrame) -> Iterator[tuple[str, float]]:
    for word in EVENT_TYPES:
        yield f"{word} share", (train["event_type"] == word).mean()
    events = sessions["events"]
    yield from {"events a session": events.mean(), "events sd": events.std(), "one event": (events == 1).mean()}.items()
    for percent in (90, 95, 99):
        yield f"events p{percent}", events.quantile(percent / 100)
    buying = sessions.filter(pl.col("BUY") > 0)["BUY"]
    yield "buying sessions", len(buying) / len(sessions)
    yield "one BUY of buying", (buying == 1).mean()
    yield "two BUYs of buying", (buying == 2).mean()
    pair = ["user_session", "product_id"]
    buys = train.filter(pl.col("event_type") == "BUY")
    yield (
        "BUYs with their ADD_CART",
        len(buys.join(train.filter(pl.col("event_type") == "ADD_CART"), on=pair, how="semi")) / len(buys),
    )


def _people_and_products(demo: SimpleNamespace) -> Iterator[tuple[str, float]]:
    train, test = demo.train, demo.test
    yield "sessions a user", train["user_session"].n_unique() / train["user_id"].n_unique()
    for name, column in {"test users seen in train": "user_id", "new among test products": "product_id"}.items():
        in_test = test[column].unique()
        share = in_test.is_in(train[column].unique().implode()).mean()
        yield name, share if name.endswith("train") else 1 - share
    yield "train products", train["product_id"].n_unique()
    yield "products", pl.concat([train["product_id"], test["product_id"]]).n_unique()
    yield "sessions in both", len(set(train["user_session"]) & set(test["user_session"]))
    rows = np.sort(train["product_id"].value_counts()["count"].to_numpy())[::-1]
    yield "top 1 % of products", rows[: len(rows) // 100].sum() / len(train)
    yield "top 10 % of products", rows[: len(rows) // 10].sum() / len(train)
    rows = np.sort(train["category_id"].value_counts()["count"].to_numpy())[::-1]
    yield "categories", len(rows)
    yield "top 10 categories", rows[:10].sum() / len(train)
    yield "top 50 categories", rows[:50].sum() / len(train)


def _time_facts(demo: SimpleNamespace) -> Iterator[tuple[str, float]]:
    rows = pl.concat([demo.train.select(EVENT_COLUMNS), demo.test])
    yield "weekend rows", (rows["event_time"].dt.weekday() > 5).mean()
    ordered = demo.train.sort("user_session", "event_time")
    gaps = ordered.select(pl.col("event_time").diff().over("user_session").dt.total_seconds()).drop_nulls().to_series()
    yield "gap median", gaps.median()
    yield "gap p75", gaps.quantile(0.75)


@pytest.mark.parametrize("fact", FACTS)
def test_the_demo_agrees_with_the_published_figures(fact: str, figures: dict[str, float]) -> None:
    target, tolerance = FACTS[fact]
    assert figures[fact] == pytest.approx(target, rel=tolerance)


def test_the_highest_value_is_in_the_low_thousands(sessions: pl.DataFrame) -> None:
    assert 900 < sessions["value"].max() < 5_000


def test_rows_by_hour_of_day_match_the_real_files(demo: SimpleNamespace) -> None:
    rows = demo.train["event_time"].dt.hour().value_counts().sort("event_time")["count"].to_numpy()
    expected = np.asarray(SHOP.hour_weights)
    # The absolute tolerance allows for long sessions that continue into the night.
    np.testing.assert_allclose(rows / rows.sum(), expected / expected.sum(), rtol=0.05, atol=0.005)


def test_half_the_gaps_between_events_are_zero_seconds_and_the_longest_are_days(
    figures: dict[str, float], sessions: pl.DataFrame
) -> None:
    assert figures["gap median"] == 0
    assert sessions["seconds"].max() > 5 * 86_400


# --- what can be learned ---------------------------------------------------------------------------------------------


def _fit(sessions: pl.DataFrame) -> np.ndarray:
    """Predict values by a linear model of counts by type and of which types occur."""
    counts = sessions.select(EVENT_TYPES).to_numpy()
    design = np.column_stack([np.ones(len(counts)), counts, counts > 0])
    return design @ np.linalg.lstsq(design, sessions["value"].to_numpy(), rcond=None)[0]


def test_counts_by_type_explain_most_but_not_nearly_all_of_the_variance(sessions: pl.DataFrame) -> None:
    value = sessions["value"].to_numpy()
    unexplained = np.mean((value - _fit(sessions)) ** 2) / value.var()
    assert 0.15 < unexplained < 0.40


def test_values_of_other_sessions_with_a_product_predict_the_value(
    demo: SimpleNamespace, sessions: pl.DataFrame
) -> None:
    with_residuals = sessions.with_columns(residual=pl.Series(sessions["value"].to_numpy() - _fit(sessions)))
    single_buys = with_residuals.filter((pl.col("BUY") == 1) & (pl.col("user_session") != LOST))
    bought = demo.train.filter(pl.col("event_type") == "BUY").join(single_buys, on="user_session")
    total, count = pl.col("residual").sum().over("product_id"), pl.len().over("product_id")
    others = bought.with_columns(n=count, others=(total - pl.col("residual")) / (count - 1)).filter(pl.col("n") > 2)
    assert np.corrcoef(others["residual"], others["others"])[0, 1] > 0.2


def test_values_of_a_user_in_train_predict_the_values_in_test(demo: SimpleNamespace, sessions: pl.DataFrame) -> None:
    single = [("events", 1.0), ("VIEW", 1.0)]
    in_train = sessions.filter(*[pl.col(name) == count for name, count in single]).group_by("user_id")
    by_user = in_train.agg(before=pl.col("value").log().mean())
    in_test = demo.test.filter(pl.len().over("user_session") == 1, pl.col("event_type") == "VIEW")
    both = in_test.join(demo.truth, on="user_session").join(by_user, on="user_id")
    assert len(both) > 500
    assert np.corrcoef(both["session_value"].log(), both["before"])[0, 1] > 0.04


# --- known flaws -----------------------------------------------------------------------------------------------------


def test_demo_json_matches_counts_of_the_files(demo: SimpleNamespace) -> None:
    train, test, stated = demo.train, demo.test, demo.json
    shared = set(train["user_session"]) & set(test["user_session"])
    lost = pl.col("user_session") == LOST
    assert stated == asdict(demo.summary) == {
        "synthetic": True,
        "seed": 7,
        "sessions_asked": FULL,
        "sessions": len(set(train["user_session"]) | set(test["user_session"])),
        "train_rows": len(train),
        "test_rows": len(test),
        "train_sessions": train["user_session"].n_unique(),
        "test_sessions": test["user_session"].n_unique(),
        "train_users": train["user_id"].n_unique(),
        "test_users": test["user_id"].n_unique(),
        "users_in_both": len(set(train["user_id"]) & set(test["user_id"])),
        "train_products": train["product_id"].n_unique(),
        "test_products": test["product_id"].n_unique(),
        "products_new_in_test": len(set(test["product_id"]) - set(train["product_id"])),
        "known_sessions": len(shared - {LOST}),
        "composite_session": LOST,
        "composite_train_rows": len(train.filter(lost)),
        "composite_test_rows": len(test.filter(lost)),
        "composite_train_users": train.filter(lost)["user_id"].n_unique(),
        "composite_test_users": test.filter(lost)["user_id"].n_unique(),
    }  # fmt: skip
    assert stated["sessions"] == FULL


def test_the_lost_session_id_is_shared_by_users_throughout_the_month(demo: SimpleNamespace) -> None:
    lost = demo.train.filter(pl.col("user_session") == LOST)
    assert (lost["user_id"].n_unique(), lost["session_value"].n_unique()) == (21, 1)
    assert 22 <= len(lost) <= 40
    assert (lost["event_time"].max() - lost["event_time"].min()).days >= 15
    assert demo.summary.composite_test_users == 17


def test_every_other_session_has_one_user_and_one_value(demo: SimpleNamespace) -> None:
    rows = pl.concat([demo.train.select(EVENT_COLUMNS), demo.test]).filter(pl.col("user_session") != LOST)
    assert rows.group_by("user_session").agg(pl.col("user_id").n_unique())["user_id"].max() == 1
    values = demo.train.group_by("user_session").agg(pl.col("session_value").n_unique())
    assert values["session_value"].max() == 1


def test_a_known_session_has_the_same_value_in_train_and_test(demo: SimpleNamespace) -> None:
    values = demo.train.select(SUBMISSION_COLUMNS).unique().filter(pl.col("user_session") != LOST)
    known = values.join(demo.truth, on="user_session")
    assert len(known) == demo.summary.known_sessions > 150
    assert (known["session_value"] == known["session_value_right"]).all()


def test_train_ends_where_test_begins(demo: SimpleNamespace) -> None:
    days = {role: getattr(demo, role)["event_time"].dt.date() for role in ("train", "test")}
    assert [str(days["train"].min()), str(days["train"].max())] == ["2025-06-01", "2025-06-21"]
    assert [str(days["test"].min()), str(days["test"].max())] == ["2025-06-22", "2025-06-30"]


def test_rows_are_grouped_by_type_and_not_in_time_order(demo: SimpleNamespace) -> None:
    for frame in (demo.train, demo.test):
        order = frame["event_type"].rle().struct.field("value").to_list()
        assert order == ["ADD_CART", "VIEW", "REMOVE_CART", "BUY"]
        assert not frame["event_time"].is_sorted()


def test_a_product_has_one_category(demo: SimpleNamespace) -> None:
    pairs = pl.concat([demo.train.select(EVENT_COLUMNS), demo.test]).select("product_id", "category_id").unique()
    assert pairs["product_id"].is_unique().all()


# --- the files -------------------------------------------------------------------------------------------------------


def test_columns_are_those_of_the_competition(demo: SimpleNamespace) -> None:
    assert {path.name for path in demo.folder.iterdir()} == FILES
    assert demo.train.columns == list(TRAIN_COLUMNS)
    assert demo.test.columns == list(EVENT_COLUMNS)
    assert demo.sample.columns == demo.truth.columns == list(SUBMISSION_COLUMNS)


def test_every_line_has_the_format_of_the_real_files(demo: SimpleNamespace) -> None:
    event = (
        r"2025-06-\d\d \d\d:\d\d:\d\d\+00:00,(VIEW|ADD_CART|REMOVE_CART|BUY),"
        r"PROD_\d{6},CAT_\d{5},USER_\d{6},SESSION_\d{6}"
    )
    for name, pattern in {
        "train.csv": rf"^{event},[1-9]\d*\.\d\d$",
        "test.csv": rf"^{event}$",
        "sample_submission.csv": r"^SESSION_\d{6},0\.0$",
        "truth.csv": r"^SESSION_\d{6},[1-9]\d*\.\d\d$",
    }.items():
        lines = pl.Series((demo.folder / name).read_text().splitlines()[1:])
        assert lines.str.contains(pattern).all(), name


def test_both_answer_files_list_each_test_session_once_in_the_same_order(demo: SimpleNamespace) -> None:
    assert demo.sample["user_session"].to_list() == demo.truth["user_session"].to_list()
    assert demo.truth["user_session"].is_unique().all()
    assert set(demo.truth["user_session"]) == set(demo.test["user_session"])
    assert demo.truth["session_value"].min() > 4


# --- reproducibility ---------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes_and_another_seed_different_ones(tmp_path: Path) -> None:
    for name, seed in {"one": 3, "again": 3, "other": 4}.items():
        write_demo(tmp_path / name, sessions=SMALL, seed=seed)
    assert _sha(tmp_path / "one") == _sha(tmp_path / "again")
    assert not set(_sha(tmp_path / "one").values()) & set(_sha(tmp_path / "other").values())


def test_the_committed_demo_equals_the_output_of_the_generator(tmp_path: Path) -> None:
    write_demo(tmp_path, sessions=COMMITTED, seed=7)
    committed = {name: digest for name, digest in _sha(DEMO_FOLDER).items() if name in FILES}
    assert committed == _sha(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1_900_000


def test_the_committed_demo_has_known_sessions_and_the_lost_id() -> None:
    stated = json.loads((DEMO_FOLDER / "demo.json").read_text())
    assert stated["known_sessions"] >= 5
    assert (stated["composite_train_users"], stated["composite_test_users"]) == (21, 17)


@pytest.mark.parametrize("sessions", [200, 333])
def test_small_demos_have_the_flaws_in_proportion(sessions: int, tmp_path: Path) -> None:
    summary = write_demo(tmp_path, sessions=sessions)
    files = _read(tmp_path)
    assert len(set(files.train["user_session"]) | set(files.test["user_session"])) == sessions == summary.sessions
    assert summary.composite_train_users == summary.composite_test_users == sessions // 40
    assert files.truth["user_session"].is_unique().all()


def test_progress_rises_to_one(tmp_path: Path) -> None:
    shares: list[float] = []
    write_demo(tmp_path, sessions=60_000, progress=shares.append)
    assert len(shares) > 1
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_cancelled_demo_leaves_no_files(tmp_path: Path) -> None:
    def stop(_: float) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        write_demo(tmp_path, sessions=SMALL, progress=stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sessions", [199, 0, -1])
def test_too_few_sessions_are_refused(sessions: int, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=rf"--sessions.* {sessions}\b.* at least 200"):
        write_demo(tmp_path / "out", sessions=sessions)
    assert not (tmp_path / "out").exists()


def test_a_negative_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"--seed.* -1\b"):
        write_demo(tmp_path, sessions=200, seed=-1)


# --- the parts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 7, 600, 350_175])
def test_numbers_are_scattered_without_collisions(size: int) -> None:
    scattered = np.arange(size) * coprime_stride(size) % size
    assert len(np.unique(scattered)) == size


def test_user_factors_are_constant_per_user_with_mean_one() -> None:
    crowd = Crowd(size=200_000, salt=12345)
    users = np.arange(1, 200_001)
    factors = crowd.factors(users)
    assert factors.mean() == pytest.approx(1.0, abs=0.005)
    assert np.log(factors).std() == pytest.approx(SHOP.user_log_sd, rel=0.02)
    np.testing.assert_array_equal(crowd.factors(users[::-1]), factors[::-1])


def test_values_are_written_with_two_decimals_whatever_their_length() -> None:
    assert join_lines([*cents(np.array([538, 4_220, 232_866])), b"\n"]) == b"5.38\n42.20\n2328.66\n"


def test_own_columns_are_written_with_a_mapping_and_change_nothing_else(tmp_path: Path) -> None:
    write_demo(tmp_path / "plain", sessions=300, seed=5)
    write_demo(tmp_path / "own", sessions=300, seed=5, own_columns=True)
    for name in ("train", "test"):
        plain, own = (pl.read_csv(tmp_path / folder / f"{name}.csv") for folder in ("plain", "own"))
        assert own.select(plain.columns).equals(plain)
        assert own.columns[len(plain.columns) :] == ["price", "brand", "device"]
        assert own["price"].min() > 0
        for key, column in (("product_id", "price"), ("product_id", "brand"), ("user_id", "device")):
            assert own.group_by(key).agg(pl.col(column).n_unique())[column].max() == 1
    assert load_mapping(tmp_path / "own" / "mapping.toml").own["price"].kind == "money"
    assert not (tmp_path / "plain" / "mapping.toml").exists()
    write_demo(tmp_path / "own", sessions=300, seed=5)
    assert not (tmp_path / "own" / "mapping.toml").exists(), "it names columns that the events no longer have"
    (tmp_path / "plain" / "mapping.toml").write_text("# mine\n")
    write_demo(tmp_path / "plain", sessions=300, seed=5)
    assert (tmp_path / "plain" / "mapping.toml").exists()


def test_too_few_sessions_with_a_row_are_an_error() -> None:
    rng = np.random.default_rng(1)
    log = browse(rng, 100)
    with pytest.raises(ValueError, match=r"sessions of the log have a row, but 100 are needed"):
        thin(rng, log, 100)
