"""Damaged files: never a traceback, never a lost row, whatever is damaged and however the file is cut into pieces."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset import Dataset
from core.errors import SettingError, StudioError
from core.ingestion import InputFiles, csv_text, ingest, sources, spill
from core.ingestion.mapping import Mapping
from core.workspace import Workspace
from tests.events_on_the_spot import csv_of, facts_of, good_events, rows_of, unit_names, write_files

GOOD = good_events()
ROWS = rows_of(GOOD, "train")
CSV = csv_of(ROWS)
QUOTED = csv_of([{**row, "note": 'said "so",\nand left'} for row in ROWS], quote_all=True)
PLACES = st.integers(0, 2**16)
LENIENT = Mapping(least_usable=0.0)
"""So that a file of which little is left is not refused for that alone."""
SLOWLY = settings(deadline=None, derandomize=True, max_examples=60)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with a few bytes, lines or cells changed, put in, taken out, doubled or cut off."""
    for _ in range(draw(st.integers(1, 4))):
        place = draw(PLACES) % (len(content) + 1)
        what = draw(st.sampled_from(["byte", "insert", "delete", "cut", "line", "cell"]))
        if what == "byte":
            content = content[:place] + bytes([draw(st.integers(0, 255))]) + content[place + 1 :]
        elif what == "insert":
            content = (
                content[:place]
                + draw(st.sampled_from([b'"', b"\n", b"\r", b",", b"\xff", b'""', b"\n\n"]))
                + content[place:]
            )
        elif what == "delete":
            content = content[:place] + content[place + draw(st.integers(1, 60)) :]
        elif what == "cut":
            content = content[: max(place, 1)]
        else:
            lines = content.split(b"\n")
            line = draw(PLACES) % len(lines)
            lines[line] = lines[line] * 2 if what == "line" else lines[line].replace(b",", b",,", 1)
            content = b"\n".join(lines)
    return content


def read(folder: Path, train: bytes) -> Dataset | None:
    """The dataset, None where the file is refused; any other exception fails the test."""
    files = write_files(folder, GOOD, train=train)
    try:
        return ingest(InputFiles(files.train, files.test, mapping=LENIENT), Workspace(folder / "home"))
    except StudioError as error:
        assert "\n" not in str(error)
        return None


def must_be_whole(dataset: Dataset) -> None:
    """Every row of the file is kept, set aside or a duplicate, and all that is told agrees."""
    card = dataset.card().train
    assert card.rows == card.kept + card.quarantined + card.removed
    assert dataset.events("train").collect().height == card.kept
    aside = dataset.quarantine().filter(pl.col("role") == 0).collect()
    assert aside.height == card.quarantined
    assert aside.get_column("reason").null_count() == 0
    assert aside.get_column("line").is_sorted()


@SLOWLY
@given(content=damaged(CSV))
def test_a_damaged_csv_is_refused_or_every_line_of_it_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    dataset = read(tmp_path_factory.mktemp("csv"), content)
    if dataset is None:
        return
    must_be_whole(dataset)
    if b'"' not in content and b"\r" not in content:
        lines = [line for line in content.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
        assert dataset.card().train.rows == len(lines) - 1


@SLOWLY
@given(content=damaged(QUOTED), piece=st.integers(50, 400))
def test_where_a_file_is_cut_into_pieces_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, piece: int
) -> None:
    found = []
    for size in (csv_text.PIECE_BYTES, piece):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(csv_text, "PIECE_BYTES", size)
            dataset = read(tmp_path_factory.mktemp("pieces"), content)
        if dataset is not None:
            must_be_whole(dataset)
        found.append(dataset and (facts_of(dataset), dataset.quarantine().drop("file").collect().rows()))
    assert found[0] == found[1]


def packed(kind: str) -> bytes:
    target = io.BytesIO()
    if kind == "gzip":
        return gzip.compress(CSV)
    if kind == "Parquet":
        pl.DataFrame(ROWS).write_parquet(target)
    else:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("train.csv", CSV)
    return target.getvalue()


@SLOWLY
@given(kind=st.sampled_from(["gzip", "Parquet", "ZIP"]), place=PLACES, byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_package_is_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, kind: str, place: int, byte: int, cut: bool
) -> None:
    content = packed(kind)
    place %= len(content)
    content = content[:place] if cut else content[:place] + bytes([byte]) + content[place + 1 :]
    dataset = read(tmp_path_factory.mktemp("package"), content)
    if dataset is not None:
        must_be_whole(dataset)


def frames_of(dataset: Dataset) -> list[pl.DataFrame]:
    names = ("train.parquet", "test.parquet", "units.parquet", "order.parquet", "dictionary_user_id.parquet")
    return [pl.read_parquet(dataset.folder / name) for name in names]


def test_spilling_to_disk_in_many_parts_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_files(tmp_path, [*GOOD, *GOOD[::-1]])
    whole = ingest(files, Workspace(tmp_path / "one"))
    monkeypatch.setattr(spill, "_IN_MEMORY", 7)
    monkeypatch.setattr(spill, "_ROWS_A_PART", 3)
    monkeypatch.setattr(csv_text, "PIECE_BYTES", 500)
    parts = ingest(files, Workspace(tmp_path / "two"))
    assert all(one.equals(two) for one, two in zip(frames_of(whole), frames_of(parts), strict=True))
    assert whole.card().model_dump(exclude={"created"}) == parts.card().model_dump(exclude={"created"})


@pytest.mark.parametrize("column", ["user_session", "user_id"])
def test_two_ids_with_one_code_get_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str) -> None:
    """A hash that under the first seed knows 8 codes only."""
    real = pl.Series.hash

    def poor(series: pl.Series, seed: int = 0, *more: int) -> pl.Series:
        found = real(series, seed, *more)
        return found % 8 if seed == 0 and series.name == column else found

    files = write_files(tmp_path, GOOD)
    right = ingest(files, Workspace(tmp_path / "right"))
    monkeypatch.setattr(pl.Series, "hash", poor)
    again = ingest(files, Workspace(tmp_path / "again"))
    assert facts_of(again) == facts_of(right) == sorted(event.facts for event in GOOD)
    names = [sorted(unit_names(dataset, dataset.units().collect())) for dataset in (right, again)]
    assert names[0] == names[1]


def test_a_full_disk_is_a_sentence_and_nothing_stays(tmp_path: Path) -> None:
    """A process that may write no file larger than 4 KB, as on a disk that is full."""
    files = write_files(tmp_path, GOOD)
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from core.ingestion import InputFiles, ingest; from core.workspace import Workspace\n"
        "home = Workspace(Path(sys.argv[3])); home.datasets\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))\n"
        "try: ingest(InputFiles(Path(sys.argv[1]), Path(sys.argv[2])), home)\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-c", program, str(files.train), str(files.test), str(home)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(sources.__file__).parents[2],
        env=os.environ,
    )
    assert done.stdout.startswith(f"{SettingError.__name__} There is no room left on the disk of the workspace {home}")
    assert list((home / "datasets").iterdir()) == []
