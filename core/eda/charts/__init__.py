"""Charts of the Explore page, one module per chart.

In each module, `frame` computes the table behind the chart, `finding` states its result in one sentence, and `figure`
draws it. Their inputs are a dataset, or one of these tables:

- `sessions`: the session table, see `core.eda.parts.session_table`. Sessions without a value are left out of values.
- `products`, `categories`: counts by product or category, see `core.eda.parts.product_counts`.
- `sample`: values and features, see `core.eda.parts.feature_sample.join_values`.

The column `file` of a result is `train` or `test`.
"""
