"""Charts of a run, on the Train, Importance and Score pages, one module per chart.

In each module, `frame` computes the table behind the chart, `finding` states its result in one sentence, and `figure`
draws it. `oof` is the table of out-of-fold predictions with the columns value and stack; NaN or null means no
prediction. `values` is the table of scored sessions, see `core.model.Scoring.values`. Values, predictions and errors
are in value units.
"""
