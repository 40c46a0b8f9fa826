"""Train and test files that are given in each other's place."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.base.workspace import Workspace
from core.cli import main
from core.errors import InputError
from core.ingestion import InputFiles, ingest
from core.ingestion.mapping import Mapping
from core.ingestion.sources.query import Query
from core.ingestion.swapped_files import refuse_swapped_files, swapped_names
from tests.conftest import DEMO

TRAIN, TEST = DEMO / "train.csv", DEMO / "test.csv"


def test_a_train_file_without_the_values_that_the_test_file_has_is_refused(workspace: Workspace) -> None:
    with pytest.raises(InputError) as refused:
        ingest(InputFiles(TEST, TRAIN), workspace)
    assert (refused.value.code, refused.value.actual) == ("swapped_files", ["test.csv", "train.csv"])


def test_the_command_line_says_which_file_is_which(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ingest", "--train", str(TEST), "--test", str(TRAIN)]) == 2
    assert "Use train.csv as the train file and test.csv as the test file." in capsys.readouterr().err


@pytest.mark.parametrize(
    "files",
    [
        InputFiles(TRAIN, TEST),
        InputFiles(TRAIN, TRAIN),  # a test file may have values, which are ignored
        InputFiles(TEST, TEST),
        InputFiles(TEST, TRAIN, mapping=Mapping(value="price_of_buys", columns={"price": "price"})),
        InputFiles(Query("sqlite:///none.db", "SELECT 1"), TRAIN),
        InputFiles(DEMO / "missing.csv", TRAIN),  # reading it says what is wrong
    ],
    ids=["in order", "both with values", "both without", "values of purchases", "query", "missing"],
)
def test_other_files_are_not_taken_for_swapped_ones(files: InputFiles) -> None:
    refuse_swapped_files(files)


@pytest.mark.parametrize(
    ("train", "test", "is_noticed"),
    [
        ("test.csv", "train.csv", True),
        ("shop_TEST.parquet", "shop_Train.parquet", True),
        ("train.csv", "test.csv", False),
        ("may.csv", "train.csv", False),
        ("train_test.csv", "train.csv", False),
    ],
)
def test_names_that_say_the_opposite_are_noticed(train: str, test: str, is_noticed: bool) -> None:
    assert bool(swapped_names(InputFiles(Path(train), Path(test)))) is is_noticed


def test_swapped_names_are_noted_with_the_dataset(workspace: Workspace, tmp_path: Path) -> None:
    train, test = tmp_path / "test.csv", tmp_path / "train.csv"
    shutil.copy(TRAIN, train)
    shutil.copy(TEST, test)
    (note,) = ingest(InputFiles(train, test), workspace).card().mapping_notes
    assert note == "The train file is test.csv and the test file is train.csv. Check whether they are swapped."
