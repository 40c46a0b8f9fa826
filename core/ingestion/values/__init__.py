"""What sessions are worth: parse amounts, compute session values, and refuse a file whose values are doubtful.

Cells to rows: `currencies` and `amounts` parse one column, `money` combines the columns of a row (price, quantity,
order, status, currency). Rows to sessions: `visits` and `repeated_orders` correct the events, `lost_purchases` counts
the purchases in quarantine, `session_values` computes the values. `doubts` judges the counts of a whole file.
"""
