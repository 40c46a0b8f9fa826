"""Is a test file that is unlike train noticed, and does the score hold where one is still shown?

    python -m benchmarks.shift [--seeds 7 8] [--sessions 20000]

Makes demo and journey with each seed, and from each six shifted test files (benchmarks/shifted_files.py) and five that
are alike: by time, as the files are made; a random 30% of the users or of the sessions; the weekends alone; a tenth of
the users. Then it runs the quick preset on each as a user would, and compares the expected score with the actual one,
which follows from the truth. Prints a line per run: the codes of the warning, the expected score with its interval and
whether it is withheld, the actual score and whether it lies inside, and the figures behind the verdict.
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
    """Name, the code that has to be among the warning's (None: it has to be quiet), and the files."""
    yield "by time", None, files
    for kind, alike in ALIKE.items():
        yield kind, None, alike(files, other, seed)
    for kind, (shift, code) in SHIFTS.items():
        yield kind, code, shift(files, other, seed)
    if name == "journey":
        yield "June and December", "season", june_and_december(files, other, seed)
    else:
        yield "other shop, same ids", "other_shop", other_shop_same_ids(files, other, seed)


def scored(folder: Path, home: Path) -> dict:
    """The summary of a quick run, with `actual`: the mean squared error of its submission."""
    summary, _ = core("run", "--train", f"{folder}/train.csv", "--test", f"{folder}/test.csv", home=home)
    ids = {"user_session": pl.String}
    answers = pl.read_csv(summary["submission"], schema_overrides=ids)
    truth = pl.read_csv(folder / "truth.csv", schema_overrides=ids).rename({"session_value": "truth"})
    both = answers.join(truth, on="user_session")
    assert both.height == answers.height
    return summary | {"actual": float(((both["session_value"] - both["truth"]) ** 2).mean())}


def main() -> None:
    """Print one line a run and what they come to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8])
    parser.add_argument("--sessions", type=int, default=20_000)
    parser.add_argument("--only", nargs="+", help="names of kinds")
    options = parser.parse_args()
    right, shown, held, total = 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        for name in SETS:
            for seed in options.seeds:
                size = ["--sessions", str(options.sessions)]
                folders = [Path(scratch) / f"{name}{each}" for each in (seed, seed + 1)]
                for folder, each in zip(folders, (seed, seed + 1), strict=True):
                    if not folder.exists():
                        core(name, "--out", str(folder), *size, "--seed", str(each), home=Path(scratch) / "home")
                files, other = (Files.read(folder) for folder in folders)
                for kind, code, made in cases(name, files, other, seed):
                    if options.only and kind not in options.only:
                        continue
                    folder = Path(scratch) / "case"
                    made.write(folder)
                    summary = scored(folder, Path(scratch) / "home")
                    total, right = total + 1, right + _is_right(summary, code)
                    if not summary["expected_withheld"]:
                        shown, held = shown + 1, held + _holds(summary)
                    print(f"{name:8}{seed:3} {kind:22}{_line(summary, code)}", flush=True)
    print(f"right: {right} of {total}; score shown: {shown}, inside its interval: {held}")


def _is_right(summary: dict, code: str | None) -> bool:
    codes = [kind["code"] for kind in summary["shift"]["kinds"]]
    fired = "test_unlike_train" in summary["warnings"]
    return code in codes and fired if code else not fired


def _holds(summary: dict) -> bool:
    expected = summary["expected_test_mse"]
    return expected["low"] <= summary["actual"] <= expected["high"]


def _line(summary: dict, code: str | None) -> str:
    expected, shift = summary["expected_test_mse"], summary["shift"]
    codes = "+".join(kind["code"] for kind in shift["kinds"]) or shift["outcome"]
    figure = f"{expected['value']:.0f} ({expected['low']:.0f} to {expected['high']:.0f})"
    figure += " withheld" if summary["expected_withheld"] else ""
    effects = " ".join(f"{name}={shift['figures'][name]:.2f}" for name in _SHOWN if name in shift["figures"])
    verdict = "" if _is_right(summary, code) else "WRONG "
    inside = "inside" if _holds(summary) else "OUTSIDE"
    return f"{verdict}{codes:24} {figure:30} actual {summary['actual']:8.1f} {inside:8} {effects}"


if __name__ == "__main__":
    main()
