"""The verbs of the command line: functions from parsed options to exit code, JSON object and text."""

from core.cli.verbs.dashboard import ui
from core.cli.verbs.data import audit, datasets, demo, features, ingest, journey, mapping, quarantine
from core.cli.verbs.jobs import jobs, worker
from core.cli.verbs.run import run
from core.cli.verbs.runs import check, runs

__all__ = [
    "audit",
    "check",
    "datasets",
    "demo",
    "features",
    "ingest",
    "jobs",
    "journey",
    "mapping",
    "quarantine",
    "run",
    "runs",
    "ui",
    "worker",
]
