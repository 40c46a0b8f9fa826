"""What kind of file an input is, its encoding, JSON Lines, and the bounds on unpacking."""

from __future__ import annotations

import codecs
import dataclasses
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from core.base.workspace import Workspace
from core.cli import main
from core.dataset import list_datasets
from core.errors import InputError, SettingError
from core.ingestion import ingest
from core.ingestion.mapping import Mapping
from core.ingestion.peek import peek
from core.ingestion.sources import kinds, unpacking
from core.ingestion.sources.encodings import detect_encoding
from core.ingestion.sources.unpacking import EXPANSION_VARIABLE
from tests.events_on_the_spot import (
    csv_of,
    facts_of,
    good_events,
    parquet_of,
    quarantined_rows,
    rows_of,
    same_frames,
    store,
    store_train,
    values_of,
    write_files,
    zip_of,
)

GOOD = good_events()
ROWS = rows_of(GOOD, "train")
CSV = csv_of(ROWS)
FACTS = sorted(event.facts for event in GOOD)
END_OF_A_ZIP = b"PK\x05\x06" + bytes(4) + b"\x01\x00\x01\x00.\x00\x00\x00@B\x00\x00\x00\x00"


def json_lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


JSON_ROWS: list[dict[str, Any]] = [{**row, "session_value": float(row["session_value"])} for row in ROWS]
NESTED_ROWS = [{**row, "items": [{"id": number}], "page": {"url": "/"}} for number, row in enumerate(JSON_ROWS)]
LINES = json_lines(JSON_ROWS)

KINDS = {
    "CSV": (CSV, kinds.TEXT),
    "a CSV that ends like a ZIP": (CSV + END_OF_A_ZIP, kinds.TEXT),
    "a CSV with column names in brackets": (b"[id],[name]\n1,2\n", kinds.TEXT),
    "a CSV whose first name has a brace": (b'{"a,b\n', kinds.TEXT),
    "UTF-16": (CSV.decode().encode("utf-16"), kinds.TEXT),
    "UTF-16 without a mark": (CSV.decode().encode("utf-16-be"), kinds.TEXT),
    "JSON Lines": (LINES, kinds.JSON_LINES),
    "JSON Lines of UTF-16": (LINES.decode().encode("utf-16"), kinds.JSON_LINES),
    "JSON Lines after blank lines and a mark": (codecs.BOM_UTF8 + b"\n \n" + LINES, kinds.JSON_LINES),
    "JSON Lines with a very long first line": (b'{"a": "' + b"x" * 2**17 + b'"}\n', kinds.JSON_LINES),
    "a JSON array": (b' [\n{"a": 1}\n]', kinds.JSON_ARRAY),
    "a JSON array of numbers": (b"[1.5, 2]", kinds.JSON_VALUES),
    "a CSV with times in brackets": (b"[12/Nov/2026:10:00:00],a\n", kinds.TEXT),
    "a JSON object on several lines": (b'{\n"a": 1\n}', kinds.JSON_OBJECT),
    "gzip": (gzip.compress(CSV), kinds.GZIP),
    "ZIP": (zip_of({"a.csv": CSV}), kinds.ZIP),
    "a ZIP cut short": (zip_of({"a.csv": CSV})[:-30], kinds.ZIP),
    "Parquet": (parquet_of(ROWS), kinds.PARQUET),
    "nothing": (b"", kinds.EMPTY),
    "NULs": (bytes(100), kinds.BINARY),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_bytes_of_a_file_decide_its_kind(name: str) -> None:
    content, kind = KINDS[name]
    stream = io.BytesIO(content)
    assert kinds.kind_of(stream) is kind
    assert stream.tell() == 0


def test_a_csv_that_ends_like_a_zip_is_a_csv(tmp_path: Path) -> None:
    dataset = store(tmp_path, GOOD, train=CSV + END_OF_A_ZIP)
    assert facts_of(dataset) == FACTS
    assert [line for line, _, _ in quarantined_rows(dataset)] == [42]


# --- JSON Lines -------------------------------------------------------------------------------------------------------
FORMS = {
    "flat": LINES,
    "nested": json_lines(NESTED_ROWS),
    "no line end at the end, Windows line ends, blank lines": LINES.rstrip().replace(b"\n", b"\r\n\n"),
    "values as numbers and ids as text": json_lines([{**row, "more": None} for row in JSON_ROWS]),
    "keys in another order": json_lines([dict(reversed(row.items())) for row in JSON_ROWS]),
    "keys that differ by line": json_lines([row | {f"k{n % 3}": n} for n, row in enumerate(JSON_ROWS)]),
    "escaped": b"".join(json.dumps(row).encode() + b"\n" for row in JSON_ROWS),
    "gzip": gzip.compress(LINES),
    "ZIP": zip_of({"a.jsonl": json_lines(JSON_ROWS[:9]), "b.ndjson": json_lines(NESTED_ROWS[9:])}),
    "gzip in a ZIP": zip_of({"a.jsonl.gz": gzip.compress(LINES)}),
    "UTF-16": LINES.decode().encode("utf-16"),
}


@pytest.mark.parametrize("form", FORMS)
def test_json_lines_are_read_like_a_table(tmp_path: Path, form: str) -> None:
    dataset = store(tmp_path, GOOD, train=FORMS[form])
    assert facts_of(dataset) == FACTS
    assert values_of(dataset) == {f"A{number}": 10.5 * number for number in range(10)}
    assert quarantined_rows(dataset) == []


def test_a_folder_may_have_json_lines_and_csv(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(json_lines(JSON_ROWS[:20]))
    (folder / "b.csv").write_bytes(csv_of(ROWS[20:]))
    assert facts_of(store_train(tmp_path / "made", folder)) == FACTS


def test_a_line_that_is_no_object_is_quarantined_with_its_number(tmp_path: Path) -> None:
    lines = LINES.split(b"\n")
    bad = [b"[1]", b'{"event_time": ', b"\xff", b"[" * 5_000, b'{"a": "' + b"x" * 2**20 + b'"}']
    dataset = store(tmp_path, GOOD, Mapping(least_usable=0.5), train=b"\n".join([*lines[:3], *bad, *lines[3:]]))
    assert [(line, reason) for line, reason, _ in quarantined_rows(dataset)] == [
        (4, "it is not a JSON object (a value without keys)"),
        (5, "it is not a JSON object (invalid JSON)"),
        (6, "its text is not UTF-8"),
        (7, "it is not a JSON object (nested too deeply)"),
        (8, "it is not a JSON object (longer than a megabyte)"),
    ]
    assert facts_of(dataset) == FACTS


def test_cells_of_json_lines_are_texts_as_in_a_csv(tmp_path: Path) -> None:
    row = '{"a": 12345678901234567890123, "b": 7.0, "c": 4.90, "d": true, "e": null, "f": "é", "g": 1e3}'
    texts = ("12345678901234567890123", "7", "4.9", "true", "", "é", "1000")
    for number, more in enumerate(("", ', "h": {"i": [1, 2.5]}')):
        path = tmp_path / f"{number}.jsonl"
        path.write_text(row.removesuffix("}") + more + "}\n", encoding="utf-8")
        assert peek(path).rows == ((*texts, '{"i": [1, 2.5]}') if more else texts,)


# --- encodings --------------------------------------------------------------------------------------------------------
WORDS = {
    "cp1254": "ÇAY BARDAĞI şeker ılık İstanbul üç",
    "cp1252": "Café crème Überzug straße 5€ “naïve”",
    "iso8859-1": "Café señor garçon",
    "cp1250": "żółta koszulka świąteczna spódnica łóżko źródło",
    "cp1251": "Куртка зимняя мужская рубашка брюки",
    "cp1253": "Φωτογραφική μηχανή τηλεόραση ψυγείο",
    "koi8-r": "Куртка зимняя мужская рубашка брюки",
    "cp932": "日本語 カメラ レンズ テレビ 冷蔵庫",
    "gb18030": "中文 照相机 电视 冰箱 洗衣机",
    "utf-8": "ÇAY BARDAĞI Café 中文",
    "utf-16-le": "ÇAY BARDAĞI Café",
    "utf-16-be": "ÇAY BARDAĞI Café",
}


@pytest.mark.parametrize("encoding", WORDS)
def test_an_encoding_is_detected_and_its_letters_arrive_as_they_are(tmp_path: Path, encoding: str) -> None:
    words = WORDS[encoding].split()
    events = [dataclasses.replace(event, product=words[at % len(words)]) for at, event in enumerate(GOOD)]
    files = {name: csv_of(rows_of(events, name)).decode().encode(encoding) for name in ("train", "test")}
    detection = detect_encoding(files["train"])
    assert detection.encoding == {"iso8859-1": "cp1252"}.get(encoding, encoding)
    assert bool(detection.note) == (not encoding.startswith("utf"))
    dataset = store(tmp_path, events, **files)
    assert facts_of(dataset) == sorted(event.facts for event in events)
    assert quarantined_rows(dataset) == []
    assert bool(dataset.card().mapping_notes) == bool(detection.note)


def test_languages_that_share_bytes_with_turkish_are_not_turkish() -> None:
    assert detect_encoding("Þórður,æðar,Reykjavík,ýsa".encode("cp1252")).encoding == "cp1252"


@pytest.mark.parametrize("content", [b"a,b\n1,2\xff\n", b"\xc3", CSV + b"\x81\x8d\xff\n", "Çay".encode() * 9 + b"\xff"])
def test_stray_bytes_make_no_other_encoding(content: bytes) -> None:
    assert detect_encoding(content) == detect_encoding(b"")


def test_the_test_file_is_read_as_the_train_file(tmp_path: Path) -> None:
    """The bytes of the test file's letters alone would be Þ and not Ş."""
    products = {"train": "Şeker ğı", "test": "Þarký æá"}
    events = [dataclasses.replace(event, product=products[event.file]) for event in GOOD]
    files = {
        "train": csv_of(rows_of(events, "train")).decode().encode("cp1254"),
        "test": csv_of(rows_of(events, "test")).decode().encode("cp1252"),
    }
    read = {fact[3] for fact in facts_of(store(tmp_path, events, **files))}
    assert read == {"Şeker ğı", "Þarký æá".encode("cp1252").decode("cp1254")}


def test_the_command_line_says_which_encoding_was_assumed_and_a_mapping_changes_it(
    tmp_path: Path, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    events = [dataclasses.replace(event, product=f"{event.product} şeker ılık") for event in GOOD]
    files = {name: csv_of(rows_of(events, name)).decode().encode("cp1254") for name in ("train", "test")}
    paths = write_files(tmp_path / "files", events, **files)
    mapping = tmp_path / "mapping.toml"
    mapping.write_text('encoding = "cp1252"\n')
    arguments = ["ingest", "--train", str(paths.train), "--test", str(paths.test)]
    assert main(arguments) == 0
    assert "The text was read as cp1254" in capsys.readouterr().out
    assert main([*arguments, "--mapping", str(mapping)]) == 0
    assert "was read as" not in capsys.readouterr().out
    ids = (dataset.dictionary("product_id").collect().get_column("product_id") for dataset in list_datasets(workspace))
    assert {text.split(" ", 1)[1] for product_ids in ids for text in product_ids} == {"şeker ılık", "þeker ýlýk"}


# --- bounds -----------------------------------------------------------------------------------------------------------
MB = 1 << 20


def of_parquet(rows: int, characters: int) -> bytes:
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * characters]))
    target = io.BytesIO()
    parquet.write_table(pa.table({"product_id": texts, "user_id": texts}), target, compression="zstd")
    return target.getvalue()


NESTED = zip_of({"a.csv": CSV})
for _ in range(3):
    NESTED = zip_of({"a.zip": NESTED})
TOO_LARGE = {
    "gzip": (lambda: gzip.compress(CSV + b"\n" * 3 * MB), "expands_too_much"),
    "ZIP": (lambda: zip_of({"a.csv": CSV + b"\n" * 3 * MB}), "expands_too_much"),
    "ZIP whose members together are too large": (
        lambda: zip_of({f"{name}.csv": CSV + b"\n" * MB for name in "abc"}),
        "expands_too_much",
    ),
    "ZIP in ZIP": (lambda: zip_of({"a.zip": zip_of({"a.csv": CSV + b"\n" * 3 * MB})}), "expands_too_much"),
    "gzip in ZIP": (lambda: zip_of({"a.gz": gzip.compress(CSV + b"\n" * 3 * MB)}), "expands_too_much"),
    "Parquet dictionary": (lambda: of_parquet(200, 20_000), "expands_too_much"),
    "Parquet in ZIP": (lambda: zip_of({"a.parquet": of_parquet(200, 20_000)}), "expands_too_much"),
    "archives within archives": (lambda: NESTED, "not_a_table"),
    "many files": (lambda: zip_of({f"{at}.csv": b"" for at in range(1_001)}), "too_many_members"),
}


@pytest.fixture
def _little_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "ALWAYS_ALLOWED", 2 * MB)


@pytest.mark.usefixtures("_little_allowed")
@pytest.mark.parametrize("name", TOO_LARGE)
def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path, name: str) -> None:
    make, code = TOO_LARGE[name]
    (tmp_path / "log").write_bytes(make())
    with pytest.raises(InputError) as caught:
        peek(tmp_path / "log")
    assert caught.value.code == code


@pytest.mark.usefixtures("_little_allowed")
def test_a_setting_allows_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_files(tmp_path, GOOD, train=gzip.compress(CSV + b"\n" * 3 * MB))
    with pytest.raises(InputError) as caught:
        ingest(files, Workspace(tmp_path / "home"))
    assert (caught.value.code, caught.value.allowed) == ("expands_too_much", 2 * MB)
    assert EXPANSION_VARIABLE in caught.value.remedy
    monkeypatch.setenv(EXPANSION_VARIABLE, "5000")
    assert facts_of(ingest(files, Workspace(tmp_path / "home"))) == FACTS
    monkeypatch.setenv(EXPANSION_VARIABLE, "many")
    with pytest.raises(SettingError, match=EXPANSION_VARIABLE):
        ingest(files, Workspace(tmp_path / "other"))


def test_a_size_that_an_archive_declares_too_small_is_no_way_in(tmp_path: Path) -> None:
    content = bytearray(zip_of({"a.csv": CSV + b"\n" * MB}))
    size = (len(CSV) + MB).to_bytes(4, "little")
    assert content.count(size) == 2
    files = write_files(tmp_path, GOOD, train=bytes(content.replace(size, (100).to_bytes(4, "little"))))
    with pytest.raises(InputError) as caught:
        ingest(files, Workspace(tmp_path / "home"))
    assert caught.value.code == "not_a_table"


def test_rows_of_long_texts_are_read_few_at_a_time(tmp_path: Path) -> None:
    """A dictionary of one text of 1 MB in 100 rows would otherwise be read as 100 MB at once."""
    path = tmp_path / "log.parquet"
    path.write_bytes(of_parquet(100, MB))
    assert 0 < len(peek(path).rows) <= 16


def test_a_parquet_file_of_many_row_groups_is_the_same(tmp_path: Path) -> None:
    target = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(ROWS), target, row_group_size=1)
    assert same_frames(store(tmp_path / "many", GOOD, train=target.getvalue()), store(tmp_path / "one", GOOD))


def test_the_bombs_are_built_as_described() -> None:
    """Those of `benchmarks.bombs` are measured by make torture; here, that a few are what they say."""
    from benchmarks.bombs import BOMBS

    assert kinds.kind_of(io.BytesIO(BOMBS["Parquet dictionary"]())) is kinds.PARQUET
    assert zipfile.ZipFile(io.BytesIO(BOMBS["ZIP of 200 files"]())).testzip() is None
