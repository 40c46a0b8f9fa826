"""Detect the encoding of text.

A byte order mark and valid UTF-8 are certain. The letters of an older one-byte encoding are not: cp1252, cp1254 and
Latin-1 differ in a few letters only. `Detection.note` therefore says what was assumed and why.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from itertools import islice

from charset_normalizer import from_bytes

from core.ingestion.mapping.refusals import short

UTF_8 = "utf-8"
SAMPLE_BYTES = 16 << 20
"""Bytes that are searched for letters beyond ASCII; many logs have few."""
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # must precede UTF-16, whose mark is its prefix
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_UTF_16_BYTES = 4_096
_MIN_WIDE_SHARE = 0.6
"""Share of letters below U+0100 in UTF-16 text. Of a log, nearly all are: digits, separators and column names."""
_MAX_WORDS, _MAX_LETTERS = 20_000, 40
"""Words that a detection reads, and bytes of a word on either side of its first letter beyond ASCII."""
_MIN_PLAUSIBLE = 0.9
"""Share of the words that must look like words in the detected encoding."""
_TURKISH = "ĞİŞğış"
"""Letters of cp1254 whose bytes are other letters (Ð Ý Þ ð ý þ) in cp1252."""
_NOT_TURKISH = "ÁÅÆÉÍÓÚáåæéíóúø"
"""Letters that languages with Ð, Ý or Þ have, and Turkish does not."""
_SHORT = 3  # words of as many letters may have none of ASCII, such as üç
_SIGNS = "€£¥§°©®™–—‘’“”„…«»·´²³½¼×"
"""Signs of cp1252 and cp1254 that texts of shops have."""
_SCRIPTS = {"cp1254": "Turkish text (cp1254)", "cp1252": "Western European text (cp1252, which includes Latin-1)"}
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_WORD_START, _WORD_END = re.compile(rb"[^\x00-\x20,;|\"]*\Z"), re.compile(rb"[^\x00-\x20,;|\"]*")
_MIN_OTHER_BYTES = 5  # fewer may be stray bytes
_OTHERS = ["cp1250", "cp1251", "cp1253", "cp1255", "cp1256", "cp1257", "cp932", "gb18030", "big5", "euc_kr", "koi8_r"]
"""Encodings that charset-normalizer chooses from, when the words are not Western European ones."""


@dataclass(frozen=True)
class Detection:
    """A detected encoding.

    Attributes:
        encoding: canonical name of the codec.
        note: what was assumed, as a clause after "because"; empty if the detection is certain.
    """

    encoding: str
    note: str = ""

    @property
    def sentence(self) -> str:
        """What was assumed, and how to change it; empty if the detection is certain."""
        if not self.note:
            return ""
        assumption = f"The text was read as {self.encoding}, because {self.note}."
        return f"{assumption} If letters look wrong, set the text encoding in the mapping."


def marked_encoding(head: bytes) -> str | None:
    """Return the encoding that a byte order mark shows; None without one, or with that of UTF-8."""
    return next((encoding for mark, encoding in _MARKS.items() if head.startswith(mark)), None)


def unmarked_utf_16(head: bytes) -> str | None:
    """Return the encoding if text is UTF-16 without a byte order mark: every other byte is 0 in most places."""
    start = head[: min(_UTF_16_BYTES, len(head) // 2 * 2)]
    for encoding, letters, zeros in (("utf-16-le", start[::2], start[1::2]), ("utf-16-be", start[1::2], start[::2])):
        if zeros and zeros.count(0) >= _MIN_WIDE_SHARE * len(zeros) and not letters.count(0):
            return encoding
    return None


def detect_encoding(sample: bytes) -> Detection:
    r"""Detect the encoding of text from its beginning.

    Text that fits no encoding counts as UTF-8, so that its rows are quarantined rather than misread.

    >>> detect_encoding("ürün,fiyat\nÇay bardağı,12\n".encode("cp1254")).encoding
    'cp1254'
    """
    if wide := marked_encoding(sample) or unmarked_utf_16(sample):
        return Detection(codecs.lookup(wide).name)
    if sample.isascii() or _is_utf_8(sample):
        return Detection(UTF_8)
    words = _words(sample)
    if _are_mostly_utf_8(words):  # a few damaged lines do not make it another encoding
        return Detection(UTF_8)
    return _western(words) or _other(words) or Detection(UTF_8)


def _is_utf_8(sample: bytes) -> bool:
    try:  # a sample may end within a letter
        codecs.getincrementaldecoder(UTF_8)().decode(sample, final=len(sample) < SAMPLE_BYTES)
    except UnicodeDecodeError:
        return False
    return True


def _words(sample: bytes) -> list[bytes]:
    """Return the different words with letters beyond ASCII among the first ones."""
    words: dict[bytes, None] = {}
    for match in islice(_BEYOND_ASCII.finditer(sample), _MAX_WORDS):
        start = match.start()
        before = _WORD_START.search(sample[max(start - _MAX_LETTERS, 0) : start])
        after = _WORD_END.match(sample[start : start + _MAX_LETTERS])
        words[(before[0] if before else b"") + (after[0] if after else b"")] = None
    return list(words)


def _are_mostly_utf_8(words: list[bytes]) -> bool:
    texts = [word.decode(errors="ignore") for word in words]
    return sum(not text.isascii() for text in texts) > len(words) / 2


def _western(words: list[bytes]) -> Detection | None:
    for encoding, script in _SCRIPTS.items():
        texts = [word.decode(encoding, errors="replace") for word in words]
        if sum(map(_is_plausible, texts)) < _MIN_PLAUSIBLE * len(texts):
            continue
        others = sum(any(letter in text for letter in _NOT_TURKISH) for text in texts)
        turkish = [text for text in texts if any(letter in text for letter in _TURKISH)]
        if encoding == "cp1254" and len(turkish) <= others:
            continue
        shown = (turkish or texts)[0]
        return Detection(encoding, f"it is not UTF-8, and as {script} it has words such as {short(shown)}")
    return None


def _is_plausible(text: str) -> bool:
    """Return whether the letters beyond ASCII are in a word with others of ASCII, or are signs such as €."""
    beyond = [character for character in text if not character.isascii() and character not in _SIGNS]
    if not beyond:
        return True
    if re.search(r"[0-9][^\W\d_a-zA-Z]|[^\W\d_a-zA-Z][0-9]", text):  # a stray byte in an id
        return False
    is_word = re.search("[A-Za-z]", text) is not None or (text.isalpha() and 1 < len(text) <= _SHORT)
    return is_word and all(map(str.isalpha, beyond))


def _other(words: list[bytes]) -> Detection | None:
    """Ask charset-normalizer, which is reliable for other scripts and for Central European words."""
    text = b" ".join(words)
    best = from_bytes(text, cp_isolation=_OTHERS).best() if len(text) >= _MIN_OTHER_BYTES else None
    if best is None:
        return None
    encoding = codecs.lookup(best.encoding).name
    decoded = text.decode(encoding, errors="replace")
    letters = sum(letter.isalpha() for letter in decoded)
    if "\ufffd" in decoded or letters < _MIN_PLAUSIBLE * len(decoded.replace(" ", "")):
        return None
    shown = decoded.split(" ")[0]
    return Detection(encoding, f"it is not UTF-8, and in this encoding it has words such as {short(shown)}")
