"""Describe the own columns of a dataset, and decide which ones are used."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from core.base.text import count, percent
from core.ingestion.mapping import Mapping
from core.ingestion.own.leak_evidence import NUMBERS, Reason
from core.ingestion.own.leaks import find_leak
from core.ingestion.own.sample import IS_BUY, KEYS, OwnSample
from core.own_columns import Exclusion, Level, OwnColumnCard
from core.schema import TEST_ROLE, TRAIN_ROLE, UNIT, VALUE

MAX_SEVERAL: Final = 0.05
"""Share of the sessions, products or users with several cells. A few are in every log; prices change now and then."""
LEAST_FILLED: Final = 0.01
"""Share of the train events. A model cannot learn from a difference in fewer of them."""
NEARLY_ALL: Final = 0.95
"""Share of the events with the only cell of a column. If it is lower, an empty cell is a second one."""
LEAST_READABLE: Final = 0.5
"""Share of the cells with content. With fewer of its kind, the column has probably another kind."""
MAX_DISTINCT: Final[dict[Level, float]] = {"event": 0.5, "session": 0.5, "product": 0.9, "user": 0.5}
"""Categories per event, session, product or user with a cell. With more, hardly any two have one in common. A name that
several variants of a product share is informative; a name of its own for each product is an id."""
MIN_GROUPS: Final = 20
"""Sessions, products or users with a cell. With fewer, nothing is said about them as a whole."""
SAME_SUM: Final = 0.01
"""Difference between a session's value and the sum of its BUY cells, relative to the usual one."""
MOST_SUMS: Final = 0.5
"""Share of the sessions with purchases. If more have such a sum, the cells on BUY events are what values consist of."""
MIN_BUYERS: Final = 20
"""Sessions with purchases. With fewer, equal sums may be chance."""


def own_cards(folder: Path, mapping: Mapping, cells: Table[tuple[str, bool], int]) -> tuple[OwnColumnCard, ...]:
    """Describe the own columns of a dataset that has been written, in the order of the mapping.

    Args:
        folder: the dataset's folder, with its tables.
        cells: (stored name, whether the cell is of the column's kind) -> cells with content in both files.
    """
    names = list(mapping.own_stored())
    sample = OwnSample(folder, {name: own.level for name, own in mapping.own_stored().items()})
    filled, distinct = _counts(sample, names)
    cards = []
    for name, (stored, own) in zip(mapping.own, mapping.own_stored().items(), strict=True):
        usable, unreadable = (cells.get((stored, is_usable), 0) for is_usable in (True, False))
        card = OwnColumnCard(
            name=name,
            level=own.level,
            kind=own.kind,
            label=own.column,
            with_purchases=not (mapping.adds_prices and own.kind in NUMBERS),
            filled_train=filled[TRAIN_ROLE, stored],
            filled_test=filled[TEST_ROLE, stored],
            distinct=distinct[stored],
            unreadable=unreadable / (usable + unreadable) if unreadable else 0.0,
            kept=own.keep,
        )
        cards.append(_decided(card, sample))
    return tuple(cards)


def _counts(sample: OwnSample, names: Sequence[str]) -> tuple[dict[tuple[int, str], float], dict[str, int]]:
    """Return (role, stored name) -> share of the events with a cell, and stored name -> number of different cells."""
    filled: dict[tuple[int, str], float] = {}
    for role, events in enumerate(sample.files):
        shares = events.select(pl.col(names).is_not_null().mean()).collect().row(0, named=True)
        filled |= {(role, name): share or 0.0 for name, share in shares.items()}
    distinct = sample.all_events.select(pl.col(name).drop_nulls().approx_n_unique() for name in names).collect()
    return filled, distinct.row(0, named=True)


def _decided(card: OwnColumnCard, sample: OwnSample) -> OwnColumnCard:
    """Return the card with the actual level of the column, whether purchases may be used, and whether it is used."""
    unusable = _unusable(card)
    if unusable is not None and unusable.exclusion is Exclusion.EMPTY:
        return _excluded(card, unusable)
    several, n_groups = _several(sample, card)
    card = card.model_copy(update={"several": several})
    findings = []
    if several > MAX_SEVERAL:
        findings.append(
            f"{percent(several)} of the {card.level}s with a cell have several, so it is used as a column of events."
        )
        card = card.model_copy(update={"level": "event"})
    reason = unusable or _identifier(card, n_groups, sample) or find_leak(sample, card.column)
    if card.with_purchases and (share := _reproduced_values(sample, card)) >= MOST_SUMS:
        card = card.model_copy(update={"with_purchases": False})
        findings.append(
            f"Its cells on BUY events add up to the value of {percent(share)} of the sessions with purchases, so these "
            "cells are not used."
        )
    if reason is not None:
        return _excluded(card, reason)
    return card.model_copy(update={"finding": " ".join(findings)})


def _excluded(card: OwnColumnCard, reason: Reason) -> OwnColumnCard:
    field = "overridden" if card.kept else "excluded"
    return card.model_copy(update={field: reason.exclusion, "finding": reason.finding})


def _unusable(card: OwnColumnCard) -> Reason | None:
    """Return why the cells carry no information; None if they do."""
    in_files = f"{percent(card.filled_train)} of the train events and {percent(card.filled_test)} of the test events"
    if not (card.filled_train and card.filled_test):
        exclusion, finding = Exclusion.EMPTY, f"{in_files} have a cell."
    elif card.unreadable > 1 - LEAST_READABLE:
        exclusion, finding = Exclusion.UNREADABLE, f"{percent(card.unreadable)} of its cells are not of its kind."
    elif card.filled_train < LEAST_FILLED:
        exclusion, finding = Exclusion.MOSTLY_EMPTY, f"Only {in_files} have a cell."
    elif card.distinct == 1 and min(card.filled_train, card.filled_test) >= NEARLY_ALL:
        exclusion, finding = Exclusion.CONSTANT, f"{in_files} have the same cell."
    else:
        return None
    return Reason(exclusion, finding)


def _several(sample: OwnSample, card: OwnColumnCard) -> tuple[float, float]:
    """Return the share of the sessions, products or users with different cells, and the number of those with a cell.

    Both are 0 for a column of events. The number is estimated from the sample.
    """
    if card.level == "event":
        return 0.0, 0.0
    name = card.stored
    groups = sample.events_of(card.level).filter(pl.col(name).is_not_null()).group_by(KEYS[card.level])
    differ = groups.agg((pl.col(name).min() != pl.col(name).max()).alias("differ")).get_column("differ")
    return float(differ.sum() / max(differ.len(), 1)), differ.len() / sample.share


def _identifier(card: OwnColumnCard, n_groups: float, sample: OwnSample) -> Reason | None:
    """Return the reason for categories that nearly all differ; None if some have enough events or groups in common.

    Args:
        n_groups: sessions, products or users with a cell; not used for a column of events, whose events are counted.
    """
    if card.kind != "category":
        return None
    if card.level == "event":
        n_groups = float(sample.all_events.select(pl.col(card.stored).count()).collect().item())
    if n_groups < MIN_GROUPS or card.distinct < MAX_DISTINCT[card.level] * n_groups:
        return None
    return Reason(
        Exclusion.IDENTIFIER,
        f"It has {card.distinct:,} categories for about {count(round(n_groups), card.level)} with a cell.",
    )


def _reproduced_values(sample: OwnSample, card: OwnColumnCard) -> float:
    """Return the share of the sessions with purchases whose cells on BUY events add up to the session value.

    A fixed ratio between the two, such as a tax, counts as equal.
    """
    if card.kind not in NUMBERS:
        return 0.0
    sums = (
        sample.train_events.filter(IS_BUY, pl.col(card.stored).is_not_null())
        .group_by(UNIT)
        .agg(pl.col(card.stored).sum(), pl.col(VALUE).first())
        .filter(pl.col(VALUE) > 0, pl.col(card.stored) > 0)
    )
    if sums.height < MIN_BUYERS or sums.get_column(VALUE).n_unique() == 1:
        return 0.0
    ratios = (sums.get_column(card.stored) / sums.get_column(VALUE)).to_numpy()
    return float((np.abs(ratios / np.median(ratios) - 1) <= SAME_SUM).mean())
