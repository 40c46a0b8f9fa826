"""How are the ids written? Ids that another program changed, and ids that are spelled in several ways."""

from __future__ import annotations

from typing import Final

import polars as pl

from core.audit.audited_dataset import AuditedDataset
from core.audit.rule import Finding, Rule
from core.audit.text import MAX_EXAMPLES
from core.base.text import count, display, listed, verb
from core.schema import ROLES

NOTATION: Final = r"^-?\d(?:[.,]\d+)?[Ee]\+\d{2,3}$|^-?\d[.,]\d+[Ee]-\d{2,3}$|^-?\d\.\d{3,}[Ee](?:[7-9]|[1-9]\d)$"
"""2.05301E+18 as spreadsheets write it, and 2.0530135E18 as Java and Polars do. A catalogue's own 12E3 or 5e10 has
neither a sign nor as many decimals."""
ERRORS: Final = r"^#(?:\p{Lu}{2,}(?:/0)?[!?]|N/A|NV|YOK|#{2,})$"
"""What a spreadsheet shows in place of a missing value (#NV in German, #YOK in Turkish) or a number too wide."""
_MONTHS: Final = (
    "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|Mrz|Mär|Mai|Okt|Dez|Oca|Şub|Nis|Haz|Tem|Ağu|Eyl|Eki|Kas|Ara"
)
_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"
DATES: Final = (
    rf"^(?:{_DAY}[-./ ](?:{_MONTHS})(?:[-./ ]\d{{2,4}})?|(?:{_MONTHS})[-./ ]\d{{2,4}}"
    rf"|{_YEAR}-\d\d-\d\d(?:[ T]00:00:00)?|{_DAY}[./]{_MONTH}[./]{_YEAR}|{_MONTH}/{_DAY}/{_YEAR})$"
)
"""What English, German and Turkish spreadsheets make of codes such as MAR1, 3-4 or 3/4/25. They write months as Mar; a
catalogue's own MAR-01 is in capitals."""
_CONTROLS: Final = r"[\x00-\x1F\x7F-\x9F\u00AD\u200B\u200E\u200F\u202A-\u202E\u2060-\u2064\u2066-\u2069\uFEFF]"
_JOINERS: Final = r"(?:^|[\x21-\x7E\p{Latin}])[\u200C\u200D]|[\u200C\u200D](?:$|[\x21-\x7E\p{Latin}])"
"""Joiners belong to Persian and Indian words and to emoji; next to Latin letters or digits they mean nothing."""
_WITHOUT_WIDTH: Final = r"[\u00AD\u200B-\u200F\u202A-\u202E\u2060-\u2064\u2066-\u2069\uFEFF]"
_NO_BREAK_SPACES: Final = r"[\u00A0\u2007\u202F]"
INVISIBLE: Final = rf"{_CONTROLS}|{_JOINERS}|(?:^|[^«]){_NO_BREAK_SPACES}(?:$|[^:;!?»%€])"
"""Characters that are invisible or look like a blank. French has no-break spaces next to its punctuation."""
_LONG: Final = r"^[1-9]\d{15,19}$"
_ROUNDED: Final = r"^\d{15}0+$"
_PRECISION: Final = 15
"""Digits of a number that a spreadsheet keeps."""
_MIN_ROUNDED: Final = 5
_MIN_ZEROS: Final = 6
"""Zeros at the end of all long ids of a file together. By chance this happens once in a million files."""
_DAMAGE: Final = {
    "notation": ("is a number in spreadsheet notation", "are numbers in spreadsheet notation"),
    "rounded": ("ends in zeros after its 15th digit", "end in zeros after their 15th digit"),
    "error": ("is an error message of a spreadsheet", "are error messages of a spreadsheet"),
    "date": ("is a date among other ids", "are dates among other ids"),
    "invisible": ("has invisible characters", "have invisible characters"),
}
"""Kind of damage -> predicate for one id, and for several."""


class CorruptedIds(Rule):
    code = "spoiled_ids"
    title = "Ids that a spreadsheet or another program changed"

    def find(self, data: AuditedDataset) -> Finding | None:
        corrupted = [(column, ids) for column in data.id_columns if (ids := _corrupted(data.dictionary(column))).height]
        if not corrupted:
            return None
        statements: list[str] = []
        examples: list[str] = []
        for column, ids in corrupted:
            name = data.id_columns[column]
            for (kind,), same in ids.sort("kind", "id").group_by("kind", maintain_order=True):
                statements.append(f"{count(same.height, 'id')} in {name} {verb(same.height, *_DAMAGE[str(kind)])}")
                examples.append(f"{name}: {listed(display(text) for text in same['id'].head(2))}")
        n_ids = sum(ids.height for _, ids in corrupted)
        n_events = sum(_count_events(data, column, ids) for column, ids in corrupted)
        is_harmless = all((ids["kind"] == "invisible").all() for _, ids in corrupted)
        return self.finding(
            "note" if is_harmless else "warning",
            f"{count(n_ids, 'id')} {verb(n_ids, 'was', 'were')} changed by another program",
            count=n_ids,
            explanation=f"{listed(statements)}. {count(n_events, 'event')} {verb(n_events, 'has', 'have')} such an id.",
            advice=(
                "Remove these characters in the program that writes the files. An id with them and the same id without "
                "them count as two ids."
                if is_harmless
                else "Export the files again with the id columns as text. A spreadsheet keeps 15 digits, shows 6 of "
                "them and turns codes into dates, so different ids may have become one."
            ),
            examples=examples[:MAX_EXAMPLES],
        )


def _corrupted(ids: pl.LazyFrame) -> pl.DataFrame:
    """Return the ids that another program changed: code, id, kind (a key of _DAMAGE)."""
    return pl.concat([_damaged(ids), _rounded(ids)]).unique("id", keep="first")


def _count_events(data: AuditedDataset, column: str, ids: pl.DataFrame) -> int:
    """Return the number of events of both files with one of the ids, given by their code."""
    events = data.events.join(ids.lazy(), left_on=column, right_on="code", how="semi")
    return int(events.select(pl.len()).collect().item())


def _damaged(ids: pl.LazyFrame) -> pl.DataFrame:
    """Return the ids whose own text shows the damage: code, id, kind."""
    text = pl.col("id")
    patterns = {"notation": NOTATION, "error": ERRORS, "date": DATES, "invisible": INVISIBLE}
    kind = pl.coalesce(pl.when(text.str.contains(pattern)).then(pl.lit(kind)) for kind, pattern in patterns.items())
    damaged, total = pl.collect_all(
        [ids.select("code", "id", kind.alias("kind")).drop_nulls("kind"), ids.select(pl.len())]
    )
    is_date = pl.col("kind") == "date"
    # If most ids are dates, they are meant to be: a spreadsheet only changes those that look like one.
    return damaged.filter(~is_date) if 2 * damaged.filter(is_date).height > total.item() else damaged


def _rounded(ids: pl.LazyFrame) -> pl.DataFrame:
    """Return the long numbers of a file if all of them end in zeros after the 15th digit: code, id, kind.

    Each file is examined alone, because often only one of them went through a spreadsheet. If the 15th digit is mostly
    0 as well, the zeros belong to the ids, as in milliseconds written as nanoseconds.
    """
    long = ids.filter(pl.col("id").str.contains(_LONG)).collect()
    rounded = [long.clear()]
    for role in ROLES:
        in_file = long.filter(f"in_{role}")
        texts = in_file.get_column("id")
        n_zeros = int(texts.str.len_chars().sum()) - _PRECISION * len(texts)
        own_zeros = 2 * int((texts.str.slice(_PRECISION - 1, 1) == "0").sum()) > len(texts)
        is_enough = len(texts) >= _MIN_ROUNDED and n_zeros >= _MIN_ZEROS
        if is_enough and not own_zeros and texts.str.contains(_ROUNDED).all():
            rounded.append(in_file)
    return pl.concat(rounded).select("code", "id", pl.lit("rounded").alias("kind")).unique("id")


class SpellingVariants(Rule):
    code = "alike_ids"
    title = "Ids that differ only in spelling"

    def find(self, data: AuditedDataset) -> Finding | None:
        variants_by_name = {name: _variants(data.dictionary(column)) for column, name in data.id_columns.items()}
        columns = [name for name, variants in variants_by_name.items() if variants.height]
        if not columns:
            return None
        n_ids = sum(variants.height for variants in variants_by_name.values())
        first_spellings = {name: variants_by_name[name]["id"][0].to_list() for name in columns}
        examples = [f"{name}: {listed(_distinguishable(ids))}" for name, ids in first_spellings.items()]
        return self.finding(
            "warning",
            f"{count(n_ids, 'id')} {verb(n_ids, 'is', 'are')} written in more than one way",
            count=n_ids,
            explanation=(
                f"{count(n_ids, 'id')} in {listed(columns)} {verb(n_ids, 'has', 'have')} spellings that differ "
                "only in upper and lower case, leading zeros, .0 at the end, the encoding of accents, or in blanks and "
                "invisible characters."
            ),
            advice="Use one spelling for each id and read the files again. Each spelling counts as a separate id.",
            examples=examples[:MAX_EXAMPLES],
        )


_VISIBLE, _COMMON = "visible", "common"
"""Columns of an id as a person sees it, and of the spelling that its variants have in common."""


def _variants(ids: pl.LazyFrame) -> pl.DataFrame:
    """Return one row per group of ids that differ only in spelling.

    Returns:
        common: the normalized id, in upper case unless its case is mixed.
        id: sorted list of the spellings.
        cased: whether the id occurs both in upper and in lower case.
        same: whether some spellings look the same but for leading zeros or ".0" at the end.
    """
    is_ascii = not ids.select(pl.col("id").str.contains(r"[^\x00-\x7F]").any()).collect().item()
    visible = pl.col("id")
    if not is_ascii:  # as a person sees them: accents in one encoding, one kind of blank, no invisible characters
        visible = visible.str.normalize("NFC").str.replace_all(_NO_BREAK_SPACES, " ")
        visible = visible.str.replace_all(_WITHOUT_WIDTH, "")
    visible = visible.str.replace(r"^0*(\d+)(?:\.0+)?$", "$1")
    lower, upper = pl.col(_VISIBLE).str.to_lowercase(), pl.col(_VISIBLE).str.to_uppercase()
    is_lower, is_upper = pl.col(_VISIBLE) == lower, pl.col(_VISIBLE) == upper
    # Ids of mixed case are left alone: random codes may differ in nothing else. Turkish writes the capital of i as İ.
    folded = upper if is_ascii else upper.str.replace_all("İ", "I", literal=True)
    common = pl.when(is_lower | is_upper).then(folded).otherwise(_VISIBLE)
    in_both_cases = (is_upper & ~is_lower).any() & (is_lower & ~is_upper).any()
    return (
        ids.select("id", visible.alias(_VISIBLE))
        .with_columns(common.alias(_COMMON))
        .filter(pl.col(_COMMON).is_duplicated())
        .group_by(_COMMON)
        .agg(pl.col("id").sort(), in_both_cases.alias("cased"), (pl.col(_VISIBLE).n_unique() < pl.len()).alias("same"))
        # Within one case, another letter is another id: Turkish ılık and ilik have the same capital form.
        .filter(pl.col("cased") | pl.col("same"))
        .sort(_COMMON)
        .collect()
    )


def _distinguishable(ids: list[str]) -> list[str]:
    """Return ids for display; if two look the same, with their code points that are not ASCII."""
    texts = [display(text) for text in ids[:MAX_EXAMPLES]]
    if pl.Series(texts).str.normalize("NFC").n_unique() == len(texts):
        return texts
    return [f"{text} ({text.encode('ascii', 'backslashreplace').decode()})" for text in texts]
