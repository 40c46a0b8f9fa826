"""History features do not leak, and feature tables are the same bytes in any process."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.base.workspace import Workspace
from core.config import RunConfig
from core.dataset import Dataset
from core.features import (
    GROUPS,
    FeatureTable,
    build_features,
    changed_by_later_sessions,
    compute_features,
)
from core.features.leakage_check import HISTORY_GROUPS
from core.features.session_log import HistoryMode
from core.features.units import events_and_units
from core.ingestion import InputFiles, ingest
from core.pipeline.run import certify_history
from core.schema import EVENT_CODE
from tests.events_on_the_spot import NOON

QUICKLY = settings(max_examples=25, deadline=None, derandomize=True)
PROJECT = Path(__file__).resolve().parent.parent
HISTORIES: tuple[HistoryMode, ...] = ("as_of", "all_rows")
HISTORY_FEATURES = [feature.name for group in GROUPS if group.name in HISTORY_GROUPS for feature in group.features]


# --- canaries: changes that must not reach the history ----------------------------------------------------------------
EVENTS_SCHEMA = {
    "unit": pl.Int64,
    "user": pl.Int64,
    "product": pl.Int64,
    "category": pl.Int64,
    "type": pl.Int8,
    "time": pl.Int64,
}


@dataclass(frozen=True)
class Click:
    """An event as stored. A unit has one user: units 0 and 3 belong to user 0, units 1 and 4 to user 1, and so on."""

    unit: int
    product: int
    category: int
    kind: int
    time: int

    @property
    def row(self) -> tuple[int, ...]:
        return self.unit, self.unit % 3, self.product, self.category, self.kind, self.time


clicks = st.builds(
    Click,
    unit=st.integers(0, 7),
    product=st.integers(0, 3),
    category=st.integers(0, 1),
    kind=st.integers(0, 3),
    time=st.integers(NOON, NOON + 12),
)
logs = st.lists(clicks, min_size=5, max_size=40)


def frames_of(log: list[Click]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the events and units of a log, as stored."""
    events = pl.DataFrame([click.row for click in log], schema=EVENTS_SCHEMA, orient="row")
    return events, events.group_by("unit", "user").agg(pl.col("time").min().alias("start")).sort("unit")


def history_of_unit(log: list[Click], unit: int, history: HistoryMode) -> dict[str, float | None]:
    """Return the history features of one unit of the log."""
    events, units = frames_of(log)
    groups = tuple(group for group in GROUPS if group.name in HISTORY_GROUPS)
    values = compute_features(events.lazy(), units.lazy(), history, groups=groups)
    return values.row(units.get_column("unit").to_list().index(unit), named=True)


def split_at_start(log: list[Click], unit: int) -> tuple[list[Click], list[Click]]:
    """Return the events of other units at or after the unit's start, and all other events."""
    start = min(click.time for click in log if click.unit == unit)
    later = [click for click in log if click.unit != unit and click.time >= start]
    return later, [click for click in log if click not in later]


@QUICKLY
@given(log=logs, seed=st.integers(0, 999))
def test_as_of_permuting_later_events_of_other_sessions_changes_no_history(log: list[Click], seed: int) -> None:
    unit, shuffle = log[0].unit, random.Random(seed)
    later, rest = split_at_start(log, unit)
    assume(len(later) > 1)
    columns = [
        shuffle.sample([getattr(click, field) for click in later], len(later))
        for field in ("unit", "product", "category", "kind", "time")
    ]
    permuted = [Click(*cells) for cells in zip(*columns, strict=True)]
    assert history_of_unit([*permuted, *rest], unit, "as_of") == history_of_unit(log, unit, "as_of")


@QUICKLY
@given(log=logs)
def test_as_of_deleting_later_events_of_other_sessions_changes_no_history(log: list[Click]) -> None:
    unit = log[0].unit
    later, rest = split_at_start(log, unit)
    assume(later)
    assert history_of_unit(rest, unit, "as_of") == history_of_unit(log, unit, "as_of")


@QUICKLY
@given(log=logs, more=st.lists(clicks, min_size=1, max_size=20))
def test_as_of_adding_later_events_to_other_sessions_changes_no_history(log: list[Click], more: list[Click]) -> None:
    unit = log[0].unit
    start = min(click.time for click in log if click.unit == unit)
    added = [
        dataclasses.replace(
            click, unit=click.unit + 8 if click.unit == unit else click.unit, time=start + click.time - NOON
        )
        for click in more
    ]
    assert history_of_unit([*log, *added], unit, "as_of") == history_of_unit(log, unit, "as_of")


@QUICKLY
@given(log=logs, history=st.sampled_from(HISTORIES), seed=st.integers(0, 999))
def test_own_events_never_count_in_history(log: list[Click], history: HistoryMode, seed: int) -> None:
    unit, chance = log[0].unit, random.Random(seed)
    own = [click for click in log if click.unit == unit]
    times = [click.time for click in own]  # no new times: under all_rows the end of the log matters
    repeated = [dataclasses.replace(click, kind=chance.randrange(4), time=chance.choice(times)) for click in own * 3]
    assert history_of_unit([*log, *repeated], unit, history) == history_of_unit(log, unit, history)


def test_the_canaries_notice_the_mode_that_looks_ahead() -> None:
    log = [Click(0, 0, 0, EVENT_CODE["VIEW"], NOON), Click(3, 0, 0, EVENT_CODE["BUY"], NOON)]
    alone = history_of_unit(log[:1], 0, "all_rows")
    changed = {name for name, value in history_of_unit(log, 0, "all_rows").items() if value != alone[name]}
    unaffected = {"user_view_per_week", "user_add_cart_per_week", "user_remove_cart_per_week"}
    unaffected |= {name for name in HISTORY_FEATURES if re.search("seconds_since|trend|shop_load", name)}
    assert changed == set(HISTORY_FEATURES) - unaffected


# --- on the demo: leakage and determinism -----------------------------------------------------------------------------
@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, demo_files: InputFiles) -> Dataset:
    return ingest(demo_files, Workspace(tmp_path_factory.mktemp("demo")))


@pytest.mark.parametrize("split", [True, False])
def test_the_history_of_the_demo_does_not_leak(demo: Dataset, split: bool) -> None:
    config = RunConfig(features="full", split_composite_sessions=split)
    changed, compared = changed_by_later_sessions(demo, build_features(demo, config), config)
    assert changed == 0
    assert compared > 5000


def history_of_all_rows(demo: Dataset, table: FeatureTable) -> FeatureTable:
    return build_features(demo, RunConfig(features="full", history="all_rows"))


def history_that_looks_a_day_ahead(demo: Dataset, table: FeatureTable) -> FeatureTable:
    events, units = events_and_units(demo, RunConfig(features="full"))
    ahead = units.lazy().with_columns(pl.col("start") + 86_400)
    return FeatureTable(units, compute_features(events, ahead, "as_of"))


def history_without_returning_users(demo: Dataset, table: FeatureTable) -> FeatureTable:
    return FeatureTable(table.units, table.values.with_columns(user_seconds_since=pl.lit(None, dtype=pl.Float64)))


@pytest.mark.parametrize("leak", [history_of_all_rows, history_that_looks_a_day_ahead, history_without_returning_users])
def test_a_planted_leak_is_found(demo: Dataset, leak: Callable[[Dataset, FeatureTable], FeatureTable]) -> None:
    changed, _ = changed_by_later_sessions(
        demo, leak(demo, build_features(demo, RunConfig(features="full"))), RunConfig(features="full")
    )
    assert changed > 100


def test_a_single_changed_cell_is_found(demo: Dataset) -> None:
    table = build_features(demo, RunConfig(features="full"))
    first = int(table.units.get_column("start").arg_min() or 0)
    one_more = pl.col("user_buy_rate") + (pl.int_range(pl.len()) == first)
    planted = FeatureTable(table.units, table.values.with_columns(one_more))
    assert changed_by_later_sessions(demo, planted, RunConfig(features="full"))[0] == 1


def test_a_log_without_later_events_is_not_certified(tmp_path: Path) -> None:
    """With dates for times, all sessions of one day begin and end at the same moment."""
    rows = ["event_time,event_type,product_id,category_id,user_id,user_session,session_value"]
    rows += [f"2025-06-01 00:00:00+00:00,VIEW,P{n % 7},C{n % 3},U{n},S{n},{n}" for n in range(40)]
    test = [",".join(row.replace(",S", ",T").split(",")[:6]) for row in rows]
    for name, lines in (("train", rows), ("test", test)):
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    dataset = ingest(InputFiles(tmp_path / "train.csv", tmp_path / "test.csv"), Workspace(tmp_path / "home"))
    config = RunConfig(features="full")
    table = build_features(dataset, config)
    assert changed_by_later_sessions(dataset, table, config) == (0, 0)
    assert certify_history(dataset, table, config).outcome == "not_applicable"


def digest_of(values: pl.DataFrame) -> str:
    """Hash the numbers as the learners get them."""
    return hashlib.sha256(np.ascontiguousarray(values.to_numpy()).tobytes()).hexdigest()


PRINT_DIGEST = """
import sys
from pathlib import Path
from core.config import RunConfig
from core.dataset import Dataset
from core.features import build_features
from tests.test_feature_leakage import digest_of
print(digest_of(build_features(Dataset(Path(sys.argv[1])), RunConfig(features="full", history=sys.argv[2])).values))
"""


@pytest.mark.parametrize("history", HISTORIES)
def test_the_same_files_give_the_same_bytes_in_any_process_with_any_number_of_threads(
    demo: Dataset, history: HistoryMode
) -> None:
    digest = digest_of(build_features(demo, RunConfig(features="full", history=history)).values)
    assert digest_of(build_features(demo, RunConfig(features="full", history=history)).values) == digest
    other_process = subprocess.run(
        [sys.executable, "-c", PRINT_DIGEST, str(demo.folder), history],
        cwd=PROJECT,
        env={**os.environ, "POLARS_MAX_THREADS": "2" if pl.thread_pool_size() == 1 else "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other_process.stdout.strip() == digest
