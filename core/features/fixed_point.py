"""Fractions as whole numbers, so that their sums are the same on every engine and number of threads.

The last bit of a float sum depends on the order of addition, which varies with threads and engines. The split of a tree
can turn on that bit. Fractions are therefore summed in units of 2^-30, with a rounding error of at most 5e-10 each.
"""

from __future__ import annotations

import narwhals as nw

ONE = 2**30
"""The fixed-point number for 1."""


def to_fixed_point(fraction: nw.Expr) -> nw.Expr:
    """Return the fraction as a whole number of 2^-30 (Int64)."""
    return (fraction * ONE).round().cast(nw.Int64)
