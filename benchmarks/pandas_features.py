"""Twenty-three of the features in plain pandas, as a baseline for the feature table.

    python -m benchmarks.pandas_features DATASET_FOLDER [vectorised|apply]

`apply` calls a Python function per session, as many notebooks do. `vectorised` uses the fastest pandas operations.

Reads the same stored Parquet files, builds a frame with one row per session, and prints seconds and peak memory as
JSON.
History features are not included: counting what happened strictly before each session takes pandas far longer.
"""

from __future__ import annotations

import json
import math
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

VIEW, ADD_CART, REMOVE_CART, BUY = range(4)
COLUMNS = ["unit", "product", "category", "type", "time"]


def features(events: pd.DataFrame, *, by_apply: bool) -> pd.DataFrame:
    """Return one row per session."""
    events = events.sort_values(["unit", "time", "type", "product"])
    sessions = events.groupby("unit")
    table = pd.DataFrame({"n_events": sessions.size()})
    counts = _counts_by_apply(sessions) if by_apply else pd.crosstab(events["unit"], events["type"])
    counts = counts.reindex(columns=range(4), fill_value=0)  # a log may lack some types
    for name, code in (("view", VIEW), ("add_cart", ADD_CART), ("remove_cart", REMOVE_CART), ("buy", BUY)):
        table[f"n_{name}"] = counts[code]
        table[f"share_{name}"] = counts[code] / table["n_events"]
    table["net_cart"] = table["n_add_cart"] - table["n_remove_cart"]
    table["n_products"] = sessions["product"].nunique()
    table["n_categories"] = sessions["category"].nunique()
    table["n_repeats"] = table["n_events"] - table["n_products"]
    start, end = sessions["time"].min(), sessions["time"].max()
    table["duration"] = end - start
    gaps = sessions["time"].diff()
    by_unit = gaps.groupby(events["unit"])
    table["gap_mean"], table["gap_sd"], table["gap_max"] = by_unit.mean(), by_unit.std(ddof=0), by_unit.max()
    table["start_hour"] = start % 86_400 // 3_600
    angle = 2 * math.pi * (start % 86_400) / 86_400
    table["hour_sin"], table["hour_cos"] = np.sin(angle), np.cos(angle)
    table["first_is_buy"] = (sessions["type"].first() == BUY).astype(int)
    table["last_is_buy"] = (sessions["type"].last() == BUY).astype(int)
    if by_apply:
        table["type_changes"] = sessions["type"].apply(lambda types: (types != types.shift()).sum() - 1)
    else:
        table["type_changes"] = sessions["type"].diff().fillna(0).ne(0).groupby(events["unit"]).sum()
    return table


def _counts_by_apply(sessions: Any) -> pd.DataFrame:
    types = sessions["type"]
    return pd.DataFrame({code: types.apply(lambda codes, code=code: (codes == code).sum()) for code in range(4)})


def main() -> None:
    """Measure one style."""
    folder = Path(sys.argv[1])
    started = time.perf_counter()
    events = pd.concat([pd.read_parquet(folder / f"{part}.parquet", columns=COLUMNS) for part in ("train", "test")])
    table = features(events, by_apply="apply" in sys.argv[2:])
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "shape": table.shape}))


if __name__ == "__main__":
    main()
