"""The surprise of a finding: its standardized effect size, reduced by what chance may explain.

The effect size is that of Cohen (1988, Statistical power analysis, chapters 2 and 6): d, a difference of means in
standard deviations, or h, a difference of shares after the arcsine transformation. For both, 0.2 is small, 0.5 medium
and 0.8 large, regardless of the number of sessions.

The largest of many effects may be the largest by chance. The surprise is therefore the end of the interval of three
standard errors that is closer to 0. With normal errors, fewer than one in 700 effects that do not exist get a surprise
above 0.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
STANDARD_ERRORS: Final = 3.0


def surprise(effect: float, standard_error: float) -> float:
    """Return the size of an effect minus three standard errors; 0 if chance may explain the effect.

    >>> surprise(0.5, 0.1), surprise(-0.5, 0.1), surprise(0.2, 0.1)
    (0.2, 0.2, 0.0)
    """
    return round(max(abs(effect) - STANDARD_ERRORS * standard_error, 0.0), 12)


def difference_of_means(inside: Values, outside: Values) -> tuple[float, float]:
    """Return Cohen's d of two groups and its standard error.

    Both are 0 if the values do not vary, or if a group has fewer than two members.

    Source of the error: Hedges and Olkin (1985), Statistical methods for meta-analysis, equation 5.14.
    """
    n, m = len(inside), len(outside)
    if min(n, m) < 2:
        return 0.0, 0.0
    pooled = math.sqrt(((n - 1) * inside.var(ddof=1) + (m - 1) * outside.var(ddof=1)) / (n + m - 2))
    if pooled == 0:
        return 0.0, 0.0
    d = float((inside.mean() - outside.mean()) / pooled)
    return d, math.sqrt((n + m) / (n * m) + d**2 / (2 * (n + m)))


def difference_of_shares(share: float, expected: float) -> float:
    """Return Cohen's h of a share and the expected share.

    >>> round(difference_of_shares(0.5, 0.25), 3)
    0.524
    """
    return _arcsine(share) - _arcsine(expected)


def _arcsine(share: float) -> float:
    """Return the arcsine transformation of a share, whose variance does not depend on the share."""
    return 2 * math.asin(math.sqrt(min(max(share, 0.0), 1.0)))


def share_of_top(amounts: Values, top: float) -> float:
    """Return the share that the largest amounts have of the sum, such as those of the top 1%; 0 without any amount.

    Args:
        top: the share of the amounts that counts as the top.
    """
    total = float(amounts.sum())
    n_top = max(1, round(top * len(amounts)))
    return float(np.partition(amounts, len(amounts) - n_top)[-n_top:].sum()) / total if total > 0 else 0.0


def error_of_top(amounts: Values, top: float, expected: float, *, resamples: int = 30, seed: int = 0) -> float:
    """Return the bootstrap standard error of `difference_of_shares` for the share of the top.

    Args:
        expected: the share without the effect.
    """
    rng = np.random.default_rng(seed)
    effects = [
        difference_of_shares(share_of_top(rng.choice(amounts, len(amounts)), top), expected) for _ in range(resamples)
    ]
    return float(np.std(effects, ddof=1))
