"""Comparison of submission files on the sessions to predict, and within segments of the dataset."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from core.dataset import Dataset
from core.pipeline.submission_desk import DeskFile, complete_predictions
from core.schema import SESSION, USER, USER_SESSION
from core.submission.compare import Comparison, Division, compare
from core.submission.target import TEXT

_LENGTH_ENDS = (1, 2, 5, 10)
"""Largest number of events of each class of lengths but the last."""
_LENGTHS = ("1 event", "2 events", "3 to 5 events", "6 to 10 events", "more events")


def compare_files(files: Sequence[DeskFile], dataset: Dataset | None, names: Sequence[str] | None = None) -> Comparison:
    """Compare files on the sessions to predict.

    Args:
        files: at least two, with the same target.
        dataset: gives the segments by known user and number of events; None without them.
        names: different names of the files; by default their own.

    Raises:
        InputError: a file has no number for some session.
    """
    names = names or _different_names([file.name for file in files])
    predictions = {name: complete_predictions(file) for name, file in zip(names, files, strict=True)}
    sessions = files[0].case.target.sessions
    return compare(sessions, predictions, {} if dataset is None else _divisions(sessions, dataset))


def _different_names(names: Sequence[str]) -> list[str]:
    """Return the names, with a number after those that are equal; after all of them if that makes two names equal."""
    numbered = [f"{name} ({index})" for index, name in enumerate(names, start=1)]
    different = [name if names.count(name) == 1 else other for name, other in zip(names, numbered, strict=True)]
    return different if len(set(different)) == len(names) else numbered


def _divisions(sessions: pl.Series, dataset: Dataset) -> dict[str, Division]:
    """Return the divisions of the sessions by number of events and by known user."""
    ids = dataset.dictionary(USER_SESSION).select(SESSION, pl.col(USER_SESSION).alias(TEXT)).collect()
    train_users = dataset.events("train").select(USER).unique().collect()[USER]
    of_session = (
        dataset.events("test")
        .group_by(SESSION)
        .agg(pl.len().alias("events"), pl.col(USER).is_in(train_users.implode()).any().alias("known"))
        .collect()
        .join(ids, on=SESSION)
    )
    rows = sessions.to_frame().join(of_session, on=TEXT, how="left", maintain_order="left")
    length = np.searchsorted(_LENGTH_ENDS, rows["events"].fill_null(0).to_numpy())
    known = rows["known"].fill_null(value=False).cast(pl.Int64).to_numpy()
    return {"number of events": Division(_LENGTHS, length), "user": Division(("new user", "known user"), known)}
