"""Find the files behind a path: a file, the files of a folder, or the matches of a glob."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.errors import InputError

SUFFIXES = (".csv", ".gz", ".tsv", ".txt", ".parquet", ".pq", ".zip")
"""Suffixes of the files that are read from a folder or archive; other files are skipped."""
_PACKED = {".gz": 8, ".parquet": 8, ".pq": 8, ".zip": 8}
"""Estimated bytes of text per compressed byte; they decide only the number of partitions."""


def path_of(text: str) -> Path:
    """Return the path for typed text, with a leading `~` expanded to the home folder."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # no such user: take the name literally
        return Path(text)


def files_of(path: Path) -> list[Path]:
    """Return the files behind a path, sorted by name.

    Raises:
        InputError: there is none.
    """
    try:
        if path.is_file():
            return [path]
        if path.is_dir():
            files = sorted(filter(_is_read, path.iterdir()))
            if not files:
                deeper = (file.relative_to(path) for file in path.glob("*/**/*") if _is_read(file))
                if (first := min((file for file in deeper if is_data(str(file))), default=None)) is not None:
                    raise InputError.files_deeper(path, first)
                raise InputError.empty_folder(path, SUFFIXES)
            return files
        if path.exists():
            raise InputError.cannot_open(path, "it is neither a file nor a folder")
        files = sorted(match for match in _matches(path) if match.is_file())
        if files:
            return files
        if path.is_symlink():
            raise InputError.cannot_open(path, "it is a link that leads to no file")
    except (OSError, ValueError) as error:  # name too long, folder not readable, or invalid pattern
        raise InputError.cannot_open(path, getattr(error, "strerror", None) or str(error)) from error
    raise InputError.not_found(path)


def skipped_files(path: Path) -> list[str]:
    """Return the names of entries in the folder or ZIP archives behind a path that are not read, except hidden ones.

    Raises:
        InputError: there is no file.
    """
    names: list[str] = []
    if path.is_dir():
        others = (entry for entry in path.iterdir() if is_data(entry.name) and not _is_read(entry))
        names += sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in others)
    for file in files_of(path):
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                members = [member.filename for member in archive.infolist() if not member.is_dir()]
            members = [name for name in members if is_data(name)]
            names += sorted(f"{file.name}/{name}" for name in set(members) - set(data_members(members)))
    return names


def data_members(members: Sequence[str]) -> list[str]:
    """Return the members of an archive to read: those with a known suffix, or all if none has one."""
    files = sorted(name for name in members if is_data(name))
    return [name for name in files if name.lower().endswith(SUFFIXES)] or files


def is_data(name: str) -> bool:
    """Return whether an entry is data: neither hidden nor in the `__MACOSX` folder that Macs add to archives."""
    return not any(part.startswith((".", "__MACOSX")) for part in Path(name).parts)


def _is_read(file: Path) -> bool:
    return is_data(file.name) and file.suffix.lower() in SUFFIXES and file.is_file()


def _matches(glob: Path) -> Iterator[Path]:
    """Yield the matches of a glob. Folders may have wildcards, too, or a name that contains such characters."""
    for place, part in enumerate(glob.parts):
        if any(mark in part for mark in "*?[") and not Path(*glob.parts[: place + 1]).exists():
            pattern = glob.parts[place:]
            matches = Path(*glob.parts[:place]).glob(str(Path(*pattern)))
            yield from (match for match in matches if _is_requested(match.parts[place:], pattern))
            return


def _is_requested(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Return whether a match counts: hidden names only if the pattern starts with a dot at that place, too."""
    folders = any(part.startswith(".") for part in pattern[:-1]) or all(map(is_data, parts[:-1]))
    return folders and (pattern[-1].startswith(".") or is_data(parts[-1]))


def bytes_of(path: Path) -> int:
    """Return the total size of the files behind a path, in bytes.

    Raises:
        InputError: there is no such file.
    """
    return sum(map(_size, files_of(path)))


def estimated_text_bytes_of(path: Path) -> int:
    """Return the estimated size of the uncompressed text behind a path, in bytes."""
    return sum(_size(file) * _PACKED.get(file.suffix.lower(), 1) for file in files_of(path))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:  # deleted meanwhile
        raise InputError.cannot_open(file, error.strerror or str(error)) from error
