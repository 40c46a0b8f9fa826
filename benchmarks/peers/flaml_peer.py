"""FLAML with an ensemble. Run in its own environment: TRAIN.parquet TEST.parquet OUT.parquet MINUTES."""

import sys

import pandas as pd
from flaml import AutoML

train, test, out, minutes = sys.argv[1:]
rows = pd.read_parquet(train)
y = rows.pop("session_value")
automl = AutoML()
automl.fit(rows, y, task="regression", metric="mse", time_budget=60 * float(minutes), ensemble=True, verbose=1, seed=7)
pd.DataFrame({"session_value": automl.predict(pd.read_parquet(test))}).to_parquet(out)
