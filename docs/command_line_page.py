"""MkDocs hook: insert the help of every verb into the page on the command line, so that it is always current."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from core.cli.parser import build_parser

PLACEHOLDER = "<!-- command line -->"
WIDTH = 100


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace the placeholder with one section per verb; MkDocs calls this for every page."""
    if PLACEHOLDER not in markdown:
        return markdown
    return markdown.replace(PLACEHOLDER, "\n".join(_sections(build_parser(), level=2)))


def _sections(parser: argparse.ArgumentParser, level: int) -> Iterator[str]:
    parser.formatter_class = lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=WIDTH)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, verb in action.choices.items():
                verb.prog = f"{parser.prog} {name}"
                yield f"{'#' * level} {verb.prog}\n\n```text\n{verb.format_help()}```\n"
                yield from _sections(verb, level + 1)
