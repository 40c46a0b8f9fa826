"""Exclude the objects of imported libraries from garbage collection.

Streamlit collects garbage after every run of a page or fragment. Each collection visits several hundred thousand
permanent objects of the libraries, which takes 45 ms. Twenty open pages that follow a run keep almost a whole core busy
with this. Frozen objects (see `gc.freeze`) are not visited.
"""

from __future__ import annotations

import gc
import sys
import threading

_NEW_MODULES = 50
"""Freeze again after this many more modules are imported; pages import libraries as they need them."""
_lock = threading.Lock()
_n_modules = 0


def freeze_libraries() -> None:
    """Freeze all objects if many modules were imported since the last call; a page calls it after its imports.

    This must stay rare: objects of a visitor's session that are frozen with the rest are never collected.
    """
    global _n_modules  # noqa: PLW0603 (per process, like the collector)
    with _lock:
        if len(sys.modules) < _n_modules + _NEW_MODULES:
            return
        gc.collect()
        gc.freeze()
        _n_modules = len(sys.modules)
