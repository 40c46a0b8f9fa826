"""Test error of the product and of AutoML tools, with the same time limit on the same machine.

    python -m benchmarks.peers --environments FOLDER [--minutes 10] [--only NAME ...] [--data demo journey]

FOLDER holds one virtual environment per tool, created at the first run (several GB). The tools fit the table of a plain
pandas script; AutoGluon also fits the features of the product. For all tools, sessions whose value is known from train
take that value. Prints one line per dataset and tool: seconds and test MSE.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks.peers.tables import VALUE, own_tables, plain_tables
from benchmarks.quick import SETS, core

_HERE = Path(__file__).parent
_PEERS = {
    "flaml": ("flaml", "plain"),
    "mljar": ("mljar", "plain"),
    "autogluon": ("autogluon", "plain"),
    "autogluon on our features": ("autogluon", "own"),
}
"""Name -> tool, which has an environment, and its table."""
_OURS = {"quick": ["--preset", "quick"], "standard": []}


def environment(folder: Path, name: str) -> Path:
    """Return the Python of the tool's environment, and create it at the first call."""
    python = folder / name / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
        requirements = _HERE / f"requirements-{name}.txt"
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)], check=True)
    return python


def mse(predicted: pd.DataFrame, files: Path) -> float:
    """Return the test MSE per session; sessions that are also in train take the value they have there."""
    truth = pd.read_csv(files / "truth.csv", dtype={"user_session": str}).set_index("user_session")[VALUE]
    train = pd.read_csv(files / "train.csv", usecols=["user_session", VALUE], dtype={"user_session": str})
    known = train.groupby("user_session")[VALUE].first()
    values = predicted.groupby("user_session")[VALUE].sum().reindex(truth.index)
    assert values.notna().all()
    values = known.reindex(truth.index).fillna(values)
    return float(((values - truth) ** 2).mean())


def main() -> None:
    """Print one line per dataset and tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", nargs="+", choices=[*_PEERS, *_OURS])
    parser.add_argument("--data", nargs="+", choices=list(SETS), default=list(SETS))
    options = parser.parse_args()
    for data in options.data:
        with tempfile.TemporaryDirectory() as scratch:
            files = Path(scratch) / data
            core(data, "--out", str(files), *SETS[data], home=Path(scratch) / "home")
            for name in options.only or [*_PEERS, *_OURS]:
                if name in _PEERS:
                    environment(options.environments, _PEERS[name][0])  # created before the clock starts
                started = time.perf_counter()
                predict = predict_with_peer if name in _PEERS else predict_with_product
                predicted = predict(name, files, options)
                seconds = time.perf_counter() - started
                print(f"{data:8} {name:26} {seconds:7.0f} s  {mse(predicted, files):8.1f}", flush=True)


def predict_with_peer(name: str, files: Path, options: argparse.Namespace) -> pd.DataFrame:
    """Run a tool in its environment, and return user_session and session_value."""
    tool, table = _PEERS[name]
    python = environment(options.environments, tool)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        ids = plain_tables(files, out) if table == "plain" else own_tables(files, out, out / "home")
        command = [
            str(python),
            str(_HERE / f"{tool}_peer.py"),
            *(str(out / f"{table_name}.parquet") for table_name in _TABLES),
        ]
        process = subprocess.run(
            [*command, str(options.minutes)], check=False, capture_output=True, text=True, cwd=folder
        )
        if process.returncode:
            raise RuntimeError(f"{name} ended with an error:\n{process.stderr[-2000:]}")
        return ids.assign(**{VALUE: pd.read_parquet(out / "predicted.parquet")[VALUE].to_numpy()})


_TABLES = ("train", "test", "predicted")


def predict_with_product(name: str, files: Path, options: argparse.Namespace) -> pd.DataFrame:
    """Run the product from the command line, and return its submission."""
    inputs = [f"--{part}={files / part.replace('-', '_')}.csv" for part in ("train", "test", "sample-submission")]
    settings = _OURS[name] or ["--minutes", str(options.minutes)]
    with tempfile.TemporaryDirectory() as home:
        summary, _ = core("run", *settings, *inputs, home=Path(home))
        print(json.dumps({key: summary[key] for key in ("seconds", "cv_mse", "expected_test_mse")}), file=sys.stderr)
        return pd.read_csv(summary["submission"], dtype={"user_session": str})


if __name__ == "__main__":
    main()
