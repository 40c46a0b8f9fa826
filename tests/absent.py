"""The rule for real parts that a machine does not have."""

from __future__ import annotations

import os

import pytest


def absent_part(what: str, how: str) -> None:
    """Skip with one line saying how to get the part; in CI an absent part is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is not on this machine: {how}")
    pytest.skip(f"{what} is not on this machine: {how}", allow_module_level=True)
