"""Detection of covariate shift, and accuracy of the expected score where it is not withheld.

    python -m benchmarks.shift [--seeds 7 8] [--sessions 20000]

Generates demo and journey with each seed. From each come seven shifted test files (benchmarks/shifted_files.py) and
five similar ones: the original split by time, a random 30% of the users or of the sessions, only the weekends, and a
tenth of the users. The quick preset runs on each of them from the command line.

Prints one line per run: the codes of the warning, the expected score with its interval and whether it is withheld, the
actual score and whether it is inside the interval, and the figures behind the verdict.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from benchmarks.quick import core
from benchmarks.shifted_files import ALIKE, SHIFTS, Files, june_and_december, other_shop_same_ids

SETS = ("demo", "journey")
_SHOWN = (
    "n_events_effect",
    "share_view_effect",
    "share_buy_effect",
    "own_length_effect",
    "product_overlap",
    "category_overlap",
    "returning_users",
    "gap_days",
    "auc",
)


def cases(name: str, files: Files, other: Files, seed: int) -> Iterator[tuple[str, str | None, Files]]:
    """Yield name, expected code (None if there must be no warning) and files of each case."""
    yield "by time", None, files
    for kind, split_again in ALIKE.items():
        yield kind, None, split_again(files, other, seed)
    for kind, (shift, code) in SHIFTS.items():
        yield kind, code, shift(files, other, seed)
    if name == "journey":
        yield "June and December", "season", june_and_december(files, other, seed)
    else:
        yield "other shop, same ids", "other_shop", other_shop_same_ids(files, other, seed)


def run_and_score(folder: Path, home: Path) -> dict:
    """Return the summary of a quick run, with `actual`: the mean squared error of its submission."""
    summary, _ = core("run", "--train", f"{folder}/train.csv", "--test", f"{folder}/test.csv", home=home)
    ids = {"user_session": pl.String}
    answers = pl.read_csv(summary["submission"], schema_overrides=ids)
    truth = pl.read_csv(folder / "truth.csv", schema_overrides=ids).rename({"session_value": "truth"})
    joined = answers.join(truth, on="user_session")
    assert joined.height == answers.height
    return summary | {"actual": float(((joined["session_value"] - joined["truth"]) ** 2).mean())}


def main() -> None:
    """Print one line per run and a summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8])
    parser.add_argument("--sessions", type=int, default=20_000)
    parser.add_argument("--only", nargs="+", help="names of cases")
    options = parser.parse_args()
    n_correct, n_shown, n_inside, n_runs = 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        for name in SETS:
            for seed in options.seeds:
                size = ["--sessions", str(options.sessions)]
                folders = [Path(scratch) / f"{name}{shop_seed}" for shop_seed in (seed, seed + 1)]
                for folder, shop_seed in zip(folders, (seed, seed + 1), strict=True):
                    if not folder.exists():
                        core(name, "--out", str(folder), *size, "--seed", str(shop_seed), home=Path(scratch) / "home")
                files, other = (Files.read(folder) for folder in folders)
                for kind, code, case in cases(name, files, other, seed):
                    if options.only and kind not in options.only:
                        continue
                    folder = Path(scratch) / "case"
                    case.write(folder)
                    summary = run_and_score(folder, Path(scratch) / "home")
                    n_runs, n_correct = n_runs + 1, n_correct + _is_correct(summary, code)
                    if not summary["expected_withheld"]:
                        n_shown, n_inside = n_shown + 1, n_inside + _is_inside(summary)
                    print(f"{name:8}{seed:3} {kind:22}{_line(summary, code)}", flush=True)
    print(f"correct: {n_correct} of {n_runs}; score shown: {n_shown}, inside its interval: {n_inside}")


def _is_correct(summary: dict, code: str | None) -> bool:
    codes = [kind["code"] for kind in summary["shift"]["kinds"]]
    has_warning = "test_unlike_train" in summary["warnings"]
    return code in codes and has_warning if code else not has_warning


def _is_inside(summary: dict) -> bool:
    expected = summary["expected_test_mse"]
    return expected["low"] <= summary["actual"] <= expected["high"]


def _line(summary: dict, code: str | None) -> str:
    expected, shift = summary["expected_test_mse"], summary["shift"]
    codes = "+".join(kind["code"] for kind in shift["kinds"]) or shift["outcome"]
    figure = f"{expected['value']:.0f} ({expected['low']:.0f} to {expected['high']:.0f})"
    figure += " withheld" if summary["expected_withheld"] else ""
    effects = " ".join(f"{name}={shift['figures'][name]:.2f}" for name in _SHOWN if name in shift["figures"])
    verdict = "" if _is_correct(summary, code) else "WRONG "
    inside = "inside" if _is_inside(summary) else "OUTSIDE"
    return f"{verdict}{codes:24} {figure:30} actual {summary['actual']:8.1f} {inside:8} {effects}"


if __name__ == "__main__":
    main()
