"""Packages and programs that are not installed."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from core.errors.base import StudioError


class MissingPart(StudioError):
    """An optional package that this machine does not have."""

    @classmethod
    def package(cls, package: str, purpose: str) -> MissingPart:
        return cls(
            f"{purpose} needs the package {package}, which is not installed: "
            f"run `pip install {package}`, then try again."
        )

    @classmethod
    def java(cls, purpose: str) -> MissingPart:
        return cls(
            f"{purpose} needs Java 17 or later, which is not found: install a Java runtime, or name its folder in "
            "JAVA_HOME, then try again."
        )


def import_part(module: str, purpose: str) -> ModuleType:
    """Import an optional package when it is needed.

    Raises:
        MissingPart: it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingPart.package(module.split(".", maxsplit=1)[0], purpose) from error
