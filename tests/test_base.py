"""Atomic files and folders, checkpoints and the digest of the program's source."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import nullcontext
from pathlib import Path

import polars as pl
import pytest

from core.base.arrays import load_arrays
from core.base.checkpoint import Checkpoints, source_digest
from core.base.files import atomic_file, atomic_folder, is_full_disk, write_text_atomically
from core.ingestion.parallel import map_in_order


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_atomic_file_replaces_the_old_one_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    for text in ("old", "new é"):
        write_text_atomically(path, text)
        assert path.read_bytes() == text.encode()
    assert names_in(tmp_path) == ["card.json"]


def test_a_failed_atomic_file_keeps_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text("old")
    with pytest.raises(ValueError, match="defect"), atomic_file(path) as temporary:
        temporary.write_text("half")
        raise ValueError("defect")
    assert (names_in(tmp_path), path.read_text()) == (["card.json"], "old")


def test_an_atomic_file_in_an_absent_folder_fails_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "absent" / "file"):
        pytest.fail("the block ran")


def test_an_atomic_folder_is_complete_or_absent(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="defect"), atomic_folder(tmp_path / "run") as temporary:
        (temporary / "file").touch()
        assert not (tmp_path / "run").exists()
        raise ValueError("defect")
    assert names_in(tmp_path) == []
    with atomic_folder(tmp_path / "run") as temporary:
        (temporary / "file").touch()
    assert (names_in(tmp_path), names_in(tmp_path / "run")) == (["run"], ["file"])


def test_the_first_of_two_shared_folders_is_kept(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "data", shared=True) as slower:
        (slower / "slower").touch()
        with atomic_folder(tmp_path / "data", shared=True) as faster:
            (faster / "faster").touch()
    assert (names_in(tmp_path), names_in(tmp_path / "data")) == (["data"], ["faster"])


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
        pl.exceptions.ComputeError("No space left on device (os error 28)"),
        RuntimeError("database or disk is full"),
    ],
    ids=["no space", "quota", "polars", "sqlite"],
)
def test_every_way_of_reporting_a_full_disk_is_recognised(error: Exception, tmp_path: Path) -> None:
    def save(value: int, folder: Path) -> None:
        (folder / "half").touch()
        raise error

    assert is_full_disk(error)
    checkpoints = Checkpoints.claim(tmp_path / "work")
    assert checkpoints.load_or_compute("part", lambda: 5, save, lambda folder: 0) == 5
    assert not list(tmp_path.glob("**/half"))


def test_an_error_that_is_not_about_the_disk_is_raised(tmp_path: Path) -> None:
    def save(value: int, folder: Path) -> None:
        raise TypeError("defect")

    assert not is_full_disk(TypeError("defect"), tmp_path)
    with pytest.raises(TypeError, match="defect"):
        Checkpoints.claim(tmp_path / "work").load_or_compute("part", lambda: 5, save, lambda folder: 0)


def test_the_source_digest_covers_all_packages_of_core(monkeypatch: pytest.MonkeyPatch) -> None:
    read: set[str] = set()
    read_bytes = Path.read_bytes

    def recording(path: Path) -> bytes:
        read.add(path.parent.name)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", recording)
    source_digest.cache_clear()
    assert len(source_digest()) == 64
    assert {"core", "base", "training", "ingestion", "learners"} <= read


def test_an_abandoned_generator_is_closed_even_while_threading_holds_its_lock() -> None:
    """As the garbage collector may do, at any moment of the start of another thread."""
    results = map_in_order(abs, range(1000))
    assert next(results) == 0
    lock = getattr(threading, "_shutdown_locks_lock", nullcontext())  # until Python 3.12

    def close() -> None:
        with lock:
            results.close()  # type: ignore[attr-defined]

    closing = threading.Thread(target=close, daemon=True)
    closing.start()
    closing.join(timeout=20)
    assert not closing.is_alive()


def test_the_threads_of_a_generator_that_fails_have_ended() -> None:
    before = set(threading.enumerate())
    with pytest.raises(ZeroDivisionError):
        list(map_in_order(lambda number: 1 // number, [3, 2, 1, 0, 5]))
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"\x93NUMPY"], ids=["empty", "cut off", "one array"])
def test_a_file_of_arrays_that_is_none_is_a_value_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "arrays.npz").write_bytes(content)
    with pytest.raises(ValueError, match="NPZ"):
        load_arrays(tmp_path / "arrays.npz")
