"""Test error of the product and of AutoML tools in the same minutes on the same machine.

    python -m benchmarks.peers --environments FOLDER [--minutes 10] [--only NAME ...] [--data demo journey]

FOLDER gets a virtual environment for each tool (made at the first run; several GB). Peers get the table of a plain
pandas script, AutoGluon also the product's own features. Sessions whose value is known from train take it, for
everybody.
One line a tool: data, tool, seconds, test MSE.
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
"""Tool: whose environment, and which table."""
_OURS = {"quick": ["--preset", "quick"], "standard": []}


def environment(folder: Path, name: str) -> Path:
    """The tool's own Python, installed at the first call."""
    python = folder / name / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
        wanted = _HERE / f"requirements-{name}.txt"
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(wanted)], check=True)
    return python


def mse(predicted: pd.DataFrame, files: Path) -> float:
    """Of one value a session against the truth; sessions that are in train, too, take the value they have there."""
    truth = pd.read_csv(files / "truth.csv", dtype={"user_session": str}).set_index("user_session")[VALUE]
    train = pd.read_csv(files / "train.csv", usecols=["user_session", VALUE], dtype={"user_session": str})
    known = train.groupby("user_session")[VALUE].first()
    told = predicted.groupby("user_session")[VALUE].sum().reindex(truth.index)
    assert told.notna().all()
    told = known.reindex(truth.index).fillna(told)
    return float(((told - truth) ** 2).mean())


def main() -> None:
    """Print one line a tool and dataset."""
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
                    environment(options.environments, _PEERS[name][0])  # its making is not in the tool's time
                began = time.perf_counter()
                predict = of_peer if name in _PEERS else of_us
                predicted = predict(name, files, options)
                seconds = time.perf_counter() - began
                print(f"{data:8} {name:26} {seconds:7.0f} s  {mse(predicted, files):8.1f}", flush=True)


def of_peer(name: str, files: Path, options: argparse.Namespace) -> pd.DataFrame:
    """A peer's predictions: user_session, session_value."""
    tool, table = _PEERS[name]
    python = environment(options.environments, tool)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        ids = plain_tables(files, out) if table == "plain" else own_tables(files, out, out / "home")
        command = [str(python), str(_HERE / f"{tool}_peer.py"), *(str(out / f"{each}.parquet") for each in TABLES)]
        done = subprocess.run([*command, str(options.minutes)], check=False, capture_output=True, text=True, cwd=folder)
        if done.returncode:
            raise RuntimeError(f"{name} ended with an error:\n{done.stderr[-2000:]}")
        return ids.assign(**{VALUE: pd.read_parquet(out / "predicted.parquet")[VALUE].to_numpy()})


TABLES = ("train", "test", "predicted")


def of_us(name: str, files: Path, options: argparse.Namespace) -> pd.DataFrame:
    """The product's own submission, by its command line."""
    inputs = [f"--{part}={files / part.replace('-', '_')}.csv" for part in ("train", "test", "sample-submission")]
    settings = _OURS[name] or ["--minutes", str(options.minutes)]
    with tempfile.TemporaryDirectory() as home:
        summary, _ = core("run", *settings, *inputs, home=Path(home))
        print(json.dumps({key: summary[key] for key in ("seconds", "cv_mse", "expected_test_mse")}), file=sys.stderr)
        return pd.read_csv(summary["submission"], dtype={"user_session": str})


if __name__ == "__main__":
    main()
