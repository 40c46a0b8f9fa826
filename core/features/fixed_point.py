"""Fractions as whole numbers, so that their sums are the same on every engine and for any number of threads.

The last bit of a float sum depends on the order of addition, which varies with threads and engines. A single bit can
change the split of a tree. Fractions are therefore summed as multiples of 2^-30, each rounded by at most 5e-10.
"""

from __future__ import annotations

import narwhals as nw

ONE = 2**30
"""The fixed-point number for 1."""


def to_fixed_point(fraction: nw.Expr) -> nw.Expr:
    """Round a fraction to a multiple of 2^-30, and return the multiplier (Int64)."""
    return (fraction * ONE).round().cast(nw.Int64)
