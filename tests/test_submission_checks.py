"""Submission checks: each check fails, passes or does not apply, with the counts and examples in its explanation."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.check_result import CheckResult
from core.dataset import SubmissionColumns
from core.errors import InputError
from core.submission import CHECKS, SubmissionTarget, check_file, content

TEST = pl.Series(["S1", "S2", "S3", "S4", "S5"])
TRAIN = pl.DataFrame({"user_session": ["A", "B", "C"], "session_value": [10.0, 20.0, 30.0]})
HEADER = "user_session,session_value\n"
GOOD = HEADER + "S1,10.5\nS2,20\nS3,0\nS4,30.25\nS5,12\n"
OF_RUN = {"known_values", "sums", "out_of_step", "distribution"}
"""Checks that need a run, or sessions known from train; see test_broken_submissions.py."""
CODES = [check.code for check in CHECKS if check.code not in OF_RUN]


def answers(
    folder: Path,
    content: str | bytes,
    test=TEST,
    sample: pl.Series | None = TEST,
    known: pl.DataFrame | None = TRAIN,
    **options: Any,
) -> dict[str, CheckResult]:
    path = folder / "sub.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    target = SubmissionTarget.of(test, sample, None if known is None else known["session_value"], **options)
    return {result.code: result for result in check_file(path, target) if result.code not in OF_RUN}


def outcomes(results: dict[str, CheckResult], outcome: str) -> set[str]:
    return {code for code, result in results.items() if result.outcome == outcome}


def with_values(*values: str) -> str:
    return HEADER + "".join(f"S{number},{value}\n" for number, value in enumerate(values, 1))


def parquet(**columns: list[object]) -> bytes:
    content = io.BytesIO()
    pl.DataFrame(columns).write_parquet(content)
    return content.getvalue()


PARQUET = parquet(user_session=["S1", "S2", "S3", "S4", "S5"], session_value=[10.5, 20.0, 0.0, 30.25, None])

FAILURES = [
    ("readable", b"", "it is empty"),
    ("readable", b"\n\r\n\n", "it is empty"),
    ("readable", b"\x1f\x8b\x08\0damaged", "its compressed data is damaged"),
    ("readable", b"PAR1", "it is a damaged Parquet file"),
    ("readable", parquet(**{f"c{number}": [1] for number in range(101)}), "it has 101 columns; a submission has 2"),
    ("file_type", PARQUET, "The file is Parquet. Save the table as CSV."),
    ("empty_values", PARQUET, "1 of 5 values is empty or NaN (line 6: '')"),
    ("columns", GOOD.replace("\nS", ",\nS").rstrip() + ",\n", "(each row ends with a separator, which makes an empty"),
    ("columns", GOOD.replace("\n", ",\n"), "(each row ends with a separator, which makes an empty column)"),
    ("columns", "Ours\n" + GOOD, "The header is 'Ours' (a title; the names of the columns are in line 2)."),
    ("columns", "# a\n\n# b, c\n" + GOOD, "2 comments are above the header ('# a' and '# b, c')."),
    ("readable", parquet(user_session=["S1"], session_value=[[1.5]]), "column session_value has the type large_list<"),
    ("readable", parquet(user_session=[{"a": "S1"}], session_value=[1.5]), "user_session has the type struct<a: large"),
    ("readable", parquet(user_session=["S1"], session_value=[timedelta(1)]), "has the type duration[us] instead of n"),
    ("readable", b'{"user_session": "S1"}\n{"user_session": \n', "line 2 is no row: it is not a JSON object (invalid"),
    (
        "readable",
        GOOD + "\n(5 rows)\n",
        "1 of 6 rows does not have the 2 fields of the header: line 8 has 1 ('(5 rows)')).",
    ),
    ("file_type", b'{"user_session": "S1", "session_value": 1.5}\n', "The file is JSON Lines. Save the table as CSV."),
    (
        "columns",
        GOOD.replace("\nS", "\n1,S"),
        "(it has one name fewer than the rows have fields, as R writes row names)",
    ),
    ("columns", "," + GOOD.replace("\nS", "\n1,S"), "(the first column has no name, as R and pandas write row names)"),
    (
        "thousands_mark",
        with_values('"1,234.5"', "999", '"1,234,567"'),
        "2 of 3 values are written with a mark between thousands (line 2: '1,234.5' and line 4: '1,234,567')",
    ),
    ("numbers", with_values('"1,234"', "99.5"), "1 of 2 values is text (line 2: '1,234')"),
    ("numbers", with_values('"1,234"', "99"), "1 of 2 values is text (line 2: '1,234')"),
    (
        "numbers",
        with_values('"12,5"', "3.516"),
        "line 3: '3.516'). A number such as 1,234 can be a thousand or a little",
    ),
    (
        "value_signs",
        with_values("€ 12.50", "−7", "(3)", "\u00a08", "1"),
        "4 of 5 values are written with a currency, brackets, an unusual blank or an unusual minus (line 2: '€ 12.50'",
    ),
    ("numbers", with_values('"1,234.5"', '"1,5"'), "2 of 2 values are text"),
    ("encoding", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "byte 1 is not UTF-8 text"),
    ("readable", "user_session\0,x\n", "character 13 is NUL"),
    ("encoding", GOOD.encode("utf-16"), "The text was read as utf-16. Save the file as UTF-8."),
    ("encoding", GOOD.replace("S1", "Çay bardağı").encode("cp1254"), "The text was read as cp1254."),
    (
        "readable",
        HEADER + "S1,1\nS2\n\nS3,1,2\nS4,1,5,6\nS5\n",
        "4 of 5 rows do not have the 2 fields of the header: line 3 has 1 ('S2'), "
        "line 5 has 3 ('S3,1,2'), line 6 has 4 ('S4,1,5,6') and 1 more",
    ),
    (
        "quoting",
        GOOD + '"S6,1\n',
        "from line 7 its quotation marks do not enclose whole fields: unexpected end of data",
    ),
    ("readable", "," * 100 + "\n", "line 1 has more than 100 fields"),
    (
        "columns",
        GOOD.replace("session_value", "value"),
        "'user_session' and 'value' (missing: 'session_value'; not allowed: 'value')",
    ),
    (
        "columns",
        GOOD.replace("\n", ",1\n").replace("session_value,1", "session_value,price"),
        "'user_session', 'session_value' and 'price' (not allowed: 'price')",
    ),
    (
        "columns",
        "user_session,user_session,session_value\nS1,S1,1\n",
        "'user_session', 'user_session' and 'session_value' (not allowed: 'user_session')",
    ),
    (
        "columns",
        "user_session\nS1\n",
        "'user_session' (missing: 'session_value')",
    ),
    (
        "columns",
        "session_value,user_session\n1,S1\n",
        "'session_value' and 'user_session' (the columns are swapped)",
    ),
    (
        "separator",
        "user_session;session_value\nS1;1\n",
        "The fields are separated by semicolons.",
    ),
    (
        "columns",
        "S1,10.5\nS2,20\n",
        "'S1' and '10.5' (it looks like a row, so the header is missing)",
    ),
    (
        "columns",
        GOOD.replace("user_session", " User_Session"),
        "' User_Session' and 'session_value' (missing: 'user_session'; not allowed: ' User_Session')",
    ),
    ("row_count", HEADER, "0 rows for 5 test sessions"),
    (
        "row_count",
        HEADER + "S1,1\n",
        "1 row for 5 test sessions",
    ),
    (
        "row_count",
        GOOD + "S6,1\n",
        "6 rows for 5 test sessions",
    ),
    (
        "clean_ids",
        HEADER + "S1,1\n S2,1\nS3\t,1\n,1\n\u00a0,1\n",
        (
            "4 of 5 session ids are empty or padded with white space "
            "(line 3: ' S2', line 4: 'S3\\t', line 5: '' and 1 more)"
        ),
    ),
    (
        "missing_sessions",
        HEADER + "S5,1\n",
        "4 of 5 test sessions have no row ('S1', 'S2', 'S3' and 1 more)",
    ),
    (
        "missing_sessions",
        GOOD.replace("S4,30.25\n", ""),
        "1 of 5 test sessions has no row ('S4')",
    ),
    (
        "extra_sessions",
        GOOD + "S6,1\ns1,1\n",
        "2 of 7 rows have a session that is not in the test file (line 7: 'S6' and line 8: 's1')",
    ),
    (
        "duplicate_sessions",
        GOOD + "S2,20\n",
        "1 of 6 rows repeats the session of an earlier line (line 7: 'S2')",
    ),
    (
        "numbers",
        with_values("1.5", "abc", '"12,5"', "1_000", "0x10"),
        "4 of 5 values are text (line 3: 'abc', line 4: '12,5', line 5: '1_000' and 1 more)",
    ),
    (
        "decimal_mark",
        with_values("1", '"12,5"', '"1.234,5"'),
        "2 of 3 values are written with a decimal comma (line 3: '12,5' and line 4: '1.234,5')",
    ),
    ("decimal_mark", with_values("1", "12,05", "7,25"), "2 of 3 values are written with a decimal comma"),
    (
        "id_spelling",
        GOOD.replace("S4", "s04").replace("S5", "s5"),
        "2 of 5 session ids match a test session only if case",
    ),
    (
        "repeated_values",
        with_values("7", "7", "7", "8", "9"),
        "3 of 5 numbers are 7, a value that 0.0% of the train sessions have.",
    ),
    (
        "log_scale",
        with_values("2.9", "3", "3.1"),
        "The average is 3, near the average of log(1 + value) in the train file, 2.95",
    ),
    (
        "unit",
        with_values("1999", "2001"),
        "The average is 2,000, about 100 times that of the train file, 20. The values may be in cents.",
    ),
    ("numbers", with_values("x" * 50), f"1 of 1 value is text (line 2: '{'x' * 40}…')"),
    ("numbers", with_values("1", "\u0663"), "1 of 2 values is text (line 3: '\u0663')"),
    (
        "empty_values",
        with_values("", "nan", " NaN ", "null", "1"),
        "4 of 5 values are empty or NaN (line 2: '', line 3: 'nan', line 4: ' NaN ' and 1 more)",
    ),
    (
        "empty_values",
        with_values("-nan", "N/A"),
        "2 of 2 values are empty or NaN (line 2: '-nan' and line 3: 'N/A')",
    ),
    (
        "infinite_values",
        with_values("1", "1e12", "1e300"),
        "1 of 3 values is infinite or too large (line 4: '1e300')",
    ),
    (
        "infinite_values",
        with_values("inf", "-Infinity", "1e999", "1"),
        "3 of 4 values are infinite or too large (line 2: 'inf', line 3: '-Infinity' and line 4: '1e999')",
    ),
    (
        "negative_values",
        with_values("-0.01", "2", "-1e5"),
        "2 of 3 values are below 0 (line 2: '-0.01' and line 4: '-1e5')",
    ),
    (
        "order",
        HEADER + "S1,1\nS3,2\nS2,3\nS4,4\nS5,5\n",
        "2 of 5 rows are in a different place than in sample_submission.csv (line 3: 'S3' and line 4: 'S2')",
    ),
    ("constant", with_values("0.0", "0", " 0", "0e5", "-0"), "All 5 numbers are 0."),
    (
        "plausible",
        with_values("300", "300.1", "1e9"),
        "2 of 3 values are above 300, which is 10 times the largest value of the train file (line 3: '300.1' and "
        "line 4: '1e9')",
    ),
    ("scale", with_values("3.99", "3.99"), "average is 3.99, that of the train file 20. An average between 4 and 100"),
    ("scale", with_values("2000", "3000"), "average is 2,500, "),
    ("scale", with_values("1e308", "1.5e308"), "average is inf, "),
]

ALL = set(CODES)
OF_TRAIN = {"plausible", "log_scale", "unit", "scale"}
OF_NUMBERS = {"constant", "repeated_values"}
OF_VALUES = (
    {"numbers", "decimal_mark", "thousands_mark", "value_signs", "empty_values", "infinite_values", "negative_values"}
    | OF_NUMBERS
    | OF_TRAIN
)
OF_IDS = {"clean_ids", "missing_sessions", "extra_sessions", "id_spelling", "duplicate_sessions", "order"}
NOT_APPLICABLE = [
    (b"PAR1", {}, ALL - {"readable", "encoding", "quoting"}, "the file cannot be read"),
    (b"\x89PNG\r\n\x1a\n", {}, {"readable"}, "the text cannot be split into fields"),
    (PARQUET, {}, {"encoding", "quoting", "separator"}, "the file is not text"),
    ("session_value\n1\n2\n", {}, OF_IDS, "the column with the session ids is missing"),
    ("user_session\nS1\nS2\n", {}, OF_VALUES, "the column with the values is missing"),
    (HEADER, {}, (OF_IDS | OF_VALUES) - {"missing_sessions"}, "the file has no rows"),
    (with_values("x", "inf"), {}, OF_TRAIN, "no value is a number"),
    (with_values("1", "x"), {}, OF_NUMBERS, "fewer than 2 values are numbers"),
    (GOOD, {"sample": None}, {"order"}, "there is no sample_submission.csv to compare with"),
    (GOOD + "S6,1\n", {}, {"order"}, "the file and the sample do not have the same sessions"),
    (GOOD.replace("S5", "S1"), {}, {"order"}, "the file and the sample do not have the same sessions"),
    (GOOD, {"known": None}, OF_TRAIN, "there are no train values above 0 to compare with"),
    (
        GOOD,
        {"known": TRAIN.with_columns(session_value=pl.lit(0.0))},
        OF_TRAIN,
        "there are no train values above 0 to compare with",
    ),
    (GOOD, {"known": TRAIN.clear()}, OF_TRAIN, "there are no train values above 0 to compare with"),
]


def test_a_good_submission_passes_every_check_without_an_explanation(tmp_path):
    results = answers(tmp_path, GOOD)
    assert list(results) == CODES
    assert {result.outcome for result in results.values()} == {"passed"}
    assert {result.explanation for result in results.values()} == {""}


@pytest.mark.parametrize(("code", "content", "details"), FAILURES)
def test_a_check_fails_with_counts_and_examples(tmp_path, code, content, details):
    result = answers(tmp_path, content)[code]
    assert result.outcome == "failed"
    assert details in result.explanation


def test_sessions_without_a_usable_event_are_named_whatever_their_predictions(tmp_path):
    result = answers(tmp_path, GOOD, without_events=TEST.tail(2))["default_predictions"]
    assert (result.outcome, result.severity) == ("failed", "warning")
    assert result.explanation.startswith("2 of 5 sessions have no usable event in the test file ('S4' and 'S5').")


def test_the_columns_may_have_the_names_of_the_sample(tmp_path):
    columns = SubmissionColumns(session="visit", value="worth", value_first=True)
    rows = "".join(f"{value},S{number}\n" for number, value in enumerate((10.5, 20, 30.25, 0, 12), 1))
    assert outcomes(answers(tmp_path, "worth,visit\n" + rows, columns=columns), "failed") == set()
    result = answers(tmp_path, "worth,visits\n" + rows, columns=columns)
    assert outcomes(result, "failed") == {"columns"}
    assert result["missing_sessions"].outcome == "not_applicable"
    assert "must contain only the columns worth and visit" in result["columns"].explanation


def test_the_sentences_of_all_checks(tmp_path, snapshot):
    sentences = {code: answers(tmp_path, content)[code].explanation for code, content, _ in reversed(FAILURES)}
    without = answers(tmp_path, GOOD, without_events=TEST.head(1))["default_predictions"]
    sentences[without.code] = without.explanation
    assert {check.code: (check.title, sentences[check.code]) for check in CHECKS if check.code in CODES} == snapshot


@pytest.mark.parametrize(("content", "options", "codes", "reason"), NOT_APPLICABLE)
def test_a_check_whose_requirement_is_not_met_does_not_apply(tmp_path, content, options, codes, reason):
    results = answers(tmp_path, content, **options)
    assert codes <= outcomes(results, "not_applicable")
    assert {results[code].explanation for code in codes} == {f"Does not apply: {reason}."}


def test_the_cases_cover_every_check_failing_and_not_applying():
    assert {code for code, _, _ in FAILURES} == ALL - {"default_predictions"}
    assert set().union(*(codes for _, _, codes, _ in NOT_APPLICABLE)) == ALL


def test_an_unreadable_file_is_one_failure(tmp_path):
    results = answers(tmp_path, b"\x89PNG\r\n\x1a\n")
    assert outcomes(results, "failed") == {"encoding"}
    assert outcomes(results, "not_applicable") == ALL - {"encoding", "quoting"}


@pytest.mark.parametrize(
    ("content", "failed"),
    [
        (GOOD.replace("30.25", "abc"), {"numbers"}),
        (GOOD.replace("30.25", ""), {"empty_values"}),
        (GOOD.replace("30.25", "inf"), {"infinite_values"}),
        (GOOD.replace("30.25", "-1"), {"negative_values"}),
        (GOOD.replace("30.25", "301"), {"plausible"}),
        (GOOD.replace("S1,10.5\nS2,20", "S2,20\nS1,10.5"), {"order"}),
        (GOOD.replace("S5,12\n", ""), {"row_count", "missing_sessions"}),
        (GOOD + "S6,1\n", {"row_count", "extra_sessions"}),
        (GOOD + "S5,12\n", {"row_count", "duplicate_sessions"}),
        (GOOD.replace("S5", "S6"), {"missing_sessions", "extra_sessions"}),
        (GOOD.replace("S5", " S5"), {"clean_ids", "missing_sessions", "extra_sessions"}),
        ("session_value,user_session\n10,S1\n20,S2\n30,S3\n40,S4\n50,S5\n", {"columns"}),
        (with_values("0", "0", "0", "0", "0"), {"constant", "scale"}),
        (GOOD.replace("S5", "s5"), {"missing_sessions", "extra_sessions", "id_spelling"}),
        (GOOD.replace(",", ";").replace(".", ","), {"separator", "decimal_mark"}),
    ],
)
def test_a_single_fault_fails_only_its_own_checks(tmp_path, content, failed):
    assert outcomes(answers(tmp_path, content), "failed") == failed


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.rstrip("\n"),
        GOOD + "\n\n",
        GOOD.replace("\nS3", "\n\nS3"),
        GOOD.replace("S1", '"S1"').replace("20", '"20"').replace("user_session", '"user_session"'),
        "\ufeff" + GOOD.replace("S1", '"S1"').replace("\n", "\r\n"),
    ],
    ids=["BOM", "CRLF", "CR", "no last newline", "blank end", "blank line", "quoted", "BOM, quoted, CRLF"],
)
def test_the_ways_programs_write_csv_are_all_read(tmp_path, content):
    assert outcomes(answers(tmp_path, content), "passed") == ALL


@pytest.mark.parametrize(
    "spelling", ["3.2", " 3.2 ", "\t3.2", "+3.2", "32e-1", "32E-1", "3.2e+0", "003.2", "3.20000000000000000000001"]
)
def test_a_number_may_be_spelled_in_many_ways(tmp_path, spelling):
    results = answers(tmp_path, GOOD.replace("10.5", spelling))
    assert outcomes(results, "passed") == ALL


@pytest.mark.parametrize("spelling", ["1e5", ".5", "5.", "-0.0", "0", "1e-400"])
def test_unusual_numbers_are_neither_text_nor_empty_nor_infinite_nor_negative(tmp_path, spelling):
    results = answers(tmp_path, GOOD.replace("10.5", spelling))
    assert {"numbers", "empty_values", "infinite_values", "negative_values"} <= outcomes(results, "passed")


def test_the_bounds_themselves_are_plausible(tmp_path):
    assert answers(tmp_path, with_values("300", "0"))["plausible"].outcome == "passed"
    assert answers(tmp_path, with_values("100", "100"))["scale"].outcome == "passed"
    assert answers(tmp_path, with_values("4", "4"))["scale"].outcome == "passed"


def test_ids_with_commas_quotes_and_line_ends_keep_their_line_numbers(tmp_path):
    test = pl.Series(['a,"b"', "c\nd", "e", "f"])
    content = HEADER + '"a,""b""",10\n"c\nd",20\n\n"e",text\nf,-1\n'
    results = answers(tmp_path, content, test=test, sample=test)
    assert outcomes(results, "failed") == {"numbers", "negative_values"}
    assert "(line 6: 'text')" in results["numbers"].explanation
    assert "(line 7: '-1')" in results["negative_values"].explanation


def test_ids_that_look_like_numbers_are_compared_as_text(tmp_path):
    test = pl.Series([7, 8])
    results = answers(tmp_path, HEADER + "7,10\n08,20\n", test=test, sample=test)
    assert "(line 3: '08')" in results["extra_sessions"].explanation
    assert "('8')" in results["missing_sessions"].explanation


def test_repeated_test_ids_count_once_and_missing_ones_not_at_all(tmp_path):
    test = pl.Series(["S1", "S1", None, "S2", "S3", "S4", "S5", "S5"])
    assert outcomes(answers(tmp_path, GOOD, test=test), "passed") == ALL


def test_without_sample_and_train_only_their_checks_do_not_apply(tmp_path):
    results = answers(tmp_path, GOOD, sample=None, known=None)
    assert outcomes(results, "not_applicable") == {"order"} | OF_TRAIN
    assert outcomes(results, "passed") == ALL - {"order"} - OF_TRAIN


def test_checks_of_unlikely_content_are_warnings():
    assert {check.code for check in CHECKS if check.severity == "warning"} == {
        "default_predictions", "order", "constant", "repeated_values", "plausible", "log_scale", "unit", "scale"
    } | OF_RUN  # fmt: skip


def test_results_are_stored_as_json_with_their_severity(tmp_path):
    results = answers(tmp_path, GOOD)
    records = json.loads(json.dumps([result.record() for result in results.values()]))
    assert records[0] == {
        "code": "readable",
        "title": "The file is a table",
        "outcome": "passed",
        "severity": "error",
        "explanation": "",
    }
    assert {tuple(record) for record in records} == {tuple(records[0])}


def test_an_absent_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv"):
        check_file(tmp_path / "none.csv", SubmissionTarget.of(TEST))


def test_a_folder_and_a_huge_file_are_unreadable_not_errors(tmp_path):
    results = check_file(tmp_path, SubmissionTarget.of(TEST))
    assert "(it is not a file)" in results[0].explanation
    huge = tmp_path / "sub.csv"
    with huge.open("wb") as file:
        file.truncate(content.MAX_BYTES + 1)
    result = check_file(huge, SubmissionTarget.of(TEST))[0]
    assert (result.code, result.outcome) == ("readable", "failed")
    assert "536,870,913 bytes; the maximum is 536,870,912" in result.explanation


def test_a_small_parquet_file_cannot_fill_the_memory(tmp_path):
    rows = 200_000
    ids = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * 1_000_000]))
    path = tmp_path / "sub.parquet"
    pq.write_table(pa.table({"user_session": ids, "session_value": [1.0] * rows}), path)
    assert path.stat().st_size < 100_000
    result = check_file(path, SubmissionTarget.of(TEST))[0]
    assert (result.code, result.outcome) == ("readable", "failed")
    assert "sub.parquet cannot be read as a submission (sub.parquet" in result.explanation


def test_a_name_that_the_system_refuses_is_unreadable(tmp_path):
    result = check_file(tmp_path / f"{'x' * 300}.csv", SubmissionTarget.of(TEST))[0]
    assert (result.code, result.outcome) == ("readable", "failed")
    assert "the system reports: File name too long" in result.explanation


def test_what_the_system_refuses_to_read_is_unreadable(tmp_path, monkeypatch):
    def refuse(path, mode):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "sub.csv").write_text(GOOD)
    monkeypatch.setattr(Path, "open", refuse)
    result = check_file(tmp_path / "sub.csv", SubmissionTarget.of(TEST))[0]
    assert (result.code, result.outcome) == ("readable", "failed")
    assert "Permission denied" in result.explanation
