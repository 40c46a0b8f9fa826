"""Submit a file with the command-line client of the competition's host, and wait for its score.

The client (kaggle) must be installed and have its credentials. It is started as a program, so nothing is sent unless a
person asks for it.
"""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.errors import RunError, SettingError

CLIENT: Final = "kaggle"
_TIMEOUT: Final = 600
_POLL_SECONDS, _MAX_POLLS = 10, 60
_PENDING: Final = "pending"


@dataclass(frozen=True)
class Returned:
    """Answer of the host about a submission.

    Attributes:
        status: such as pending, complete or error.
        score: the public score; None until there is one.
        reason: message of the host; empty if there is none.
    """

    status: str
    score: float | None
    reason: str = ""


def submit(path: Path, competition: str, message: str) -> str:
    """Submit a file, and return the output of the client.

    Raises:
        SettingError: the client is not installed.
        RunError: the client or the host refuses the file; the message has its reason.
    """
    return _run("submit", competition, "-f", str(path), "-m", message)


def wait_for_score(competition: str, message: str, *, poll_seconds: float = _POLL_SECONDS) -> Returned:
    """Wait until the submission with this message is no longer pending, and return the answer of the host.

    Raises:
        SettingError, RunError: see `submit`.
    """
    returned = Returned(_PENDING, None)
    for poll in range(_MAX_POLLS):
        if poll:
            time.sleep(poll_seconds)
        rows = csv.DictReader(io.StringIO(_run("submissions", competition, "-v")))
        row = next((row for row in rows if row.get("description") == message), None)
        if row is None:
            continue
        status = (row.get("status") or "").rpartition(".")[2].lower()
        returned = Returned(status, _number(row.get("publicScore")))
        if returned.score is not None or returned.status != _PENDING:
            break
    return returned


def _run(action: str, competition: str, *arguments: str) -> str:
    program = shutil.which(CLIENT)
    if program is None:
        raise SettingError(
            f"The program {CLIENT}, the host's command-line client, is not installed.",
            "Install it and its credentials, or submit the file on the website and record it with "
            "`python -m core submissions record`.",
            code="no_client",
        )
    command = [program, "competitions", action, competition, *arguments]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunError(f"{CLIENT} did not answer ({type(error).__name__}).", "Try again later.", code="host") from error
    if process.returncode:
        reason = (process.stderr.strip() or process.stdout.strip() or "no reason given").splitlines()[-1]
        raise RunError(f"The host refused the file: {reason}", "Correct the cause, then try again.", code="host")
    return process.stdout


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
