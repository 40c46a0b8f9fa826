"""Ids of the demo files, written from numbers: PROD_011223, CAT_00054, USER_097562, SESSION_158779."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.demo.piece import Shop
from core.demo.text import Text, digits


@dataclass(frozen=True)
class IdStyle:
    """A prefix, and the number of digits that numbers are padded to with zeros."""

    prefix: bytes
    width: int

    @classmethod
    def for_numbers(cls, prefix: bytes, least_width: int, highest: int) -> IdStyle:
        """Return a style with digits for the highest number, and no fewer than the real files have."""
        return cls(prefix, max(least_width, len(str(highest))))

    def parts(self, numbers: npt.NDArray[np.integer]) -> list[bytes | Text]:
        """Return the ids of the numbers, as parts of a line; see `join_lines`."""
        return [self.prefix, *digits(numbers, self.width)]

    def id_of(self, number: int) -> str:
        """Return the id of a number.

        >>> IdStyle(b"USER_", 6).id_of(42)
        'USER_000042'
        """
        return f"{self.prefix.decode()}{number:0{self.width}d}"


@dataclass(frozen=True)
class IdStyles:
    """The id styles of a demo. A larger shop has longer numbers."""

    product: IdStyle
    category: IdStyle
    user: IdStyle
    session: IdStyle

    @classmethod
    def for_shop(cls, shop: Shop) -> IdStyles:
        """Return styles for all numbers that the shop can have."""
        return cls(
            product=IdStyle.for_numbers(b"PROD_", 6, len(shop.catalogue) - 1),
            category=IdStyle.for_numbers(b"CAT_", 5, int(shop.catalogue.categories.max())),
            user=IdStyle.for_numbers(b"USER_", 6, shop.crowd.size),
            session=IdStyle.for_numbers(b"SESSION_", 6, shop.session_numbers),
        )
