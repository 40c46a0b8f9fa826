"""Plain text in elements of Streamlit that would render it as Markdown.

Sentences of core have no markup, but names from event files, addresses and file names may look like it. Every text that
is not a literal in the code of a page goes through `plain`.
"""

from __future__ import annotations

import re
from typing import Final

from pages._ui.serving.privacy import for_visitors

_JOINER: Final = "\u2060"
"""Word joiner, which is invisible. It interrupts what Streamlit replaces after Markdown is parsed, despite backslashes:
emoji shortcodes, icons, arrows, and addresses that become links."""
_SPECIAL: Final = re.compile(
    r"""(?P<after>(?<!\d):(?=[\w+\-/])            # :smile: :material/search: :red[text] https://shop
              |:(?=(?:100|1234):)                 # the emoji with numbers as names
              |\bwww(?=\.)|(?<=[\w.+\-])@(?=\w)   # www.shop user@shop
              |-(?=[->])|<(?=[-=])|>(?==)|~(?==)) # arrows and relations
       |(?P<escape>[\\`*\[\]<>$~|&]
              |(?<![^\W_])_|_(?![^\W_])           # an underscore within a word is no markup
              |^[\#+\-=](?=[\s\#+\-=]|$)          # headings, lists and lines
              |(?<=^\d)[.)]|(?<=^\d\d)[.)]|(?<=^\d\d\d)[.)])
       |(?P<indent>^[ \t]+)""",
    re.VERBOSE | re.MULTILINE,
)


_BARE_DOLLAR: Final = re.compile(r"(?<!\\)\$")


def plain(text: object) -> str:
    r"""Return Markdown that shows a text as it is: no emphasis, formulas, colours, icons, emoji, HTML or links.

    Paths and database addresses that visitors may not see are left out.

    >>> plain("Sessions of user_id *U1* cost $5-$10."), plain("12:30 in train.csv")
    ('Sessions of user_id \\*U1\\* cost \\$5-\\$10.', '12:30 in train.csv')
    """
    return _SPECIAL.sub(_shown_as_it_is, for_visitors(str(text)))


def without_formulas(markdown: str) -> str:
    r"""Return Markdown whose dollar signs are currencies and begin no formula.

    >>> without_formulas(r"**$5** instead of \$6")
    '**\\$5** instead of \\$6'
    """
    return _BARE_DOLLAR.sub(r"\$", markdown)


def _shown_as_it_is(match: re.Match[str]) -> str:
    if match["indent"] is not None:  # four blanks would begin a block of code
        return ""
    if match["escape"] is not None:
        return f"\\{match['escape']}"
    sign = match["after"]
    return f"\\{sign}{_JOINER}" if sign in "<>~" else f"{sign}{_JOINER}"
