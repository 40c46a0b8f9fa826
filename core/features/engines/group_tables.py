"""Computes feature groups in parallel and joins their columns."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed

import polars as pl

from core.features.definition import FeatureGroup
from core.schema import UNIT

Report = Callable[[int, int, str], None]
"""Progress callback, called after each step with the number of earlier steps, the total number of steps and the label
of the step. A last call follows with an empty label."""


def ignore_progress(done: int, total: int, label: str) -> None:
    """Do nothing: the default progress callback."""


def compute_groups(
    collect: Callable[[FeatureGroup], pl.DataFrame],
    groups: tuple[FeatureGroup, ...],
    units: pl.DataFrame,
    report: Report,
    *,
    workers: int = 1,
) -> pl.DataFrame:
    """Compute feature groups for some units.

    Args:
        collect: function that computes the unit and the features of a group, one row per unit in any order.
        groups: the groups, in column order.
        units: table with the column `unit`, in row order.
        report: progress callback, with one step per group.
        workers: number of threads; each computes one group at a time.

    Returns:
        One row per unit and one Float64 column per feature.
    """

    def compute(group: FeatureGroup) -> pl.DataFrame:
        table = left_join_units(units, collect(group))
        # Casting one column after the other halves the peak memory.
        return pl.DataFrame([table.drop_in_place(feature.name).cast(pl.Float64) for feature in group.features])

    tables: dict[str, pl.DataFrame] = {}
    # History groups take longest. If they start first, no worker is idle at the end.
    longest_first = sorted(groups, key=lambda group: group.looks_at != "history")
    with ThreadPoolExecutor(workers) as pool:
        tasks = {pool.submit(compute, group): group.name for group in longest_first}
        for done, task in enumerate(as_completed(tasks)):
            report(done, len(groups), tasks[task].replace("_", " "))
            tables[tasks[task]] = task.result()
    return pl.concat([tables[group.name] for group in groups], how="horizontal")


def left_join_units(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Left-join tables by unit. Tables with the same units in the same order are concatenated without a join."""
    if left.get_column(UNIT).equals(right.get_column(UNIT)):
        return left.hstack(right.drop(UNIT))
    return left.join(right, on=UNIT, how="left", maintain_order="left")
