"""Simulated logs with own columns: honest ones, and ones that were made from session values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from core.base.workspace import Workspace
from core.dataset import Dataset
from core.ingestion import InputFiles, ingest
from core.ingestion.mapping import Mapping
from core.own_columns import OwnColumnCard
from core.schema import EVENT_COLUMNS, TRAIN_COLUMNS
from tests.events_on_the_spot import NOON

Settings = dict[str, tuple[str, str]]
"""Name of an own column -> level and kind."""


def browsing(sessions: int = 3000, *, seed: int = 0) -> pl.DataFrame:
    """A shop in which a session looks at products of one category, and one in five buys one of them.

    Half of the products occur in one session. A value is made of the prices of all events, of a factor of the user, and
    mostly of chance, as in the demo. Columns beside those of an event file: file, price, factor, number and step.
    """
    rng = np.random.default_rng(seed)
    category_price = np.exp(rng.normal(3, 0.5, 20))
    factors = np.exp(rng.normal(0, 0.3, sessions))
    rows = []
    for number in range(sessions):
        user, category = int(rng.integers(sessions * 0.7)), int(rng.integers(20))
        n_views = int(rng.integers(2, 6))
        picks = [
            f"P{category}-{rng.integers(20)}" if rng.random() < 0.6 else f"P{category}-{number}-{view}"
            for view in range(n_views)
        ]
        steps = [("VIEW", pick) for pick in picks]
        if rng.random() < 0.2:
            steps += [("ADD_CART", picks[-1]), ("BUY", picks[-1])]
        prices = {pick: price_of(pick, category_price[category]) for pick in picks}
        spent = sum(prices[pick] * (1.0 if kind == "BUY" else 0.05) for kind, pick in steps)
        value = factors[user] * (20 * np.exp(rng.normal(0, 1.0)) + spent)
        start = NOON + 3600 * number
        for step, (kind, pick) in enumerate(steps):
            rows.append(
                {
                    "event_time": start + 60 * step + int(rng.integers(50)),
                    "event_type": kind,
                    "product_id": pick,
                    "category_id": f"C{category}",
                    "user_id": f"U{user}",
                    "user_session": f"S{number}",
                    "session_value": round(value, 2),
                    "file": "train" if number < int(0.8 * sessions) else "test",
                    "price": prices[pick],
                    "factor": factors[user],
                    "number": number,
                    "step": step,
                }
            )
    return pl.DataFrame(rows)


def receipts(
    sessions: int = 1500, *, items: tuple[int, int] = (4, 12), users: int = 400, seed: int = 0
) -> pl.DataFrame:
    """A log of receipts: all lines of a session are BUY events, a second apart, and its value is their sum.

    Columns beside those of an event file: file and line (amount).
    """
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(sessions):
        amounts = np.round(np.exp(rng.normal(1.5, 0.7, int(rng.integers(*items)))), 2)
        for item, amount in enumerate(amounts):
            rows.append(
                {
                    "event_time": NOON + 3600 * number + item,
                    "event_type": "BUY",
                    "product_id": f"P{number * 7 % 300 + 300 * item}",
                    "category_id": f"C{item}",
                    "user_id": f"U{number % users}",
                    "user_session": f"S{number}",
                    "session_value": round(float(amounts.sum()), 2),
                    "file": "train" if number < int(0.8 * sessions) else "test",
                    "line": float(amount),
                }
            )
    return pl.DataFrame(rows)


def buyers(sessions: int = 2500, *, seed: int = 0) -> pl.DataFrame:
    """A log of buying sessions only: each looks at two products of a price level, and buys the second.

    The price of the first explains most of the value, although it was known before. Columns: those of an event file,
    file and price.
    """
    rng = np.random.default_rng(seed)
    levels = np.exp(rng.normal(4, 1.0, 40))
    rows = []
    for number in range(sessions):
        category = int(rng.integers(40))
        looks, buys = (f"P{category}-{pick}" for pick in rng.choice(12, 2, replace=False))
        value = price_of(buys, levels[category])
        for step, (kind, pick) in enumerate((("VIEW", looks), ("VIEW", buys), ("BUY", buys))):
            rows.append(
                {
                    "event_time": NOON + 3600 * number + 60 * step,
                    "event_type": kind,
                    "product_id": pick,
                    "category_id": f"C{category}",
                    "user_id": f"U{number}",
                    "user_session": f"S{number}",
                    "session_value": value,
                    "file": "train" if number < int(0.8 * sessions) else "test",
                    "price": price_of(pick, levels[category]),
                }
            )
    return pl.DataFrame(rows)


def price_of(product: str, level: float) -> float:
    """The price of a product: the level of its category times a factor of its own."""
    draws = np.random.default_rng(list(product.encode()))
    return round(float(level * np.exp(draws.normal(0, 0.4))), 2)


def by(log: pl.DataFrame, key: str, cells: pl.Expr) -> pl.Series:
    """The cells that an aggregate over a session, product or user gives to all of its events."""
    return log.select(cells.over(key).alias("cells")).to_series()


def drawn(log: pl.DataFrame, key: str, draw: np.ndarray) -> pl.Series:
    """One of the given cells for each session, product or user."""
    codes = log.get_column(key).rank("dense").cast(pl.Int64).to_numpy() - 1
    return pl.Series(draw[codes % len(draw)])


def store_own(
    folder: Path, log: pl.DataFrame, own: Settings, *, kept: frozenset[str] = frozenset(), **settings: object
) -> Dataset:
    """Write a log with own columns as a train and a test file, and ingest them.

    Args:
        own: own columns, which are columns of the log.
        kept: names of those that the mapping keeps.
        settings: further settings of the mapping.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file, columns in (("train", TRAIN_COLUMNS), ("test", EVENT_COLUMNS)):
        rows = log.filter(pl.col("file") == file).with_columns(pl.from_epoch("event_time"))
        rows.select(*dict.fromkeys((*columns, *own))).write_parquet(folder / f"{file}.parquet")
    columns = {
        name: {"column": name, "level": level, "kind": kind, "keep": name in kept}
        for name, (level, kind) in own.items()
    }
    mapping = Mapping.checked(name="own", own=columns, **settings)
    files = InputFiles(folder / "train.parquet", folder / "test.parquet", mapping=mapping)
    return ingest(files, Workspace(folder / "workspace"))


def cards_of(dataset: Dataset) -> dict[str, OwnColumnCard]:
    """Name -> card of the own columns."""
    return {card.name: card for card in dataset.card().own}
