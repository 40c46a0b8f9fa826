"""Broken submissions are each found by their own check, and sound ones in odd but legal form are accepted.

The sound file has 600 sessions of a shop: predictions that differ from those of a run by noise, 30 sessions whose value
is known from train, and 20 ids that several users share.
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.submission import SubmissionTarget, check_file

HEADER = "user_session,session_value"
N = 600
RNG = np.random.default_rng(3)
IDS = [f"S_{number:05}" for number in RNG.permutation(N) + 1]
PREDICTED = np.round(RNG.lognormal(3.0, 0.8, N) + 1, 6)
VALUES = np.round(PREDICTED * RNG.lognormal(0.0, 0.2, N), 6)
KNOWN = range(0, 300, 10)
SUMS = range(305, 505, 10)
VALUES[KNOWN] = np.round(PREDICTED[KNOWN] * 1.5, 2)
TRAIN = pl.DataFrame(
    {
        "user_session": [IDS[row] for row in KNOWN] + [f"T{number}" for number in range(2000)],
        "session_value": [*VALUES[KNOWN], *np.round(RNG.lognormal(3.0, 1.0, 2000), 2)],
    }
)
REFERENCE = pl.DataFrame({"text": IDS, "predicted": PREDICTED}).with_columns(
    is_sum=pl.col("text").is_in([IDS[row] for row in SUMS])
)
IDS_SERIES = pl.Series(IDS)
TARGET = SubmissionTarget.of(IDS_SERIES, IDS_SERIES, TRAIN["session_value"], known=TRAIN, reference=REFERENCE)


def csv_of(ids=IDS, values=VALUES, header: str = HEADER, line: str = "{},{}") -> str:
    rows = [line.format(name, value) for name, value in zip(ids, values, strict=True)]
    return "\n".join([header, *rows]) + "\n"


LINES = csv_of().splitlines()
SOUND = csv_of()
RUN_ORDER = np.argsort(IDS)


def lines(*changed: str) -> str:
    return "\n".join(changed) + "\n"


def one_value(text: str) -> str:
    return lines(*LINES[:50], f"{IDS[49]},{text}", *LINES[51:])


def one_id(text: str) -> str:
    return lines(*LINES[:50], f"{text},{VALUES[49]}", *LINES[51:])


def with_values(values: np.ndarray) -> str:
    return csv_of(values=values)


def known_kept(values: np.ndarray) -> np.ndarray:
    """Return values in which the known sessions keep theirs."""
    kept = np.array(values)
    kept[KNOWN] = VALUES[KNOWN]
    return kept


def zipped(*members: tuple[str, str | bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in members:
            archive.writestr(name, text)
    return content.getvalue()


def half_shifted() -> np.ndarray:
    return np.concatenate([VALUES[:300], np.roll(VALUES[300:], 1)])


def halved_sums() -> np.ndarray:
    values = VALUES.copy()
    values[SUMS] *= 0.45
    return values


def parquet(**columns: object) -> bytes:
    content = io.BytesIO()
    pl.DataFrame(columns).write_parquet(content)
    return content.getvalue()


def of_r(header: str, separator: str) -> str:
    """Return the file as write.csv and write.table of R write it, with row names."""
    names = enumerate(zip(IDS, VALUES, strict=True), start=1)
    rows = [separator.join((f'"{row}"', f'"{name}"', f"{value}")) for row, (name, value) in names]
    return lines(header, *rows)


GERMAN = csv_of(values=[str(value).replace(".", ",") for value in VALUES])
BROKEN: list[tuple[str, str | bytes, str]] = [
    ("empty file", b"", "readable"),
    ("only blank lines", "\n\n\n", "readable"),
    ("a Parquet file", b"PAR1....PAR1", "readable"),
    ("Parquet", parquet(user_session=IDS, session_value=VALUES), "file_type"),
    ("Parquet with an index", parquet(user_session=IDS, session_value=VALUES, row=range(N)), "columns"),
    ("Parquet with categories", parquet(id=pl.Series(IDS, dtype=pl.Categorical), session_value=VALUES), "columns"),
    ("write.csv of R", of_r('"","user_session","session_value"', ","), "columns"),
    ("write.table of R", of_r('"user_session","session_value"', ","), "columns"),
    ("write.table of R with blanks", of_r('"user_session" "session_value"', " "), "separator"),
    ("ids as row names of R", csv_of(header='"session_value"', line='"{}",{}'), "columns"),
    ("ids as row names of R with semicolons", csv_of(header='"session_value"', line='"{}";{}'), "separator"),
    ("a comma at the end of each row", csv_of(line="{},{},"), "columns"),
    ("a comma at the end of each line", SOUND.replace("\n", ",\n"), "columns"),
    ("comments above the header", "# model 3\n\n# of us, today\n" + SOUND, "columns"),
    ("a header that is a comment", "# " + SOUND, "columns"),
    ("JSON Lines", pl.DataFrame({"user_session": IDS, "session_value": VALUES}).write_ndjson().encode(), "file_type"),
    ("JSON", pl.DataFrame({"user_session": IDS, "session_value": VALUES}).write_json().encode(), "file_type"),
    ("JSON Lines in gzip", gzip.compress(pl.DataFrame({"a": IDS, "b": VALUES}).write_ndjson().encode()), "file_type"),
    ("a title above the header", f"Our best model\n\n{SOUND}", "columns"),
    ("a title of a spreadsheet", f"Our best model,\n,\n{SOUND}", "columns"),
    ("columns of equal width", csv_of(header="   " + HEADER.replace(",", "   "), line="{:>16}{:>16}"), "separator"),
    ("a line of the database at the end", SOUND + "\n(600 rows affected)\n", "readable"),
    ("an HTML table", "<table>\n<tr><td>S_00001</td><td>1</td></tr></table>", "readable"),
    ("an Arrow file", b"ARROW1\0\0" + SOUND.encode(), "readable"),
    ("JSON by column", '{"user_session":{"0":"S_00001"},"session_value":{"0":1.5}}', "readable"),
    ("a list in each cell", parquet(user_session=IDS, session_value=[[value] for value in VALUES]), "readable"),
    ("an archive of an archive", zipped(("a.zip", zipped(("a.csv", SOUND)))), "readable"),
    ("a JSON file of texts", '["S_1"]', "readable"),
    ("a JSON file cut short", '[{"user_session": "S_1"}', "readable"),
    ("an archive of two files", zipped(("a.csv", SOUND), ("b.csv", SOUND)), "readable"),
    ("a damaged gzip file", gzip.compress(SOUND.encode())[:-30], "readable"),
    ("NUL bytes", SOUND.replace("S_00007", "S_0\x000007"), "readable"),
    ("a row with three fields", lines(*LINES[:9], LINES[9] + ",x", *LINES[10:]), "readable"),
    ("a row with one field", lines(*LINES[:9], IDS[8], *LINES[10:]), "readable"),
    ("a comma in an id", one_id("S,1,2"), "readable"),
    ("UTF-16 with a mark", SOUND.encode("utf-16"), "encoding"),
    ("UTF-16 without a mark", SOUND.encode("utf-16-le"), "encoding"),
    ("Turkish letters in cp1254", one_id("oturum_çşğ").encode("cp1254"), "encoding"),
    ("bytes of no encoding", SOUND.encode().replace(b"S_00012", b"S\x81\xff12"), "encoding"),
    ("an open quotation mark", one_id('"S_1'), "quoting"),
    ("a mark within a field", one_id('"S"_1'), "quoting"),
    ("semicolons", SOUND.replace(",", ";"), "separator"),
    ("tabs", SOUND.replace(",", "\t"), "separator"),
    ("vertical bars", SOUND.replace(",", "|"), "separator"),
    ("semicolons and decimal commas", SOUND.replace(",", ";").replace(".", ","), "separator"),
    ("no header", lines(*LINES[1:]), "columns"),
    ("another header", SOUND.replace("session_value", "prediction"), "columns"),
    ("a header in capitals", SOUND.replace("user_session", "USER_SESSION"), "columns"),
    ("a blank in the header", SOUND.replace("user_session", "user_session "), "columns"),
    ("swapped columns", csv_of(VALUES, IDS, "session_value,user_session"), "columns"),
    ("the row numbers of pandas", lines("," + HEADER, *(f"{i},{row}" for i, row in enumerate(LINES[1:]))), "columns"),
    ("a further column", lines(HEADER + ",source", *(row + ",stack" for row in LINES[1:])), "columns"),
    ("only ids", lines("user_session", *IDS), "columns"),
    ("the header twice", lines(HEADER, *LINES), "numbers"),
    ("a row too few", lines(*LINES[:-1]), "missing_sessions"),
    ("half of the rows", lines(*LINES[:300]), "row_count"),
    ("a row too many", SOUND + "S_99999,1.5\n", "extra_sessions"),
    ("a total at the end", SOUND + f"Total,{VALUES.sum()}\n", "extra_sessions"),
    ("the sessions of train", csv_of([f"T{number}" for number in range(N)]), "extra_sessions"),
    ("an empty id", one_id(""), "clean_ids"),
    ("a blank after an id", one_id(IDS[49] + " "), "clean_ids"),
    ("blanks after all ids", csv_of([f"{name} " for name in IDS]), "clean_ids"),
    ("ids in lower case", SOUND.replace("S_", "s_"), "id_spelling"),
    ("ids in apostrophes", csv_of([f"'{name}'" for name in IDS]), "id_spelling"),
    ("a repeated row", lines(*LINES, LINES[3]), "duplicate_sessions"),
    ("a session twice, another never", one_id(IDS[3]), "duplicate_sessions"),
    ("a word as a value", one_value("high"), "numbers"),
    ("a currency", csv_of(line="{},${}"), "value_signs"),
    ("a currency after the number", csv_of(line="{},{} TL"), "value_signs"),
    ("two currencies", lines(*LINES[:-2], f"{IDS[-2]},$1.5", f"{IDS[-1]},€1.5"), "numbers"),
    ("a minus that is no hyphen", one_value("−12.5"), "value_signs"),
    ("thousands with an apostrophe", one_value("1'234.50"), "thousands_mark"),
    ("thousands with a point", csv_of(values=[f"{v * 1e5:,.0f}".replace(",", ".") for v in VALUES]), "thousands_mark"),
    ("percentages", csv_of(line="{},{}%"), "numbers"),
    ("a date of a spreadsheet", one_value("05.Mar"), "numbers"),
    ("thousands with a comma", one_value('"1,234.50"'), "thousands_mark"),
    ("large values of a spreadsheet", csv_of(values=[f'"{value:,.6f}"' for value in VALUES * 100]), "thousands_mark"),
    ("an open quotation mark in every row", csv_of(line='"{},{}'), "quoting"),
    ("decimal commas without quotes", GERMAN, "decimal_mark"),
    ("decimal commas in quotes", csv_of(values=[f'"{value}"'.replace(".", ",") for value in VALUES]), "decimal_mark"),
    ("an empty value", one_value(""), "empty_values"),
    ("NaN", one_value("NaN"), "empty_values"),
    ("null", one_value("null"), "empty_values"),
    ("infinity", one_value("inf"), "infinite_values"),
    ("an overflow", one_value("1e400"), "infinite_values"),
    ("negative values", with_values(VALUES - 20), "negative_values"),
    ("the order of the ids", csv_of(np.array(IDS)[RUN_ORDER], VALUES[RUN_ORDER]), "order"),
    ("one constant", with_values(np.full(N, 31.4)), "constant"),
    ("only zeros", with_values(np.zeros(N)), "constant"),
    ("a default in most rows", with_values(np.where(np.arange(N) % 3 > 0, 20.0, VALUES)), "repeated_values"),
    ("logarithms", with_values(np.log1p(VALUES)), "log_scale"),
    ("cents", with_values(VALUES * 100), "unit"),
    ("thousands of units", with_values(VALUES / 1000), "unit"),
    ("a fifth of train's mean", with_values(VALUES / 8), "scale"),
    ("one enormous value", one_value("1e7"), "plausible"),
    ("known sessions predicted", with_values(VALUES * np.where(np.isin(np.arange(N), KNOWN), 1.2, 1)), "known_values"),
    ("sums forgotten", with_values(halved_sums()), "sums"),
    ("values one row too low", with_values(np.roll(VALUES, 1)), "out_of_step"),
    ("values three rows too high", with_values(np.roll(VALUES, -3)), "out_of_step"),
    ("values one row too low from the middle on", with_values(half_shifted()), "out_of_step"),
    ("values sorted", with_values(np.sort(VALUES)), "out_of_step"),
    ("values in the order of sorted ids", with_values(VALUES[RUN_ORDER]), "out_of_step"),
    ("values shuffled", with_values(np.random.default_rng(1).permutation(VALUES)), "out_of_step"),
    ("values upside down", with_values(VALUES.max() - VALUES), "out_of_step"),
    ("spread too small", with_values(known_kept(30 + VALUES / 50)), "distribution"),
    ("twice as much", with_values(known_kept(VALUES * 2)), "distribution"),
]  # fmt: skip

ODD_BUT_SOUND: dict[str, str | bytes] = {
    "byte order mark": "\ufeff" + SOUND,
    "Windows line ends": SOUND.replace("\n", "\r\n"),
    "old Macintosh line ends": SOUND.replace("\n", "\r"),
    "no last line end": SOUND.rstrip("\n"),
    "blank lines": SOUND.replace("\n", "\n\n"),
    "everything quoted": csv_of(header='"user_session","session_value"', line='"{}","{}"'),
    "ids quoted": csv_of(line='"{}",{}'),
    "exponents": csv_of(values=[f"{value:.12e}" for value in VALUES]),
    "many decimals": csv_of(values=[f"{value:.17f}" for value in VALUES]),
    "plus signs and blanks": csv_of(line="{}, +{} "),
    "two decimals": csv_of(values=[f"{value:.2f}" for value in VALUES]),
    "gzip": gzip.compress(SOUND.encode()),
    "ZIP": zipped(("submission.csv", SOUND)),
    "ZIP with a description": zipped(("README.txt", "Our best model."), ("submission.csv", SOUND)),
}


def failed_codes(folder: Path, content: str | bytes) -> set[str]:
    path = folder / "submission.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return {result.code for result in check_file(path, TARGET) if result.outcome == "failed"}


@pytest.mark.parametrize(("content", "code"), [pytest.param(text, code, id=name) for name, text, code in BROKEN])
def test_a_broken_submission_is_found_by_its_own_check(tmp_path, content, code):
    assert code in failed_codes(tmp_path, content)


def test_there_are_at_least_sixty_broken_submissions():
    assert len({content for _, content, _ in BROKEN}) == len(BROKEN) >= 60


@pytest.mark.parametrize("name", ODD_BUT_SOUND)
def test_a_sound_submission_in_odd_form_is_accepted(tmp_path, name):
    assert failed_codes(tmp_path, ODD_BUT_SOUND[name]) == set()


def test_the_sound_submission_passes_all_checks(tmp_path):
    (tmp_path / "sub.csv").write_text(SOUND)
    results = check_file(tmp_path / "sub.csv", TARGET)
    assert {result.outcome for result in results} == {"passed"}


CELLS = st.sampled_from(
    ["", "x", "-1", "nan", "1e999", "0", "12", "3.25", "1,5", " 7 ", "S_00001", "S_99999", "s_00001"]
)
CHANGES = st.tuples(st.sampled_from(["id", "value", "drop", "repeat", "swap", "header"]), st.integers(0, N - 1), CELLS)


def changed_rows(kind: str, row: int, cell: str) -> list[list[str]]:
    rows = [[name, str(value)] for name, value in zip(IDS, VALUES, strict=True)]
    header = HEADER.split(",")
    if kind in {"id", "value"}:
        rows[row][kind == "value"] = cell
    elif kind == "drop":
        del rows[row]
    elif kind == "repeat":
        rows.append(rows[row])
    elif kind == "swap":
        rows[row], rows[0] = rows[0], rows[row]
    else:
        header[row % 2] = cell
    return [header, *rows]


def is_allowed(header: list[str], *rows: list[str]) -> bool:
    """The rules in plain Python: the right header, each session once, and numbers from 0 to the largest value."""
    try:
        numbers = [float(value) for _, value in rows]
    except ValueError:
        return False
    right = header == HEADER.split(",") and sorted(name for name, _ in rows) == sorted(IDS)
    return right and all(0 <= number <= 1e15 for number in numbers)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(change=CHANGES)
def test_any_change_of_one_cell_row_or_header_is_allowed_or_found(tmp_path, change):
    rows = changed_rows(*change)
    path = tmp_path / "sub.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    blocking = {
        result.code for result in check_file(path, TARGET) if result.outcome == "failed" and result.severity == "error"
    }
    assert (not blocking) == is_allowed(*rows)
