"""Speed and peak memory of the simulator by size. Each size runs in its own process.

python -m benchmarks.demo_scale [--sessions 101500 2500000 25000000]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time

MEASURE = (
    "import sys, resource; from core.cli import main; code = main(sys.argv[1:]);"
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024); sys.exit(code)"
)


def main() -> None:
    """Print one line per size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, nargs="+", default=[101_500, 2_500_000, 25_000_000])
    print("  sessions      events  seconds   events/s  peak MB")
    for sessions in parser.parse_args().sessions:
        with tempfile.TemporaryDirectory() as scratch:
            command = [sys.executable, "-c", MEASURE, "demo", "--out", scratch, "--sessions", str(sessions), "--json"]
            started = time.perf_counter()
            process = subprocess.run(command, check=True, capture_output=True, text=True)
            seconds = time.perf_counter() - started
            *_, summary, peak = process.stdout.splitlines()
            counts = json.loads(summary)
            events = counts["train_rows"] + counts["test_rows"]
            print(
                f"{sessions:10,}  {events:10,}  {seconds:7.1f}  {events / seconds:9,.0f}  {float(peak):7.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
