"""Features that are learned from session values, inside each fold of the cross-validation.

`prices.py` recovers prices by ridge regression, `value_statistics.py` computes target statistics, and `user_values.py`
sums up what a user's earlier sessions were worth. `catalogue.py` lists their features.
"""
