"""mljar-supervised in its Compete mode. Run in its own environment: TRAIN.parquet TEST.parquet OUT.parquet MINUTES."""

import sys
import tempfile

import pandas as pd
from supervised.automl import AutoML

train, test, out, minutes = sys.argv[1:]
rows = pd.read_parquet(train)
y = rows.pop("session_value")
with tempfile.TemporaryDirectory() as folder:
    automl = AutoML(
        mode="Compete",
        ml_task="regression",
        eval_metric="mse",
        total_time_limit=int(60 * float(minutes)),
        results_path=folder + "/results",
        random_state=7,
        verbose=0,
    )
    automl.fit(rows, y)
    predicted = automl.predict(pd.read_parquet(test))
pd.DataFrame({"session_value": predicted}).to_parquet(out)
