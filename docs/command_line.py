"""Write the help of every verb into the page on the command line, so that it cannot go out of date."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from core.cli.parser import build_parser

MARK = "<!-- command line -->"
COLUMNS = 100


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace the mark with one section for each verb; MkDocs calls this for every page."""
    if MARK not in markdown:
        return markdown
    return markdown.replace(MARK, "\n".join(_sections(build_parser(), level=2)))


def _sections(parser: argparse.ArgumentParser, level: int) -> Iterator[str]:
    parser.formatter_class = lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=COLUMNS)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, verb in action.choices.items():
                verb.prog = f"{parser.prog} {name}"
                yield f"{'#' * level} {verb.prog}\n\n```text\n{verb.format_help()}```\n"
                yield from _sections(verb, level + 1)
