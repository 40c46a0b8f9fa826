"""Tests of the product.

Workers of a parallel run have one core each, so Polars has one thread in them. Processes that tests start have as many
threads as usual.
"""

import os

if "PYTEST_XDIST_WORKER" in os.environ and "POLARS_MAX_THREADS" not in os.environ:
    os.environ["POLARS_MAX_THREADS"] = "1"
    import polars as pl

    pl.thread_pool_size()  # reads the variable
    del os.environ["POLARS_MAX_THREADS"]
