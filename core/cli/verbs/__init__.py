"""The verbs of the command line: each takes the parsed options and gives exit code, JSON object and words."""

from core.cli.verbs.data import audit, datasets, demo, features, ingest, journey, mapping, quarantine
from core.cli.verbs.jobs import jobs, worker
from core.cli.verbs.runs import check, run, runs

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
    "worker",
]
