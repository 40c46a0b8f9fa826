"""Charts of a run, on the Train and Importance pages, one module per chart.

In each module, `frame` computes the table behind the chart, `finding` states its result in one sentence, and `figure`
draws it. `oof` are the out-of-fold predictions: value and stack, where NaN or null means no prediction. The columns
`learner` and `label` of a result are the code and the display name of a learner.
"""
