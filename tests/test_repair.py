"""Repairs: the repaired file passes the checks, has the values of the sound one, and every change is named."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
import polars as pl
import pytest

from core.errors import InputError
from core.submission import CheckedSubmission, SubmissionTarget, check_file
from core.submission.repair import repair
from core.submission.repair_columns import ColumnChoice, column_position, guess_columns
from tests.test_broken_submissions import (
    BROKEN,
    HEADER,
    IDS,
    KNOWN,
    SOUND,
    TARGET,
    VALUES,
    N,
    csv_of,
    one_value,
    with_values,
)

CONTENT = {name: content for name, content, _ in BROKEN}
REPAIRED = {
    "Parquet": {"file_type"},
    "Parquet with an index": {"file_type", "columns"},
    "Parquet with categories": {"file_type", "columns"},
    "write.csv of R": {"columns"},
    "write.table of R": {"columns"},
    "write.table of R with blanks": {"separator", "columns"},
    "ids as row names of R": {"columns"},
    "ids as row names of R with semicolons": {"separator", "columns"},
    "a comma at the end of each row": {"columns"},
    "a comma at the end of each line": {"columns"},
    "comments above the header": {"columns"},
    "a header that is a comment": {"columns"},
    "a title above the header": {"columns"},
    "a title of a spreadsheet": {"columns"},
    "columns of equal width": {"separator"},
    "JSON": {"file_type"},
    "JSON Lines": {"file_type"},
    "JSON Lines in gzip": {"file_type", "columns"},
    "UTF-16 with a mark": {"encoding"},
    "UTF-16 without a mark": {"encoding"},
    "semicolons": {"separator"},
    "tabs": {"separator"},
    "vertical bars": {"separator"},
    "semicolons and decimal commas": {"separator", "decimal_mark"},
    "no header": {"columns"},
    "another header": {"columns"},
    "a header in capitals": {"columns"},
    "a blank in the header": {"columns"},
    "swapped columns": {"columns"},
    "the row numbers of pandas": {"columns"},
    "a further column": {"columns"},
    "the header twice": {"extra_sessions"},
    "a row too many": {"extra_sessions"},
    "a total at the end": {"extra_sessions"},
    "a blank after an id": {"id_spelling"},
    "blanks after all ids": {"id_spelling"},
    "ids in lower case": {"id_spelling"},
    "ids in apostrophes": {"id_spelling"},
    "a repeated row": {"duplicate_sessions"},
    "decimal commas without quotes": {"decimal_mark"},
    "decimal commas in quotes": {"decimal_mark"},
    "a currency": {"value_signs"},
    "a currency after the number": {"value_signs"},
    "the order of the ids": {"order"},
    "known sessions predicted": {"known_values"},
}


def repaired(folder, content, chosen=None):
    source, out = folder / "submission.csv", folder / "repaired.csv"
    source.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = repair(CheckedSubmission.open(source, TARGET), chosen)
    result.write(out)
    return result, out


@pytest.mark.parametrize("name", REPAIRED)
def test_what_is_safe_is_repaired_and_named(tmp_path, name):
    result, out = repaired(tmp_path, CONTENT[name])
    assert {change.code for change in result.changes} == REPAIRED[name]
    assert {check.outcome for check in check_file(out, TARGET)} == {"passed"}
    assert {check.outcome for check in result.checks(TARGET)} == {"passed"}
    rows = list(csv.reader(io.StringIO(out.read_text())))[1:]
    assert [row[0] for row in rows] == IDS
    assert [float(row[1]) for row in rows] == pytest.approx(VALUES.tolist(), abs=1e-9)


@pytest.mark.parametrize("name", [name for name in REPAIRED if isinstance(CONTENT[name], str)])
def test_examples_are_rows_of_the_file_before_and_after(tmp_path, name):
    result, out = repaired(tmp_path, CONTENT[name])
    before, after = re.sub(" {2,}", " ", CONTENT[name].replace('"', "")).splitlines(), out.read_text()
    for change in result.changes:
        assert change.rows is None or len(change.examples) == min(5, change.rows)
        assert 0 < len(change.examples) <= 6
        for example in change.examples:
            assert example.before != example.after
            assert example.line is None or example.before in before[example.line - 1]
            assert change.code in {"separator", "columns"} or example.after in after


def test_thousands_marks_are_removed(tmp_path):
    large = VALUES * 100
    result, out = repaired(tmp_path, csv_of(values=[f'"{value:,.6f}"' for value in large]))
    marked = sum(value >= 1000 for value in large)
    assert ("thousands_mark", marked) in {(change.code, change.rows) for change in result.changes}
    values = [float(row[1]) for row in list(csv.reader(io.StringIO(out.read_text())))[1:]]
    predicted = [row for row in range(N) if row not in KNOWN]
    assert [values[row] for row in predicted] == pytest.approx(large[predicted].tolist(), abs=1e-5)


def test_a_known_session_that_stands_twice_is_repaired_in_one_pass(tmp_path):
    name = IDS[KNOWN[1]]
    result, out = repaired(tmp_path, SOUND + f"{name},7.5\n{name},8\n")
    assert [(change.code, change.rows) for change in result.changes] == [("duplicate_sessions", 2)]
    assert out.read_text() == SOUND
    result, out = repaired(tmp_path, HEADER + f"\n{name},7.5\n" + SOUND.partition("\n")[2])
    assert [change.code for change in result.changes] == ["duplicate_sessions", "known_values", "order"]
    assert out.read_text() == SOUND


def test_a_row_that_repeats_a_session_in_another_spelling_is_no_other_session(tmp_path):
    result, out = repaired(tmp_path, SOUND + f"{IDS[1].lower()},{VALUES[1]}\n")
    assert [change.code for change in result.changes] == ["id_spelling", "duplicate_sessions"]
    assert out.read_text() == SOUND


def test_predictions_of_a_session_that_contradict_each_other_stay(tmp_path):
    _, out = repaired(tmp_path, SOUND + f"{IDS[1].lower()},7.5\n{IDS[1]},7.5\n")
    failed = {check.code for check in check_file(out, TARGET) if check.outcome == "failed"}
    assert "duplicate_sessions" in failed


def ids_repaired(folder, sessions, written, header=HEADER):
    """Return the ids of a repaired file with the ids `written`, for the sessions of a test file."""
    series = pl.Series(sessions)
    path = folder / "submission.csv"
    path.write_text(header + "\n" + "".join(f"{name},{row + 5.25}\n" for row, name in enumerate(written)))
    return repair(CheckedSubmission.open(path, SubmissionTarget.of(series, series))).rows["text"].to_list()


@pytest.mark.parametrize("header", [HEADER, "id,pred"])
@pytest.mark.parametrize(
    ("sessions", "written"),
    [
        (["00123", "00007", "00450"], ["123", "7", "450"]),
        (["00123", "00007", "00450"], ["123.0", "7.0", "450.0"]),
        (["A-007", "A-070", "B-100"], ["A-7", "A-70", "B-100"]),
        (["00123", "00007"], ['"=""00123"""', "“00007”"]),
        (["2025-01-02/03", "2025-10-12/30"], ["2025-1-2/3", "2025-10-12/30"]),
    ],
)
def test_lost_zeros_come_back(tmp_path, header, sessions, written):
    assert ids_repaired(tmp_path, sessions, written, header) == sessions


def test_zeros_come_back_only_if_one_session_can_be_meant(tmp_path):
    assert ids_repaired(tmp_path, ["A-007", "A-07", "B-1"], ["A-7", "A-07", "B-1"]) == ["A-07", "B-1"]
    assert ids_repaired(tmp_path, ["0", "000", "B-1"], ["", "0", "B-1"]) == ["0", "B-1"]


def test_two_rows_of_one_session_in_another_spelling_are_both_found(tmp_path):
    assert ids_repaired(tmp_path, ["007", "008"], ["7", "8", "7"]) == ["007", "007", "008"]


def test_marks_that_a_person_explains_are_read_so(tmp_path):
    """Thousands without decimals look like small numbers; see the unit check."""
    path = tmp_path / "submission.csv"
    series = pl.Series(["a", "b"])
    path.write_text(f"{HEADER}\na,3.516\nb,12\n")
    for marks, expected in ((None, ["3.516", "12"]), ("1.234,5", ["3516", "12"]), ("1,234.5", ["3.516", "12"])):
        case = CheckedSubmission.open(path, SubmissionTarget.of(series, series), marks)
        assert repair(case).rows["value"].to_list() == expected


def test_a_person_can_choose_the_columns(tmp_path):
    content = "id,p,q\n" + "".join(f"{name},1.5,{value}\n" for name, value in zip(IDS, VALUES, strict=True))
    source = tmp_path / "submission.csv"
    source.write_text(content)
    table = CheckedSubmission.open(source, TARGET).table
    assert guess_columns(table, TARGET) == ColumnChoice(0, None)
    assert [column_position(table, text) for text in ("id", "q", "2")] == [0, 2, 1]
    for text in ("x", "0", "4", "-1", ""):
        with pytest.raises(InputError, match=r"Give the number of a column, from 1 to 3\."):
            column_position(table, text)
    _, out = repaired(tmp_path, content, ColumnChoice(values=2))
    assert out.read_text() == SOUND
    with pytest.raises(InputError, match="the ids and the values are in one column"):
        repaired(tmp_path, content, ColumnChoice(2, 2))
    with pytest.raises(InputError, match="no row belongs to a session to predict"):
        repaired(tmp_path, content, ColumnChoice(1, 2))


def test_a_chosen_column_replaces_one_with_the_right_name(tmp_path):
    content = csv_of(header="user_session,session_value,better", line="{},7,{}")
    _, out = repaired(tmp_path, content, ColumnChoice(values=2))
    assert out.read_text() == SOUND


def test_a_missing_known_session_is_added_and_any_other_is_not(tmp_path):
    left = [row for row in range(N) if row not in {KNOWN[1], 55}]
    result, out = repaired(tmp_path, csv_of([IDS[row] for row in left], VALUES[left]))
    assert [change.text for change in result.changes] == [
        "1 row is added, with the value from the train file.",
        f"{N - 1 - KNOWN[1]:,} rows change place, into the order of the sample submission.",
    ]
    failed = {check.code: check.explanation for check in check_file(out, TARGET) if check.outcome == "failed"}
    assert set(failed) == {"row_count", "missing_sessions"}
    assert IDS[55] in failed["missing_sessions"]


def test_an_unreadable_value_of_a_known_session_gets_the_known_one(tmp_path):
    content = SOUND.replace(f"{IDS[KNOWN[2]]},{VALUES[KNOWN[2]]}", f"{IDS[KNOWN[2]]},?")
    result, out = repaired(tmp_path, content)
    assert [(change.code, change.rows) for change in result.changes] == [("known_values", 1)]
    assert out.read_text() == SOUND


def test_a_sound_file_is_not_changed(tmp_path):
    result, out = repaired(tmp_path, SOUND)
    assert (result.changes, out.read_text()) == ((), SOUND)


@pytest.mark.parametrize("content", [with_values(VALUES - 20), one_value("high"), with_values(np.zeros(N))])
def test_no_prediction_is_made_up(tmp_path, content):
    result, out = repaired(tmp_path, content)
    after = {check.code for check in check_file(out, TARGET) if check.outcome == "failed"}
    assert after & {"negative_values", "numbers", "scale"}
    assert {check.code for check in result.checks(TARGET) if check.outcome == "failed"} == after


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (HEADER + "\n", "it has no rows"),
        ("a,b\nx,1\n", "no column has the sessions to predict in at least 50% of its rows"),
        ("id,p,q\n" + "".join(f"{name},1.5,2.5\n" for name in IDS), "2 columns may have the values"),
        ("", "because it cannot be read"),
        (
            SOUND.replace(",", ":"),
            r"it has only one column, 'user_session:session_value'\. Write the ids and the values in two",
        ),
        ("id,p\n" + "".join(f"{name},high\n" for name in IDS), "no column has only numbers next to the ids"),
    ],
)
def test_what_cannot_be_told_is_refused_in_a_sentence(tmp_path, content, sentence):
    with pytest.raises(InputError, match=sentence):
        repaired(tmp_path, content)


def test_a_header_in_the_wrong_order_does_not_turn_ids_into_values(tmp_path):
    content = csv_of(header="session_value,user_session")
    result, out = repaired(tmp_path, content)
    assert [change.code for change in result.changes] == ["columns"]
    assert out.read_text() == SOUND


def test_a_stray_column_of_whole_numbers_is_no_fraction(tmp_path):
    content = "user_session,session_value\n" + "".join(f"{name},{row + 20},{row % 9}\n" for row, name in enumerate(IDS))
    with pytest.raises(InputError, match="2 columns may have the values"):
        repaired(tmp_path, content)
    _, out = repaired(tmp_path, content, ColumnChoice(values=1))
    rows = pl.read_csv(out)
    assert rows["user_session"].to_list() == IDS
    predicted = [row for row in range(N) if row not in KNOWN]
    assert rows["session_value"].gather(predicted).to_list() == [row + 20 for row in predicted]


def test_equal_numbers_and_empty_repetitions_are_repeated_rows(tmp_path):
    first = SOUND.splitlines()[1]
    name, value = first.split(",")
    result, out = repaired(tmp_path, SOUND + f"{name},{value}00\n{name},\n")
    assert [(change.code, change.rows) for change in result.changes] == [("duplicate_sessions", 2)]
    assert out.read_text() == SOUND


def test_the_line_of_a_spreadsheet_that_names_the_separator_is_no_row(tmp_path):
    result, out = repaired(tmp_path, "sep=;\r\n" + SOUND.replace(",", ";"))
    (change,) = result.changes
    assert (change.code, change.examples[0].line) == ("separator", 3)
    assert out.read_text() == SOUND


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_decimals_are_not_cut_off_where_a_comma_was_taken_as_separator(tmp_path, separator):
    """Without a header, id;505,67 looks like two columns with a comma between them."""
    content = "".join(
        f"{one}{separator}{value:.2f}\n".replace(".", ",") for one, value in zip(IDS, VALUES, strict=True)
    )
    for chosen in (None, ColumnChoice(0, 1)):
        with pytest.raises(InputError, match="decimal commas that are not quoted"):
            repaired(tmp_path, content, chosen)


def test_the_zeros_of_a_sample_are_not_taken_for_predictions(tmp_path):
    rows = "".join(f"{one},0,{value}\n" for one, value in zip(IDS, VALUES, strict=True))
    with pytest.raises(InputError, match="2 columns may have the values"):
        repaired(tmp_path, f"user_session,session_value,prediction\n{rows}")


def test_numbers_of_two_meanings_stay_as_they_are(tmp_path):
    """16,975 with 0.5 elsewhere may be a decimal comma in a file of two programs."""
    values = [f'"{value:.3f}"'.replace(".", ",") for value in VALUES]
    content = csv_of(values=["0.5", *values[1:]])
    result, _ = repaired(tmp_path, content)
    assert "thousands_mark" not in {change.code for change in result.changes}


def test_a_file_of_other_sessions_is_not_emptied(tmp_path):
    with pytest.raises(InputError, match="no row belongs to a session to predict"):
        repaired(tmp_path, csv_of([f"T{number}" for number in range(N)]))
    half = csv_of([name if row % 2 else f"T{row}" for row, name in enumerate(IDS)])
    _, out = repaired(tmp_path, half)
    assert len(out.read_text().splitlines()) > N / 2
