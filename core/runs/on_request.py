"""Tables that are computed for a finished run on request, and stored next to its own files.

They are not in the manifest, because a finished run does not change. A sealed list has their hashes. Damaged tables,
and those of another version of the program, are computed again on request.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import polars as pl

from core.base.files import atomic_folder, remove
from core.base.stored_files import UnusableFileError, hash_folder, hash_stored, read_sealed_json, sealed_json
from core.errors import RunError
from core.runs.store import ON_REQUEST_FOLDER, Run

_LIST_FILE: Final = "tables.json"
_VERSION: Final = 1
"""Raise it when the meaning of the stored tables changes."""


def stored_tables(run: Run, name: str) -> dict[str, pl.DataFrame] | None:
    """Return name of a table -> table of what `store_tables` wrote under a name; None if there is nothing usable."""
    folder = run.folder / ON_REQUEST_FOLDER / name
    try:
        content = json.loads(read_sealed_json(folder / _LIST_FILE))
        if content["version"] != _VERSION or content["run"] != run.manifest.run_id:
            return None
        hashes: dict[str, str] = content["sha256"]
        if any(Path(file).name != file or hash_stored(folder / file) != sha256 for file, sha256 in hashes.items()):
            return None
        return {Path(file).stem: pl.read_parquet(folder / file, memory_map=False, glob=False) for file in hashes}
    except (UnusableFileError, OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError):
        return None


def store_tables(run: Run, name: str, tables: dict[str, pl.DataFrame]) -> None:
    """Write tables under a name, and replace those that are stored there.

    Raises:
        RunError: the folder of the run is not writable.
    """
    folder = run.folder / ON_REQUEST_FOLDER / name
    try:
        remove(folder)
        with atomic_folder(folder, shared=True) as temporary:
            for table, frame in tables.items():
                frame.write_parquet(temporary / f"{table}.parquet")
            content = {"version": _VERSION, "run": run.manifest.run_id, "sha256": hash_folder(temporary)}
            (temporary / _LIST_FILE).write_text(sealed_json(json.dumps(content)), encoding="utf-8")
    except OSError as error:
        raise RunError.not_writable(run.folder, error.strerror or str(error)) from error
