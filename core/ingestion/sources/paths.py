"""Find the files behind a path: a file, the files of a folder, or the matches of a glob."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from core.errors import SourceError
from core.ingestion.sources.kinds import ZIP, kind_of

SUFFIXES = (".csv", ".gz", ".tsv", ".txt", ".parquet", ".pq", ".zip", ".jsonl", ".ndjson")
"""Suffixes of the files that are read from a folder or archive; other files are skipped."""
_JSON = ".json"
"""Suffix of files that are only read from a folder without the others, because many describe a file next to them."""


def files_of(path: Path) -> list[Path]:
    """Return the files behind a path, sorted by name.

    Raises:
        InputError: there is no such file.
    """
    try:
        if path.is_file():
            return [path]
        if path.is_dir():
            if files := _files_in(path):
                return files
            suffixes = (*SUFFIXES, _JSON)
            deeper = [file.relative_to(path) for file in path.glob("*/**/*") if _is_read(file, suffixes)]
            if visible := [file for file in deeper if is_data(str(file))]:
                raise SourceError.files_in_subfolders(path, min(visible))
            raise SourceError.empty_folder(path, suffixes)
        if path.exists():
            raise SourceError.cannot_open(path, "it is neither a file nor a folder")
        if files := sorted(match for match in _matches(path) if match.is_file()):
            return files
        if path.is_symlink():
            raise SourceError.cannot_open(path, "it is a link to a file that does not exist")
    except (OSError, ValueError) as error:  # name too long, folder not readable, or invalid pattern
        raise SourceError.cannot_open(path, getattr(error, "strerror", None) or str(error)) from error
    raise SourceError.not_found(path)


def skipped_files(path: Path) -> list[str]:
    """Return the names of what is not read: subfolders and files of a folder, and files inside ZIP archives.

    Hidden names are left out.
    """
    names: list[str] = []
    if path.is_dir():
        files = _files_in(path)
        skipped = (entry for entry in path.iterdir() if is_data(entry.name) and entry not in files)
        names += sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in skipped)
    for file in files_of(path):
        with file.open("rb") as stream:
            if kind_of(stream) is not ZIP:
                continue
            with zipfile.ZipFile(stream) as archive:
                members = {member.filename for member in archive.infolist() if not member.is_dir()}
            unread = filter(is_data, members - set(data_members(members)))
            names += sorted(f"{file.name}/{member}" for member in unread)
    return names


def data_members(members: Iterable[str]) -> list[str]:
    """Return the members of an archive to read, sorted: those with a known suffix, or all if none has one."""
    files = sorted(name for name in members if is_data(name))
    return [name for name in files if name.lower().endswith(SUFFIXES)] or files


def is_data(name: str) -> bool:
    """Return whether a file is neither hidden nor in the `__MACOSX` folder that Macs add to archives."""
    return not any(part.startswith((".", "__MACOSX")) for part in Path(name).parts)


def _files_in(folder: Path) -> list[Path]:
    """Return the files of a folder that are read, sorted."""
    entries = list(folder.iterdir())
    kinds = ([entry for entry in entries if _is_read(entry, suffixes)] for suffixes in (SUFFIXES, (_JSON,)))
    return sorted(next(filter(None, kinds), []))


def _is_read(file: Path, suffixes: Sequence[str]) -> bool:
    return is_data(file.name) and file.suffix.lower() in suffixes and file.is_file()


def _matches(glob: Path) -> Iterator[Path]:
    """Yield the matches of a glob. A folder may have wildcards, or a name with characters that look like wildcards."""
    for depth, part in enumerate(glob.parts):
        if any(wildcard in part for wildcard in "*?[") and not Path(*glob.parts[: depth + 1]).exists():
            pattern = glob.parts[depth:]
            matches = Path(*glob.parts[:depth]).glob(str(Path(*pattern)))
            yield from (match for match in matches if _is_requested(match.parts[depth:], pattern))
            return


def _is_requested(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Return whether a match counts. A hidden folder or file needs a part of the pattern that begins with a dot."""
    hidden_folders = [part for part in pattern[:-1] if part.startswith(".")]
    return all(is_data(part) or any(fnmatch(part, hidden) for hidden in hidden_folders) for part in parts[:-1]) and (
        is_data(parts[-1]) or pattern[-1].startswith(".")
    )
