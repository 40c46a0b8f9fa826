"""The submission file: any bytes are read or refused with an error, and a written file passes its own checks."""

from __future__ import annotations

import contextlib
import csv
import io
import math
import os
import stat

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.ingestion.sources.kinds import kind_of
from core.submission import CHECKS, SubmissionTarget, check_file, read_submission, write_submission
from core.submission.table import FileForm

TEST = pl.Series(["S1", "S2", "S3", "S4", "S5"])
TRAIN = pl.DataFrame({"user_session": ["A", "B", "C"], "session_value": [10.0, 20.0, 30.0]})
HEADER = "user_session,session_value\n"
GOOD = HEADER + "S1,10.5\nS2,20\nS3,0\nS4,30.25\nS5,12\n"

# --- arbitrary bytes ------------------------------------------------------------------------------------------

PIECES = [
    *(b'"', b'""', b",", b"\n", b"\r", b"\r\n", b" ", b"\t", b";", b"\\", b"'", b"#"),
    *(b"-", b"+", b".", b"e", b"_", b"nan", b"inf", b"1e999", b"S1", b"S1,5\n"),
    *(b"\0", b"\x0b", b"\x1f", b"\xff", b"\xef\xbb\xbf", "é".encode(), "\u2028".encode()),
]
EDITS = st.lists(
    st.tuples(st.integers(0, len(GOOD)), st.integers(0, 8), st.sampled_from(PIECES) | st.binary(max_size=4)),
    min_size=1,
    max_size=4,
)


def edited(edits: list[tuple[int, int, bytes]]) -> bytes:
    content = GOOD.encode()
    for start, removed, inserted in edits:
        content = content[:start] + inserted + content[start + removed :]
    return content


def rows_by_csv(content: bytes) -> list[list[str]] | None:
    """An independent reader, slow and plain; None when the bytes are no text table."""
    try:
        text = content.decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except (UnicodeDecodeError, csv.Error):
        return None
    return rows if "\0" not in text and rows and len({len(row) for row in rows}) == 1 else None


def is_fine(rows: list[list[str]] | None) -> bool:
    """The rules again, in plain Python."""
    if rows is None or rows[0] != ["user_session", "session_value"]:
        return False
    values = [row[1].strip(" \t") for row in rows[1:]]
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return False
    # float() allows more than CSV readers do: 1_000, other alphabets' digits, any white space.
    plain = all(value.isascii() and "_" not in value and value == value.strip() for value in values)
    right = sorted(row[0] for row in rows[1:]) == sorted(TEST)
    return plain and right and all(math.isfinite(number) and number >= 0 for number in numbers)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS)
@example(edits=[(0, len(GOOD), b"")])
@example(edits=[(26, 0, b'\n""')])
@example(edits=[(27, 2, b'"S\n1"')])
def test_no_bytes_raise_and_the_errors_agree_with_an_independent_reading(tmp_path, edits):
    content = edited(edits)
    path = tmp_path / "sub.csv"
    path.write_bytes(content)
    results = check_file(path, SubmissionTarget.of(TEST, TEST, TRAIN["session_value"]))
    assert [result.code for result in results] == [check.code for check in CHECKS]
    failed = {result.code for result in results if (result.outcome, result.severity) == ("failed", "error")}
    assert (not failed) == is_fine(rows_by_csv(content))
    unreadable = failed & {"readable", "encoding", "quoting"}
    assert rows_by_csv(content) is not None or unreadable or failed & {"separator", "decimal_mark", "columns"}
    for result in results:
        assert (result.explanation == "") == (result.outcome == "passed")
        assert "\n" not in result.explanation


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS)
def test_the_quick_reader_reads_what_the_csv_module_reads(tmp_path, edits):
    rows = rows_by_csv(edited(edits))
    path = tmp_path / "sub.csv"
    path.write_bytes(edited(edits))
    if rows is None:
        with contextlib.suppress(InputError):  # other encodings and separators are read, too
            assert read_submission(path).form != FileForm()
        return
    if kind_of(io.BytesIO(edited(edits))).reason:  # the edits made it look like a file of another kind
        return
    table = read_submission(path)
    if table.form.separator == "," and not table.form.comments:
        assert [list(table.header), *map(list, table.rows.drop("line").iter_rows())] == rows


# --- writing ----------------------------------------------------------------------------------------------------------

PREDICTIONS = pl.DataFrame(
    {"user_session": ["S3", "S1", "S5", "S4", "S2"], "session_value": [0.0, 10.5, 12, 1 / 3, 20]}
)


def test_a_submission_has_the_order_of_the_sample_six_decimals_and_line_feeds(tmp_path):
    path = tmp_path / "out" / "submission.csv"
    write_submission(PREDICTIONS, TEST, path)
    assert path.read_bytes() == (
        b"user_session,session_value\nS1,10.500000\nS2,20.000000\nS3,0.000000\nS4,0.333333\nS5,12.000000\n"
    )


def test_a_written_submission_passes_every_check(tmp_path):
    path = tmp_path / "submission.csv"
    order = TEST.reverse()
    write_submission(PREDICTIONS, order, path)
    results = check_file(path, SubmissionTarget.of(TEST, order, TRAIN["session_value"]))
    without_run = {"known_values", "sums", "out_of_step", "distribution"}
    assert {result.code for result in results if result.outcome != "passed"} == without_run
    assert read_submission(path).column("user_session").to_list() == order.to_list()


def test_the_order_may_be_the_sample_as_a_table(tmp_path):
    sample = pl.DataFrame({"user_session": TEST, "session_value": [0.0] * 5})
    write_submission(PREDICTIONS, TEST, tmp_path / "a.csv")
    write_submission(PREDICTIONS, sample, tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ids=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), min_size=2, unique=True),
    seed=st.integers(0, 100),
)
def test_any_ids_come_back_in_their_order(tmp_path, ids, seed):
    order = pl.Series(ids, dtype=pl.String)
    values = pl.Series(range(len(ids)), dtype=pl.Float64)
    shuffled = pl.DataFrame({"user_session": order, "session_value": values}).sample(
        fraction=1, shuffle=True, seed=seed
    )
    path = tmp_path / "submission.csv"
    write_submission(shuffled, order, path)
    table = read_submission(path)
    assert table.column("user_session").to_list() == ids
    assert table.column("session_value").cast(pl.Float64).to_list() == values.to_list()


def test_predictions_of_other_sessions_are_left_out(tmp_path):
    write_submission(PREDICTIONS, pl.Series(["S2"]), tmp_path / "submission.csv")
    assert (tmp_path / "submission.csv").read_text() == HEADER + "S2,20.000000\n"


def test_predictions_that_are_no_valid_numbers_are_written_and_fail_their_checks(tmp_path):
    path = tmp_path / "submission.csv"
    broken = PREDICTIONS.with_columns(session_value=pl.Series([float("nan"), None, float("inf"), -1.0, 2.0]))
    write_submission(broken, TEST, path)
    failed = {result.code for result in check_file(path, SubmissionTarget.of(TEST)) if result.outcome == "failed"}
    assert failed == {"empty_values", "infinite_values", "negative_values"}


def test_sessions_without_a_prediction_are_refused_and_nothing_is_written(tmp_path, snapshot):
    order = pl.Series(["S9", "S1", "S8", None])
    with pytest.raises(InputError, match=r"^3 of the 4 .* no prediction \(S9, S8 and empty id\)") as refusal:
        write_submission(PREDICTIONS, order, tmp_path / "submission.csv")
    assert str(refusal.value) == snapshot
    assert list(tmp_path.iterdir()) == []


def test_sessions_with_two_predictions_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"^1 of the 5 sessions to submit has more than one prediction \(S1\)\. "):
        write_submission(pl.concat([PREDICTIONS, PREDICTIONS[1:2]]), TEST, tmp_path / "submission.csv")


def test_a_failed_write_keeps_the_old_file_and_leaves_no_temporary_file(tmp_path, monkeypatch):
    path = tmp_path / "submission.csv"
    path.write_text("old")

    def full_disk(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_submission(PREDICTIONS, TEST, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_a_submission_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    write_submission(PREDICTIONS, TEST, tmp_path / "submission.csv")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "submission.csv")}
    assert len(modes) == 1
