"""Sums of fractions that are the same on every engine and number of threads.

A sum of floats depends, in its last bit, on the order in which threads and engines add, and a tree's split can turn on
that bit. So fractions are summed as whole numbers of 2^-30; the rounding is at most 5e-10 a summand.
"""

from __future__ import annotations

import narwhals as nw

ONE = 2**30
"""What stands for 1."""


def as_whole(fraction: nw.Expr) -> nw.Expr:
    """A fraction as a whole number of 2^-30."""
    return (fraction * ONE).round().cast(nw.Int64)
