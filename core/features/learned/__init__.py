"""Features that are learned from session values, inside each fold of the cross-validation.

`prices.py` recovers prices by ridge regression (`ridge.py`), and `price_features.py` computes features from them.
`value_statistics.py` encodes products and categories by the values of their sessions, and `user_values.py` summarizes
the values of a user's earlier sessions. `catalogue.py` lists the features.
"""
