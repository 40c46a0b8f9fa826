"""What both files have in common: products, categories and users.

Files of different times never agree in full. The baseline is therefore the train file itself: its late sessions are
compared with its early ones, split in the proportion of test to train sessions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.features.learned.baskets import Baskets

Mask = NDArray[np.bool_]
Codes = NDArray[np.int64]

MIN_OVERLAP = 0.6
"""Share of the baseline overlap below which the test file has another assortment. Similar files keep at least 0.99 of
it. The test file of another shop keeps 0.43 if both shops number their products in the same way, and 0 otherwise."""
MIN_CATEGORY_KEPT = 0.5
"""Share of the baseline below which the ids mean other products. Products hardly ever change their category; where
another shop uses the same ids, nearly all do."""
MIN_RETURNING = 0.5
"""Share of the baseline of returning users below which the users are new. Similar files keep at least 1.0 of it."""
MIN_RETURNING_BASELINE = 0.05
"""Baseline share of sessions by returning users below which their absence does not matter for the score."""


@dataclass(frozen=True)
class Agreement:
    """Share that the test file has in common with the train file, and the baseline of late with early train sessions.

    Both are from 0 to 1, and NaN where there is nothing to compare.
    """

    share: float
    baseline: float

    def is_below(self, fraction: float) -> bool:
        """Return whether the share is below this fraction of the baseline; False where either is NaN."""
        return bool(self.share < fraction * self.baseline)


def late_mask(starts: Codes, share: float) -> Mask:
    """Return a mask of the latest train sessions: about `share` of them, at least one, and never all."""
    count = min(max(round(share * len(starts)), 1), len(starts) - 1)
    mask = np.zeros(len(starts), dtype=bool)
    mask[np.argsort(starts, kind="stable")[len(starts) - count :]] = True
    return mask


def compare_assortments(baskets: Baskets, late: Mask, test_mask: Mask) -> dict[str, Agreement]:
    """Compare products and categories: `product_overlap`, `category_overlap` and `category_kept`.

    Args:
        baskets: events of all sessions; the train rows come before the test rows.
        late: (train sessions,) mask of the late ones.
        test_mask: (test sessions,) mask of those to compare.
    """
    # of each event: 0 for early train, 1 for late train, 2 for a test session to compare, 3 for another test session
    part = np.concatenate([late.astype(np.int64), np.where(test_mask, 2, 3)])[baskets.row]
    comparisons = ((part < 2, part == 2), (part == 0, part == 1))
    return {
        "product_overlap": Agreement(*(_overlap(baskets.item, baskets.kind, *masks) for masks in comparisons)),
        "category_overlap": Agreement(*(_overlap(baskets.group, baskets.kind, *masks) for masks in comparisons)),
        "category_kept": Agreement(*(_category_kept(baskets, *masks) for masks in comparisons)),
    }


def _overlap(codes: Codes, event_types: Codes, first: Mask, second: Mask) -> float:
    """Return the common share of two distributions of codes: the sum of the smaller share of each code.

    It is computed within event types, so that another event mix does not count as another assortment, and averaged over
    the types that both have, weighted by the events of `second`.
    """
    size, total, weight = int(codes.max(initial=0)) + 1, 0.0, 0
    for event_type in np.unique(event_types[second]):
        samples = [codes[mask & (event_types == event_type)] for mask in (first, second)]
        if not len(samples[0]):
            continue
        shares = [np.bincount(sample, minlength=size) / len(sample) for sample in samples]
        total += len(samples[1]) * float(np.minimum(*shares).sum())
        weight += len(samples[1])
    return total / weight if weight else np.nan


def _category_kept(baskets: Baskets, first: Mask, second: Mask) -> float:
    """Return the share of the events in `second` on products of `first` that also have a category of `first`."""
    pairs = baskets.item * baskets.groups + baskets.group
    shared = second & np.isin(baskets.item, np.unique(baskets.item[first]))
    return float(np.isin(pairs[shared], np.unique(pairs[first])).mean()) if shared.any() else np.nan


def returning_users(users: Codes, late: Mask, test_users: Codes) -> Agreement:
    """Return the share of test sessions whose user is in the train file.

    The baseline is the share of late train sessions whose user has an early one.
    """
    return Agreement(float(np.isin(test_users, users).mean()), float(np.isin(users[late], users[~late]).mean()))
