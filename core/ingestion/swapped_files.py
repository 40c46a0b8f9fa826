"""Detect that the train file and the test file were swapped."""

from __future__ import annotations

from core.base.text import display
from core.errors import InputError, SourceError
from core.ingestion.input_files import InputFiles
from core.ingestion.mapping import Mapping
from core.ingestion.sources.columns import plain
from core.ingestion.sources.query import Query
from core.ingestion.sources.source import Source, header_of


def refuse_swapped_files(files: InputFiles) -> None:
    """Raise an `InputError` if only the test file has session values."""
    column = files.mapping.columns.session_value
    if files.test is None or files.mapping.value != "column" or column is None:
        return
    train, test = (_header(source, files.mapping) for source in (files.train, files.test))
    if not train or not test:
        return
    value_column = plain(column).casefold()
    if value_column in test and value_column not in train:
        raise SourceError.swapped_files(files.train.name, files.test.name, column)


def swapped_names(files: InputFiles) -> str:
    """Return a sentence if the names of the files suggest that they are swapped; empty otherwise."""
    if files.test is None:
        return ""
    train, test = files.train.name, files.test.name
    if not (_says(train, "test", not_="train") and _says(test, "train", not_="test")):
        return ""
    return f"The train file is {display(train)} and the test file is {display(test)}. Check whether they are swapped."


def _says(name: str, word: str, *, not_: str) -> bool:
    return word in name.casefold() and not_ not in name.casefold()


def _header(source: Source, mapping: Mapping) -> list[str] | None:
    """Return the column names of the first table, in lower case; None for a query, or if they cannot be read."""
    if isinstance(source, Query):  # to see its columns, it would run twice
        return None
    try:
        return [plain(name).casefold() for name in header_of(source, mapping)]
    except InputError:  # reading the whole file raises it again, with more detail
        return None
