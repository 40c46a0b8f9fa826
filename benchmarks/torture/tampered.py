"""Stress test of a damaged workspace: each file is replaced in turn, and every verb and page must still answer.

- Each file of a dataset, a run, the jobs database, a log, a mapping and an upload becomes a link, a device, a pipe, a
  folder, deep JSON, a file with flipped bytes, an empty file and a file of a terabyte. Every verb and page must answer
  in time, without a traceback, and mark what it does not show as before.
- The same happens to each file of the checkpoints of an interrupted run. Resumed, it must write the same submission.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.tampering import CHANGES, CHECKPOINT_FILES, FILES, prepare


def run_part(options: argparse.Namespace) -> None:
    """Print one line per file and change; fail at the end if there were problems."""
    n_problems = 0
    with tempfile.TemporaryDirectory() as scratch:
        home = prepare(Path(scratch))
        # a process of its own, because it forks and must not have used Polars before
        command = [sys.executable, "-m", "tests.tampering", str(home)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            for n_tried, line in enumerate(process.stdout, start=1):
                pattern, change, problems = json.loads(line)
                n_problems += len(problems)
                print(f"{n_tried}. {pattern}, {change}: {'; '.join(problems) or 'answered and marked'}", flush=True)
    assert process.returncode == 0
    assert n_tried == len(CHANGES) * len((*FILES, *CHECKPOINT_FILES))
    assert n_problems == 0, f"{n_problems} problems"
