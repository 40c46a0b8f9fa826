"""The audit rules on how ids are written: ids that another program changed, and ids with several spellings."""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from core.audit import Finding
from tests.audit.shop import calm, changed, figures, find, finding_of, number_of
from tests.events_on_the_spot import Event, store

FEW = calm(60, 30)


def with_ids(column: str, ids: Sequence[str]) -> list[Event]:
    """A small shop whose sessions have these ids in turn in a column."""
    return changed(FEW, lambda event: {column: ids[number_of(event) % len(ids)]})


# --- ids that another program changed ---------------------------------------------------------------------------------
CORRUPTED: dict[str, tuple[list[str], int, str, str]] = {
    "numbers of a spreadsheet": (
        ["2.05301E+18", "2,05301E+18", "1E+15", "-1.5E-05", "17", "A1"],
        4,
        "4 ids in category_id are numbers in spreadsheet notation",
        "warning",
    ),
    "numbers of other programs": (
        ["2.0530135535541814e18", "2.053E18", "3"],
        2,
        "2 ids in category_id are numbers in spreadsheet notation",
        "warning",
    ),
    "errors": (
        ["#REF!", "#NAME?", "#N/A", "#DIV/0!", "#YOK", "#BAŞV!", "########", "#1", "#home"],
        7,
        "7 ids in category_id are error messages of a spreadsheet",
        "warning",
    ),
    "dates": (
        ["1-Mar", "Mar-25", "03.Haz", "2025-03-04 00:00:00", "04.03.2025", "12/31/2025", *"ABCDEFGH"],
        6,
        "6 ids in category_id are dates among other ids",
        "warning",
    ),
    "characters that cannot be seen": (
        ["a\u200bb", "\ufeffab", "a\u00adb", "ab\u200d", "12\u00a0345", "a\x1bb", "a\u2060b", "ab"],
        7,
        "7 ids in category_id have invisible characters",
        "note",
    ),
    "one of each": (
        ["#REF!", "1.50E+07", "3-Apr", "A", "B", "C"],
        3,
        "1 id in category_id is a date among other ids, 1 id in category_id is an error message of a spreadsheet and "
        "1 id in category_id is a number in spreadsheet notation",
        "warning",
    ),
}


@pytest.mark.parametrize("kind", CORRUPTED)
def test_ids_that_another_program_changed_are_counted_with_their_events(tmp_path: Path, kind: str) -> None:
    ids, count, damage, severity = CORRUPTED[kind]
    events = with_ids("category", ids)
    finding = finding_of("spoiled_ids", store(tmp_path, events))
    good = {
        "numbers of a spreadsheet": ["17", "A1"], "numbers of other programs": ["3"], "errors": ["#1", "#home"],
        "characters that cannot be seen": ["ab"],
    }.get(kind, [each for each in ids if len(each) == 1])  # fmt: skip
    affected = sum(event.category not in good for event in events)
    assert (finding.count, finding.severity) == (count, severity)
    assert finding.explanation.startswith(f"{damage}. {affected} events ")


def test_invisible_characters_are_shown_in_the_examples(tmp_path: Path) -> None:
    finding = finding_of("spoiled_ids", store(tmp_path, with_ids("session", ["S\u200b1", "S2"])))
    assert finding.examples == (r"user_session: S\u200b1",)
    assert finding.count == 1


def test_ids_rounded_to_15_digits_are_found_in_the_file_that_has_them(tmp_path: Path) -> None:
    whole = [f"{2_053_013_553_341_808_187 + 1_000_003 * 7919 * number}" for number in range(8)]
    cut = [f"{text[:15]}0000" for text in whole]

    def shop(train: list[str], test: list[str]) -> list[Event]:
        return [
            replace(event, product=(train if event.file == "train" else test)[number_of(event) % 8]) for event in FEW
        ]

    finding = finding_of("spoiled_ids", store(tmp_path, shop(whole, cut)))
    assert (finding.count, finding.severity) == (8, "warning")
    assert figures(finding) == "8 15 90"
    assert "product_id" in finding.explanation
    assert find("spoiled_ids", store(tmp_path, shop(whole, whole))) is None
    one_whole = [*cut[:7], whole[7]]
    assert find("spoiled_ids", store(tmp_path, shop(whole, one_whole))) is None


CLEAN: dict[str, Callable[[int], str]] = {
    "codes of digits and letters": lambda n: f"{n}E{n % 9}",
    "hexadecimal digits": lambda n: f"{n * 7919:x}e{n % 10}",
    "UUIDs": lambda n: str(uuid.UUID(int=n * 2**90 + n)),
    "long numbers": lambda n: f"{2_053_013_553_341_808_187 + n * 104_729}",
    "long numbers in steps of a thousand": lambda n: f"{(20_530_135_533_418 + n) * 100}000",
    "milliseconds written as nanoseconds": lambda n: f"{1_748_736_000_123 + 977 * n}000000",
    "card numbers of 16 digits": lambda n: f"{4_000_000_000_000_000 + n * 1_234_567}",
    "prices": lambda n: f"{n}.{n % 100:02}",
    "versions": lambda n: f"1.{n % 12}.{n}",
    "dotted codes": lambda n: f"{n % 40}.{n % 15}.{1001 + n}",
    "codes with months": lambda n: f"MAR-{n:02}",
    "days, which all ids are": lambda n: f"2025-06-{1 + n % 30:02}",
    "hash signs": lambda n: f"#{n}",
    "Turkish words": lambda n: f"Şarküteri & İçecek {n}",
    "Persian words with their joiner": lambda n: f"می\u200cخواهم {n}",
    "emoji of several parts": lambda n: f"👩\u200d💻 {n}",
    "French with its hard blanks": lambda n: f"Son\u00a0: «\u00a0vidéo\u00a0» {n}",
    "Japanese": lambda n: f"食品\u3000{n}",
    "e-mail addresses": lambda n: f"user{n}@example.com",
}


@pytest.mark.parametrize("kind", CLEAN)
def test_ordinary_ids_are_neither_corrupted_nor_variants(tmp_path: Path, kind: str) -> None:
    ids = [CLEAN[kind](number) for number in range(30)]
    dataset = store(tmp_path, with_ids("category", ids))
    assert find("spoiled_ids", dataset) is None
    assert find("alike_ids", dataset) is None


# --- ids with several spellings ------------------------------------------------------------------------------------
ALIKE = {
    "accents stored in two ways": ("Şarküteri", unicodedata.normalize("NFD", "Şarküteri")),
    "a character without a width": ("shoes", "shoes\u200b"),
    "a byte order mark": ("Shoes-1", "\ufeffShoes-1"),
    "a hard blank": ("red shoes", "red\u00a0shoes"),
    "Turkish capitals": ("istanbul", "İSTANBUL"),
    "Turkish capitals without a dot": ("ısparta", "ISPARTA"),
    "capitals of another language": ("istanbul", "ISTANBUL"),
    "a German capital": ("straße 1", "STRASSE 1"),
    "accents and capitals": ("çay", unicodedata.normalize("NFD", "ÇAY")),
    "zeros": ("0012", "12"),
}


@pytest.mark.parametrize("kind", ALIKE)
def test_ids_that_differ_only_in_spelling_are_a_warning(tmp_path: Path, kind: str) -> None:
    one, other = ALIKE[kind]
    finding = finding_of("alike_ids", store(tmp_path, with_ids("category", [one, other, "third"])))
    assert (finding.severity, finding.count) == ("warning", 1)


def test_spellings_that_look_the_same_are_shown_with_their_code_points(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "Çay")
    finding: Finding = finding_of("alike_ids", store(tmp_path, with_ids("category", ["Çay", decomposed])))
    assert finding.examples == (rf"category_id: {decomposed} (C\u0327ay) and Çay (\xc7ay)",)


@pytest.mark.parametrize(
    "ids",
    [("ılık", "ilik"), ("IŞIK", "İŞİK"), ("Ab1", "aB1"), ("straße", "strasse"), ("ölçü", "olcu"), ("a b", "ab")],
    ids=ascii,
)
def test_ids_that_differ_in_a_letter_are_different_ids(tmp_path: Path, ids: tuple[str, str]) -> None:
    assert find("alike_ids", store(tmp_path, with_ids("category", ids))) is None
