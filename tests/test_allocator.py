"""The allocator of Polars has our settings in the processes of the command line and of the dashboard."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_VARIABLE = "_RJEM_MALLOC_CONF"


def settings_after(code: str, **variables: str) -> str:
    """Return the settings that a new process has after it has run some code and loaded Polars."""
    environment = {name: value for name, value in os.environ.items() if name != _VARIABLE} | variables
    command = [sys.executable, "-c", f"{code}; import os, polars; print(os.environ[{_VARIABLE!r}])"]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("code", ["import core.cli.main", "import app"])
def test_polars_keeps_freed_memory(code: str) -> None:
    assert settings_after(code).endswith("dirty_decay_ms:10000,muzzy_decay_ms:10000")


def test_the_settings_of_a_person_are_kept() -> None:
    assert settings_after("import core.cli.main", **{_VARIABLE: "dirty_decay_ms:7"}).endswith("dirty_decay_ms:7")
