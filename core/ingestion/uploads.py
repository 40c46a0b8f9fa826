"""Uploaded files are copied to disk before anything works with them: an upload vanishes with its visitor's session."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Protocol

from core.workspace import Workspace, building_folder, private_folder

_CHUNK = 1 << 20
_LONGEST_NAME = 60  # characters; file systems allow 255 bytes, and a character can take four


class Upload(Protocol):
    """What a browser's upload is to us: a name and a binary stream."""

    name: str

    def read(self, size: int = -1, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...


def keep_upload(workspace: Workspace, files: Mapping[str, Upload]) -> dict[str, Path]:
    """Copy uploads into one folder of the workspace, named by their names and content, and give their paths by part.

    The same files uploaded again find their folder. A file keeps its name without whatever could lead out of the
    folder; two files of one name stay apart by their part.
    """
    digest = hashlib.sha256()
    with private_folder(workspace.uploads, ".given-") as temporary:
        for part, upload in sorted(files.items()):
            place = temporary / part / _safe(upload.name)
            place.parent.mkdir()
            with place.open("wb") as target:
                digest.update(f"{part}/{place.name}/".encode() + _copy(upload, target))
        folder = workspace.uploads / digest.hexdigest()[:16]
        if not folder.is_dir():
            with building_folder(folder, shared=True) as building:
                shutil.copytree(temporary, building, dirs_exist_ok=True)
    return {part: folder / part / _safe(upload.name) for part, upload in files.items()}


def _safe(name: str) -> str:
    return re.sub(r"[^\w.\- ]", "_", Path(name).name)[-_LONGEST_NAME:].lstrip(".") or "file"


def _copy(upload: Upload, target: IO[bytes]) -> bytes:
    digest = hashlib.sha256()
    upload.seek(0)
    while chunk := upload.read(_CHUNK):
        digest.update(chunk)
        target.write(chunk)
    return digest.digest()
