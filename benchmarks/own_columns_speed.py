"""Time and peak memory of reading a log and computing its features, with and without eight own columns.

    python -m benchmarks.own_columns_speed [--sessions 2480000] [--repeat 3]

The rows are those of the demo (about two a session), with columns of all kinds and levels. Both files are read from
CSV, once with a mapping that ignores the further columns and once with one that names them. Each measurement runs in
its own process, and the two alternate.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

import polars as pl

from benchmarks.features import run_json
from core.demo import write_demo
from core.ingestion.mapping import Mapping, mapping_text
from core.own_columns import Kind, Level
from core.schema import PRODUCT_ID, USER_ID

_OWN: dict[str, tuple[Kind, Level]] = {
    "price": ("money", "product"),
    "brand": ("category", "product"),
    "device": ("category", "session"),
    "discount": ("money", "event"),
    "rating": ("number", "product"),
    "campaign": ("category", "event"),
    "launched": ("time", "product"),
    "member": ("flag", "user"),
}
_MEASURE = """
import json, resource, sys, time
from pathlib import Path
from core.base.workspace import Workspace
from core.config import RunConfig
from core.features import build_features
from core.ingestion import InputFiles, ingest
from core.ingestion.mapping import load_mapping
folder, mapping, home = Path(sys.argv[1]), load_mapping(Path(sys.argv[2])), Path(sys.argv[3])
began = time.perf_counter()
dataset = ingest(InputFiles(folder / "train.csv", folder / "test.csv", mapping=mapping), Workspace(home))
read = time.perf_counter() - began
shape = build_features(dataset, RunConfig()).values.shape
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
excluded = [own.name for own in dataset.card().own if own.excluded]
print(json.dumps({"read": read, "features": seconds - read, "peak": peak, "shape": shape, "excluded": excluded}))
"""


def _widen(path: Path) -> None:
    """Add the columns that the demo does not write."""
    product, user, row = pl.col(PRODUCT_ID).hash(1), pl.col(USER_ID).hash(2), pl.int_range(pl.len())
    columns = [
        (row * 7919 % 400 / 20).alias("discount"),
        (product % 50 / 10).alias("rating"),
        pl.format("campaign {}", row * 104_729 % 30).alias("campaign"),
        (pl.datetime(2020, 1, 1) + pl.duration(days=product % 1800)).dt.strftime("%Y-%m-%d").alias("launched"),
        pl.when(user % 3 == 0).then(pl.lit("yes")).otherwise(pl.lit("no")).alias("member"),
    ]
    wide = path.with_suffix(".wide")
    pl.scan_csv(path, infer_schema=False).with_columns(columns).sink_csv(wide)
    wide.replace(path)


def main() -> None:
    """Print one line per mapping, and the ratios of the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=2_480_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    own = {name: {"column": name, "kind": kind, "level": level} for name, (kind, level) in _OWN.items()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_demo(folder, sessions=options.sessions, seed=7, own_columns=True)
        for file in ("train", "test"):
            _widen(folder / f"{file}.csv")
        runs: dict[str, list[dict[str, float]]] = {"without": [], "with": []}
        for kind, mapping in (("without", Mapping()), ("with", Mapping.checked(own=own))):
            (folder / f"{kind}.toml").write_text(mapping_text(mapping))
        for repeat in range(options.repeat):
            for kind, measured in runs.items():
                home = folder / f"{kind}-{repeat}"
                measured.append(run_json("-c", _MEASURE, str(folder), str(folder / f"{kind}.toml"), str(home)))
                print(kind, measured[-1], flush=True)
                shutil.rmtree(home)
        medians = {
            kind: {part: statistics.median(run[part] for run in measured) for part in ("read", "features", "peak")}
            for kind, measured in runs.items()
        }
        print("| own columns | reading s | features s | peak GB |\n| --- | --- | --- | --- |")
        for kind, median in medians.items():
            print(f"| {kind} | {median['read']:.1f} | {median['features']:.1f} | {median['peak']:.1f} |")
        both = {kind: median["read"] + median["features"] for kind, median in medians.items()}
        print(f"together {both['with'] / both['without']:.2f} times as long")


if __name__ == "__main__":
    main()
