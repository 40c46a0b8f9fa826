"""How the files write a number as an id: PROD_011223, CAT_00054, USER_097562, SESSION_158779."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.demo.piece import Shop
from core.demo.text import Text, digits


@dataclass(frozen=True)
class IdStyle:
    """A word before the number, and the digits the number is filled up to."""

    word: bytes
    width: int

    @classmethod
    def reaching(cls, word: bytes, least_width: int, highest: int) -> IdStyle:
        """Digits enough for the highest number, and no fewer than the real files have."""
        return cls(word, max(least_width, len(str(highest))))

    def parts(self, numbers: npt.NDArray[np.integer]) -> list[bytes | Text]:
        """The ids of an array of numbers, as parts of a line."""
        return [self.word, *digits(numbers, self.width)]

    def one(self, number: int) -> str:
        """The id of one number."""
        return f"{self.word.decode()}{number:0{self.width}d}"


@dataclass(frozen=True)
class IdStyles:
    """The styles of one demo; a bigger shop has wider numbers."""

    product: IdStyle
    category: IdStyle
    user: IdStyle
    session: IdStyle

    @classmethod
    def of(cls, shop: Shop) -> IdStyles:
        """Styles wide enough for every number that the shop can have."""
        return cls(
            product=IdStyle.reaching(b"PROD_", 6, len(shop.catalogue) - 1),
            category=IdStyle.reaching(b"CAT_", 5, int(shop.catalogue.categories.max())),
            user=IdStyle.reaching(b"USER_", 6, shop.crowd.size),
            session=IdStyle.reaching(b"SESSION_", 6, shop.session_numbers),
        )
