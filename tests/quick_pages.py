"""Quicker page tests: what `AppTest` does again for every opened page is done once in a process."""

from __future__ import annotations

from functools import cache

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.testing.v1 import app_test


def quicken(patch: pytest.MonkeyPatch) -> None:
    """Let `AppTest` search the installed packages for components, and compile each page, only once.

    The packages and pages do not change during a test run. A search takes longer than most pages.
    """
    scripts, scan = ScriptCache(), cache(manifest_scanner.scan_component_manifests)
    patch.setattr(manifest_scanner, "scan_component_manifests", scan)
    patch.setattr(app_test, "ScriptCache", lambda: scripts)
