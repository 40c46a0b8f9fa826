"""The verbs of the command line: each takes the parsed options and gives exit code, JSON object and words."""

from core.verbs.data import audit, datasets, demo, features, ingest, journey, mapping, quarantine
from core.verbs.jobs import jobs, worker
from core.verbs.runs import check, run, runs

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
