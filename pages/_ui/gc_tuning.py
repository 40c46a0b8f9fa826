"""Keeps what the libraries hold out of the garbage collector's way.

Streamlit collects garbage after every run of a script, fragments too. A collection looks at every object there is, and
the libraries behind the pages hold some hundred thousand that never go: 45 ms of one core each time, with twenty open
pages that follow a run nearly all of it. What is frozen (see gc.freeze) is not looked at any more.
"""

from __future__ import annotations

import gc
import sys
import threading

_ENOUGH = 50
"""So many modules more than last time are worth another look; pages bring the libraries in as they need them."""
_lock = threading.Lock()
_seen = 0


def freeze_libraries() -> None:
    """Collect once more, and let what is left rest. A page calls it after its imports, and it seldom has to do
    anything: what a visitor's session holds at such a moment is not freed as garbage later, so it must stay rare.
    """
    global _seen  # noqa: PLW0603 (of the process, as the collector is)
    with _lock:
        if len(sys.modules) < _seen + _ENOUGH:
            return
        gc.collect()
        gc.freeze()
        _seen = len(sys.modules)
