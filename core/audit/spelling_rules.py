"""How are the ids written? Ids that other programs changed on their way, and ids that are one thing written twice."""

from __future__ import annotations

from typing import Final

import polars as pl

from core.audit.case import ID_COLUMNS, AuditCase
from core.audit.finding import Finding
from core.audit.phrases import MOST_EXAMPLES, joined, shown, verb
from core.audit.rule import Rule
from core.base.text import count
from core.schema import ROLES

NOTATION: Final = r"^-?\d(?:[.,]\d+)?[Ee]\+\d{2,3}$|^-?\d[.,]\d+[Ee]-\d{2,3}$|^-?\d\.\d{3,}[Ee](?:[7-9]|[1-9]\d)$"
"""2.05301E+18 of spreadsheets, and 2.0530135E18 of Java and Polars. A catalogue's own 12E3 or 5e10 has neither a sign
nor so many decimals."""
ERRORS: Final = r"^#(?:\p{Lu}{2,}(?:/0)?[!?]|N/A|NV|YOK|#{2,})$"
"""What a spreadsheet shows in place of a value (in German #NV, in Turkish #YOK), or of a number wider than its cell."""
_MONTHS: Final = (
    "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|Mrz|Mär|Mai|Okt|Dez|Oca|Şub|Nis|Haz|Tem|Ağu|Eyl|Eki|Kas|Ara"
)
_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"
DATES: Final = (
    rf"^(?:{_DAY}[-./ ](?:{_MONTHS})(?:[-./ ]\d{{2,4}})?|(?:{_MONTHS})[-./ ]\d{{2,4}}"
    rf"|{_YEAR}-\d\d-\d\d(?:[ T]00:00:00)?|{_DAY}[./]{_MONTH}[./]{_YEAR}|{_MONTH}/{_DAY}/{_YEAR})$"
)
"""What spreadsheets make of codes such as MAR1, 3-4 or 3/4/25 in English, German and Turkish. They write months as
Mar; a catalogue's own MAR-01 is in capitals."""
_INVISIBLE: Final = r"[\x00-\x1F\x7F-\x9F\u00AD\u200B\u200E\u200F\u202A-\u202E\u2060-\u2064\u2066-\u2069\uFEFF]"
_JOINERS: Final = r"(?:^|[\x21-\x7E\p{Latin}])[\u200C\u200D]|[\u200C\u200D](?:$|[\x21-\x7E\p{Latin}])"
"""Persian and Indian words and emoji are written with joiners; next to Latin letters or digits these mean nothing."""
_HARD_BLANKS: Final = r"[\u00A0\u2007\u202F]"
UNSEEN: Final = rf"{_INVISIBLE}|{_JOINERS}|(?:^|[^«]){_HARD_BLANKS}(?:$|[^:;!?»%€])"
"""Characters that are invisible or look like a blank. French sets hard blanks before its marks."""
_LONG: Final = r"^[1-9]\d{15,19}$"
_CUT: Final = r"^\d{15}0+$"
_PRECISION: Final = 15
"""Digits that a spreadsheet keeps of a number."""
_FEWEST_CUT: Final = 5
_FEWEST_ZEROS: Final = 6
"""Zeros at the end of all of a file's long ids together: by chance there is one case in a million."""
_SAID: Final = {
    "notation": ("is a number in spreadsheet notation", "are numbers in spreadsheet notation"),
    "cut": ("ends in zeros after its 15th digit", "end in zeros after their 15th digit"),
    "error": ("is an error message of a spreadsheet", "are error messages of a spreadsheet"),
    "date": ("is a date among other ids", "are dates among other ids"),
    "unseen": ("holds a character that cannot be seen", "hold characters that cannot be seen"),
}
"""Kind of damage -> what is said of one id and of several."""


class SpoiledIds(Rule):
    """Ids that another program changed before the files were read."""

    code = "spoiled_ids"
    title = "Ids that a spreadsheet or another program changed"

    def look(self, case: AuditCase) -> Finding | None:
        parts, examples, ids, events, kinds = [], [], 0, 0, set()
        for column, name in ID_COLUMNS.items():
            spoiled = pl.concat([_spoiled(case, name), _cut(case, name)]).unique("id", keep="first").sort("kind", "id")
            if spoiled.is_empty():
                continue
            ids += spoiled.height
            used = case.events.join(spoiled.lazy(), left_on=column, right_on=column, how="semi")
            events += used.select(pl.len()).collect().item()
            for (kind,), found in spoiled.group_by("kind", maintain_order=True):
                kinds.add(str(kind))
                parts.append(f"{count(found.height, 'id')} in {name} {verb(found.height, *_SAID[str(kind)])}")
                examples.append(f"{name}: {joined([shown(text) for text in found.get_column('id').head(2)])}")
        if not ids:
            return None
        return self.finding(
            "note" if kinds == {"unseen"} else "warning",
            f"{count(ids, 'id')} {verb(ids, 'was', 'were')} changed by another program",
            count=ids,
            explanation=f"{joined(parts)}. {count(events, 'event')} {verb(events, 'has', 'have')} such an id.",
            advice=(
                "Remove these characters where the files are made: an id with them counts as another one than without."
                if kinds == {"unseen"}
                else "Export the files again with the id columns as text: a spreadsheet keeps 15 digits, shows 6 of "
                "them, and makes dates of codes, so different ids may have become one."
            ),
            examples=examples[:MOST_EXAMPLES],
        )


def _spoiled(case: AuditCase, name: str) -> pl.DataFrame:
    """The ids of a file column whose own text shows the damage: the stored column, id, kind."""
    text = pl.col(name)
    patterns = {"notation": NOTATION, "error": ERRORS, "date": DATES, "unseen": UNSEEN}
    kind = pl.coalesce(pl.when(text.str.contains(pattern)).then(pl.lit(kind)) for kind, pattern in patterns.items())
    ids = case.dataset.dictionary(name).select(_stored(name), text.alias("id"), kind.alias("kind"))
    found, total = pl.collect_all([ids.drop_nulls("kind"), ids.select(pl.len())])
    dates = found.filter(pl.col("kind") == "date").height
    # Where most ids are dates they are meant to be: a spreadsheet only changes those that look like one.
    return found.filter(pl.col("kind") != "date") if 2 * dates > total.item() else found


def _cut(case: AuditCase, name: str) -> pl.DataFrame:
    """The long numbers of a file all of which end in zeros after the 15th digit: the stored column, id, kind.

    File by file, as often only one of the two went through a spreadsheet. Where the 15th digit is mostly 0 as well,
    the zeros are the ids' own, as of milliseconds written as nanoseconds.
    """
    text = pl.col(name)
    long = case.dataset.dictionary(name).filter(text.str.contains(_LONG)).with_columns(_stored(name)).collect()
    found = []
    for role in ROLES:
        ids = long.filter(f"in_{role}").get_column(name)
        zeros = int(ids.str.len_chars().sum()) - _PRECISION * len(ids)
        own = 2 * int((ids.str.slice(_PRECISION - 1, 1) == "0").sum()) > len(ids)
        if len(ids) >= _FEWEST_CUT and zeros >= _FEWEST_ZEROS and not own and ids.str.contains(_CUT).all():
            found.append(long.filter(f"in_{role}"))
    of_both = pl.concat(found) if found else long.clear()
    return of_both.select(_stored(name), text.alias("id"), pl.lit("cut").alias("kind")).unique("id")


def _stored(name: str) -> pl.Expr:
    return pl.col(next(column for column, found in ID_COLUMNS.items() if found == name))


class AlikeIds(Rule):
    """Ids that differ only in how they are written."""

    code = "alike_ids"
    title = "Ids that differ only in spelling"

    def look(self, case: AuditCase) -> Finding | None:
        found, examples, columns = 0, [], []
        for column, name in ID_COLUMNS.items():
            alike = _alike(case.dictionary(column))
            if alike.height:
                found += alike.height
                columns.append(name)
                examples.append(f"{name}: {joined(_told_apart(alike.get_column('id').to_list()[0]))}")
        if not found:
            return None
        return self.finding(
            "warning",
            f"{count(found, 'id')} {verb(found, 'is', 'are')} written in more than one way",
            count=found,
            explanation=(
                f"In {joined(columns)}, {count(found, 'id')} {verb(found, 'occurs', 'occur')} in spellings that differ "
                "only in upper and lower case, in zeros at the front, in .0 at the end, in how accents are stored, or "
                "in blanks and characters that cannot be seen."
            ),
            advice="Write ids the same way everywhere and read the files again: each spelling counts as its own thing.",
            examples=examples[:MOST_EXAMPLES],
        )


def _alike(ids: pl.LazyFrame) -> pl.DataFrame:
    """The ids of a column that are written in more than one way: `id`, a list of the spellings of one."""
    plain_letters = not ids.select(pl.col("id").str.contains(r"[^\x00-\x7F]").any()).collect().item()
    form = pl.col("id") if plain_letters else _seen(pl.col("id"))
    form = form.str.replace(r"^0*(\d+)(?:\.0+)?$", "$1")
    lower, upper = pl.col("form").str.to_lowercase(), pl.col("form").str.to_uppercase()
    # Ids of mixed case are left: random codes may differ in nothing else. Turkish writes the capital of i as İ.
    one_case = (pl.col("form") == lower) | (pl.col("form") == upper)
    folded = upper if plain_letters else upper.str.replace_all("İ", "I", literal=True)
    key = pl.when(one_case).then(folded).otherwise("form")
    capital = ((pl.col("form") == upper) & (lower != upper)).any()
    small = ((pl.col("form") == lower) & (lower != upper)).any()
    return (
        ids.select("id", form.alias("form"))
        .with_columns(key.alias("key"))
        .filter(pl.col("key").is_duplicated())
        .group_by("key")
        # In letters of one case a different letter is a different id: Turkish ılık and ilik have one capital form.
        .agg(
            pl.col("id").sort(), (capital & small).alias("cased"), (pl.col("form").n_unique() < pl.len()).alias("same")
        )
        .filter(pl.col("cased") | pl.col("same"))
        .sort("key")
        .collect()
    )


def _seen(text: pl.Expr) -> pl.Expr:
    """An id as a person sees it: accents stored in one way, blanks of one kind, no characters without a width."""
    composed = text.str.normalize("NFC").str.replace_all(_HARD_BLANKS, " ")
    return composed.str.replace_all(r"[\u00AD\u200B-\u200F\u202A-\u202E\u2060-\u2064\u2066-\u2069\uFEFF]", "")


def _told_apart(ids: list[str]) -> list[str]:
    """Ids as they are shown; where two look the same, with their code points that are not ASCII."""
    texts = [shown(text) for text in ids[:MOST_EXAMPLES]]
    looks = pl.Series(texts).str.normalize("NFC")
    if looks.n_unique() == len(texts):
        return texts
    return [f"{text} ({text.encode('ascii', 'backslashreplace').decode()})" for text in texts]
