"""Parse event words to the codes of event types, with the event words of the mapping."""

from __future__ import annotations

import polars as pl

from core.base.text import fold_case
from core.ingestion.mapping import Mapping
from core.ingestion.rows.id_cells import as_text
from core.schema import EVENT_CODE, EVENT_TYPE, TYPE

IGNORED_TYPE = -1
"""Code of event words that the mapping says to ignore."""


def event_types(cells: pl.DataFrame, mapping: Mapping) -> tuple[pl.Series, set[str]]:
    """Return the event type codes (Int8; null if unknown, IGNORED_TYPE if ignored) and the unknown words."""
    if mapping.every_event_is is not None:
        code = EVENT_CODE[mapping.every_event_is]
        return pl.Series(TYPE, [code], dtype=pl.Int8).new_from_index(0, cells.height), set()
    code_of_word = {word: EVENT_CODE[event_type] for word, event_type in mapping.words().items()}
    code_of_word |= dict.fromkeys(mapping.ignored(), IGNORED_TYPE)
    texts = cells.get_column(EVENT_TYPE)
    if texts.dtype == pl.String:
        # Words are nearly always spelled as in the mapping; then a cast to Enum is the fastest lookup.
        mapped = list(mapping.event_words)
        positions = texts.cast(pl.Enum(mapped), strict=False).to_physical()
        if not positions.null_count():
            codes = pl.Series([code_of_word[fold_case(word.strip())] for word in mapped], dtype=pl.Int8)
            return codes.gather(positions).alias(TYPE), set()
    texts = as_text(texts).fill_null("")
    words = texts.unique().to_list()
    folded = {word: fold_case(word) for word in words}
    code_of_text = {word: code_of_word[form] for word, form in folded.items() if form in code_of_word}
    codes = texts.replace_strict(code_of_text, default=None, return_dtype=pl.Int8)
    return codes.alias(TYPE), set(words) - set(code_of_text) - {""}
