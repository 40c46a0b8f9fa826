"""Charts of the Explore page, one module per chart.

In each module, `frame` computes the table behind the chart, `finding` states its result in one sentence, and `figure`
draws it. A table is computed from a dataset, or from one of these tables:

- `sessions`: the session table, see `core.eda.parts.session_table`. Sessions without a value do not count in statistics
  of values.
- `products`, `categories`: counts by product or category, see `core.eda.parts.product_counts`.
- `sample`: values and features, see `core.eda.parts.feature_sample.join_values`.

The column `file` of a result is `train` or `test`. Values and their statistics are in value units.
"""
