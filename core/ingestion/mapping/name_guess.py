"""Guess which columns have the names of products and categories, which are shown instead of their ids."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence
from typing import Final

from core.ingestion.mapping.column_names import spellings
from core.ingestion.mapping.log_column import LogColumn, distinct_by_key, normalize
from core.schema import CATEGORY_ID, PRODUCT_ID

_NAMES: Final = {
    PRODUCT_ID: spellings("""
        productname itemname producttitle itemtitle productdisplayname productdescription itemdescription lineitemname
        name title description itemdesc proddesc produktname artikelname produktbezeichnung artikelbezeichnung
        bezeichnung urunadi urunismi"""),
    CATEGORY_ID: spellings("""
        categoryname categorycode categorytitle productcategoryname itemcategoryname categorypath categorydescription
        kategoriename kategoribezeichnung kategoriadi kategoriismi"""),
}
"""Role of the ids -> usual names of columns with their names, the best first."""
_MAX_NAMES: Final = 1.2
"""Different names per id. Spellings of a name vary now and then."""
_MIN_NAMED: Final = 0.5
"""Share of the ids with a name."""
_MIN_DISTINCT: Final = {PRODUCT_ID: 0.5, CATEGORY_ID: 0.1}
"""Different names per named id. With fewer, they are those of groups."""
_MIN_IDS: Final = 5


def guess_name(role: str, columns: Sequence[LogColumn], assigned: Table[str, LogColumn]) -> LogColumn | None:
    """Return the column with the names of products (role `product_id`) or categories; None if there is none.

    It has a usual name for them, and about one name per id.

    Args:
        columns: the columns of a log, or of a table of products.
        assigned: role -> its column.
    """
    keys = assigned.get(role)
    if keys is None:
        return None
    by_name = {normalize(column.name): column for column in reversed(columns) if column not in assigned.values()}
    candidates = (by_name[name] for name in _NAMES[role] if name in by_name)
    return next((column for column in candidates if _has_names(column, keys, _MIN_DISTINCT[role])), None)


def _has_names(column: LogColumn, keys: LogColumn, min_distinct: float) -> bool:
    """Return whether most ids have a name, few have several, and the names are not those of groups of ids."""
    names_by_id = [cells - {""} for cells in distinct_by_key(keys, column).values()]
    named = [names for names in names_by_id if names]
    if len(named) < max(_MIN_IDS, _MIN_NAMED * len(names_by_id)):
        return False
    n_distinct = len(set().union(*named))
    return sum(map(len, named)) <= _MAX_NAMES * len(named) and n_distinct >= max(2, min_distinct * len(named))
