"""Keep the number format of the selected dataset for texts that are written later, in another thread, or only once.

`open_page` enters the format of the dataset for the run of the script. A fragment that is drawn again, and a download
that is written when it is clicked, run without the page, so they keep the format of the page that made them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import streamlit as st

from core.base.number_format import NumberFormat, current_format, using_format

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def in_page_format(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Return the function, which will write its texts in the format of the page that is drawn now."""
    return using_format(current_format())(function)


def cache_texts(**options: Any) -> Callable[[Callable[_Arguments, _Result]], Callable[_Arguments, _Result]]:  # noqa: ANN401 (options of st.cache_data)
    """Cache results that have texts, like `st.cache_data`; each number format has its own results."""

    def decorate(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
        def computed(number_format: dict[str, Any], *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
            with using_format(NumberFormat(**number_format)):
                return function(*args, **kwargs)

        # the name is part of Streamlit's key, so that functions do not share results
        computed.__module__, computed.__qualname__ = function.__module__, function.__qualname__
        cached = st.cache_data(computed, **options)

        @wraps(function)
        def call(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
            return cached(current_format().model_dump(), *args, **kwargs)

        return call

    return decorate
