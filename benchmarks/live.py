"""Models for open sessions against models of whole sessions, on prefixes of the test sessions.

    python -m benchmarks.live [--demo 20000] [--journey 20000]

Trains two quick runs on the same files, one of them with `--purpose live`, and values prefixes of the test sessions in
two samples. "every event" has what a shop asks for: each session after each of its events (prefixes of more than two
events are a random sample). "one cut" has one prefix per session, with its length uniform on 1 to n, as
`journey --prefix` has; a first event is then mostly that of a short session.

Prints the mean squared errors and the coverage of the 80% intervals by events seen, and the PR-AUC of any purchase
among sessions without one so far, against a logistic regression on the numbers of events by type.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.quick import core
from core.features import draw_prefixes
from core.features.columns import EVENTS_SEEN
from core.model import SessionValueModel, load_model
from core.model.history import whole_history
from core.model.rows import SessionRows, prefix_rows
from core.runs.store import EARLINESS_FILE, PREFIXES_FILE
from core.schema import BUY, EVENT_CODE, ROLE, SESSION, TEST_ROLE, UNIT, USER_SESSION

_COUNTS = ("n_view", "n_add_cart", "n_remove_cart", "n_buy", "n_events")
_AT_ONCE = 20_000
_BUCKETS = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 10), (11, 20), (21, 10_000))


@dataclass(frozen=True)
class Cut:
    """Prefixes of test sessions.

    Attributes:
        prefixes: unit and events_seen.
        value: final value.
        bought: whether the whole session has a purchase.
    """

    prefixes: pl.DataFrame
    value: np.ndarray
    bought: np.ndarray


def main() -> None:
    """Print the figures of both kinds of data."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=int, default=20_000, help="Sessions of the demo; 0 for none.")
    parser.add_argument("--journey", type=int, default=20_000, help="Baskets of the journey data; 0 for none.")
    options = parser.parse_args()
    for name in ("demo", "journey"):
        if sessions := getattr(options, name):
            with tempfile.TemporaryDirectory() as scratch:
                files = Path(scratch)
                core(name, "--out", str(files), "--sessions", str(sessions), home=files / "home")
                _compare(name, files)


def _compare(name: str, files: Path) -> None:
    inputs = [f"--train={files / 'train.csv'}", f"--test={files / 'test.csv'}"]
    for purpose in ("sessions", "live"):
        _, seconds = core("run", "--purpose", purpose, *inputs, "--out", str(files / purpose), home=files / "home")
        print(f"{name}: the run with the purpose {purpose} took {seconds:.0f} s")
    live, whole = load_model(files / "live"), load_model(files / "sessions")
    for label, cut in _cuts(live, pl.read_csv(files / "truth.csv")).items():
        errors, inside, p_buy, counts = [], [], [], []
        for first in range(0, cut.prefixes.height, _AT_ONCE):
            part, value = cut.prefixes[first : first + _AT_ONCE], cut.value[first : first + _AT_ONCE]
            rows = _rows(live, part)
            values = live.fitted.predict(rows)
            of_whole = whole.fitted.predict(_rows(whole, part)).stack
            errors.append(np.column_stack([values.stack - value, of_whole - value]) ** 2)
            low, high = values.intervals[0.8].T
            inside.append((low <= value) & (value <= high))
            p_buy.append(live.fitted.purchase_probability(rows))
            counts.append(_counts(live, rows))
        print(f"{name}, {label}:")
        _print_errors(cut, np.concatenate(errors), np.concatenate(inside))
        _print_purchases(live, files, cut.bought, np.concatenate(p_buy), np.concatenate(counts))
    print(f"{name}, training sessions out of fold:")
    columns = ("by", "segment", "prefixes", "mse", "mse_average", "mse_so_far", "mse_whole_sessions", "inside_80")
    for row in pl.read_parquet(files / "live" / EARLINESS_FILE).select(columns).iter_rows():
        print("  " + "  ".join(f"{each:10.3f}" if isinstance(each, float) else f"{each!s:>14}" for each in row))


def _cuts(model: SessionValueModel, truth: pl.DataFrame) -> dict[str, Cut]:
    """Return both samples of prefixes of the test sessions of one user."""
    history = model.history
    has_purchase = (pl.col("type") == EVENT_CODE[BUY]).any()
    lengths = history.events.group_by(UNIT).agg(pl.len().alias("n_events"), has_purchase.alias("bought"))
    units = history.units.with_row_index(UNIT).with_columns(pl.col(UNIT).cast(pl.Int64))
    units = units.filter((pl.col(ROLE) == TEST_ROLE) & pl.col(SESSION).is_unique()).join(lengths, on=UNIT)
    units = units.join(history.ids[SESSION].join(truth, on=USER_SESSION), on=SESSION).sort(UNIT)
    uniform = np.random.default_rng(0).integers(1, units["n_events"].to_numpy(), endpoint=True)
    samples = {
        "every event": draw_prefixes(units.select(UNIT, "n_events"), 0),
        "one cut": units.select(UNIT, pl.Series(EVENTS_SEEN, uniform)),
    }
    cuts = {}
    for label, prefixes in samples.items():
        joined = prefixes.join(units, on=UNIT, maintain_order="left")
        cuts[label] = Cut(prefixes, joined["session_value"].to_numpy(), joined["bought"].to_numpy())
    return cuts


def _rows(model: SessionValueModel, prefixes: pl.DataFrame) -> SessionRows:
    return prefix_rows(whole_history(model.history), model.spec, model.fitted.catalogue, prefixes)


def _counts(model: SessionValueModel, rows: SessionRows) -> np.ndarray:
    return rows.X[:, [model.spec.features.index(name) for name in _COUNTS]]


def _print_errors(cut: Cut, errors: np.ndarray, inside: np.ndarray) -> None:
    seen = cut.prefixes[EVENTS_SEEN].to_numpy()
    print("events seen   sessions   MSE live  MSE whole   ratio  inside 80%")
    for low, high in ((1, 10_000), (1, 3), *_BUCKETS):
        rows = (seen >= low) & (seen <= high)
        if rows.any():
            ours, theirs = errors[rows].mean(axis=0)
            label = f"{low} to {high}" if high < 10_000 else f"{low} and more"
            shown = f"{ours:10.1f} {theirs:10.1f}  {ours / theirs:6.1%}  {inside[rows].mean():8.1%}"
            print(f"{label:12}  {rows.sum():9,} {shown}")


def _print_purchases(
    model: SessionValueModel, files: Path, bought: np.ndarray, p_buy: np.ndarray, counts: np.ndarray
) -> None:
    if counts[:, 3].all():
        print("  every prefix has a purchase")
        return
    learned = pl.read_parquet(files / "live" / PREFIXES_FILE).filter("drawn").head(100_000)
    train_counts = _counts(model, _rows(model, learned.select(UNIT, EVENTS_SEEN)))
    labels, is_open = learned["bought"].to_numpy(), counts[:, 3] == 0
    train_open = train_counts[:, 3] == 0
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
    logistic.fit(_with_logs(train_counts[train_open]), labels[train_open])
    theirs = logistic.predict_proba(_with_logs(counts[is_open]))[:, 1]
    ours, linear = (average_precision_score(bought[is_open], each) for each in (p_buy[is_open], theirs))
    share = bought[is_open].mean()
    print(f"PR-AUC of a purchase, {is_open.sum():,} sessions without one so far, {share:.1%} of which have one later:")
    print(f"  {ours:.3f}; logistic regression on counts {linear:.3f}; {ours / linear - 1:+.0%}")
    print(f"  mean probability {p_buy[is_open].mean():.3f}")


def _with_logs(counts: np.ndarray) -> np.ndarray:
    return np.column_stack([counts, np.log1p(counts)])


if __name__ == "__main__":
    main()
