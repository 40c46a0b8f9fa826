"""AutoGluon as its users would use it. Run in its own environment: TRAIN.parquet TEST.parquet OUT.parquet MINUTES."""

import sys
import tempfile

import pandas as pd
from autogluon.tabular import TabularPredictor

train, test, out, minutes = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    predictor = TabularPredictor("session_value", eval_metric="mean_squared_error", path=folder, verbosity=1)
    predictor.fit(pd.read_parquet(train), presets="best_quality", time_limit=60 * float(minutes))
    predicted = predictor.predict(pd.read_parquet(test))
pd.DataFrame({"session_value": predicted.to_numpy(dtype=float)}).to_parquet(out)
