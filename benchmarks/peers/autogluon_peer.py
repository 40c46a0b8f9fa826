"""AutoGluon as its users would use it. Run in its own environment: TRAIN.parquet TEST.parquet OUT.parquet MINUTES.

Its preset first looks how deep it may stack, and may have no time left then for the models themselves; it ends with an
error that says to switch the look off (`dynamic_stacking=False`), so that is done and it gets its minutes once more.
"""

import sys
import tempfile

import pandas as pd
from autogluon.tabular import TabularPredictor

train, test, out, minutes = sys.argv[1:]


def predicted(**more):
    with tempfile.TemporaryDirectory() as folder:
        predictor = TabularPredictor("session_value", eval_metric="mean_squared_error", path=folder, verbosity=1)
        predictor.fit(pd.read_parquet(train), presets="best_quality", time_limit=60 * float(minutes), **more)
        return predictor.predict(pd.read_parquet(test))


try:
    values = predicted()
except AssertionError as error:
    if "dynamic_stacking=False" not in str(error):
        raise
    values = predicted(dynamic_stacking=False)
pd.DataFrame({"session_value": values.to_numpy(dtype=float)}).to_parquet(out)
