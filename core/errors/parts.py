"""Missing optional packages and programs."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from core.errors.base import StudioError


class MissingPart(StudioError):
    """An optional package or program that is not installed.

    `purpose` is what needs it, as the subject of a sentence, such as "The engine Spark".
    """

    code = "missing_part"

    @classmethod
    def package(cls, package: str, purpose: str) -> MissingPart:
        problem = f"{purpose} needs the package {package}, which is not installed."
        remedy = f"Run `pip install {package}`, then try again."
        return cls(problem, remedy, code="package_not_installed", allowed=package)

    @classmethod
    def java(cls, purpose: str) -> MissingPart:
        problem = f"{purpose} needs Java 17 or later, which was not found."
        remedy = "Install a Java runtime, or set JAVA_HOME to its folder, then try again."
        return cls(problem, remedy, code="java_not_installed", allowed=17)


def import_part(module: str, purpose: str) -> ModuleType:
    """Import a module of an optional package; `purpose` is that of `MissingPart`.

    Raises:
        MissingPart: the package is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingPart.package(module.split(".", maxsplit=1)[0], purpose) from error
