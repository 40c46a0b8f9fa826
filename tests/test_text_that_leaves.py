"""Text of event files that leaves the program: cells of CSV files for people, and lines on a terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from core.base.spreadsheet import csv_for_people, harmless_rows, harmless_text
from core.base.text import printable
from core.base.workspace import Workspace
from core.cli import main
from core.dataset import list_datasets
from core.pipeline.score import write_values
from tests.events_on_the_spot import good_events, write_files

FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3+cmd|x!A0", "@SUM(A1)", "\tx", "\r=1", "\n=1", " =1", "＝1+1", "--x"]
HARMLESS = ["P12", "-x_7Q-k", "-1.5", "+3", "-1,234.50", "-0.5 ± 0.1", "-3.2%", "a=b", "", "user@shop", "–"]
ESCAPES = "\x1b[31mred\x1b]0;title\x07\x9b2J\x7f\u202e\udc80"


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_is_a_formula_gets_an_apostrophe(text: str) -> None:
    assert harmless_text(text) == f"'{text}"
    frame = pl.DataFrame({"id": [text], "kind": [text]}, schema={"id": pl.String, "kind": pl.Categorical})
    cells = pl.read_csv(csv_for_people(frame).encode()).row(0)
    assert cells == (f"'{text}", f"'{text}")


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_and_numbers_stay_as_they_are(text: str) -> None:
    assert harmless_rows([{"id": text, "value": -1.5}]) == [{"id": text, "value": -1.5}]
    frame = pl.DataFrame({"id": [text], "value": [-1.5], "none": [None]})
    assert csv_for_people(frame) == frame.write_csv()


def test_tables_that_verbs_write_have_no_formulas_as_csv_and_the_texts_as_they_are_as_parquet(tmp_path: Path) -> None:
    texts = [*FORMULAS, *HARMLESS]
    frame = pl.DataFrame({"user_session": texts, "session_value": [-1.5] * len(texts)})
    write_values(frame, tmp_path / "values.csv")
    write_values(frame, tmp_path / "values.parquet")
    assert (tmp_path / "values.csv").read_bytes().decode() == csv_for_people(frame)
    assert pl.read_parquet(tmp_path / "values.parquet").equals(frame)


def test_control_characters_are_escaped_for_a_terminal() -> None:
    shown = printable(f"a\tb\n{ESCAPES}")
    assert shown.startswith("a\tb\n\\u001b[31mred")
    assert shown.removeprefix("a\tb\n").isprintable()
    assert json.loads(printable(json.dumps({"x": ESCAPES}, ensure_ascii=False))) == {"x": ESCAPES}


@pytest.fixture
def hostile(tmp_path: Path, workspace: Workspace) -> Path:
    """A train file whose second row is unusable and full of control characters, and whose third is a formula."""
    files = write_files(tmp_path / "files", good_events())
    lines = files.train.read_text(encoding="utf-8").splitlines(keepends=True)
    bad = lines[1].replace("VIEW", "\x1b]0;owned\x07\x9b2J").replace("ADD_CART", "\x1b]0;owned\x07\x9b2J")
    formula = "=HYPERLINK(1)" + lines[2]
    train = files.train.with_name("tr\x1b[31main.csv")
    train.write_text("".join([*lines, bad, formula]), encoding="utf-8")
    arguments = ["ingest", "--train", str(train), "--test", str(files.test)]
    assert main(arguments) == 0
    return train


def test_nothing_of_a_file_controls_the_terminal_or_a_spreadsheet(
    hostile: Path, workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = list_datasets(workspace)[0].fingerprint
    out = tmp_path / "quarantine.csv"
    main(["quarantine", name])
    main(["quarantine", name, "--json"])
    main(["quarantine", name, "--out", str(out)])
    main(["audit", name])
    main(["ingest", "--train", str(hostile) + "\x1b[2J", "--test", "x", "--json"])
    main(["no\x1b[2Jverb"])
    said = capsys.readouterr()
    assert "\\u001b]0;owned" in said.out
    for text in (said.out, said.err):
        assert text.replace("\n", "").replace("\t", "").isprintable()
    rows = pl.read_csv(out.read_bytes()).get_column("row").to_list()
    assert [row[:2] for row in rows if "HYPERLINK" in row] == ["'="]


def test_a_progress_bar_shows_no_control_characters() -> None:
    program = (
        "import argparse, sys\nfrom core.cli.progress_bars import progress_bar\nsys.stderr.isatty = lambda: True\n"
        "with progress_bar('a\\x1b[2J', argparse.Namespace(json=False)) as advance:\n"
        "    advance(0.5, 'b\\x1b[2J')\n    advance(1.0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, cwd=Path(__file__).parent.parent
    )
    assert b"\x1b[2J" not in done.stderr
    assert b"\\u001b[2J" in done.stderr
