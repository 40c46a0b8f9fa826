"""Uploaded files are copied to disk before anything works with them: an upload vanishes with its visitor's session."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Protocol

from core.base.files import building_folder, private_folder
from core.base.workspace import Workspace
from core.errors import InputError
from core.ingestion.sources.content_hash import content_hash

_CHUNK = 1 << 20
_LONGEST_NAME = 60  # characters; file systems allow 255 bytes, and a character can take four


class Upload(Protocol):
    """What a browser's upload is to us: a name and a binary stream."""

    name: str

    def read(self, size: int = -1, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...


def keep_upload(workspace: Workspace, files: Mapping[str, Upload]) -> dict[str, Path]:
    """Copy uploads into one folder of the workspace, named by their names and content, and give their paths by part.

    The same files uploaded again find their folder, which is made again where its files were written to since. A file
    keeps its name without whatever could lead out of the folder; two files of one name stay apart by their part.

    Raises:
        InputError: an upload grew or shrank while it was copied.
    """
    hashes: dict[Path, bytes] = {}
    with private_folder(workspace.uploads, ".given-") as temporary:
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
            with building_folder(folder, shared=True) as building:
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
    """Whether the files of a folder still have the content that the folder is named by."""
    try:
        return all(content_hash(folder / place) == content.hex() for place, content in hashes.items())
    except InputError:  # one of them is gone
        return False
