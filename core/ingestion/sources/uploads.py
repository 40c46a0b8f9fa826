"""Store uploaded files in the workspace, because an upload is gone when the browser session ends."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Protocol

from core.base.files import atomic_folder, scratch_folder
from core.base.workspace import Workspace
from core.errors import InputError
from core.ingestion.sources.content_hash import content_hash

_CHUNK = 1 << 20
_LONGEST_NAME = 60  # characters; file systems allow 255 bytes, and a character can take four


class Upload(Protocol):
    """An uploaded file: a name and a binary stream."""

    name: str

    def read(self, size: int = -1, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...


def keep_upload(workspace: Workspace, files: Mapping[str, Upload]) -> dict[str, Path]:
    """Copy uploads into one folder of the workspace and return their paths by part (train, test, sample).

    The folder is named by a hash of names and content, so the same uploads share one. If its files have changed since,
    it is written again. File names are cleaned, so no name leads out of the folder; each part has its own subfolder.

    Raises:
        InputError: an upload changed size while it was copied.
    """
    hashes: dict[Path, bytes] = {}
    with scratch_folder(workspace.uploads, ".given-") as temporary:
        for part, upload in sorted(files.items()):
            place = Path(part, _safe(upload.name))
            (temporary / part).mkdir()
            with (temporary / place).open("wb") as target:
                hashes[place] = _copy(upload, target)
        named = b"".join(f"{place.as_posix()}/".encode() + content for place, content in hashes.items())
        folder = workspace.uploads / hashlib.sha256(named).hexdigest()[:16]
        if folder.is_dir() and not _holds(folder, hashes):
            shutil.rmtree(folder)
        if not folder.is_dir():
            with atomic_folder(folder, shared=True) as building:
                shutil.copytree(temporary, building, dirs_exist_ok=True)
    return {part: folder / part / _safe(upload.name) for part, upload in files.items()}


def _safe(name: str) -> str:
    return re.sub(r"[^\w.\- ]", "_", Path(name).name)[-_LONGEST_NAME:].lstrip(".") or "file"


def _copy(upload: Upload, target: IO[bytes]) -> bytes:
    digest, size = hashlib.sha256(), 0
    upload.seek(0)
    while chunk := upload.read(_CHUNK):
        digest.update(chunk)
        size += target.write(chunk)
    if (now := upload.seek(0, os.SEEK_END)) != size:
        raise InputError.changed_while_read(upload.name, f"{size:,} bytes were copied, now it has {now:,}")
    return digest.digest()


def _holds(folder: Path, hashes: Mapping[Path, bytes]) -> bool:
    """Return whether the files of a folder still have these hashes."""
    try:
        return all(content_hash(folder / place) == content.hex() for place, content in hashes.items())
    except InputError:  # a file is missing
        return False
