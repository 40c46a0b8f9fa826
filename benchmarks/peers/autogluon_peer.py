"""AutoGluon with its recommended preset. Run in its own environment: TRAIN.parquet TEST.parquet OUT.parquet MINUTES.

The preset first tests how deep to stack, which can use up the time for the models. AutoGluon then fails with the advice
to pass `dynamic_stacking=False`, or because its test has left a learner behind; in that case, it is run again with that
option and the full time limit.
"""

import sys
import tempfile

import pandas as pd
from autogluon.tabular import TabularPredictor

train, test, out, minutes = sys.argv[1:]


def fit_and_predict(**options):
    with tempfile.TemporaryDirectory() as folder:
        predictor = TabularPredictor("session_value", eval_metric="mean_squared_error", path=folder, verbosity=1)
        predictor.fit(pd.read_parquet(train), presets="best_quality", time_limit=60 * float(minutes), **options)
        return predictor.predict(pd.read_parquet(test))


try:
    values = fit_and_predict()
except AssertionError as error:
    if not any(words in str(error) for words in ("dynamic_stacking=False", "already fit")):
        raise
    values = fit_and_predict(dynamic_stacking=False)
pd.DataFrame({"session_value": values.to_numpy(dtype=float)}).to_parquet(out)
