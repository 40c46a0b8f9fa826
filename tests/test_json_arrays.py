"""A JSON document that is one array of objects is read as JSON Lines are."""

from __future__ import annotations

import codecs
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dataset import Dataset
from core.errors import InputError
from core.ingestion.mapping import Mapping
from core.ingestion.sources import json_array
from core.ingestion.sources.json_array import ArrayLines
from tests.events_on_the_spot import facts_of, good_events, quarantined_rows, rows_of, store, store_train, zip_of

GOOD = good_events()
ROWS: list[dict[str, Any]] = [
    {**row, "session_value": float(row["session_value"]), "n": 2**53 + 1, "none": None, "page": {"tags": ["a,b", 1]}}
    for row in rows_of(GOOD, "train")
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
ARRAY = json.dumps(ROWS)
INDENTED = json.dumps(ROWS, indent=2).replace("\n", "\r\n")
FORMS = {
    "on one line": ARRAY.encode(),
    "compact": json.dumps(ROWS, separators=(",", ":")).encode(),
    "indented": INDENTED.encode(),
    "after a mark and blanks": codecs.BOM_UTF8 + b"\n " + ARRAY.encode() + b" \n\n",
    "UTF-16": ARRAY.encode("utf-16"),
    "gzip": gzip.compress(INDENTED.encode()),
    "ZIP": zip_of({"a.json": ARRAY.encode()}),
}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text('aé",:[]{}\\\n\r\t\x00 ', max_size=6),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=3), parts, max_size=3),
    max_leaves=12,
)


@given(
    elements=st.lists(VALUES), indent=st.sampled_from([None, 0, 2]), ascii_only=st.booleans(), size=st.integers(1, 9)
)
def test_each_element_is_a_line_wherever_the_stream_is_cut(
    elements: list[Any], indent: int | None, ascii_only: bool, size: int
) -> None:
    content = json.dumps(elements, indent=indent, ensure_ascii=ascii_only).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_array, "_CHUNK_BYTES", size)
        lines = ArrayLines("x", io.BytesIO(content)).read()
    assert [json.loads(line) for line in lines.split(b"\n") if line] == elements


def files_of_tables(dataset: Dataset) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(dataset.folder.glob("*.parquet"))}


@pytest.fixture(scope="module")
def of_lines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return files_of_tables(store(tmp_path_factory.mktemp("lines"), GOOD, train=LINES.encode()))


@pytest.mark.parametrize("form", FORMS)
def test_an_array_gives_the_bytes_of_its_json_lines(tmp_path: Path, form: str, of_lines: dict[str, bytes]) -> None:
    dataset = store(tmp_path, GOOD, train=FORMS[form])
    assert files_of_tables(dataset) == of_lines
    assert facts_of(dataset) == sorted(event.facts for event in GOOD)


def test_a_folder_of_arrays_is_read_and_a_description_of_other_files_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for name, rows in (("a.json", ROWS[:20]), ("b.JSON", ROWS[20:])):
        (folder / name).write_text(json.dumps(rows))
    facts = sorted(event.facts for event in GOOD)
    assert facts_of(store_train(tmp_path / "arrays", folder)) == facts
    (folder / "b.jsonl").write_text(LINES)
    assert facts_of(store_train(tmp_path / "lines", folder)) == facts


def test_an_element_that_is_no_event_is_quarantined_with_its_number(tmp_path: Path) -> None:
    first, *rest = (json.dumps(row) for row in ROWS)
    bad = ["null", "[1, 2]", '{"a": 1 2}', '{"a": "one\ntwo"}', "{} {}", '{"a":' * 5_000 + "1" + "}" * 5_000]
    train = f"[{', '.join([first, *bad, *rest])}]".encode()
    dataset = store(tmp_path, GOOD, Mapping(least_usable=0.5), train=train)
    assert [(line, reason) for line, reason, _ in quarantined_rows(dataset)] == [
        (2, "it is not a JSON object (a value without keys)"),
        (3, "it is not a JSON object (a value without keys)"),
        *((line, "it is not a JSON object (invalid JSON)") for line in (4, 5, 6)),
        (7, "it is not a JSON object (nested too deeply)"),
    ]
    assert facts_of(dataset) == sorted(event.facts for event in GOOD)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[]", "train.csv is empty"),
        (ARRAY[:-9], "(its JSON array does not end, so the file is incomplete)"),
        (ARRAY[:-1], "(its JSON array does not end, so the file is incomplete)"),
        (ARRAY + "\n" + ARRAY, "(more text comes after its JSON array)"),
        (ARRAY + "]", "(more text comes after its JSON array)"),
        ("[[1, 2], [3, 4]]", "(it is a JSON array, but its elements are not objects)"),
        ("[1.5, 2]", "(it is a JSON array, but its elements are not objects)"),
        ('["a"]', "(it is a JSON array, but its elements are not objects)"),
        ("[null]", "(it is a JSON array, but its elements are not objects)"),
        (json.dumps({"events": ROWS}, indent=1), "(it is one JSON object, not an array of events)"),
        (json.dumps({"events": ROWS}), "The column events has nested values"),
        (json.dumps({"events": ROWS * 199}), "(its first line has more than a megabyte, so it is not one event)"),
        (json.dumps([{"events": row} for row in ROWS]), "The column events has nested values"),
    ],
)
def test_other_documents_are_refused_in_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    with pytest.raises(InputError) as refused:
        store(tmp_path, GOOD, train=content.encode())
    assert sentence in str(refused.value)
