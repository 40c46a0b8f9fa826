"""Words that say yes or no."""

from __future__ import annotations

from typing import Final

_YES: Final = "1 true t yes y ja wahr evet on"
_NO: Final = "0 false f no n nein falsch hayır hayir off"
FLAG_WORDS: Final = dict.fromkeys(_YES.split(), True) | dict.fromkeys(_NO.split(), False)
"""Word in lower case -> whether it says yes."""
