"""Store uploaded files in the workspace, because an upload is gone when the browser session ends.

An upload is deleted when it has become a dataset. Others stay until a person deletes them.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from core.base.files import atomic_folder, remove, remove_hidden_first, scratch_folder
from core.base.ids import complete_id
from core.base.workspace import Workspace
from core.errors import InputError, RunError, SourceError
from core.ingestion.sources.content_hash import content_hash

_CHUNK = 1 << 20
_FOLDER_LENGTH = 16  # hexadecimal digits of a hash that name the folder of an upload
_MAX_NAME_CHARACTERS = 60  # file systems allow 255 bytes, and a character can take four


class Upload(Protocol):
    """An uploaded file: a name and a binary stream."""

    name: str

    def read(self, size: int = -1, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...


def keep_upload(workspace: Workspace, files: Mapping[str, Upload]) -> dict[str, Path]:
    """Copy uploads into one folder of the workspace and return their paths by part (train, test, sample).

    The folder is named after a hash of names and content, so equal uploads share it. If its files have changed since,
    it is written again. Each part has its own subfolder, and file names are cleaned so that none leads out of it.

    Raises:
        InputError: an upload changed size while it was copied.
    """
    paths = {part: Path(part, _safe(upload.name)) for part, upload in files.items()}
    hashes: dict[Path, bytes] = {}
    with scratch_folder(workspace.uploads, ".given-") as temporary:
        for part, path in sorted(paths.items()):
            (temporary / part).mkdir()
            with (temporary / path).open("wb") as target:
                hashes[path] = _copy(files[part], target)
        names_and_hashes = b"".join(f"{path.as_posix()}/".encode() + content for path, content in hashes.items())
        folder = workspace.uploads / hashlib.sha256(names_and_hashes).hexdigest()[:_FOLDER_LENGTH]
        if folder.is_dir() and not _is_unchanged(folder, hashes):
            remove(folder)
        if not folder.is_dir():
            with atomic_folder(folder, shared=True) as building:
                shutil.copytree(temporary, building, dirs_exist_ok=True)
    return {part: folder / path for part, path in paths.items()}


@dataclass(frozen=True)
class StoredUpload:
    """Uploaded files that are stored together.

    Attributes:
        id: name of their folder.
        names: names of the files.
        bytes: size of all files.
        stored: when they were stored, in epoch seconds.
    """

    id: str
    names: tuple[str, ...]
    bytes: int
    stored: float


def list_uploads(workspace: Workspace) -> list[StoredUpload]:
    """Return the stored uploads, newest first."""
    uploads = []
    for folder in workspace.uploads.glob("[!.]*"):
        try:
            status = folder.lstat()
        except OSError:  # it was deleted in the meantime
            continue
        files = [] if folder.is_symlink() else [path for path in sorted(folder.rglob("*")) if not path.is_dir()]
        size = sum(path.lstat().st_size for path in files if os.path.lexists(path))
        uploads.append(StoredUpload(folder.name, tuple(path.name for path in files), size, status.st_mtime))
    return sorted(uploads, key=lambda upload: (upload.stored, upload.id), reverse=True)


def upload_named(workspace: Workspace, name: str) -> StoredUpload:
    """Return the stored upload whose id starts with `name`.

    Raises:
        RunError: no upload, or more than one, has such an id.
    """
    uploads = {upload.id: upload for upload in list_uploads(workspace)}
    return uploads[complete_id("upload", name, uploads)]


def delete_upload(workspace: Workspace, upload: StoredUpload) -> None:
    """Delete a stored upload. Of a link, only the link is removed.

    Raises:
        RunError: it cannot be deleted.
    """
    folder = workspace.uploads / upload.id
    try:
        remove_hidden_first(folder)
    except OSError as error:
        raise RunError.not_deletable(folder, error.strerror or str(error)) from error


def forget_read_uploads(workspace: Workspace, paths: Iterable[Path]) -> None:
    """Delete the uploads that these files belong to, because a dataset has their content now.

    A file outside the uploads is left alone. If an upload cannot be deleted, it stays listed.
    """
    uploads = workspace.uploads.resolve()
    for path in paths:
        inside = path.resolve()
        if inside.is_relative_to(uploads) and inside != uploads:
            remove(uploads / inside.relative_to(uploads).parts[0])


def _safe(name: str) -> str:
    return re.sub(r"[^\w.\- ]", "_", Path(name).name)[-_MAX_NAME_CHARACTERS:].lstrip(".") or "file"


def _copy(upload: Upload, target: IO[bytes]) -> bytes:
    """Copy an upload and return its SHA-256."""
    digest, size = hashlib.sha256(), 0
    upload.seek(0)
    while chunk := upload.read(_CHUNK):
        digest.update(chunk)
        size += target.write(chunk)
    if (now := upload.seek(0, os.SEEK_END)) != size:
        raise SourceError.changed_while_read(upload.name, f"{size:,} bytes were copied, but now it has {now:,}")
    return digest.digest()


def _is_unchanged(folder: Path, hashes: Mapping[Path, bytes]) -> bool:
    try:
        return all(content_hash(folder / path) == digest.hex() for path, digest in hashes.items())
    except InputError:  # a file is missing
        return False
