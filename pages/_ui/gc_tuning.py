"""Exclude the objects of imported libraries from garbage collection.

Streamlit collects garbage after every run of a page or fragment. Each collection visits several hundred thousand
permanent objects of the libraries, which takes 45 ms. With twenty open pages that follow a run, this keeps almost a
whole core busy. Frozen objects (see `gc.freeze`) are not visited.
"""

from __future__ import annotations

import gc
import sys
import threading

_NEW_MODULES = 50
"""Freeze again after this many new imports, because pages import libraries only when they need them."""
_lock = threading.Lock()
_n_modules = 0


def freeze_libraries() -> None:
    """Freeze all objects if many modules were imported since the last time; every page calls this after its imports.

    Freezing must stay rare, because it includes the objects of visitors' sessions, which are then never collected.
    """
    global _n_modules  # noqa: PLW0603 (per process, like the collector)
    with _lock:
        if len(sys.modules) < _n_modules + _NEW_MODULES:
            return
        gc.collect()
        gc.freeze()
        _n_modules = len(sys.modules)
