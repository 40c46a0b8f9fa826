"""Datasets that several audit tests use; read them, do not change them, except for the copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.base.workspace import Workspace
from core.dataset import Dataset
from core.ingestion import InputFiles, ingest
from tests.audit.shop import (
    at_the_same_time,
    calm,
)
from tests.events_on_the_spot import store
from tests.rewriting import without_hashes


@pytest.fixture(scope="session")
def calm_shop(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return store(tmp_path_factory.mktemp("calm"), calm())


@pytest.fixture(scope="session")
def mixed_shop(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return store(tmp_path_factory.mktemp("mixed"), at_the_same_time())


@pytest.fixture
def calm_copy(calm_shop: Dataset, tmp_path: Path) -> Dataset:
    """A copy whose card and tables a test may change."""
    folder = Path(shutil.copytree(calm_shop.folder, tmp_path / calm_shop.folder.name))
    (folder / "audit.json").unlink(missing_ok=True)
    return without_hashes(Dataset(folder))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, demo_files: InputFiles) -> Dataset:
    return ingest(demo_files, Workspace(tmp_path_factory.mktemp("demo")))
