"""Peak memory and processor time of reading small files that were made to fill the memory or to take forever.

    python -m benchmarks.bombs [--only NAME]         (a part of make torture)

Each file is ingested in a process of its own. It must be read, or refused with an error of ours, with less than 1 GB
and in less than 10 s. The seconds are those of the processor, because those of the clock depend on what else runs.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

MAX_PEAK_MB = 1_024
MAX_SECONDS = 10.0
_TIMEOUT_SECONDS = 300  # of the clock; a process that waits uses no processor time
_HEADER = b"event_time,event_type,product_id,category_id,user_id,user_session,session_value\n"
_ROW = b"2025-06-01 10:00:00+00:00,BUY,P1,C1,U1,S1,5\n"
_OBJECT = (
    b'{"event_time":"2025-06-01 10:00:00+00:00","event_type":"BUY","product_id":"P1","category_id":"C1",'
    b'"user_id":"U1","user_session":"S1","session_value":5}\n'
)
_MB = 1 << 20
_READ = """
import json, resource, sys
from pathlib import Path
from core.base.workspace import Workspace
from core.errors import StudioError
from core.ingestion import InputFiles, ingest
from core.ingestion.peek import peek
answers = []
for read in (lambda: peek(Path(sys.argv[1])),
             lambda: ingest(InputFiles(Path(sys.argv[1]), Path(sys.argv[2])), Workspace(Path(sys.argv[3])))):
    try:
        read()
        answers.append("read")
    except StudioError as error:
        answers.append(error.code)
usage = resource.getrusage(resource.RUSAGE_SELF)
status = Path("/proc/self/status")  # elsewhere, the peak includes that of this program before it started the process
peak = int(status.read_text().split("VmHWM:")[1].split()[0]) if status.is_file() else usage.ru_maxrss
print(json.dumps({"answer": ", ".join(dict.fromkeys(answers)), "peak": peak / 1024,
                  "seconds": usage.ru_utime + usage.ru_stime}))
"""


def main() -> None:
    """Print one line per file, and fail if one takes too much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(BOMBS))
    options = parser.parse_args()
    measure_bombs([options.only] if options.only else list(BOMBS))


def measure_bombs(names: list[str]) -> None:
    """Print a table of the named files, and fail if one takes too much."""
    too_much: list[str] = []
    print(f"{'file':36}{'bytes':>12}{'peak MB':>9}{'seconds':>9}  answer")
    with tempfile.TemporaryDirectory() as scratch:
        test = Path(scratch) / "test.csv"
        test.write_bytes(_HEADER + _ROW.replace(b"S1", b"S2"))
        for name in names:
            file = Path(scratch) / "bomb"
            file.write_bytes(BOMBS[name]())
            process = subprocess.run(
                [sys.executable, "-c", _READ, file, test, Path(scratch) / name.replace(" ", "_")],
                capture_output=True,
                text=True,
                check=False,
                timeout=_TIMEOUT_SECONDS,
            )
            assert process.returncode == 0, (name, process.stderr[-2_000:])
            found = json.loads(process.stdout.splitlines()[-1])
            size = file.stat().st_size
            print(f"{name:36}{size:12,}{found['peak']:9,.0f}{found['seconds']:9.1f}  {found['answer']}", flush=True)
            too_much += [name] if found["peak"] >= MAX_PEAK_MB or found["seconds"] >= MAX_SECONDS else []
    assert not too_much, f"too much memory or time: {too_much}"


def _zip(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def _nested_zip(depth: int) -> bytes:
    content = _zip({"a.csv": _HEADER + bytes(100 * _MB)})
    for _ in range(depth):
        content = _zip({f"{number}.zip": content for number in range(10)})
    return content


def _zip_with_false_size() -> bytes:
    """A member whose header declares 1 kB."""
    content = bytearray(_zip({"a.csv": _HEADER + bytes(300 * _MB)}))
    size = (len(_HEADER) + 300 * _MB).to_bytes(4, "little")
    return bytes(content.replace(size, (1_000).to_bytes(4, "little")))


def _packed(line: bytes, *, mb: int = 200, header: bytes = _HEADER + _ROW) -> bytes:
    return gzip.compress(header + line * (mb * _MB // len(line)), 6)


def _plain(line: bytes, *, mb: int, header: bytes = _HEADER + _ROW) -> bytes:
    return header + line * (mb * _MB // len(line))


def _parquet(table: pa.Table, **options: object) -> bytes:
    target = io.BytesIO()
    parquet.write_table(table, target, **options)
    return target.getvalue()


def _events(rows: int, **columns: pa.Array) -> pa.Table:
    names = _HEADER.decode().strip().split(",")
    cells = dict(zip(names, _ROW.decode().strip().split(","), strict=True))
    return pa.table({name: columns.get(name, pa.array([cells[name]] * rows)) for name in names} | columns)


def _dictionary_bomb(characters: int, rows: int) -> bytes:
    long_text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * characters]))
    return _parquet(_events(rows, product_id=long_text), compression="zstd")


def _late_dictionary_bomb() -> bytes:
    """Short texts first, and the long one in the last row group."""
    target = io.BytesIO()
    rows = 20_000
    with parquet.ParquetWriter(target, _events(1).schema, compression="zstd") as writer:
        for text in ("P1", "x" * 500_000):
            cells = pa.array([text] * 10) if len(text) > 2 else pa.array([text] * rows)
            for _ in range(1 if len(text) <= 2 else 300):
                writer.write_table(_events(len(cells), product_id=cells))
    return target.getvalue()


def _nested_list() -> bytes:
    values = pa.array([0], pa.int8()).take(pa.array([0] * 1_000)).to_pylist()
    rows = 2_000
    offsets = pa.array(range(0, len(values) * rows + 1, len(values)), pa.int32())
    lists = pa.ListArray.from_arrays(offsets, pa.array([0] * len(values) * rows, pa.int8()))
    return _parquet(_events(rows, items=lists), compression="zstd")


def _deep_schema(depth: int) -> bytes:
    cells = pa.int32()
    for _ in range(depth):
        cells = pa.struct([("a", cells)])
    return _parquet(_events(1, items=pa.nulls(1, cells)))


BOMBS: dict[str, Callable[[], bytes]] = {
    "ZIP": lambda: _zip({"a.csv": _HEADER + bytes(400 * _MB)}),
    "ZIP, size declared too small": _zip_with_false_size,
    "ZIP in ZIP": lambda: _nested_zip(1),
    "ZIP in ZIP in ZIP in ZIP": lambda: _nested_zip(3),
    "ZIP of 60,000 files": lambda: _zip({f"{number}.csv": _HEADER for number in range(60_000)}),
    "ZIP of 200 files": lambda: _zip({f"{number}.csv": _HEADER + _ROW for number in range(200)}),
    "ZIP of a Parquet dictionary": lambda: _zip({"a.parquet": _dictionary_bomb(500_000, 50_000)}),
    "gzip of NULs": lambda: _packed(bytes(1_000)),
    "gzip in gzip": lambda: gzip.compress(_packed(b"\n")),
    "gzip of rows": lambda: _packed(_ROW),
    "gzip of blank lines": lambda: _packed(b"\n"),
    "gzip of blank lines before a header": lambda: _packed(b"\n", header=b""),
    "gzip of blank lines and quotes": lambda: _packed(b'"\n' + b"\n" * 99),
    "gzip of lines of blanks": lambda: _packed(b" \t\n"),
    "gzip of stray quotes": lambda: _packed(b'"a\n'),
    "gzip of stray quotes and separators": lambda: _packed(b'",,,,,,\n'),
    "gzip of quotes only": lambda: _packed(b'"' * 1_000),
    "gzip of quotes in other quotes": lambda: _packed(b'"a\n' + b'x"",,,,,,\n' * 98),
    "gzip of empty rows": lambda: _packed(b",,,,,,\n"),
    "gzip of bad rows": lambda: _packed(b"x\n"),
    "gzip of text that is not UTF-8": lambda: _packed(b"\xff\xfe\n"),
    "gzip of one long line": lambda: _packed(b"a" * 1_000, mb=70),
    "gzip of one line of separators": lambda: _packed(b"," * 1_000, mb=62),
    "gzip of one JSON line": lambda: _packed(b"[]," * 1_000, mb=62, header=_OBJECT + b'{"a":['),
    "gzip of deep JSON": lambda: _packed(b'{"a":' * 1_000, mb=62, header=_OBJECT),
    "gzip of JSON with lists": lambda: _packed(_OBJECT[:-2] + b',"x":[[[[]]],1,2,3]}\n', header=_OBJECT),
    "gzip of bad JSON": lambda: _packed(b"{\n", header=_OBJECT),
    "gzip of an array of lists": lambda: _packed(b"[]," * 1_000, header=b"[" + _OBJECT + b","),
    "gzip of an array in depth": lambda: _packed(b"[" * 1_000, header=b"[" + _OBJECT + b","),
    "gzip of an array of blanks": lambda: _packed(b" " * 1_000, header=b"[" + _OBJECT + b","),
    "blank lines": lambda: _plain(b"\n", mb=40),
    "blank lines before a header": lambda: _plain(b"\n", mb=40, header=b""),
    "stray quotes": lambda: _plain(b'"a\n', mb=10),
    "bad rows": lambda: _plain(b"x\n", mb=10),
    "columns without a name": lambda: b"event_time" + b"," * 3_000_000 + b"\n" + _ROW,
    "900,000 columns": lambda: b"event_time" + b"," * 900_000 + b"\n" + _ROW,
    "10,000 columns of empty cells": lambda: b"," * 9_999 + b"\n" + (b"," * 9_999 + b"\n") * 1_000,
    "JSON with many keys": lambda: _OBJECT + b"".join(b'{"k%d":1}\n' % number for number in range(200_000)),
    "JSON, one object": lambda: b'{"a":' * 100_000,
    "Parquet dictionary": lambda: _dictionary_bomb(262_144, 20_000),
    "Parquet dictionary, longer text": lambda: _dictionary_bomb(900_000, 200_000),
    "Parquet dictionary in late groups": _late_dictionary_bomb,
    "Parquet of 2 million equal rows": lambda: _parquet(
        _events(1).take(pa.array([0] * 2_000_000)), compression="zstd", row_group_size=2_000_000
    ),
    "Parquet page of 400 MB": lambda: _parquet(
        _events(400, product_id=pa.array(["x" * _MB] * 400)), compression="zstd", use_dictionary=False
    ),
    "Parquet of lists": _nested_list,
    "Parquet, 90 levels deep": lambda: _deep_schema(90),
    "Parquet, 2,000 levels deep": lambda: _deep_schema(2_000),
    "Parquet of 20,000 columns": lambda: _parquet(_events(1, **{f"c{at}": pa.array([1]) for at in range(20_000)})),
}


if __name__ == "__main__":
    main()
