"""Whether test sells what train sells, and whether train's users come back: other shops and new users.

Files of different times never agree in full. What is usual is read from train itself: its late part is compared with
its early part, in the proportion of test to train.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.features.learned.prices import Baskets

Mask = NDArray[np.bool_]

OVERLAP_LEFT: Final = 0.6
"""Share of the usual overlap below which the assortment is another. Alike files keep at least 0.99 of it; the test file
of another shop keeps 0.43 where both shops number their products alike, and 0 where they do not."""
KEPT_LEFT: Final = 0.5
"""Share of the usual share of events whose product keeps its category below which the products are others. Products
hardly ever change their category; where another shop uses the same ids, nearly all do."""
RETURNING_LEFT: Final = 0.5
"""Share of the usual share of returning users below which users are new. Alike files keep at least 1.0 of it."""
FEWEST_RETURNING: Final = 0.05
"""Usual share of sessions by returning users from which on their absence can be seen and matters for the score."""


@dataclass(frozen=True)
class Compared:
    """What test has in common with train, and what train's late part has in common with its early part: 0 to 1."""

    found: float
    usual: float

    def below(self, left: float) -> bool:
        """Whether less than this share of the usual is left; False where there is nothing to compare."""
        return bool(self.found < left * self.usual)


def late_part(starts: NDArray[np.int64], share: float) -> Mask:
    """The latest sessions of train, so many as `share` of all, at least one and not all."""
    count = min(max(round(share * len(starts)), 1), len(starts) - 1)
    mask = np.zeros(len(starts), dtype=bool)
    mask[np.argsort(starts, kind="stable")[len(starts) - count :]] = True
    return mask


def overlaps(baskets: Baskets, late: Mask, test_mask: Mask) -> tuple[Compared, Compared]:
    """The overlap of products and of categories.

    The basket's rows are train's and then test's; `late` says which train rows are late, `test_mask` which test rows
    count. Overlaps are taken within event types, so that another event mix is
    not taken for another assortment.
    """
    part = np.concatenate([late.astype(np.int64), np.where(test_mask, 2, 3)])[baskets.row]
    train, test, early, rest = part < 2, part == 2, part == 0, part == 1
    found = []
    for codes in (baskets.item, baskets.group):
        of_files = _overlap(codes, baskets.kind, train, test)
        of_train = _overlap(codes, baskets.kind, early, rest)
        found.append(Compared(of_files, of_train))
    return found[0], found[1]


def categories_kept(baskets: Baskets, late: Mask, test_mask: Mask) -> Compared:
    """Share of the events on products of train that have the product's category of train; see `overlaps`."""
    part = np.concatenate([late.astype(np.int64), np.where(test_mask, 2, 3)])[baskets.row]
    pairs = baskets.item * baskets.groups + baskets.group

    def kept(first: Mask, second: Mask) -> float:
        known = second & np.isin(baskets.item, np.unique(baskets.item[first]))
        return float(np.isin(pairs[known], np.unique(pairs[first])).mean()) if known.any() else np.nan

    return Compared(kept(part < 2, part == 2), kept(part == 0, part == 1))


def _overlap(codes: NDArray[np.int64], kinds: NDArray[np.int64], first: Mask, second: Mask) -> float:
    """Common share of the distributions of codes, within event types that both have, weighted by those of `second`."""
    size, total, weight = int(codes.max(initial=0)) + 1, 0.0, 0
    for kind in np.unique(kinds[second]):
        mine, theirs = codes[first & (kinds == kind)], codes[second & (kinds == kind)]
        if not len(mine):
            continue
        shares = [np.bincount(each, minlength=size) / len(each) for each in (mine, theirs)]
        total += len(theirs) * float(np.minimum(*shares).sum())
        weight += len(theirs)
    return total / weight if weight else np.nan


def returning(users: NDArray[np.int64], late: Mask, test_users: NDArray[np.int64]) -> Compared:
    """Share of test sessions by users of train; and of late train sessions by early users."""
    return Compared(float(np.isin(test_users, users).mean()), float(np.isin(users[late], users[~late]).mean()))
