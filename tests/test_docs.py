"""The documentation names files, commands, rules, checks and settings that exist."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from core.audit.registry import RULES
from core.cli.parser import build_parser
from core.ingestion.mapping.nested_settings import Columns
from core.ingestion.mapping.settings import MappingSettings
from core.submission.checks import CHECKS
from core.training.shift.verdict import KindCode

ROOT = Path(__file__).parents[1]
DECISIONS = ROOT / "docs" / "decisions"
FOLDERS = ("core", "pages", "tests", "benchmarks", "docs")
_BACKTICKS = re.compile(r"`([^`\n]+)`")
_CODE_BLOCKS = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_TREE_PATH = re.compile(rf"\b(?:{'|'.join(FOLDERS)})/[\w./-]*\w/?")


def paths_in(page: Path) -> list[str]:
    """Return the paths of this project in backticks or drawn in a code block: below one of its folders, or a module."""
    text = page.read_text(encoding="utf-8")
    quoted = _BACKTICKS.findall(_CODE_BLOCKS.sub("", text))
    drawn = [path for block in _CODE_BLOCKS.findall(text) for path in _TREE_PATH.findall(block)]
    return [path for path in (*quoted, *drawn) if _is_path(path)]


def _is_path(text: str) -> bool:
    below = text.startswith(tuple(f"{folder}/" for folder in FOLDERS))
    return re.fullmatch(r"[\w./*-]+", text) is not None and (below or text.endswith(".py"))


def exists(path: str) -> bool:
    """Return whether the path, or the module of that name in any folder, exists; `*` matches any name."""
    if "/" in path:
        return any(ROOT.glob(path))
    return (ROOT / path).is_file() or any(found for folder in FOLDERS for found in (ROOT / folder).rglob(path))


def commands_in(page: Path) -> list[list[str]]:
    """Return the arguments of every `svs` command in the shell blocks of a page."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("svs ")]


def codes_in(page: str, heading: str) -> list[str]:
    """Return the codes in the first column of the table below a heading."""
    section = (ROOT / page).read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


PAGES = ["README.md", "CONTRIBUTING.md", *(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("docs/**/*.md")))]


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    assert [path for path in paths_in(ROOT / page) if not exists(path)] == []


def test_paths_are_found_in_text_and_in_drawings() -> None:
    assert len(paths_in(ROOT / "docs" / "architecture.md")) > 50
    assert exists("core/audit/*_rules.py")
    assert not exists("no_such_module.py")


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_a_page_shows_is_understood(page: str) -> None:
    for arguments in commands_in(ROOT / page):
        build_parser().parse_args(arguments)


def test_commands_are_found() -> None:
    assert len(commands_in(ROOT / "docs" / "guide" / "data.md")) > 5


def test_decisions_have_unique_numbers_and_are_listed() -> None:
    files = sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))
    numbers = Counter(name[:4] for name in files)
    assert [number for number, times in numbers.items() if times > 1] == []
    index = (DECISIONS / "index.md").read_text(encoding="utf-8")
    assert re.findall(r"\((\d{4}-[^)]+)\)", index) == files
    assert re.findall(r"decisions/(\d{4}-\S+)", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")) == files
    for name in files:
        title = (DECISIONS / name).read_text(encoding="utf-8").splitlines()[0]
        assert title.startswith(f"# {int(name[:4])}. ")
        assert f"- [{title.removeprefix('# ')}]({name})" in index


def test_the_guide_lists_every_audit_rule() -> None:
    assert sorted(codes_in("docs/guide/audit.md", "Rules")) == sorted(rule.code for rule in RULES)


def test_the_guide_lists_every_submission_check() -> None:
    assert codes_in("docs/guide/submission.md", "Checks") == [check.code for check in CHECKS]


def test_the_guide_lists_every_setting_of_a_mapping() -> None:
    assert codes_in("docs/guide/data.md", "Settings of a mapping") == list(MappingSettings.model_fields)
    assert codes_in("docs/guide/data.md", "Columns of a mapping") == list(Columns.model_fields)


def test_the_guide_lists_every_kind_of_shift() -> None:
    assert codes_in("docs/guide/training.md", "A test file that differs from the train file") == list(
        get_args(KindCode)
    )
