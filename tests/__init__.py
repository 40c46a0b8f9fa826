"""Tests of the product.

Workers of a parallel run have one core each, so Polars has one thread in them. Processes that tests start have as many
threads as usual, and start them when they need them: some of these processes fork, which would lose the threads.
"""

import os
import sys

IS_WORKER = "xdist" in sys.modules and "PYTEST_XDIST_WORKER" in os.environ  # a process inherits only the variable
if IS_WORKER and "POLARS_MAX_THREADS" not in os.environ:
    os.environ["POLARS_MAX_THREADS"] = "1"
    import polars as pl

    pl.thread_pool_size()  # reads the variable
    del os.environ["POLARS_MAX_THREADS"]
