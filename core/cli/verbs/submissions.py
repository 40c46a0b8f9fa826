"""The verb check, on a submission file."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from core import runs as run_store
from core.base.workspace import Workspace
from core.cli.inputs import dataset_named, mapping_of
from core.cli.output import EXIT_CHECK_FAILED, EXIT_DONE, Outcome, check_line
from core.cli.run_options import refuse_combination
from core.pipeline.predictions_and_checks import check_against_files, check_submission


def check(options: argparse.Namespace) -> Outcome:
    """Check a submission against event files or the dataset of a run."""
    workspace = Workspace.from_environment()
    if options.run:
        explanation = "The dataset of a run has the expected sessions."
        refuse_combination(options, "--run", ["sample_submission", "mapping"], explanation)
        dataset = dataset_named(workspace, run_store.find_run(workspace, options.run).manifest.dataset)
        results = check_submission(options.submission, dataset)
    else:
        results = check_against_files(options.submission, options.test, options.sample_submission, mapping_of(options))
    failed = [result for result in results if result.outcome == "failed"]
    errors = [result for result in failed if result.severity == "error"]
    lines = [check_line(result) for result in results]
    content = {
        "submission": str(options.submission),
        "passed": sum(result.outcome == "passed" for result in results),
        "failed": len(errors),
        "warnings": len(failed) - len(errors),
        "checks": [asdict(result) for result in results],
    }
    return Outcome(content, "\n".join(lines), EXIT_CHECK_FAILED if errors else EXIT_DONE)
