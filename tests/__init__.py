"""The tests. Each parallel worker gets a core of its own.

Workers that share all cores wait for each other in every parallel loop of the libraries. This must happen before the
libraries are imported, as they look at the cores once.
"""

import os

_WORKER = os.environ.get("PYTEST_XDIST_WORKER")
if _WORKER is not None and hasattr(os, "sched_setaffinity"):
    _cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {_cores[int(_WORKER.removeprefix("gw")) % len(_cores)]})
