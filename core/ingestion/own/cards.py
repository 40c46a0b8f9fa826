"""Describe the own columns of a dataset, and decide which ones are used."""

from __future__ import annotations

from collections.abc import Mapping as Table
from pathlib import Path

import polars as pl

from core.dataset import EVENTS_FILE
from core.ingestion.mapping import Mapping
from core.own_columns import OwnColumnCard
from core.schema import ROLES


def own_cards(folder: Path, mapping: Mapping, cells: Table[tuple[str, bool], int]) -> tuple[OwnColumnCard, ...]:
    """Describe the own columns of a dataset that has been written, in the order of the mapping.

    Args:
        folder: the dataset's folder, with its tables.
        cells: (stored name, whether the cell is of the column's kind) -> cells with content in both files.
    """
    if not mapping.own:
        return ()
    events = {role: pl.scan_parquet(folder / EVENTS_FILE.format(role=role), glob=False) for role in ROLES}
    names = list(mapping.own_stored())
    filled = {
        role: frame.select(pl.col(names).is_not_null().mean()).collect().row(0, named=True)
        for role, frame in events.items()
    }
    distinct = pl.concat(frame.select(names) for frame in events.values()).select(
        pl.col(name).drop_nulls().approx_n_unique() for name in names
    )
    n_distinct = distinct.collect().row(0, named=True)
    cards = []
    for name, (stored, own) in zip(mapping.own, mapping.own_stored().items(), strict=True):
        usable, unreadable = (cells.get((stored, is_usable), 0) for is_usable in (True, False))
        cards.append(
            OwnColumnCard(
                name=name,
                level=own.level,
                kind=own.kind,
                label=own.column,
                with_purchases=not mapping.adds_prices,
                filled_train=filled["train"][stored] or 0.0,
                filled_test=filled["test"][stored] or 0.0,
                distinct=n_distinct[stored],
                unreadable=unreadable / (usable + unreadable) if unreadable else 0.0,
                kept=own.keep,
            )
        )
    return tuple(cards)
