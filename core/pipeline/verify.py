"""Is a stored run still what it was? Its files, the libraries, and what its models say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl

from core.base.checkpoint import SOURCE_DIGEST_LENGTH, source_digest
from core.base.progress import Report
from core.base.text import listed
from core.config import RunConfig
from core.dataset import Dataset
from core.metric import metric_named
from core.pipeline.run import feature_table, prepared_rows
from core.runs import Run
from core.runs.manifest import Manifest
from core.runs.store import (
    LINKS_FILE,
    MODELS_FOLDER,
    OOF_FILE,
    PREDICTIONS_FILE,
    find_damage,
    model_stem,
    versions,
)
from core.schema import LEARNER_LABELS, STACK
from core.training import Prepared, Stack, Vector
from core.training.fitting import FittedLearner
from core.training.targets import Link

_OTHER_PROGRAM = "Another version of this program made it, whose features may have been others."
_NEAR = 1e-9
"""Relative to the largest prediction; with the same libraries the figures are the same to the last bit."""


Outcome = Literal["passed", "failed", "not_applicable"]


@dataclass(frozen=True)
class Verified:
    """One line: what was looked at, and what was found."""

    code: str
    title: str
    outcome: Outcome
    explanation: str


def verify_run(run: Run, dataset: Dataset | None, report: Report = lambda part, parts, text: None) -> list[Verified]:
    """Check hashes, versions, and that the models give the stored predictions again; the last needs the dataset."""
    files = _files(run)
    found = [files, _versions(run.manifest)]
    if files.outcome == "failed":
        return [*found, _of_predictions("not_applicable", "Its files are not what they were.")]
    if dataset is None:
        why = f"The dataset {run.manifest.dataset[:12]} is not in this workspace."
        return [*found, _of_predictions("not_applicable", why)]
    return [*found, _predictions(run, dataset, report)]


def _of_predictions(outcome: Outcome, explanation: str) -> Verified:
    return Verified("predictions", "The models give the stored predictions again", outcome, explanation)


def _predictions(run: Run, dataset: Dataset, report: Report) -> Verified:
    same_program = run.manifest.program == source_digest()[:SOURCE_DIGEST_LENGTH]
    if not same_program and LINKS_FILE not in run.manifest.sha256:
        return _of_predictions("not_applicable", _OTHER_PROGRAM)
    try:
        off = _predicted_again(run, _prepared(dataset, run.manifest.config, report))
    except Exception:  # models of other features fail in as many ways as there are libraries
        if same_program:
            raise
        return _of_predictions("not_applicable", _OTHER_PROGRAM)
    worst = max(off, key=off.__getitem__)
    told = f"The largest difference, relative to the largest prediction, is {off[worst]:.1e} ({worst})."
    if off[worst] <= _NEAR:
        return _of_predictions("passed", told)
    if not same_program:
        return _of_predictions("not_applicable", f"{_OTHER_PROGRAM} {told}")
    return _of_predictions("failed", told)


def _files(run: Run) -> Verified:
    found = find_damage(run)
    told = [
        f"{words} {listed(names, 5)}"
        for words, names in (("changed:", found.changed), ("missing:", found.missing), ("not of the run:", found.added))
        if names
    ]
    explanation = "; ".join(told) if told else f"{len(run.manifest.sha256)} files have the bytes that were written."
    outcome: Outcome = "failed" if found.changed or found.missing else "passed"
    return Verified("files", "Its files are those that were written", outcome, explanation)


def _versions(manifest: Manifest) -> Verified:
    now = versions()
    other = [
        f"{name} {told} (here {now.get(name)})" for name, told in manifest.versions.items() if now.get(name) != told
    ]
    told = f"It was made with {listed(other, 5)}." if other else "All are those that it was made with."
    outcome: Outcome = "not_applicable" if other else "passed"  # they may differ: what they compute is looked at
    return Verified("versions", "The libraries are those that it was made with", outcome, told)


def _predicted_again(run: Run, prepared: Prepared) -> dict[str, float]:
    """Largest difference to what is stored, relative to the largest prediction, by learner and of the stack."""
    stored_oof, stored_test = (run.table(name).collect() for name in (OOF_FILE, PREDICTIONS_FILE))
    oof, test = _columns(run, prepared)
    manifest = run.manifest
    meta, weights = manifest.meta, np.array([manifest.meta.weights[name] for name in oof])
    stack = Stack(weights, meta.intercept, meta.alpha, np.empty(0), metric_named(manifest.config.metric), meta.least)
    test[STACK] = stack.predict(np.column_stack([test[name] for name in oof]))
    off = {LEARNER_LABELS[name]: _off(values, stored_oof, name) for name, values in oof.items()}
    for name, values in test.items():
        label = LEARNER_LABELS.get(name, "meta-model")
        off[label] = max(off.get(label, 0.0), _off(values, stored_test, name))
    return off


def _prepared(dataset: Dataset, config: RunConfig, report: Report) -> Prepared:
    return prepared_rows(dataset, feature_table(dataset, config, report), config, report)


def _columns(run: Run, prepared: Prepared) -> tuple[dict[str, Vector], dict[str, Vector]]:
    """Out-of-fold and test predictions of the stored models, by learner: means over seeds (and folds)."""
    matrices = prepared.matrices
    links = {stem: Link(**told) for stem, told in run.record(LINKS_FILE).items()}
    seeds = 1 if run.manifest.tuning is None else run.manifest.tuning.seeds
    oof: dict[str, Vector] = {}
    test: dict[str, Vector] = {}
    for learner in prepared.learners:
        told, asked = [], []
        for seed in range(seeds):
            context = replace(prepared.context, threads=1)
            predicted = np.full(len(matrices.y), np.nan)
            wanted = []
            for fold, (_, validated) in enumerate(matrices.folds.fits()):
                stem = model_stem(learner.name, fold, seed)
                model = FittedLearner(learner.load(run.folder / MODELS_FOLDER, stem, context), links[stem])
                rows = matrices.rows(fold, validated)
                predicted[validated] = model.predict(rows, matrices.start(rows))
                if fold in matrices.folds.fits_for_test:
                    rows = matrices.test(fold)
                    wanted.append(model.predict(rows, matrices.start(rows)))
            told.append(predicted)
            asked.append(np.mean(wanted, axis=0))
        oof[learner.name], test[learner.name] = np.mean(told, axis=0), np.mean(asked, axis=0)
    return oof, test


def _off(values: Vector, stored: pl.DataFrame, name: str) -> float:
    """Largest difference; infinite where one of them has no number and the other has."""
    known = stored.get_column(name).to_numpy()
    if len(known) != len(values) or not np.array_equal(np.isnan(known), np.isnan(values)):
        return float("inf")
    told = ~np.isnan(known)
    return float(np.max(np.abs(known - values)[told], initial=0.0) / max(np.max(np.abs(known[told]), initial=0.0), 1.0))
