"""Parse amounts, compute session values, and refuse a file whose values are doubtful.

`currencies` and `amounts` parse one column, `money` combines the columns of a row (price, quantity, order, status,
currency). `visits` and `repeated_orders` correct the events, `lost_purchases` finds the purchases in quarantine, and
`session_values` computes the values. `doubts` judges the counts of a whole file.
"""
